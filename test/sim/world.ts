/**
 * One run: members and clients on one configuration, a workload and faults drawn from the seed, then healing,
 * after which every operation must finish, everything ended must be erased and every erased key forgotten.
 */
import { ZERO } from '../../kv/paxos/ballot.ts';
import { choice } from '../../kv/paxos/quorum.ts';
import { Digest } from './digest.ts';
import { describeCell, Invariants, Violation } from './invariants.ts';
import { Network } from './network.ts';
import { SimulatedNode } from './node.ts';
import { describeParameters, drawParameters } from './parameters.ts';
import { Random } from './random.ts';
import { Schedule } from './schedule.ts';
import type { Change } from '../../kv/paxos/change.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import type { Bind, Config, Holding, Incarnation, Key, RegisterRequest } from '../../kv/paxos/messages.ts';
import type { Cores } from './cores.ts';
import type { HistoryOperation } from './linearizable.ts';
import type { Parameters } from './parameters.ts';

export interface RunReport {
  readonly seed: number;
  readonly parameters: string;
  /** What was broken, or null. */
  readonly violation: string | null;
  readonly answered: number;
  readonly unknown: number;
  readonly erased: number;
  readonly forgotten: number;
  readonly messages: number;
  readonly events: number;
  readonly digest: string;
}

const NOTHING: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };

/** After healing everything must be settled by then. */
const SETTLED_MS = 20_000;

export class World {
  readonly cores: Cores;
  readonly random: Random;
  readonly schedule: Schedule = new Schedule();
  readonly parameters: Parameters;
  readonly network: Network;
  readonly invariants: Invariants;
  readonly config: Config;
  readonly nodes: SimulatedNode[] = [];
  readonly isDurable: boolean;
  readonly #seed: number;
  readonly #print: ((line: string) => void) | null;
  readonly #down: Set<number> = new Set();
  readonly #ended: Set<string> = new Set();
  readonly #erases: Set<string> = new Set();
  readonly #open: Map<Operation, HistoryOperation> = new Map();
  readonly #counts = { answered: 0, unknown: 0, erased: 0, forgotten: 0 };
  /** Operations that append only to what is there. */
  readonly #extending: Set<number> = new Set();
  #proposers = 0;
  #operations = 0;
  #planned = 0;
  #events = 0;
  readonly #digest = new Digest();

  constructor(cores: Cores, seed: number, print: ((line: string) => void) | null) {
    this.cores = cores;
    this.#seed = seed;
    this.#print = print;
    this.random = new Random(seed);
    this.parameters = drawParameters(this.random);
    this.isDurable = this.random.chance(this.parameters.durable);
    this.network = new Network(this.random, this.schedule, this.parameters);
    this.config = foundingConfig(this.parameters.members);
    this.invariants = new Invariants(this.parameters.members);
    const clients = this.random.below(2);
    for (let i = 0; i < this.parameters.members + clients; i++) this.nodes.push(new SimulatedNode(this, i));
  }

  get nowMs(): number {
    return this.schedule.nowMs;
  }

  run(): RunReport {
    let violation: string | null = null;
    try {
      this.#planWorkload();
      this.#planFaults();
      while (this.schedule.step(this.parameters.faultsMs));
      this.#heal();
      this.#settle();
      this.invariants.finish();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      violation = error.message;
    }
    const { answered, unknown, erased, forgotten } = this.#counts;
    const parameters = describeParameters(this.parameters);
    return {
      seed: this.#seed,
      parameters,
      violation,
      answered,
      unknown,
      erased,
      forgotten,
      messages: this.network.delivered,
      events: this.#events,
      digest: this.#digest.toString(),
    };
  }

  trace(place: number, what: string): void {
    this.#events += 1;
    this.#digest.addNumber(this.nowMs);
    this.#digest.addText(what);
    this.#print?.(`${this.nowMs.toFixed(2).padStart(9)} ${place} ${what}`);
  }

  nextProposerId(): number {
    // Not in order of creation: a later proposer's ballots are not always the higher ones.
    this.#proposers += 1;
    return ((this.#proposers * 7919) % 997) + 1;
  }

  isConnected(from: number, to: number): boolean {
    return !this.#down.has(from * 64 + to);
  }

  hasEnded(bind: Bind | null): boolean {
    return bind !== null && bind.node !== null && this.#ended.has(bind.node);
  }

  onSent(message: RegisterRequest, operation: Operation): void {
    if (message.kind === 'prepare' || message.kind === 'accept')
      this.invariants.onBallot(message.key, message.b, operation);
    if (message.kind === 'prepare' && message.fast !== null) {
      this.invariants.onOffer(message.key, message.b, true, message.fast);
    }
    if (message.kind !== 'accept') return;
    this.invariants.onOffer(message.key, message.b, false, message.cell);
    if (operation.kind !== 'erase' || message.cell.live || operation.offer === null || operation.ver === null) return;
    this.invariants.onEraseProposed(message.key, operation.ver);
  }

  onForgetSent(message: RegisterRequest): void {
    if (message.kind !== 'forget') return;
    this.#counts.forgotten += 1;
    this.invariants.onForget(message.key, message.b);
  }

  /** An erase may take effect from its first attempt on, at most once per incarnation. */
  onErase(key: Key, creator: number): void {
    const name = `${key} ${creator}`;
    if (this.#erases.has(name)) return;
    this.#erases.add(name);
    this.invariants.call(key, -1, 'erase', creator);
  }

  onLost(operation: Operation): void {
    this.#open.delete(operation);
  }

  onAnswer(operation: Operation, outcome: Outcome): void {
    if (operation.kind === 'erase' && outcome.kind === 'ok') this.#counts.erased += 1;
    const called = this.#open.get(operation);
    if (called === undefined) return;
    this.#open.delete(operation);
    this.#counts[outcome.kind === 'unknown' ? 'unknown' : 'answered'] += 1;
    if (outcome.kind === 'no_quorum') this.invariants.withdraw(operation.key, called);
    else if (outcome.kind === 'applied') this.invariants.answer(called, undefined);
    else if (outcome.kind === 'ok') {
      const cell = outcome.cell !== null && outcome.cell.live ? (outcome.cell.value as number[]) : null;
      this.invariants.answer(called, operation.kind === 'read' ? cell : (outcome.result as number[]));
      this.#checkResult(operation, outcome);
    }
  }

  #checkResult(operation: Operation, outcome: Outcome & { kind: 'ok' }): void {
    if (operation.kind !== 'put' && operation.kind !== 'change') return;
    const { cell } = outcome;
    if (outcome.result === null) return;
    if (cell === null || !cell.live || String(cell.value) !== String(outcome.result)) {
      throw new Violation(
        `${operation.kind} of ${operation.key} answered [${String(outcome.result)}] with another cell`,
      );
    }
  }

  #planWorkload(): void {
    const { operations, faultsMs } = this.parameters;
    for (let i = 0; i < operations; i++) {
      this.#planned += 1;
      this.schedule.after(this.random.between(0, faultsMs * 0.9), () => {
        this.#planned -= 1;
        this.#startClient(this.random.pick(this.nodes), this.#drawOperation());
      });
    }
  }

  #drawOperation(): Operation {
    const { keys, weights, bound, faultsMs } = this.parameters;
    const key = `k${this.random.below(keys)}`;
    const id = ++this.#operations;
    const roll = this.random.unit() * (weights[0] + weights[1] + weights[2]);
    const hurry = this.random.chance(0.2) ? this.nowMs + this.random.between(5, 100) : Infinity;
    const settings = { deadlineMs: hurry, tag: id };
    if (roll >= weights[0] + weights[1]) {
      return this.cores.createRead(key, { ...settings, startsClassic: this.random.chance(0.1) });
    }
    if (roll >= weights[0]) {
      const extend = this.random.chance(0.4);
      if (extend) this.#extending.add(id);
      return this.cores.createChange(key, appending(id, !extend), settings);
    }
    let bind: Bind | null = null;
    if (this.random.chance(bound)) {
      const owner = `owner${id}`;
      bind = { pid: null, node: owner, key: null, until: null };
      if (this.random.chance(0.85))
        this.schedule.after(this.random.between(0, faultsMs * 0.4), () => this.#endOwner(owner));
    }
    return this.cores.createPut(key, [id], bind, settings);
  }

  #startClient(node: SimulatedNode, operation: Operation): void {
    const id = operation.tag as number;
    this.trace(node.place, `starts ${operation.kind} ${operation.key} (operation ${id})`);
    const kind = this.#extending.has(id) ? 'extend' : (operation.kind as HistoryOperation['kind']);
    this.#open.set(operation, this.invariants.call(operation.key, id, kind));
    node.startOperation(operation);
  }

  #endOwner(owner: string): void {
    this.#ended.add(owner);
    this.trace(0, `${owner} ends`);
    for (const node of this.nodes) node.onOwnerEnded(owner);
  }

  #planFaults(): void {
    const { partitions, crashes, faultsMs } = this.parameters;
    for (let i = 0; i < partitions; i++) this.schedule.after(this.random.between(0, faultsMs), () => this.#partition());
    for (let i = 0; i < crashes; i++) {
      this.schedule.after(this.random.between(0, faultsMs), () => {
        const node = this.random.pick(this.nodes);
        if (this.isDurable && node.acceptor !== null && this.random.chance(0.5)) node.restartAcceptor();
        else node.crashProposer();
      });
    }
  }

  #partition(): void {
    const side = this.nodes.map(() => this.random.chance(0.5));
    const isOneWay = this.random.chance(0.3);
    const isNoticed = this.random.chance(0.7);
    const mendMs = this.random.between(20, 250);
    this.trace(0, `partition ${side.map(Number).join('')}${isOneWay ? ' one way' : ''} for ${mendMs.toFixed(0)} ms`);
    for (let from = 0; from < side.length; from++) {
      for (let to = 0; to < side.length; to++) {
        if (side[from] === side[to] || (isOneWay && side[from] === true)) continue;
        this.network.break(from, to);
        this.schedule.after(mendMs, () => this.network.mend(from, to));
        if (!isNoticed) continue;
        for (const [end, other] of [
          [from, to],
          [to, from],
        ] as const) {
          this.schedule.after(this.random.between(0, 15), () => this.#setConnected(end, other, false));
          this.schedule.after(mendMs + this.random.between(15, 30), () => this.#setConnected(end, other, true));
        }
      }
    }
  }

  #setConnected(at: number, to: number, isUp: boolean): void {
    if (isUp) this.#down.delete(at * 64 + to);
    else this.#down.add(at * 64 + to);
    if (to < this.config.M.length) (this.nodes[at] as SimulatedNode).onConnection(to, isUp);
  }

  #heal(): void {
    this.trace(0, 'everything heals');
    this.network.heal();
    for (let at = 0; at < this.nodes.length; at++) {
      for (let to = 0; to < this.config.M.length; to++) if (at !== to) this.#setConnected(at, to, true);
    }
  }

  #settle(): void {
    const untilMs = this.nowMs + SETTLED_MS;
    this.#runUntil(
      untilMs,
      () => this.#planned === 0 && this.#open.size === 0,
      () => this.#describeOpen(),
    );
    for (let i = 0; i < this.parameters.keys; i++) {
      for (const node of this.nodes)
        this.#startClient(node, this.cores.createRead(`k${i}`, { tag: ++this.#operations }));
    }
    this.#runUntil(
      untilMs,
      () => this.#open.size === 0,
      () => this.#describeOpen(),
    );
    this.#runUntil(
      untilMs,
      () => this.#leftovers().length === 0,
      () => `left behind: ${this.#leftovers().join(', ')}`,
    );
  }

  /**
   * Keys whose owner has ended and, when the cluster forgets, keys that are not live but not forgotten. Judged by
   * what all members together hold: one that missed a key's last write may well keep an older cell.
   */
  #leftovers(): string[] {
    const tables = this.nodes.flatMap((node) => (node.acceptor === null ? [] : [node.acceptor.keys]));
    const left: string[] = [];
    for (const key of new Set(tables.flatMap((table) => [...table.keys()]))) {
      const cell = choice(tables.map((table) => table.get(key) ?? NOTHING))?.cell ?? null;
      const isLive = cell !== null && cell.live;
      if (isLive ? this.hasEnded(cell.bind) : this.parameters.forgets) left.push(`${key} ${describeCell(cell)}`);
    }
    return left;
  }

  #runUntil(untilMs: number, isSettled: () => boolean, describe: () => string): void {
    while (!isSettled()) {
      for (let i = 0; i < 20; i++) {
        if (!this.schedule.step(untilMs))
          throw new Violation(`not settled ${SETTLED_MS} ms after healing: ${describe()}`);
      }
    }
  }

  #describeOpen(): string {
    return [...this.#open.keys()].map((o) => `${o.kind} ${o.key} (${String(o.tag)}, ${o.phase})`).join(', ');
  }
}

/** Appends the operation's id to the list; creates the list only if it may. */
function appending(id: number, creates: boolean): Change {
  return (cell) => {
    const isLive = cell !== null && cell.live;
    if (!isLive && !creates) return { draft: null, result: null };
    const value = [...(isLive ? (cell.value as number[]) : []), id];
    return { draft: { live: true, value, bind: isLive ? cell.bind : null }, result: value };
  };
}

function foundingConfig(members: number): Config {
  const M: Incarnation[] = [];
  for (let i = 0; i < members; i++) M.push({ name: `n${i}@sim`, id: `record${i}`, boot: 1 });
  const r = members - (Math.floor(members / 2) + 1) + 1;
  return { cluster: 'sim', e: 1, N: members, M, r, uniform: true, mergeAll: false, prev: null };
}
