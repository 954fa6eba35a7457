/**
 * Spawning by module, export and arguments, as `spawn(Module, Function, Args)` of the BEAM: on this thread, another thread, or another
 * node. Threads of one node may load any module; for another node only those count that its application registered by name, and an
 * unregistered one is refused with `notsup`, never loaded.
 */
import { BadArgumentError, QuorateError } from '../errors.ts';
import { Atom, atom, nameAtom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Exit } from '../term/exit-reason.ts';
import { Pid } from '../term/pid.ts';
import type { SpawnReplySignal, SpawnRequestSignal } from '../term/signal.ts';
import { isTuple } from '../term/tuple.ts';
import type { Process } from './process.ts';
import { toName } from './relations.ts';
import type { Scheduler } from './scheduler.ts';
import type { PlacedSpawnOptions, ProcessFunction, Self } from './self.ts';

/** A function that can be started by name: gets the process and the arguments. */
export type PlacedFunction = (self: Self, ...args: never[]) => unknown;

/** What other nodes may start here: module name -> exported name -> function. */
export type ModuleTable = Readonly<Record<string, Readonly<Record<string, PlacedFunction>>>>;

export type ModuleLoader = (specifier: string) => Promise<Readonly<Record<string, unknown>>>;

/** Between threads of one node the module travels as an argument: specifiers are longer than atoms. */
const THREAD_MODULE = nameAtom('$thread');
const SPAWN = nameAtom('spawn');
const LINK = nameAtom('link');
const MONITOR = nameAtom('monitor');
const NOTSUP = nameAtom('notsup');
const BADARG = nameAtom('badarg');
const REPLY = nameAtom('reply');

interface Pending {
  readonly process: Process;
  readonly what: string;
  readonly place: number | Atom;
  readonly link: boolean;
  resolve(pid: Pid): void;
  reject(error: QuorateError): void;
}

export class Spawner {
  readonly #scheduler: Scheduler;
  readonly #modules: ModuleTable;
  readonly #load: ModuleLoader;
  readonly #pending = new Map<number, Pending>();
  /** Chooses a thread when the caller does not; set by the node. */
  placement: () => number;

  constructor(scheduler: Scheduler, modules: ModuleTable = {}, load: ModuleLoader = (specifier) => import(specifier)) {
    this.#scheduler = scheduler;
    this.#modules = modules;
    this.#load = load;
    this.placement = () => scheduler.thread;
  }

  /** @throws (rejects) `badarg`, `notsup`, `module_not_found`, `noconnection` */
  async start(
    process: Process,
    module: string,
    exported: string,
    args: readonly unknown[],
    options: PlacedSpawnOptions,
  ): Promise<Pid> {
    const scheduler = this.#scheduler;
    if (typeof module !== 'string' || typeof exported !== 'string' || !Array.isArray(args)) {
      throw new BadArgumentError('spawn: takes a function, or module, export and an array of arguments');
    }
    if (options.node !== undefined && toName(options.node, 'spawn') !== scheduler.nodeName) {
      return this.#request(process, toName(options.node, 'spawn'), module, exported, args, options);
    }
    const thread = options.thread ?? this.placement();
    if (thread !== scheduler.thread) return this.#request(process, thread, module, exported, args, options);
    const fn = await this.#resolve(module, exported);
    return this.#begin(fn, exported, copyTerm(args) as unknown[], options.name, (made) => {
      if (options.link === true) scheduler.relations.link(process, made.pid);
    });
  }

  #request(
    process: Process,
    place: number | Atom,
    module: string,
    exported: string,
    args: readonly unknown[],
    options: PlacedSpawnOptions,
  ): Promise<Pid> {
    const scheduler = this.#scheduler;
    const ref = scheduler.makeRef();
    const local = typeof place === 'number';
    const link = options.link === true;
    const signal: SpawnRequestSignal = {
      kind: 'spawnRequest',
      ref,
      from: process.pid,
      groupLeader: process.pid,
      module: local ? THREAD_MODULE : nameAtom(module),
      fn: local ? SPAWN : nameAtom(exported),
      arity: args.length,
      options: link ? [LINK] : [],
      args: local
        ? [module, exported, args, options.name === undefined ? undefined : toName(options.name, 'spawn')]
        : args,
    };
    return new Promise((resolve, reject) => {
      this.#pending.set(this.#scheduler.countOf(ref), {
        process,
        what: `${module} ${exported}`,
        place,
        link,
        resolve,
        reject,
      });
      try {
        if (local) scheduler.outside.toThread(place, signal);
        else scheduler.outside.toNode(place, signal);
      } catch (error) {
        this.#pending.delete(this.#scheduler.countOf(ref));
        reject(error as Error);
      }
    });
  }

  onReply(signal: SpawnReplySignal): void {
    const pending = this.#pending.get(this.#scheduler.countOf(signal.ref));
    if (pending === undefined) return;
    this.#pending.delete(this.#scheduler.countOf(signal.ref));
    const { result } = signal;
    if (result instanceof Pid) {
      if (pending.link && pending.process.alive) this.#scheduler.relations.onLink(result, pending.process.pid);
      else if (pending.link) this.#scheduler.exit(pending.process.pid, result, Exit.noproc);
      pending.resolve(result);
      return;
    }
    const why = result === NOTSUP ? 'its application has not registered that module and function' : 'it refused';
    pending.reject(new QuorateError(result.name, `spawn of ${pending.what} there: ${result.name}; ${why}`));
  }

  /** A thread or a node is gone: what was asked of it is not answered any more. */
  onLost(place: number | Atom): void {
    for (const [count, pending] of this.#pending) {
      if (pending.place !== place) continue;
      this.#pending.delete(count);
      const where = typeof place === 'number' ? `thread ${place}` : place.name;
      pending.reject(new QuorateError('noconnection', `spawn of ${pending.what}: ${where} cannot be reached`));
    }
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
      this.#answer(signal, nameAtom(error instanceof QuorateError ? error.code : 'badarg'));
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
    return this.#begin(fn, called, args, name, (made) => {
      if (wants(signal.options, LINK)) relations.onLink(signal.from, made.pid);
      if (wants(signal.options, MONITOR)) relations.onMonitor(signal.from, made.pid, signal.ref);
    });
  }

  #begin(
    fn: PlacedFunction,
    called: string,
    args: readonly unknown[],
    name: string | Atom | undefined,
    relate: (made: Process) => void,
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
    scheduler.begin(made);
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
    let loaded: Readonly<Record<string, unknown>>;
    try {
      loaded = await this.#load(module);
    } catch (error) {
      throw new QuorateError('module_not_found', `spawn: cannot load ${module}: ${String(error)}`, { cause: error });
    }
    const fn = loaded[exported];
    if (typeof fn !== 'function') {
      throw new QuorateError(
        'undef',
        `spawn: ${module} exports no function ${exported}; it has ${Object.keys(loaded).join(', ')}`,
      );
    }
    return fn as PlacedFunction;
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
