/**
 * The worker threads of a node as the thread that started it sees them: starts them, joins them into a mesh, and puts a new thread where
 * one was lost, after every link and monitor to the lost one's processes has fired. Threads of isolated processes come on top, with
 * numbers of their own; they end with their processes and are not replaced.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { createSharedTable, clearSharedTable, findRunning } from '../process/table.ts';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { fromPlainError, hasCode, QuorateError } from '../errors.ts';
import type { Placement, ProcessInfo } from '../process/self.ts';
import type { Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { makePid, pidThread, THREADS_MAX, type Pid } from '../term/pid.ts';
import {
  exposeControl,
  moved,
  wrapControl,
  type NodeControl,
  type Remote,
  type ThreadControl,
  type ThreadStats,
} from '../thread/control.ts';
import { processList, type NodeThread } from '../thread/node-thread.ts';
import { ThreadPool } from '../thread/pool.ts';
import { createSharedNames } from '../thread/shared-names.ts';
import { createVitals, ThreadWatcher, type LongSchedule } from '../thread/vitals.ts';

export interface ThreadsOptions {
  readonly count: number;
  readonly nodeName: Atom;
  readonly creation: number;
  readonly systemThread: number;
  readonly implicitSelf: boolean;
  readonly atomsMax?: number;
  readonly placement: Placement;
  readonly resolveFrom: string;
  readonly preload: readonly string[];
  /** The module that runs in each worker thread. */
  readonly entry: string;
  /** Most that the heap of each may grow to. */
  readonly memoryLimitMb: number | undefined;
  /** A thread that does not get to its event loop for so long is reported. */
  readonly longScheduleMs: number;
  readonly control: NodeControl;
  onLost(thread: number, reason: unknown, error: unknown): void;
  /** The thread is there again, with none of its former processes. */
  onReplaced(thread: number): Promise<void>;
  onLongSchedule(found: LongSchedule, pid: Pid | undefined): void;
}

/** How long the other threads have to tell their processes of a loss, or to learn of a new thread, before things go on all the same. */
const PATIENCE_MS = 2000;
/** How long a process that was sent `kill` has to end by itself, before its thread is terminated. */
const KILL_GRACE_MS = 50;
/** Threads beat this often within the time after which they count as stuck. */
const BEATS_PER_THRESHOLD = 4;

export class Threads {
  readonly #options: ThreadsOptions;
  readonly #tables: SharedArrayBuffer[];
  readonly #names: SharedArrayBuffer = createSharedNames();
  readonly #vitals: SharedArrayBuffer = createVitals(THREADS_MAX);
  readonly #pool: ThreadPool;
  /** Of isolated processes, each with one thread. */
  readonly #pools = new Map<number, ThreadPool>();
  readonly #freeNumbers: number[] = [];
  readonly #controls = new Map<number, Remote<ThreadControl>>();
  readonly #controlPorts = new Map<number, MessagePort>();
  readonly #beatMs: number;
  #watcher: ThreadWatcher | null = null;
  #own: NodeThread | null = null;
  #stopping = false;

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.#beatMs = Math.max(1, Math.ceil(options.longScheduleMs / BEATS_PER_THRESHOLD));
    this.#tables = Array.from({ length: options.count + 1 }, createSharedTable);
    this.#pool = new ThreadPool({
      threads: options.count,
      entry: options.entry,
      memoryLimitMb: options.memoryLimitMb,
      onLost: (thread, reason, error) => void this.#onLost(thread, reason, error),
    });
  }

  /** What the calling thread shares with the others. */
  get shared(): { tables: readonly SharedArrayBuffer[]; names: SharedArrayBuffer; vitals: SharedArrayBuffer } {
    return { tables: this.#tables, names: this.#names, vitals: this.#vitals };
  }

  /** Starts all threads; `own` is the calling thread's part of the node. */
  async start(own: NodeThread): Promise<void> {
    this.#own = own;
    this.#watcher = new ThreadWatcher({
      env: own.scheduler.env,
      vitals: this.#vitals,
      thread: own.scheduler.thread,
      everyMs: this.#beatMs,
      thresholdMs: this.#options.longScheduleMs,
      onLongSchedule: (found) => this.#options.onLongSchedule(found, this.#runningOn(found)),
    });
    const threads = Array.from({ length: this.#options.count }, (_, index) => index + 1);
    await Promise.all(threads.map((thread) => this.#launch(thread, this.#pool)));
  }

  /** A call to a worker thread. Rejects with `thread_ended` when the thread ends first. */
  call<T>(thread: number, call: (control: Remote<ThreadControl>) => Promise<T>): Promise<T> {
    const control = this.#controls.get(thread);
    const pool = this.#poolOf(thread);
    return pool.call(thread, control === undefined ? new Promise<never>(() => undefined) : call(control));
  }

  kill(thread: number): void {
    this.#poolOf(thread).kill(thread);
  }

  async stats(): Promise<readonly ThreadStats[]> {
    const own = {
      thread: 0,
      processes: this.#own?.scheduler.processCount ?? 0,
      heapUsedBytes: process.memoryUsage().heapUsed,
    };
    const asked = [...this.#controls.keys()].map((thread) => this.call(thread, (control) => control.stats()));
    // One that ends meanwhile, or is stuck, has nothing to say.
    const told: ThreadStats[] = [own];
    for (const stats of asked) void stats.then((its) => told.push(its)).catch(() => undefined);
    await this.#withPatience(Promise.allSettled(asked));
    return told.toSorted((a, b) => a.thread - b.thread);
  }

  /** The processes of all threads; those of a thread that is lost meanwhile are missing. */
  async processes(): Promise<ProcessInfo[]> {
    const own = this.#own === null ? [] : processList(this.#own.scheduler);
    const others = [...this.#controls.keys()].map(async (thread) => {
      const bytes = await this.call(thread, (control) => control.processes()).catch(() => null);
      return bytes === null ? [] : (decodeTerm(bytes) as ProcessInfo[]);
    });
    return [...own, ...(await Promise.all(others)).flat()];
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#watcher?.stop();
    const threads = [...this.#controls.keys()];
    for (const thread of threads) this.#poolOf(thread).expectEnd(thread);
    const stopped = threads.map((thread) => this.call(thread, (control) => control.stop()));
    // One that is stuck does not answer; destroying the pools ends it.
    await this.#withPatience(Promise.allSettled(stopped));
    this.#own?.mesh.close();
    await Promise.all([this.#pool, ...this.#pools.values()].map((pool) => pool.destroy()));
    for (const port of this.#controlPorts.values()) port.close();
  }

  // Isolated processes

  /** A thread for one process; resolves to its number when all others can reach it. */
  async isolate(memoryLimitMb: number | undefined): Promise<number> {
    if (this.#stopping) throw new QuorateError('thread_ended', 'spawn with isolated: true: this node is stopping');
    const thread = this.#freeNumbers.pop() ?? this.#tables.length;
    if (thread >= THREADS_MAX) {
      throw new QuorateError(
        'system_limit',
        `spawn with isolated: true: this node has ${THREADS_MAX} threads, the most there can be`,
      );
    }
    this.#tables[thread] ??= createSharedTable();
    const pool = new ThreadPool({
      threads: 1,
      entry: this.#options.entry,
      memoryLimitMb,
      onLost: (_, reason, error) => void this.#onIsolatedEnd(thread, pool, reason, error),
    });
    this.#pools.set(thread, pool);
    await this.#launch(thread, pool, true);
    return thread;
  }

  enforceKill(pid: Pid): void {
    const own = this.#own;
    const pool = this.#pools.get(pidThread(pid));
    if (own === null || pool === undefined) return;
    own.scheduler.env.setTimer(KILL_GRACE_MS, () => {
      if (this.#pools.get(pidThread(pid)) === pool && own.isAlive(pid)) pool.kill(pidThread(pid));
    });
  }

  async #onIsolatedEnd(thread: number, pool: ThreadPool, reason: unknown, error: unknown): Promise<void> {
    if (this.#stopping) return;
    const orderly = error === undefined;
    const allTold = await this.#tellLoss(thread, orderly ? Exit.noproc : reason);
    this.#pools.delete(thread);
    await pool.destroy();
    // A thread that did not hear of the loss may still take the number for the former thread's.
    if (allTold) this.#freeNumbers.push(thread);
    if (!orderly) this.#options.onLost(thread, reason, error);
  }

  #poolOf(thread: number): ThreadPool {
    return this.#pools.get(thread) ?? this.#pool;
  }

  /** Which process keeps a thread from its event loop, as far as can be told. */
  #runningOn({ thread, ended }: LongSchedule): Pid | undefined {
    const table = this.#tables[thread];
    const count = table === undefined || ended ? undefined : findRunning(table);
    return count === undefined ? undefined : makePid(this.#options.nodeName, this.#options.creation, thread, count);
  }

  // Starting and losing threads

  /** Resolves when the thread takes part and all others know it. */
  async #launch(thread: number, pool: ThreadPool, isolated = false): Promise<void> {
    const { nodeName, creation, systemThread, implicitSelf, count, placement, resolveFrom, preload, atomsMax } =
      this.#options;
    const table = this.#tables[thread] as SharedArrayBuffer;
    const { port1: nearPort, port2: control } = new MessageChannel();
    const own = new MessageChannel();
    const ports: [number, MessagePort][] = [[0, own.port2]];
    const joins: [number, MessagePort][] = [];
    for (const other of this.#controls.keys()) {
      if (other === thread) continue;
      const { port1, port2 } = new MessageChannel();
      ports.push([other, port1]);
      joins.push([other, port2]);
    }
    exposeControl(this.#options.control, nearPort);
    this.#controls.set(thread, wrapControl<ThreadControl>(nearPort));
    this.#controlPorts.set(thread, nearPort);
    this.#own?.attach(thread, own.port1, table);
    pool.start({
      nodeName: nodeName.name,
      creation,
      thread,
      systemThread,
      implicitSelf,
      workers: count,
      placement,
      isolated,
      resolveFrom,
      preload,
      vitals: this.#vitals,
      beatMs: this.#beatMs,
      tables: this.#tables,
      names: this.#names,
      ...(atomsMax === undefined ? {} : { atomsMax }),
      control,
      ports,
    });
    const joined = joins.map(([other, port]) =>
      this.call(other, (remote) => remote.attach(thread, moved(port), table)),
    );
    const ready = this.call(thread, (remote) => remote.ready());
    const [unloaded] = await Promise.all([ready, this.#withPatience(Promise.allSettled(joined))]);
    if (unloaded !== null) throw fromPlainError(unloaded);
    this.#watcher?.add(thread);
  }

  /** Resolves when every link and monitor to the thread's processes has fired: true. False when some thread did not say so in time. */
  async #tellLoss(thread: number, reason: unknown): Promise<boolean> {
    this.#watcher?.remove(thread);
    this.#controls.delete(thread);
    this.#controlPorts.get(thread)?.close();
    clearSharedTable(this.#tables[thread] as SharedArrayBuffer);
    const bytes = encodeTerm(reason);
    const told = [...this.#controls.keys()].map((other) =>
      this.call(other, (control) => control.threadLost(thread, bytes)),
    );
    return this.#withPatience(Promise.allSettled([...told, this.#own?.threadLost(thread, reason)]));
  }

  /** True when it settled in time. */
  async #withPatience(work: Promise<unknown>): Promise<boolean> {
    const env = this.#own?.scheduler.env;
    if (env === undefined) return work.then(() => true);
    let timer = null;
    const patience = new Promise<boolean>((resolve) => {
      timer = env.setTimer(PATIENCE_MS, () => resolve(false), true);
    });
    const inTime = await Promise.race([work.then(() => true), patience]);
    (timer as { cancel(): void } | null)?.cancel();
    return inTime;
  }

  async #onLost(thread: number, reason: unknown, error: unknown): Promise<void> {
    if (this.#stopping) return;
    await this.#tellLoss(thread, reason);
    this.#options.onLost(thread, reason, error);
    if (this.#stopping) return;
    try {
      await this.#launch(thread, this.#pool);
    } catch (failed) {
      // Lost again while it started, which is the next loss and reported as such.
      if (hasCode(failed, 'thread_ended')) return;
      throw failed;
    }
    await this.#options.onReplaced(thread);
  }
}
