/**
 * Spawning by module, export and arguments, as `spawn(Module, Function, Args)` of the BEAM: on this thread, another thread, or another
 * node. Threads of one node may load any module; for another node only those count that its application registered by name, and an
 * unregistered one is refused with `notsup`, never loaded.
 */
import { QuorateError, toPlainError, type PlainError } from '../errors.ts';
import { Atom, atom, nameAtom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Exit } from '../term/exit-reason.ts';
import { Pid, pidThread } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { SpawnReplySignal, SpawnRequestSignal } from '../term/signal.ts';
import { isTuple } from '../term/tuple.ts';
import { loadFunction, type ModuleLoader } from './load-function.ts';
import type { Process } from './process.ts';
import { assertMonitorOptions, toName } from './targets.ts';
import type { Scheduler } from './scheduler.ts';
import type {
  MonitorOptions,
  PlacedSpawnOptions,
  Placement,
  ProcessFunction,
  Self,
  SpawnRequestOptions,
} from './self.ts';
import {
  assertRequest,
  BADOPT,
  createSpawnError,
  deliverReply,
  hasKnownOptions,
  LINK,
  MONITOR,
  NOTSUP,
  SpawnRequests,
  THREAD_MODULE,
  type Wanted,
} from './spawn-requests.ts';

/** A function that can be started by name: gets the process and the arguments. */
export type PlacedFunction = (self: Self, ...args: never[]) => unknown;

/** What other nodes may start here: module name -> exported name -> function. */
export type ModuleTable = Readonly<Record<string, Readonly<Record<string, PlacedFunction>>>>;

const BADARG = nameAtom('badarg');
const REPLY = nameAtom('reply');

/** What `spawnMonitor` needs besides the pid. */
export interface Started {
  readonly pid: Pid;
  readonly ref: Ref;
}

export class Spawner {
  readonly #scheduler: Scheduler;
  readonly #modules: ModuleTable;
  readonly #load: ModuleLoader;
  readonly #requests: SpawnRequests;
  /** The thread for a placement; set by the node. */
  place: (placement: Placement | undefined) => number;

  constructor(scheduler: Scheduler, modules: ModuleTable = {}, load: ModuleLoader = (specifier) => import(specifier)) {
    this.#scheduler = scheduler;
    this.#modules = modules;
    this.#load = load;
    this.#requests = new SpawnRequests(scheduler);
    this.place = (placement) => (typeof placement === 'number' ? placement : scheduler.thread);
  }

  /**
   * Starts a process and resolves to it; with `monitor`, `ref` is the monitor.
   *
   * @throws (rejects) `badarg`, `notsup`, `module_not_found`, `undef`, `noconnection`, `not_sendable`
   */
  async start(
    process: Process,
    module: string,
    exported: string,
    args: readonly unknown[],
    options: PlacedSpawnOptions & { readonly monitor?: MonitorOptions },
  ): Promise<Started> {
    assertRequest(module, exported, args, options);
    if (options.monitor !== undefined) assertMonitorOptions(options.monitor);
    const ref = this.#scheduler.makeRef();
    return new Promise((resolve, reject) => {
      const what = `${module} ${exported}`;
      const settle = (result: Pid | Atom, error?: QuorateError): void => {
        if (result instanceof Pid) resolve({ pid: result, ref });
        else reject(error ?? createSpawnError(what, result));
      };
      const { link = false, monitor } = options;
      this.#place({ process, ref, what, link, monitor, settle }, module, exported, args, options).catch(reject);
    });
  }

  /** The same without waiting: the answer comes as a message, under the reference that is returned. */
  request(
    process: Process,
    module: string,
    exported: string,
    args: readonly unknown[],
    options: SpawnRequestOptions,
  ): Ref {
    assertRequest(module, exported, args, options);
    const ref = this.#scheduler.makeRef();
    const settle = (result: Pid | Atom): void => deliverReply(process, ref, options, result);
    if (!hasKnownOptions(options)) {
      settle(BADOPT);
      return ref;
    }
    const { link = false, monitor } = options;
    const wanted: Wanted = { process, ref, what: `${module} ${exported}`, link, monitor, settle };
    this.#place(wanted, module, exported, copyTerm(args) as unknown[], options).catch((error: unknown) => {
      settle(error instanceof QuorateError ? nameAtom(error.code) : BADARG);
    });
    return ref;
  }

  async #place(
    wanted: Wanted,
    module: string,
    exported: string,
    args: readonly unknown[],
    options: PlacedSpawnOptions,
  ): Promise<void> {
    const scheduler = this.#scheduler;
    const node = options.node === undefined ? scheduler.nodeName : toName(options.node, 'spawn');
    const name = options.name === undefined ? undefined : toName(options.name, 'spawn');
    if (node !== scheduler.nodeName) return this.#requests.send(wanted, node, module, exported, args);
    const isolated = options.isolated === true;
    if (isolated) void copyTerm(args);
    const thread = isolated ? await scheduler.outside.isolate(options.memoryLimitMb) : this.place(options.thread);
    if (thread !== scheduler.thread) return this.#requests.send(wanted, thread, module, exported, args, name);
    const copies = copyTerm(args) as unknown[];
    const fn = await this.#resolve(module, exported);
    const { process, ref, link, monitor } = wanted;
    const pid = this.#begin(fn, exported, copies, name, (made) => {
      if (link) scheduler.relations.onLink(process.pid, made.pid);
      if (!process.alive) return;
      if (link) scheduler.relations.link(process, made.pid);
      if (monitor !== undefined) scheduler.relations.adoptMonitor(process, ref, made.pid, monitor);
    });
    if (link && !process.alive) scheduler.relations.onLinkExit(process.pid, pid, Exit.noproc);
    wanted.settle(pid);
  }

  onReply(signal: SpawnReplySignal): void {
    this.#requests.onReply(signal);
  }

  explainRefusal(ref: Ref, error: PlainError): void {
    this.#requests.explain(ref, error);
  }

  onLost(place: number | Atom): void {
    this.#requests.onLost(place);
  }

  /** Somebody on another thread or node wants a process here. Always answered. */
  onRequest(signal: SpawnRequestSignal): void {
    const { module, fn, args, from } = signal;
    const fromThread = this.#scheduler.isOwnNode(from.node, from.creation);
    if (module === THREAD_MODULE && fromThread) {
      void this.#onThreadRequest(signal);
      return;
    }
    const known = this.#modules[module.name];
    const found = known !== undefined && Object.hasOwn(known, fn.name) ? known[fn.name] : undefined;
    if (found === undefined) this.#answer(signal, NOTSUP);
    else if (!Array.isArray(args)) this.#answer(signal, BADARG);
    else this.#answer(signal, this.#beginRequested(signal, found, fn.name, args, undefined));
  }

  async #onThreadRequest(signal: SpawnRequestSignal): Promise<void> {
    const [module, exported, args, name] = signal.args as [string, string, unknown[], Atom | undefined];
    try {
      const fn = await this.#resolve(module, exported);
      this.#answer(signal, this.#beginRequested(signal, fn, exported, args, name));
    } catch (error) {
      const plain = toPlainError(error);
      this.#scheduler.outside.explainRefusal(pidThread(signal.from), signal.ref, plain);
      this.#answer(signal, nameAtom(plain.code));
      if (this.#scheduler.processCount === 0) this.#scheduler.onEmpty?.();
    }
  }

  #beginRequested(
    signal: SpawnRequestSignal,
    fn: PlacedFunction,
    called: string,
    args: readonly unknown[],
    name: Atom | undefined,
  ): Pid {
    const { relations } = this.#scheduler;
    const relate = (made: Process): void => {
      if (wants(signal.options, LINK)) relations.onLink(signal.from, made.pid);
      if (wants(signal.options, MONITOR)) relations.onMonitor(signal.from, made.pid, signal.ref);
    };
    // The answer leaves before its first instruction, which may be an endless loop.
    const begin = (made: Process): void => this.#scheduler.env.yieldTurn(() => this.#scheduler.begin(made));
    return this.#begin(fn, called, args, name, relate, begin);
  }

  #begin(
    fn: PlacedFunction,
    called: string,
    args: readonly unknown[],
    name: string | Atom | undefined,
    relate: (made: Process) => void,
    begin: (made: Process) => void = (made) => this.#scheduler.begin(made),
  ): Pid {
    const scheduler = this.#scheduler;
    const start: ProcessFunction = (self) => fn(self, ...(args as never[]));
    Object.defineProperty(start, 'name', { value: called });
    const made = scheduler.create(start);
    try {
      if (name !== undefined) scheduler.register(name, made.pid);
    } catch (error) {
      scheduler.terminate(made, Exit.normal);
      throw error;
    }
    relate(made);
    begin(made);
    return made.pid;
  }

  #answer(signal: SpawnRequestSignal, result: Pid | Atom): void {
    const reply = replyWanted(signal.options);
    const made = result instanceof Pid;
    if (reply === 'no' || (reply === 'error_only' && made) || (reply === 'success_only' && !made)) return;
    this.#scheduler.route(signal.from, {
      kind: 'spawnReply',
      ref: signal.ref,
      to: signal.from,
      linked: made && wants(signal.options, LINK),
      monitored: made && wants(signal.options, MONITOR),
      result,
    });
  }

  async #resolve(module: string, exported: string): Promise<PlacedFunction> {
    const registered = Object.hasOwn(this.#modules, module) ? this.#modules[module] : undefined;
    return (await loadFunction(registered, this.#load, module, exported, 'spawn')) as PlacedFunction;
  }
}

/** Whether an option list has the option, plain or as `{Option, Value}`. */
function wants(options: readonly unknown[], option: Atom): boolean {
  return options.some((given) => given === option || (isTuple(given) && given[0] === option));
}

function replyWanted(options: readonly unknown[]): string {
  const found = options.find((given) => isTuple(given) && given[0] === REPLY);
  const value = found === undefined ? atom('yes') : (found as readonly unknown[])[1];
  return value instanceof Atom ? value.name : 'yes';
}
