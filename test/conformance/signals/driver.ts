/**
 * The kit's driver: performs a scenario one step at a time, lets everything settle after each, and writes down what happened. It is a process of
 * n1 and speaks with factories and agents by the kit's protocol, wherever and of whatever kind they are.
 */
import {
  type Atom,
  atom,
  describeTerm,
  isDown,
  isTagged,
  isTuple,
  Pid,
  Ref,
  tuple,
  type Self,
} from '../../../runtime/index.ts';
import { isEcho } from './barrier.ts';
import type { Cluster } from './cluster.ts';
import { encodeStep, namesMade, type Operation } from './encode.ts';
import { FACTORY, ME, OPERATION, QUERY, REPLY, RESET, RESET_OK, SPAWN, SPAWNED, STATE, WHOAMI } from './protocol.ts';
import type { Result, Scenario, Step, Trace } from './scenario.ts';
import { Names, type Json, type Lookup } from './terms.ts';

/** What an agent answered, or what became of it instead: `died`, `dead`, `unreachable`, `timeout`. */
type Answer = readonly unknown[] | string;

const ANSWER_MS = 5000;
/** After its connection was lost an agent may still answer over a new one. */
const LATE_ANSWER_MS = 1500;
const POLLS_MAX = 60;
const NODE_STOPPED = atom('$node_stopped');
const WRONG_COOKIE = 'conf_partitioned';

export class Driver {
  readonly #self: Self;
  readonly #cluster: Cluster;
  readonly #scenario: Scenario;
  readonly #names: Names;
  readonly #alive = new Set<string>();
  readonly #exits = new Map<string, unknown>();
  readonly #hidden = new Set<string>();
  readonly #stopped = new Set<string>();
  /** Whether a node cannot be reached now, so that attempts to connect have to fail first. */
  #unreachable = false;
  #seq = 0;

  constructor(self: Self, cluster: Cluster, scenario: Scenario, nameOf: (node: Atom) => string | undefined) {
    this.#self = self;
    this.#cluster = cluster;
    this.#scenario = scenario;
    this.#names = new Names(nameOf);
  }

  async run(): Promise<Trace> {
    await this.#prepare();
    for (const [name, node] of Object.entries(this.#scenario.procs)) await this.#startAgent(name, node);
    const results: Result[] = [];
    for (const step of this.#scenario.steps) results.push(await this.#step(step));
    await this.#rejoin();
    await this.#settle();
    const alive = [...this.#alive].sort();
    const mail: Record<string, readonly Json[]> = {};
    for (const name of alive) {
      const answer = await this.#operate(name, encodeStep({ op: 'drain' }, this.#lookup));
      if (isTagged(answer, atom('mail'))) mail[name] = this.#names.encode(answer[1]) as readonly Json[];
    }
    const exits = Object.fromEntries(
      [...this.#exits].sort().map(([name, reason]) => [name, this.#names.encode(reason)]),
    );
    return { name: this.#scenario.name, results, final_mail: mail, exits, alive };
  }

  readonly #lookup: Lookup = (kind, name) => {
    if (kind !== 'node') return this.#names.get(kind, name);
    if (name === 'n1') return this.#self.nodeName;
    if (!this.#scenario.nodes.includes(name)) this.#unreachable = true;
    return this.#cluster.nodeName(name);
  };

  // Before and after

  async #prepare(): Promise<void> {
    const { node, running } = this.#cluster;
    for (const name of running) {
      await node.setCookie(this.#cluster.nodeName(name), null);
      if (!this.#scenario.nodes.includes(name)) await this.#leaveOut(name);
    }
    this.#hidden.add(this.#self.pid.key);
    for (const name of this.#scenario.nodes) {
      if (name !== 'n1') await this.#startNode(name);
      await this.#ask(name, RESET, RESET_OK);
      this.#hidden.add((await this.#factoryPid(name)).key);
    }
  }

  /** A node that the scenario does not know must not be around; if there is only one it is enough to be disconnected. */
  async #leaveOut(name: string): Promise<void> {
    if (this.#scenario.nodes.length > 1) await this.#killNode(name);
    else await this.#disconnect(name);
  }

  async #startNode(name: string): Promise<void> {
    if (!this.#cluster.running.has(name)) await this.#cluster.start(name);
    await this.#connect(name);
  }

  async #startAgent(name: string, node: string): Promise<void> {
    const answer = await this.#ask(node, SPAWN, SPAWNED, name);
    this.#names.bind('pid', name, answer[2] as Pid);
    await this.#until(async () => {
      await this.#poll();
      return this.#alive.has(name);
    });
  }

  /** Every node that still runs is reachable again, so that the last drain sees all mailboxes. */
  async #rejoin(): Promise<void> {
    for (const name of this.#scenario.nodes) {
      if (name === 'n1' || this.#stopped.has(name)) continue;
      await this.#cluster.node.setCookie(this.#cluster.nodeName(name), null);
      await this.#connect(name);
    }
  }

  // Steps

  async #step(step: Step): Promise<Result> {
    if (step.in === 'driver') {
      const value = this.#names.encode(await this.#drive(step));
      await this.#settle();
      return { value: Array.isArray(value) ? sorted(value) : value };
    }
    const operation = encodeStep(step, this.#lookup);
    const answer = await this.#operate(step.in, operation);
    this.#learn(operation, answer);
    const result = this.#result(operation, answer);
    await this.#settle();
    return result;
  }

  async #drive(step: Step): Promise<unknown> {
    const name = step['node'] as string;
    const { node } = this.#cluster;
    switch (step.op) {
      case 'settle':
        await this.#pause((step['ms'] as number | undefined) ?? 100);
        return atom('ok');
      case 'stop_node':
        return this.#stopNode(name);
      case 'start_node':
        await this.#startNode(name);
        this.#hidden.add((await this.#factoryPid(name)).key);
        this.#stopped.delete(name);
        return atom('ok');
      case 'disconnect':
        return this.#disconnect(name);
      case 'partition':
        this.#unreachable = true;
        await node.setCookie(this.#cluster.nodeName(name), WRONG_COOKIE);
        return this.#disconnect(name);
      case 'heal':
        await node.setCookie(this.#cluster.nodeName(name), null);
        return atom('ok');
      case 'connect':
        return node.connect(this.#cluster.nodeName(name));
      case 'nodes':
        return [...this.#self.nodes()];
      default:
        throw new Error(`the driver has no operation ${step.op}`);
    }
  }

  async #stopNode(name: string): Promise<Atom> {
    this.#unreachable = true;
    const lost = [...this.#alive].filter((agent) => {
      const pid = this.#names.get('pid', agent);
      return pid instanceof Pid && pid.node === this.#cluster.nodeName(name);
    });
    await this.#killNode(name);
    for (const agent of lost) {
      this.#exits.set(agent, NODE_STOPPED);
      this.#alive.delete(agent);
    }
    this.#stopped.add(name);
    return atom('ok') as Atom;
  }

  async #killNode(name: string): Promise<void> {
    await this.#cluster.kill(name);
    await this.#until(() => !this.#isConnected(name));
    await this.#pause(this.#cluster.isExact ? 10 : 100);
  }

  async #disconnect(name: string): Promise<boolean> {
    const was = await this.#cluster.node.disconnect(this.#cluster.nodeName(name));
    await this.#until(() => !this.#isConnected(name));
    // The other side has to notice, and cannot be asked.
    await this.#pause(this.#cluster.isExact ? 25 : 100);
    return was;
  }

  async #connect(name: string): Promise<void> {
    await this.#until(() => this.#cluster.node.connect(this.#cluster.nodeName(name)));
    await this.#until(() => this.#isConnected(name));
  }

  #isConnected(name: string): boolean {
    return name === 'n1' || this.#self.nodes().includes(this.#cluster.nodeName(name));
  }

  // Agents

  async #operate(name: string, operation: Operation): Promise<Answer> {
    if (this.#exits.has(name)) return 'dead';
    const pid = this.#names.get('pid', name);
    if (!(pid instanceof Pid)) throw new Error(`no agent has the name ${name} yet`);
    this.#seq += 1;
    const seq = this.#seq;
    const monitor = this.#self.monitor(pid);
    this.#self.send(pid, tuple(OPERATION, this.#self.pid, seq, operation.term));
    const answer = await this.#await(pid, seq, monitor);
    this.#self.demonitor(monitor, { flush: true });
    if (answer !== 'unreachable') return answer;
    await this.#poll();
    return this.#exits.has(name) ? 'died' : 'unreachable';
  }

  async #await(pid: Pid, seq: number, monitor: Ref): Promise<Answer> {
    const isReply = (message: unknown): message is readonly unknown[] =>
      isTagged(message, REPLY, 3) && message[1] === seq;
    const isEnd = isDown(monitor);
    const first = await this.#self.receive((message) => isReply(message) || isEnd(message), {
      timeoutMs: ANSWER_MS,
      otherwise: null,
    });
    if (isReply(first)) return first[2] as readonly unknown[];
    if (first === null) return 'timeout';
    const reason = (first as readonly unknown[])[4];
    if (reason !== atom('noconnection') || pid.node === this.#self.nodeName) return 'died';
    const late = await this.#self.receive(isReply, { timeoutMs: LATE_ANSWER_MS, otherwise: null });
    return late === null ? 'unreachable' : (late[2] as readonly unknown[]);
  }

  /** Gives the names of a step to what its results made. */
  #learn(operation: Operation, answer: Answer): void {
    if (isTagged(answer, atom('seq'))) {
      for (const [i, result] of (answer[1] as Answer[]).entries()) this.#learn(operation.ops[i] as Operation, result);
    } else if (isTagged(answer, atom('value'))) {
      const made = namesMade(operation);
      const values: readonly unknown[] = isTuple(answer[1]) ? answer[1] : [answer[1]];
      for (const [i, [kind, name]] of made.entries()) {
        const value = values[i];
        if (value instanceof Pid || value instanceof Ref) this.#names.bind(kind, name, value);
      }
    }
  }

  #result(operation: Operation, answer: Answer): Result {
    if (typeof answer === 'string') return { [answer]: true };
    const [kind, first, second] = answer;
    switch ((kind as Atom).name) {
      case 'seq':
        return { seq: (first as Answer[]).map((each, i) => this.#result(operation.ops[i] as Operation, each)) };
      case 'raised':
        return { raised: (first as Atom).name, reason: this.#names.encode(second) };
      case 'mail':
        return { mail: this.#names.encode(first) };
      default:
        return { value: this.#value(operation.op, first) };
    }
  }

  /** What has no order of its own is sorted, and who only observes is left out. */
  #value(op: string, value: unknown): Json {
    if (op === 'process_info' && isTuple(value) && Array.isArray(value[1])) {
      const [item, list] = value as readonly [Atom, readonly unknown[]];
      if (['links', 'monitors', 'monitored_by'].includes(item.name)) {
        const visible = list.filter((each) => !this.#isHidden(each));
        return { t: [this.#names.encode(item), sorted(visible.map((each) => this.#names.encode(each)))] };
      }
    }
    const encoded = this.#names.encode(value);
    return op === 'nodes' && Array.isArray(encoded) ? sorted(encoded) : encoded;
  }

  #isHidden(value: unknown): boolean {
    return value instanceof Pid && (this.#hidden.has(value.key) || isEcho(value));
  }

  // Settling

  /**
   * Until two looks in a row see the same. Our own nodes look when everything on its way has arrived (`barrier.ts`); where nodes of OTP take part,
   * time has to pass: longer when an attempt to connect may have to fail first.
   */
  async #settle(): Promise<void> {
    const { isExact } = this.#cluster;
    const single = this.#scenario.nodes.length === 1 && !this.#unreachable;
    const [pauseMs, betweenMs] = isExact || single ? [0, 0] : this.#unreachable ? [100, 30] : [25, 12];
    if (pauseMs > 0) await this.#pause(pauseMs);
    let before = await this.#poll();
    for (let i = 0; i < POLLS_MAX; i++) {
      if (betweenMs > 0) await this.#pause(betweenMs);
      const now = await this.#poll();
      if (now === before) return;
      before = now;
    }
  }

  /** Looks at every node that is connected; asking another one would connect it. */
  async #poll(): Promise<string> {
    const seen: string[] = [];
    for (const name of this.#scenario.nodes) {
      if (!this.#isConnected(name)) continue;
      const [, , alive, gone] = (await this.#ask(name, QUERY, STATE)) as readonly [Atom, number, unknown[], unknown[]];
      for (const agent of alive as readonly (readonly [string, Pid, unknown[]])[]) {
        this.#names.bind('pid', agent[0], agent[1]);
        this.#alive.add(agent[0]);
      }
      for (const agent of gone as readonly (readonly [string, Pid, unknown])[]) {
        this.#names.bind('pid', agent[0], agent[1]);
        this.#exits.set(agent[0], agent[2]);
        this.#alive.delete(agent[0]);
      }
      seen.push(name, describeTerm(alive), describeTerm(gone));
    }
    return seen.join('\n');
  }

  // Factories

  #factory(name: string): Atom | ReturnType<typeof tuple<[Atom, Atom]>> {
    return name === 'n1' ? FACTORY : tuple(FACTORY, this.#cluster.nodeName(name));
  }

  async #factoryPid(name: string): Promise<Pid> {
    return (await this.#ask(name, WHOAMI, ME))[2] as Pid;
  }

  async #ask(name: string, question: Atom, answer: Atom, ...rest: unknown[]): Promise<readonly unknown[]> {
    this.#seq += 1;
    const seq = this.#seq;
    const isAnswer = (message: unknown): message is readonly unknown[] =>
      isTagged(message, answer) && message[1] === seq;
    for (let tries = 0; ; tries++) {
      this.#self.send(this.#factory(name), tuple(question, this.#self.pid, seq, ...rest));
      // A node that has just started may not have a factory yet.
      const patienceMs = question === WHOAMI || question === RESET ? 500 : ANSWER_MS;
      const got = await this.#self.receive(isAnswer, { timeoutMs: patienceMs, otherwise: null });
      if (got !== null) return got;
      if (patienceMs === ANSWER_MS || tries === 20)
        throw new Error(`the factory of ${name} does not answer ${question.name}`);
    }
  }

  async #until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (let i = 0; i < 1000; i++) {
      if (await condition()) return;
      await this.#pause(10);
    }
    throw new Error(`${this.#scenario.name}: a condition never became true`);
  }

  async #pause(ms: number): Promise<void> {
    await this.#self.receive(() => false, { timeoutMs: ms, otherwise: null });
  }
}

function sorted(list: readonly Json[]): readonly Json[] {
  return [...list].sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
}
