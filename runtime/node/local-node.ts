/**
 * A node: the processes of this program, its threads, and its place among other nodes. Usually one per program; several may live side
 * by side in one thread with `threads: 0`, as tests and simulations do.
 */
import { EventEmitter } from 'eventemitter3';
import { MessageChannel } from 'node:worker_threads';
import { assertNodeName } from '../dist/node-name.ts';
import { realEnv, type Env } from '../env.ts';
import { BadArgumentError, fromPlainError } from '../errors.ts';
import { offloadFrom, type OffloadOptions } from './offload.ts';
import { runProcess } from '../process/run.ts';
import { toName } from '../process/targets.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type {
  Destination,
  PlacedSpawnOptions,
  ProcessFunction,
  ProcessInfo,
  Self,
  SpawnOptions,
} from '../process/self.ts';
import type { Atom } from '../term/atom.ts';
import { nameAtom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { makePid, type Pid } from '../term/pid.ts';
import { moved, type NetworkOptions, type ThreadStats } from '../thread/control.ts';
import { NodeThread, processList } from '../thread/node-thread.ts';
import { publishReport } from '../thread/reports.ts';
import { tcpTransport } from '../transport/tcp.ts';
import { createTlsTransport } from '../transport/tls.ts';
import { hasDefaultScheduler, releaseDefaultScheduler, setDefaultScheduler } from './default.ts';
import { distChannel, longScheduleChannel, type LongScheduleReport } from '../channels.ts';
import { createEpmd, createResolver, exposeResolver, type Directory } from './directory.ts';
import { createModuleLoader, defaultResolveFrom } from './load-module.ts';
import { createHost, Offloading } from './offloading.ts';
import { createTextLogger, logReports } from './logger.ts';
import type { NodeEvents } from './events.ts';
import { startNetwork, type NetworkEvents, type StartedNetwork } from './network.ts';
import { assertNodeOptions, type NodeOptions } from './options.ts';
import { startRex, withRpc } from './rpc.ts';
import { Threads } from './threads.ts';

const NONODE = nameAtom('nonode@nohost');
const DEFAULT_TICKTIME_MS = 60_000;
const LONG_SCHEDULE_MS = 500;
/** How soon a network that could not be started again is tried once more. */
const RESTART_NETWORK_MS = 1000;

export class LocalNode {
  readonly name: Atom;
  readonly creation: number;
  /** The thread that holds the connections; 0 is the one that started the node. */
  readonly systemThread: number;
  readonly #options: NodeOptions;
  readonly #env: Env;
  readonly #events = new EventEmitter<NodeEvents>();
  readonly #thread: NodeThread;
  readonly #threads: Threads | null;
  readonly #resolveFrom: string;
  readonly #offloading: Offloading;
  /** Connected now, for the day the system thread is lost. */
  readonly #peers = new Set<string>();
  #network: StartedNetwork | null = null;
  #directory: Directory | null = null;
  #port = 0;
  #stopped: Promise<void> | null = null;
  readonly #stopLogging: () => void;

  private constructor(options: NodeOptions, name: Atom) {
    const { threads = 1, implicitSelf = true, env = realEnv, placement = 'caller', resolveFrom } = options;
    this.#options = options;
    this.#env = env;
    this.name = name;
    this.creation = createCreation(env);
    this.systemThread = threads > 0 ? 1 : 0;
    const { creation, systemThread } = this;
    this.#resolveFrom = resolveFrom === undefined ? defaultResolveFrom() : new URL(resolveFrom).href;
    this.#offloading = new Offloading({
      resolveFrom: this.#resolveFrom,
      ...(options.offloadThreads === undefined ? {} : { threads: options.offloadThreads }),
    });
    const logger =
      options.logger ??
      createTextLogger(
        (text) => void process.stderr.write(text),
        () => env.systemTime(),
      );
    this.#stopLogging = logger === false ? () => undefined : logReports(name, creation, logger);
    this.#threads = threads === 0 ? null : this.#createThreads(threads, implicitSelf);
    this.#thread = new NodeThread({
      nodeName: name,
      creation,
      thread: 0,
      systemThread,
      env,
      implicitSelf,
      ...(options.limits?.atomsMax === undefined ? {} : { atomsMax: options.limits.atomsMax }),
      modules: withRpc(options.modules ?? {}),
      load: createModuleLoader(this.#resolveFrom),
      workers: threads,
      placement,
      host: createHost(this.#threads, this.#offloading),
      ...this.#threads?.shared,
    });
  }

  /**
   * Starts a node. Rejects with `badarg` (what is wrong with an option), `name_taken`, `port_in_use`, `epmd_unreachable`.
   */
  static async start(options: NodeOptions = {}): Promise<LocalNode> {
    assertNodeOptions(options);
    if (options.name !== undefined) assertNodeName(options.name);
    const node = new LocalNode(options, options.name === undefined ? NONODE : nameAtom(options.name));
    if (!hasDefaultScheduler()) setDefaultScheduler(node.scheduler);
    try {
      await node.#threads?.start(node.#thread);
      if (options.name !== undefined) {
        startRex(node.scheduler, options.modules ?? {});
        await node.#startNetwork();
      }
    } catch (error) {
      await node.stop();
      throw error;
    }
    return node;
  }

  /** The scheduler of the thread that started the node. */
  get scheduler(): Scheduler {
    return this.#thread.scheduler;
  }

  /** The port that other nodes connect to; 0 when the node is not distributed. */
  get port(): number {
    return this.#port;
  }

  /** How many worker threads the node has. */
  get threads(): number {
    return this.#options.threads ?? 1;
  }

  spawn(fn: ProcessFunction, options?: SpawnOptions): Pid;
  spawn(module: string, exported: string, args?: readonly unknown[], options?: PlacedSpawnOptions): Promise<Pid>;
  spawn(
    what: ProcessFunction | string,
    second?: SpawnOptions | string,
    args: readonly unknown[] = [],
    placed: PlacedSpawnOptions = {},
  ): Pid | Promise<Pid> {
    if (typeof what === 'function') return this.scheduler.spawn(what, second as SpawnOptions | undefined);
    return this.run((self) => self.spawn(what, second as string, args, placed));
  }

  /**
   * Runs `fn` in a process of its own and resolves to what it returns. Rejects with what it throws, or with `exited` (and the
   * reason) when the process is ended by others first.
   */
  run<T>(fn: (self: Self) => T | Promise<T>, options?: SpawnOptions): Promise<T> {
    return runProcess(this.scheduler, fn, options);
  }

  /**
   * Calls an exported function on a thread for CPU-bound work and resolves to its result, as the function `offload`.
   *
   * @throws (rejects) what the function threw; `aborted`, `thread_ended`, `module_not_found`, `module_failed`, `undef`, `not_sendable`, `badarg`
   */
  offload(
    module: string,
    exported: string,
    args: readonly unknown[] = [],
    options: OffloadOptions = {},
  ): Promise<unknown> {
    return offloadFrom(this.scheduler, undefined, module, exported, args, options);
  }

  /** Sends a message in the name of nobody. */
  send(to: Destination, message: unknown): void {
    this.scheduler.send(makePid(this.name, this.creation, 0, 0), to, message);
  }

  whereis(name: string | Atom): Pid | undefined {
    return this.scheduler.whereis(name);
  }

  register(name: string | Atom, pid: Pid): void {
    this.scheduler.register(name, pid);
  }

  processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
    return this.scheduler.processInfo(pid);
  }

  /** All processes of the node, on all its threads, without their messages. */
  processes(): Promise<readonly ProcessInfo[]> {
    return this.#threads?.processes() ?? Promise.resolve(processList(this.scheduler));
  }

  isAlive(pid: Pid): boolean {
    return this.scheduler.isAlive(pid);
  }

  /** Connects to a node; false when that fails (the `unreachable` event says why). */
  async connect(node: string | Atom): Promise<boolean> {
    return this.#thread.connect(toName(node, 'connect'));
  }

  /** Ends the connection to a node; false when there was none. */
  async disconnect(node: string | Atom): Promise<boolean> {
    return this.#thread.disconnect(toName(node, 'disconnect'));
  }

  /**
   * The cookie for connections with that node, either way, from now on; null: that of the node, as for all others. A connection that exists
   * is not touched. As `erlang:set_cookie/2`.
   */
  async setCookie(node: string | Atom, cookie: string | null): Promise<void> {
    if (cookie === '' || (cookie !== null && typeof cookie !== 'string')) {
      throw new BadArgumentError('setCookie: the cookie must be a non-empty string, or null for that of the node');
    }
    return this.#thread.setCookie(toName(node, 'setCookie'), cookie);
  }

  /** The nodes to which or from which a connection is being made. */
  async connecting(): Promise<readonly string[]> {
    return (await this.#thread.connecting()).map((node) => node.name);
  }

  /** The nodes that this one is connected to, hidden ones too. */
  nodes(): readonly string[] {
    return this.#thread.nodes().map((node) => node.name);
  }

  stats(): Promise<readonly ThreadStats[]> {
    const own = { thread: 0, processes: this.scheduler.processCount, heapUsedBytes: process.memoryUsage().heapUsed };
    return this.#threads?.stats() ?? Promise.resolve([own]);
  }

  /** Terminates a worker thread, whatever it does. Its processes exit `killed`; a new thread takes its place. */
  killThread(thread: number): void {
    if (!Number.isInteger(thread) || thread < 1 || this.#threads === null) {
      throw new BadArgumentError(`killThread: takes the number of a worker thread, not ${String(thread)}`);
    }
    this.#threads.kill(thread);
  }

  on<E extends keyof NodeEvents>(event: E, listener: (...args: NodeEvents[E]) => void): this {
    this.#events.on(event, listener as never);
    return this;
  }

  off<E extends keyof NodeEvents>(event: E, listener: (...args: NodeEvents[E]) => void): this {
    this.#events.off(event, listener as never);
    return this;
  }

  /** Ends the node: its connections, its processes (`shutdown`), its threads. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    await this.#network?.stop();
    await this.#directory?.close();
    this.scheduler.stop(Exit.shutdown);
    await this.#threads?.stop();
    await this.#offloading.close();
    releaseDefaultScheduler(this.scheduler);
    this.#events.removeAllListeners();
    this.#stopLogging();
  }

  #createThreads(count: number, implicitSelf: boolean): Threads {
    return new Threads({
      count,
      nodeName: this.name,
      creation: this.creation,
      systemThread: this.systemThread,
      implicitSelf,
      ...(this.#options.limits?.atomsMax === undefined ? {} : { atomsMax: this.#options.limits.atomsMax }),
      placement: this.#options.placement ?? 'caller',
      resolveFrom: this.#resolveFrom,
      preload: (this.#options.preload ?? []).map((url) => new URL(url).href),
      entry: new URL(this.#options.threadEntry ?? new URL('./thread-entry.js', import.meta.url)).href,
      memoryLimitMb: this.#options.threadMemoryLimitMb,
      longScheduleMs: this.#options.longScheduleMs ?? LONG_SCHEDULE_MS,
      control: {
        nodeUp: (node, hidden) => {
          this.#peers.add(node);
          this.#emit('nodeup', node, hidden);
        },
        nodeDown: (node, reason) => {
          this.#peers.delete(node);
          this.#emit('nodedown', node, reason);
        },
        unreachable: (node, reason) => this.#emit('unreachable', node, reason),
        refused: (error) => this.#emit('refused', fromPlainError(error)),
        report: publishReport,
      },
      onLost: (thread, reason) => this.#emit('thread', thread, 'lost', reason),
      onReplaced: async (thread) => {
        if (thread === this.systemThread && this.#options.name !== undefined) await this.#restartNetwork();
        this.#emit('thread', thread, 'replaced', undefined);
      },
      onLongSchedule: (found, pid) => {
        const report: LongScheduleReport = { node: this.name.name, ...found, pid };
        this.#emit('longSchedule', report);
        longScheduleChannel.publish(report);
      },
    });
  }

  /** The system thread was lost with all connections: joins the other nodes again, under the same name and creation. */
  async #restartNetwork(): Promise<void> {
    const peers = [...this.#peers];
    this.#peers.clear();
    for (const peer of peers) this.#emit('nodedown', peer, 'system_thread_lost');
    while (this.#stopped === null) {
      try {
        await this.#startNetwork();
        break;
      } catch (error) {
        distChannel.publish({ node: this.name.name, peer: '', message: `network not restarted: ${String(error)}` });
        await new Promise<void>((resolve) => this.#env.setTimer(RESTART_NETWORK_MS, resolve, true));
      }
    }
    await Promise.all(peers.map((peer) => this.connect(peer)));
  }

  async #startNetwork(): Promise<void> {
    const {
      cookie = '',
      hidden = true,
      listen = {},
      netTicktimeMs = DEFAULT_TICKTIME_MS,
      epmd,
      resolve,
    } = this.#options;
    const options: NetworkOptions = {
      nodeName: this.name.name,
      creation: this.creation,
      cookie,
      hidden,
      listen: { host: listen.host ?? '127.0.0.1', port: listen.port ?? 0 },
      epmd: epmd ?? null,
      netTicktimeMs,
      limits: this.#options.limits ?? {},
      tls: this.#options.tls ?? null,
      keepFloats: this.#options.keepFloats ?? false,
    };
    if (this.#threads === null) await this.#startOwnNetwork(options);
    else {
      let resolver = null;
      if (resolve !== undefined) {
        const { port1, port2 } = new MessageChannel();
        exposeResolver(resolve, port1);
        resolver = port2;
      }
      const started = await this.#threads.call(this.systemThread, (control) =>
        control.startNetwork(options, resolver === null ? null : moved(resolver)),
      );
      if (started.error !== null) throw fromPlainError(started.error);
      this.#port = started.port;
    }
  }

  async #startOwnNetwork(options: NetworkOptions): Promise<void> {
    const { nodeName: _, epmd, tls, limits, ...rest } = options;
    const plain = this.#options.transport ?? tcpTransport;
    const transport = tls === null ? plain : await createTlsTransport(tls);
    const { resolve } = this.#options;
    this.#directory = resolve === undefined ? createEpmd(epmd ?? {}, this.#env, plain) : createResolver(resolve);
    const events: NetworkEvents = {
      onNodeUp: (node, hidden) => this.#emit('nodeup', node.name, hidden),
      onNodeDown: (node, reason) => this.#emit('nodedown', node.name, reason),
      onUnreachable: (node, reason) => this.#emit('unreachable', node.name, reason),
      onRefused: (error) => this.#emit('refused', error),
    };
    this.#network = await startNetwork(
      this.#thread,
      { ...rest, ...limits, name: this.name, directory: this.#directory, env: this.#env, transport },
      events,
    );
    this.#port = this.#network.port;
  }

  #emit<E extends keyof NodeEvents>(event: E, ...args: NodeEvents[E]): void {
    (this.#events.emit as (event: string, ...args: unknown[]) => boolean).call(this.#events, event, ...args);
  }
}

/** Tells lives of a node apart; EPMD's 0 to 3 are avoided, as OTP does. */
function createCreation(env: Env): number {
  return 4 + (new DataView(env.randomBytes(4).buffer).getUint32(0) % (2 ** 32 - 4));
}
