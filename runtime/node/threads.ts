/**
 * The worker threads of a node as the thread that started it sees them: starts them, joins them into a mesh, and
 * puts a new thread where one was lost, after every link and monitor to the lost one's processes has fired.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import type { ProcessInfo } from '../process/self.ts';
import { createSharedTable, clearSharedTable } from '../process/table.ts';
import type { Atom } from '../term/atom.ts';
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

export interface ThreadsOptions {
  readonly count: number;
  readonly nodeName: Atom;
  readonly creation: number;
  readonly systemThread: number;
  readonly implicitSelf: boolean;
  readonly control: NodeControl;
  onLost(thread: number, reason: unknown, error: unknown): void;
  /** The thread is there again, with none of its former processes. */
  onReplaced(thread: number): Promise<void>;
}

/** How long the other threads have to tell their processes of a loss before the lost thread is replaced all the same. */
const LOSS_PATIENCE_MS = 2000;

export class Threads {
  readonly tables: readonly SharedArrayBuffer[];
  readonly names: SharedArrayBuffer = createSharedNames();
  readonly #options: ThreadsOptions;
  readonly #pool: ThreadPool;
  readonly #controls = new Map<number, Remote<ThreadControl>>();
  readonly #controlPorts = new Map<number, MessagePort>();
  #own: NodeThread | null = null;
  #stopping = false;

  constructor(options: ThreadsOptions) {
    this.#options = options;
    this.tables = Array.from({ length: options.count + 1 }, createSharedTable);
    this.#pool = new ThreadPool({
      threads: options.count,
      entry: new URL('./thread-entry.js', import.meta.url).href,
      onLost: (thread, reason, error) => void this.#onLost(thread, reason, error),
    });
  }

  /** Starts all threads; `own` is the calling thread's part of the node. */
  async start(own: NodeThread): Promise<void> {
    this.#own = own;
    for (let thread = 1; thread <= this.#options.count; thread++) this.#launch(thread);
    await Promise.all([...this.#controls.keys()].map((thread) => this.call(thread, (control) => control.ready())));
  }

  /** A call to a worker thread. Rejects with `thread_ended` when the thread ends first. */
  call<T>(thread: number, call: (control: Remote<ThreadControl>) => Promise<T>): Promise<T> {
    const control = this.#controls.get(thread);
    return this.#pool.call(thread, control === undefined ? new Promise<never>(() => undefined) : call(control));
  }

  kill(thread: number): void {
    this.#pool.kill(thread);
  }

  async stats(): Promise<readonly ThreadStats[]> {
    const own = {
      thread: 0,
      processes: this.#own?.scheduler.processCount ?? 0,
      heapUsedBytes: process.memoryUsage().heapUsed,
    };
    const others = [...this.#controls.keys()].map((thread) => this.call(thread, (control) => control.stats()));
    return [own, ...(await Promise.all(others))];
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
    const threads = [...this.#controls.keys()];
    for (const thread of threads) this.#pool.expectEnd(thread);
    await Promise.allSettled(threads.map((thread) => this.call(thread, (control) => control.stop())));
    this.#own?.mesh.close();
    await this.#pool.destroy();
    for (const port of this.#controlPorts.values()) port.close();
  }

  #launch(thread: number): void {
    const { nodeName, creation, systemThread, implicitSelf } = this.#options;
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
    this.#own?.mesh.attach(thread, own.port1);
    this.#pool.start({
      nodeName: nodeName.name,
      creation,
      thread,
      systemThread,
      implicitSelf,
      tables: this.tables,
      names: this.names,
      control,
      ports,
    });
    for (const [other, port] of joins) {
      this.call(other, (remote) => remote.attach(thread, moved(port))).catch(() => undefined);
    }
  }

  async #onLost(thread: number, reason: unknown, error: unknown): Promise<void> {
    if (this.#stopping) return;
    this.#controls.delete(thread);
    this.#controlPorts.get(thread)?.close();
    clearSharedTable(this.tables[thread] as SharedArrayBuffer);
    const bytes = encodeTerm(reason);
    const told = [...this.#controls.keys()].map((other) =>
      this.call(other, (control) => control.threadLost(thread, bytes)),
    );
    if (this.#own !== null) {
      const { env } = this.#own.scheduler;
      const patience = new Promise<void>((resolve) => env.setTimer(LOSS_PATIENCE_MS, resolve, true));
      await Promise.race([Promise.allSettled([...told, this.#own.threadLost(thread, reason)]), patience]);
    }
    this.#options.onLost(thread, reason, error);
    if (this.#stopping) return;
    this.#launch(thread);
    await this.call(thread, (control) => control.ready());
    await this.#options.onReplaced(thread);
  }
}
