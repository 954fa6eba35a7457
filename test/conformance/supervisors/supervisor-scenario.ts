/** Carries out one supervisor scenario and gives its trace in the shape of the goldens. */
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Self } from '../../../runtime/process/self.ts';
import { atom } from '../../../runtime/term/atom.ts';
import { Exit } from '../../../runtime/term/exit-reason.ts';
import { isPid, type Pid } from '../../../runtime/term/pid.ts';
import { isTuple, tuple } from '../../../runtime/term/tuple.ts';
import { callServer, ChildSpecError, GenServer, resume, Supervisor, suspend } from '../../../supervisors/index.ts';
import { AUTO_SHUTDOWNS } from '../../../supervisors/child-spec.ts';
import { parkStart } from '../../../supervisors/parked-starts.ts';
import { startTerm } from '../../../supervisors/start.ts';
import { createActor, resultOf, type Actor } from './actor.ts';
import { sleep } from './child.ts';
import { Log, type Result } from './log.ts';
import { settle, type Stage } from './place.ts';
import { specOf, startTop, type TreeJson } from './tree.ts';
import { jsonOf, termOf, wordOf, type Json } from './terms.ts';

export type Step = Readonly<Record<string, Json>>;

export interface SupervisorScenario {
  readonly name: string;
  readonly supervisor: TreeJson;
  readonly settle?: number;
  readonly requires?: Json;
  readonly steps?: readonly Step[];
}

const SETTLE_MS = 30;

export async function runSupervisorScenario(scenario: SupervisorScenario, stage: Stage): Promise<Json> {
  const world = new World(scenario, stage);
  try {
    await world.ready;
    const steps: Json[] = [await world.step({ op: 'start_link', settle: scenario.settle ?? SETTLE_MS })];
    for (const step of scenario.steps ?? []) steps.push(await world.step(step));
    steps.push(await world.step({ op: 'final', settle: 0 }));
    const requires = scenario.requires === undefined ? {} : { requires: scenario.requires };
    return { name: scenario.name, kind: 'supervisor', ...requires, steps };
  } finally {
    await world.stop();
  }
}

class World {
  readonly #stage: Stage;
  readonly #scheduler: Scheduler;
  readonly #log: Log;
  readonly #driver: Actor;
  readonly #parent: Actor;
  readonly #tree: TreeJson;

  constructor(scenario: SupervisorScenario, stage: Stage) {
    this.#stage = stage;
    this.#scheduler = stage.scheduler;
    this.#log = new Log(this.#scheduler, stage.agents);
    this.#driver = createActor(this.#scheduler, false, () => undefined);
    this.#parent = createActor(this.#scheduler, true, () => undefined);
    this.#log.name(this.#driver.pid, 'driver');
    this.#log.name(this.#parent.pid, 'parent');
    this.#tree = scenario.supervisor;
  }

  get ready(): Promise<void> {
    return this.#log.ready;
  }

  async stop(): Promise<void> {
    this.#log.close();
    await this.#stage.end([...this.#log.known.pids.values(), this.#log.ref.log]);
  }

  async step(step: Step): Promise<Json> {
    const op = step['op'] as string;
    const made = await this.#driver.run(async (self) => {
      const outcome = await this.#carryOut(self, op, step);
      const waitMs = (step['settle'] as number | undefined) ?? SETTLE_MS;
      await settle(
        this.#stage,
        waitMs,
        (ms) => sleep(self, ms),
        () => this.#log.settle(),
      );
      return outcome;
    });
    const events = this.#log.take();
    const result =
      op === 'final' ? this.#finalJson(made as Map<string, unknown>) : this.#resultJson(op, made as Result | null);
    const order = step['order'] === undefined ? {} : { order: step['order'] };
    return { op, result, events: events.map((event) => this.#log.eventJson(event)), ...order };
  }

  #resultJson(op: string, result: Result | null): Json {
    if (op === 'which_children' && result !== null && 'value' in result) {
      return this.#log.resultJson({ value: this.#sorted(result.value) });
    }
    return this.#log.resultJson(result);
  }

  #finalJson(children: ReadonlyMap<string, unknown>): Json {
    const json: Record<string, Json> = {};
    for (const [name, list] of children) json[name] = jsonOf(this.#sorted(list), this.#log);
    return json;
  }

  /** Children of a simple_one_for_one have no order. */
  #sorted(list: unknown): unknown {
    if (!Array.isArray(list) || !isTuple(list[0]) || list[0][0] !== undefined) return list;
    const key = (entry: unknown): [string, number] => {
      const pid = (entry as readonly unknown[])[1];
      if (!isPid(pid)) return ['~', 0];
      const [id = '', count = '0'] = this.#log.nameOf(pid).split('#');
      return [id, Number(count)];
    };
    return [...(list as unknown[])].sort((a, b) => {
      const [[idA, countA], [idB, countB]] = [key(a), key(b)];
      return idA === idB ? countA - countB : idA < idB ? -1 : 1;
    });
  }

  async #carryOut(self: Self, op: string, step: Step): Promise<Result | ReadonlyMap<string, unknown> | null> {
    switch (op) {
      case 'start_link':
      case 'start_again':
        return this.#parent.run((parent) =>
          resultOf(async () => startTerm(await startTop(parent, this.#log, this.#tree))),
        );
      case 'final':
        return this.#final(self);
      case 'wait':
        await sleep(self, step['ms'] as number);
        return null;
      case 'burst':
        await this.#burst(self, step);
        return null;
      case 'async':
        this.#carryOutApart(step);
        return null;
      default: {
        const request = this.#requestOf(self, op, step);
        if (request !== undefined) return resultOf(request);
        await this.#act(self, op, step);
        return null;
      }
    }
  }

  /** Function calls: those that have a result. */
  #requestOf(self: Self, op: string, step: Step): (() => unknown) | undefined {
    const ask = (request: unknown) => () => callServer(self, this.#supervisor(step), request, Infinity);
    const id = (): unknown => ('child' in step ? this.#child(step) : wordOf(step['id'], this.#log));
    switch (op) {
      case 'which_children':
      case 'count_children':
        return ask(atom(op));
      case 'restart_child':
      case 'terminate_child':
      case 'delete_child':
      case 'get_childspec':
        return ask(tuple(atom(op), id()));
      case 'terminate_dynamic':
        return ask(tuple(atom('terminate_child'), this.#child(step)));
      case 'start_dynamic':
        return ask(tuple(atom('start_child'), termOf(step['args'] ?? [], this.#log)));
      case 'start_child':
        return () => {
          const spec = specOf(step['spec'] as TreeJson, this.#log, this.#log);
          const { sent } = parkStart(self, this.#supervisor(step), spec);
          return callServer(self, this.#supervisor(step), tuple(atom('start_child'), sent), Infinity);
        };
      case 'check_childspecs':
        return () => this.#check(step);
      case 'stop_supervisor': {
        const reason = 'reason' in step ? termOf(step['reason'], this.#log) : Exit.normal;
        const timeoutMs = (step['timeout'] as number | undefined) ?? Infinity;
        return () => GenServer.stop(this.#supervisor(step), reason, { self, timeoutMs }).then(() => atom('ok'));
      }
      default:
        return undefined;
    }
  }

  #check(step: Step): unknown {
    const specs = (step['specs'] as TreeJson[]).map((spec) =>
      'id' in spec || 'raw' in spec ? specOf(spec, this.#log, this.#log) : termOf(spec, this.#log),
    );
    const auto = step['auto_shutdown'];
    try {
      Supervisor.checkChildSpecs(specs, auto === undefined ? null : (AUTO_SHUTDOWNS.read(auto) ?? null));
      return atom('ok');
    } catch (error) {
      if (error instanceof ChildSpecError) return tuple(atom('error'), error.reason);
      throw error;
    }
  }

  /** Operations without a result. */
  async #act(self: Self, op: string, step: Step): Promise<void> {
    const reason = 'reason' in step ? termOf(step['reason'], this.#log) : undefined;
    switch (op) {
      case 'exit_supervisor':
        if (step['from'] === 'stranger') self.exit(this.#supervisor(step), reason);
        else await this.#parent.run((parent) => parent.exit(this.#supervisor(step), reason));
        return;
      case 'parent_exit':
        this.#parent.run((parent) => parent.exit(reason)).catch(() => undefined);
        return;
      case 'kill_parent':
        self.exit(this.#parent.pid, Exit.kill);
        return;
      case 'send_supervisor':
        self.send(this.#supervisor(step), termOf(step['term'], this.#log));
        return;
      default: {
        const child = this.#log.pidOf(step['child'] as string);
        if (child !== undefined) this.#actOnChild(self, op, step, child, reason);
      }
    }
  }

  #actOnChild(self: Self, op: string, step: Step, child: Pid, reason: unknown): void {
    const cast = (message: unknown): void => GenServer.cast(child, message, { self });
    switch (op) {
      case 'kill':
        self.exit(child, Exit.kill);
        return;
      case 'signal':
        self.exit(child, reason);
        return;
      case 'exit':
        cast(tuple(atom('stop'), reason));
        return;
      case 'crash':
        cast(tuple(atom('crash'), reason));
        return;
      case 'busy':
        cast(tuple(atom('busy'), step['ms']));
        return;
      case 'unlink':
        cast(atom('unlink'));
        return;
      case 'send':
        self.send(child, termOf(step['term'], this.#log));
        return;
      default:
        throw new TypeError(`unknown operation ${op}`);
    }
  }

  /** All take effect before the supervisor runs again: it is suspended meanwhile. */
  async #burst(self: Self, step: Step): Promise<void> {
    const supervisor = this.#supervisor(step);
    await suspend(supervisor, { self });
    for (const inner of step['ops'] as Step[]) {
      const child = this.#log.pidOf(inner['child'] as string);
      await this.#act(self, inner['op'] as string, inner);
      for (let i = 0; i < 100 && child !== undefined && (await self.isAlive(child)); i++) await sleep(self, 1);
    }
    await resume(supervisor, { self });
  }

  #carryOutApart(step: Step): void {
    const call = step['call'] as Step;
    this.#scheduler.spawn(async (self) => {
      const result = await this.#carryOut(self, call['op'] as string, call);
      this.#log.add('result', step['as'], result);
    });
  }

  async #final(self: Self): Promise<ReadonlyMap<string, unknown>> {
    const found = new Map<string, unknown>();
    const names = [...this.#log.supervisors].sort();
    for (const name of ['sup', ...names]) {
      const pid = this.#log.known.pids.get(name);
      if (pid !== undefined && (await self.isAlive(pid)))
        found.set(name, await callServer(self, pid, atom('which_children'), Infinity));
      else if (name === 'sup') found.set(name, atom('dead'));
    }
    return found;
  }

  #supervisor(step: Step): Pid {
    return this.#known((step['sup'] as string | undefined) ?? 'sup');
  }

  #child(step: Step): Pid {
    return this.#known(step['child'] as string);
  }

  #known(name: string): Pid {
    const pid = this.#log.pidOf(name);
    if (pid === undefined) throw new TypeError(`the scenario names ${name}, which never started`);
    return pid;
  }
}
