/**
 * What a process can do: the `self` that its function gets. Also reachable as `self()` while its code runs.
 *
 * After the process has ended every call on its `self` throws `noproc`, its pending receives never settle,
 * and `self.signal` has fired. All signals are ordered per pair of processes; a send never fails and never says
 * whether anybody was there (monitor the receiver to know).
 */
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { TupleOf } from '../term/tuple.ts';

/** A name on a given node, Erlang's `{Name, Node}`. */
export type RemoteName = TupleOf<readonly [Atom, Atom]>;

/** Who can be sent to: a pid, a registered name of this node, a name of another node, or an alias. */
export type Destination = Pid | Atom | string | RemoteName | Ref;

/** Who can be monitored. */
export type MonitorTarget = Pid | Atom | string | RemoteName;

/** A predicate that knows the type of what it accepts. */
export type Matcher<T> = (message: unknown) => message is T;

/** Says whether a message is wanted. Must not change anything: it may run in the middle of somebody else's send. */
export type Predicate = (message: unknown) => boolean;

export interface ReceiveOptions {
  /** Give up after this many milliseconds (0: look at what is there, do not wait). Without it: wait for ever. */
  readonly timeoutMs?: number;
}

export interface ReceiveOrOptions<D> {
  readonly timeoutMs: number;
  /** What to resolve to when the time is up, instead of rejecting with `timeout`. */
  readonly otherwise: D;
}

export type AliasMode = 'explicitUnalias' | 'demonitor' | 'reply' | 'replyDemonitor';

export interface MonitorOptions {
  /** First element of the message instead of `'DOWN'`. */
  readonly tag?: unknown;
  /** Make the reference an alias of this process too, and say when it stops being one. */
  readonly alias?: 'explicitUnalias' | 'demonitor' | 'replyDemonitor';
}

export interface DemonitorOptions {
  /** Also remove its DOWN from the mailbox. */
  readonly flush?: boolean;
  /** Return false when the monitor was not there any more. */
  readonly info?: boolean;
}

export interface SendOptions {
  /** Do not connect to the receiver's node: nothing is sent when it is not connected, and `noconnect` is returned. */
  readonly noconnect?: boolean;
}

/** `ok`, or `noconnect`: nothing was sent, since the node is not connected. */
export type SendResult = 'ok' | 'noconnect';

export type ProcessFunction = (self: Self) => unknown;

export interface SpawnOptions {
  readonly link?: boolean;
  /** Registered under this name before its first instruction. */
  readonly name?: string | Atom;
  /** Trap exits from the first instruction on. */
  readonly trapExit?: boolean;
  /** Find this process with `self()` inside its code (AsyncLocalStorage). Default: the node's `implicitSelf`. */
  readonly implicitSelf?: boolean;
}

/**
 * Where a process goes that is spawned by module: `caller` stays on the spawner's thread, `roundRobin` takes the worker threads in turn,
 * `leastLoaded` the one that is least busy and has fewest processes; a number is that thread.
 */
export type Placement = number | 'caller' | 'roundRobin' | 'leastLoaded';

export interface PlacedSpawnOptions {
  readonly link?: boolean;
  readonly name?: string | Atom;
  /** The scheduler thread, 0 being the one that started the node; or how to choose one. Default: the node's `placement`. */
  readonly thread?: Placement;
  /**
   * A thread of its own: `exit(pid, kill)` then stops it even in an endless loop, and running out of memory ends only it. The thread
   * also runs what the process spawns by function, ends with the last of them, and takes them all along when it is killed.
   */
  readonly isolated?: boolean;
  /**
   * With `isolated`: how much the JavaScript heap of its thread may grow, in megabytes (at least 16). Buffers do not count. On Node 24
   * a thread that fills its heap with large arrays in one go can still end the whole program: the limit is then met inside V8.
   */
  readonly memoryLimitMb?: number;
  /** The node; only modules that its application registered can be started there (`notsup` otherwise). */
  readonly node?: Atom | string;
}

/** The monitor that `spawnMonitor` makes together with the process. */
export interface WithMonitor {
  readonly monitor?: MonitorOptions;
}

/** Options of `spawnRequest`. */
export interface SpawnRequestOptions extends PlacedSpawnOptions {
  /** Monitor the new process; the reference is the one that the request returns. `{}` for a plain monitor. */
  readonly monitor?: MonitorOptions;
  /** Whether to be told of success and failure. Default `yes`: both. */
  readonly reply?: 'yes' | 'no' | 'errorOnly' | 'successOnly';
  /** First element of the answer instead of `spawn_reply`. */
  readonly replyTag?: unknown;
}

export interface ProcessInfo {
  readonly pid: Pid;
  readonly registeredName: Atom | undefined;
  readonly links: readonly Pid[];
  /** What it monitors: pids and names. */
  readonly monitors: readonly (Pid | RemoteName)[];
  readonly monitoredBy: readonly Pid[];
  readonly trapExit: boolean;
  readonly messageQueueLen: number;
  readonly messages: readonly unknown[];
  /** `waiting` in a receive, or `running`. */
  readonly status: 'waiting' | 'running';
  /** Name of the function it was spawned with, or of the class that runs in it. */
  readonly initialCall: string;
  /** Whether a server or a supervisor runs in it. */
  readonly kind: 'process' | 'server' | 'supervisor';
}

/** `{'DOWN', Ref, process, Object, Reason}`. */
export interface Down {
  readonly ref: Ref;
  readonly object: Pid | RemoteName;
  readonly reason: unknown;
}

export interface Self {
  readonly pid: Pid;
  /** The node it runs on. */
  readonly nodeName: Atom;
  /** Fires when the process ends: give it to whatever I/O the process waits for. */
  readonly signal: AbortSignal;

  /**
   * Sends a message. Never fails for want of a receiver. Throws `not_sendable`, or `badarg` for a local name that nobody has.
   *
   * It returns at once, also when the receiver's node reads slower than we send. When more than 1 MiB waits for that node the process is held
   * back, as the BEAM suspends it: its next `receive` (timeouts included) begins when half of that has gone out or the node is lost. What sends much
   * without receiving awaits `drained()`.
   */
  send(to: Destination, message: unknown): void;
  /** As `erlang:send/3`: says whether the message has left. */
  send(to: Destination, message: unknown, options: SendOptions): SendResult;
  /** As `send`, except that nothing is sent when that would hold this process back; false then. Erlang's `send_nosuspend`. */
  sendNosuspend(to: Destination, message: unknown): boolean;
  /** Resolves when nothing that this process has sent holds it back. Never rejects; a lost node holds nobody back. */
  drained(): Promise<void>;
  /**
   * With true the process is never held back, Erlang's `process_flag(async_dist, true)`; returns the former setting. What it sends to a node that does
   * not read waits in memory until that node is lost, at the latest when 512 MiB wait.
   */
  setAsyncDist(flag: boolean): boolean;

  /** The next message, oldest first. */
  receive(): Promise<unknown>;
  /** The oldest message that `match` accepts; the others stay. Rejects with `timeout`. */
  receive<T>(match: Matcher<T>, options?: ReceiveOptions): Promise<T>;
  receive<T, D>(match: Matcher<T>, options: ReceiveOrOptions<D>): Promise<T | D>;
  receive(match: Predicate, options?: ReceiveOptions | ReceiveOrOptions<unknown>): Promise<unknown>;
  receive(options: ReceiveOptions): Promise<unknown>;
  receive<D>(options: ReceiveOrOptions<D>): Promise<unknown>;

  link(pid: Pid): void;
  unlink(pid: Pid): void;
  monitor(target: MonitorTarget, options?: MonitorOptions): Ref;
  demonitor(ref: Ref, options?: DemonitorOptions): boolean;

  /** Ends this process: throws, so that `finally` blocks run on the way out. */
  exit(reason: unknown): never;
  /** Sends an exit signal, Erlang's `exit(Pid, Reason)`. */
  exit(pid: Pid, reason: unknown): void;
  /** Turns exit signals into messages `{'EXIT', Pid, Reason}`; returns the former setting. */
  trapExit(flag: boolean): boolean;

  makeRef(): Ref;
  alias(mode?: 'explicitUnalias' | 'reply'): Ref;
  /** False when it was not an alias of this process. */
  unalias(alias: Ref): boolean;

  register(name: string | Atom, pid?: Pid): void;
  unregister(name: string | Atom): void;
  whereis(name: string | Atom): Pid | undefined;

  spawn(fn: ProcessFunction, options?: SpawnOptions): Pid;
  spawn(module: string, exported: string, args?: readonly unknown[], options?: PlacedSpawnOptions): Promise<Pid>;
  spawnLink(fn: ProcessFunction, options?: SpawnOptions): Pid;
  spawnMonitor(fn: ProcessFunction, options?: SpawnOptions & WithMonitor): [Pid, Ref];
  spawnMonitor(
    module: string,
    exported: string,
    args?: readonly unknown[],
    options?: PlacedSpawnOptions & WithMonitor,
  ): Promise<[Pid, Ref]>;
  /**
   * Spawns without waiting. The answer is a message, `{spawn_reply, Ref, ok, Pid}` or `{spawn_reply, Ref, error, Reason}` with a
   * reason such as `notsup`, `noconnection` or `badopt`, and comes before anything from the new process. As `spawn_request` of OTP.
   */
  spawnRequest(module: string, exported: string, args?: readonly unknown[], options?: SpawnRequestOptions): Ref;

  /** Sends `message` to `to` after `delayMs`. Returns the timer's reference. */
  sendAfter(delayMs: number, to: Destination, message: unknown): Ref;
  /** Milliseconds that were left, or false when it had run or never was. */
  cancelTimer(timer: Ref): number | false;

  /** About this process, or another of this node (undefined when it is not alive). */
  processInfo(): ProcessInfo;
  processInfo(pid: Pid): Promise<ProcessInfo | undefined>;
  /** Whether a process of this node is alive, once everything that this one sent to it has arrived: a promise for one of another thread. */
  isAlive(pid: Pid): boolean | Promise<boolean>;

  /**
   * With true: one `{nodedown, Node}` when the connection to the node ends, or at once when none can be made. Calls are counted; false takes one back.
   */
  monitorNode(node: Atom | string, flag: boolean): void;
  /** Ends the connection to a node, after what this process has sent to it. False when there was none. */
  disconnectNode(node: Atom | string): Promise<boolean>;
  /** The nodes that this one is connected to, hidden ones too. */
  nodes(): readonly Atom[];
}
