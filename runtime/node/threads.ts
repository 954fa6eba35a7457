/**
 * The worker threads of a node as the thread that started it sees them: starts them, joins them into a mesh, answers what they ask, and
 * puts a new thread where one was lost, after every link and monitor to the lost one's processes has fired.
 */
import { MessageChannel, type MessagePort } from 'node:worker_threads';
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { createSharedTable, clearSharedTable } from '../process/table.ts';
import { nameAtom, type Atom } from '../term/atom.ts';
import { pidThread, type Pid } from '../term/pid.ts';
import {
  exposeControl,
  moved,
  wrapControl,
  type NodeControl,
  type Remote,
  type ThreadControl,
  type ThreadStats,
} from '../thread/control.ts';
import { decodeInfo, encodeInfo, type FarCalls, type NodeThread } from '../thread/node-thread.ts';
import { ThreadPool } from '../thread/pool.ts';
import { createSharedNames } from '../thread/shared-names.ts';

export interface ThreadsOptions {
  readonly count: number;
  readonly nodeName: Atom;
  readonly creation: number;
  readonly systemThread: number;
  readonly implicitSelf: boolean;
  readonly atomsMax?: number;
  readonly control: Pick<NodeControl, 'nodeUp' | 'nodeDown' | 'unreachable' | 'refused'>;
  onLost(thread: number, reason: unknown, error: unknown): void;
  /** The thread is there again, with none of its former processes. */
  onReplaced(thread: number): Promise<void>;
}

/** How long the other threads have to tell their processes of a loss before the lost thread is replaced all the same. */
const LOSS_PATIENCE_MS = 2000;

export class Threads implements FarCalls {
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

  async stop(): Promise<void> {
    this.#stopping = true;
    const threads = [...this.#controls.keys()];
    for (const thread of threads) this.#pool.expectEnd(thread);
    await Promise.allSettled(threads.map((thread) => this.call(thread, (control) => control.stop())));
    this.#own?.mesh.close();
    await this.#pool.destroy();
    for (const port of this.#controlPorts.values()) port.close();
  }

  // FarCalls

  async processInfo(pid: Pid): ReturnType<FarCalls['processInfo']> {
    const bytes = encodeTerm(pid);
    const info = await this.call(pidThread(pid), (control) => control.processInfo(bytes)).catch(() => null);
    return decodeInfo(info);
  }

  connect(node: Atom): Promise<boolean> {
    return this.call(this.#options.systemThread, (control) => control.connect(node.name)).catch(() => false);
  }

  disconnect(node: Atom): Promise<boolean> {
    return this.call(this.#options.systemThread, (control) => control.disconnect(node.name)).catch(() => false);
  }

  #launch(thread: number): void {
    const { nodeName, creation, systemThread, implicitSelf, atomsMax } = this.#options;
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
    exposeControl(this.#createNodeControl(), nearPort);
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
      ...(atomsMax === undefined ? {} : { atomsMax }),
      control,
      ports,
    });
    for (const [other, port] of joins) {
      this.call(other, (remote) => remote.attach(thread, moved(port))).catch(() => undefined);
    }
  }

  #createNodeControl(): NodeControl {
    return {
      processInfo: async (_serial, bytes) => {
        const pid = decodeTerm(bytes) as Pid;
        if (pidThread(pid) === 0) return encodeInfo(this.#own?.scheduler.find(pid)?.info());
        return encodeInfo(await this.processInfo(pid));
      },
      connect: (node) => this.connect(nameAtom(node)),
      disconnect: (node) => this.disconnect(nameAtom(node)),
      ...this.#options.control,
    };
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
