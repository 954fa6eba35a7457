/**
 * One process: a receiver with the state that the rules of links and monitors work on. What it does to others goes through its
 * scheduler. The fields are public to the folder only; programs see the `Self` interface.
 */
import { BadArgumentError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { ServerFace } from './crash.ts';
import type { LocalCall } from './local-calls.ts';
import { createDeadError, ProcessExit } from './exit.ts';
import { assertOptions, assertSendOptions } from './assert-options.ts';
import { sendNosuspend, whenReleased } from './hold.ts';
import { Receiver } from './receiver.ts';
import type { Scheduler } from './scheduler.ts';
import { isConnected } from './send-away.ts';
import { toName } from './targets.ts';
import type {
  DemonitorOptions,
  Destination,
  MonitorOptions,
  MonitorTarget,
  PlacedSpawnOptions,
  ProcessFunction,
  ProcessInfo,
  RemoteName,
  Self,
  SendOptions,
  SendResult,
  SpawnOptions,
  SpawnRequestOptions,
  WithMonitor,
} from './self.ts';
import type { Link } from './signals.ts';

/** A monitor that the process holds. */
export interface HeldMonitor {
  readonly ref: Ref;
  /** Who is watched, and where; for a name that nobody had, null. */
  readonly target: Pid | null;
  /** The node asked by name, when it is another one. */
  readonly node: Atom | null;
  /** What the DOWN names: the pid or `{Name, Node}`. */
  readonly object: Pid | RemoteName;
  readonly tag: unknown;
  readonly hasTag: boolean;
  alias: MonitorOptions['alias'] | null;
}

/** Somebody who monitors the process. `name`: it was asked for by name, from another node. */
export interface Watcher {
  readonly ref: Ref;
  readonly from: Pid;
  readonly name: Atom | null;
}

export class Process extends Receiver implements Self {
  readonly count: number;
  readonly start: ProcessFunction;
  trapping = false;
  /** Never held back by a connection that is over its mark. */
  asyncDist = false;
  /** Whether it may have a registered name, to be freed at its end. */
  named = false;
  links: Map<number | string, Link> | null = null;
  monitors: Map<number, HeldMonitor> | null = null;
  watchers: Map<number | string, Watcher> | null = null;
  /** The call of a process of this thread whose reply it waits for, and the first of those that wait for one of its own. */
  call: LocalCall | null = null;
  callers: LocalCall | null = null;
  aliases: Set<number> | null = null;
  /** Has, or had, a relation to a process elsewhere. */
  tracked = false;
  abort: AbortController | null = null;
  /** Whether its code can find it with `self()`. */
  implicit = false;
  /** What it is to people, if a behaviour runs in it. */
  server: ServerFace | null = null;
  /** Told when it has ended, after everybody else. */
  onEnd: ((reason: unknown) => void) | null = null;

  constructor(scheduler: Scheduler, pid: Pid, count: number, start: ProcessFunction) {
    super(scheduler, pid);
    this.count = count;
    this.start = start;
  }

  // Self: thin, so that the hot ones inline

  get nodeName(): Atom {
    return this.scheduler.nodeName;
  }

  get signal(): AbortSignal {
    if (this.abort === null) {
      this.abort = new AbortController();
      if (!this.alive) this.abort.abort();
    }
    return this.abort.signal;
  }

  send(to: Destination, message: unknown): void;
  send(to: Destination, message: unknown, options: SendOptions): SendResult;
  send(to: Destination, message: unknown, options?: SendOptions): SendResult {
    if (!this.alive) throw createDeadError('send');
    if (options !== undefined) assertSendOptions(options);
    if (options?.noconnect === true && !isConnected(this.scheduler, to)) return 'noconnect';
    this.scheduler.send(this.pid, to, message);
    return 'ok';
  }

  /** As `send`, for a tuple made for it of which only the last element may change later; see the scheduler. @internal */
  sendMade(to: Pid | Ref, message: readonly unknown[]): void {
    if (!this.alive) throw createDeadError('send');
    this.scheduler.sendMade(this.pid, to, message as unknown[]);
  }

  sendNosuspend(to: Destination, message: unknown): boolean {
    this.#assertAlive('sendNosuspend');
    return sendNosuspend(this, to, message);
  }

  drained(): Promise<void> {
    this.#assertAlive('drained');
    return whenReleased(this);
  }

  setAsyncDist(flag: boolean): boolean {
    this.#assertAlive('setAsyncDist');
    const before = this.asyncDist;
    this.asyncDist = flag;
    return before;
  }

  link(pid: Pid): void {
    this.#assertAlive('link');
    this.scheduler.relations.link(this, pid);
  }

  unlink(pid: Pid): void {
    this.#assertAlive('unlink');
    this.scheduler.relations.unlink(this, pid);
  }

  monitor(target: MonitorTarget, options?: MonitorOptions): Ref {
    this.#assertAlive('monitor');
    return this.scheduler.relations.monitor(this, target, options);
  }

  /** @internal */
  monitorForCall(target: Pid): Ref {
    this.#assertAlive('monitor');
    return this.scheduler.relations.monitorForCall(this, target);
  }

  demonitor(ref: Ref, options?: DemonitorOptions): boolean {
    this.#assertAlive('demonitor');
    return this.scheduler.relations.demonitor(this, ref, options);
  }

  exit(reason: unknown): never;
  exit(pid: Pid, reason: unknown): void;
  exit(...args: [unknown] | [Pid, unknown]): void {
    this.#assertAlive('exit');
    if (args.length === 1) throw new ProcessExit(args[0]);
    this.scheduler.exit(this.pid, args[0] as Pid, args[1]);
  }

  trapExit(flag: boolean): boolean {
    this.#assertAlive('trapExit');
    if (typeof flag !== 'boolean') throw new BadArgumentError('trapExit: the flag must be true or false');
    const before = this.trapping;
    this.trapping = flag;
    return before;
  }

  makeRef(): Ref {
    this.#assertAlive('makeRef');
    return this.scheduler.makeRef();
  }

  alias(mode: 'explicitUnalias' | 'reply' = 'explicitUnalias'): Ref {
    this.#assertAlive('alias');
    return this.scheduler.relations.alias(this, mode);
  }

  unalias(alias: Ref): boolean {
    this.#assertAlive('unalias');
    return this.scheduler.relations.unalias(this, alias);
  }

  register(name: string | Atom, pid: Pid = this.pid): void {
    this.#assertAlive('register');
    this.scheduler.register(name, pid);
  }

  unregister(name: string | Atom): void {
    this.#assertAlive('unregister');
    this.scheduler.unregister(name);
  }

  whereis(name: string | Atom): Pid | undefined {
    this.#assertAlive('whereis');
    return this.scheduler.whereis(name);
  }

  spawn(fn: ProcessFunction, options?: SpawnOptions): Pid;
  spawn(module: string, exported: string, args?: readonly unknown[], options?: PlacedSpawnOptions): Promise<Pid>;
  spawn(
    what: ProcessFunction | string,
    second?: SpawnOptions | string,
    args: readonly unknown[] = [],
    placed: PlacedSpawnOptions = {},
  ): Pid | Promise<Pid> {
    this.#assertAlive('spawn');
    if (typeof what === 'function') return this.scheduler.spawn(what, second as SpawnOptions | undefined, this);
    return this.scheduler.spawner.start(this, what, second as string, args, placed).then(({ pid }) => pid);
  }

  spawnLink(fn: ProcessFunction, options: SpawnOptions = {}): Pid {
    assertOptions(options, 'spawnLink');
    return this.spawn(fn, { ...options, link: true });
  }

  spawnMonitor(fn: ProcessFunction, options?: SpawnOptions & WithMonitor): [Pid, Ref];
  spawnMonitor(
    module: string,
    exported: string,
    args?: readonly unknown[],
    options?: PlacedSpawnOptions & WithMonitor,
  ): Promise<[Pid, Ref]>;
  spawnMonitor(
    what: ProcessFunction | string,
    second?: (SpawnOptions & WithMonitor) | string,
    args: readonly unknown[] = [],
    placed: PlacedSpawnOptions & WithMonitor = {},
  ): [Pid, Ref] | Promise<[Pid, Ref]> {
    if (typeof what !== 'function') {
      this.#assertAlive('spawnMonitor');
      assertOptions(placed, 'spawnMonitor');
      const options = { ...placed, monitor: placed.monitor ?? {} };
      const started = this.scheduler.spawner.start(this, what, second as string, args, options);
      return started.then(({ pid, ref }) => [pid, ref]);
    }
    const options = second as (SpawnOptions & WithMonitor) | undefined;
    const pid = this.spawn(what, options);
    return [pid, this.monitor(pid, options?.monitor)];
  }

  spawnRequest(
    module: string,
    exported: string,
    args: readonly unknown[] = [],
    options: SpawnRequestOptions = {},
  ): Ref {
    this.#assertAlive('spawnRequest');
    return this.scheduler.spawner.request(this, module, exported, args, options);
  }

  sendAfter(delayMs: number, to: Destination, message: unknown): Ref {
    this.#assertAlive('sendAfter');
    return this.scheduler.sendAfter(this.pid, delayMs, to, message);
  }

  cancelTimer(timer: Ref): number | false {
    this.#assertAlive('cancelTimer');
    return this.scheduler.cancelTimer(timer);
  }

  processInfo(): ProcessInfo;
  processInfo(pid: Pid): Promise<ProcessInfo | undefined>;
  processInfo(pid?: Pid): ProcessInfo | Promise<ProcessInfo | undefined> {
    this.#assertAlive('processInfo');
    return pid === undefined ? this.info() : this.scheduler.processInfo(pid);
  }

  isAlive(pid: Pid): boolean | Promise<boolean> {
    this.#assertAlive('isAlive');
    return this.scheduler.askAlive(pid);
  }

  monitorNode(node: Atom | string, flag: boolean): void {
    this.#assertAlive('monitorNode');
    this.scheduler.relations.monitorNode(this, node, flag);
  }

  async disconnectNode(node: Atom | string): Promise<boolean> {
    this.#assertAlive('disconnectNode');
    return this.scheduler.outside.disconnect(toName(node, 'disconnectNode'));
  }

  nodes(): readonly Atom[] {
    this.#assertAlive('nodes');
    return this.scheduler.outside.nodes();
  }

  info(): ProcessInfo {
    const messages: unknown[] = [];
    for (let mail = this.mailFirst; mail !== null; mail = mail.next) messages.push(mail.message);
    return {
      pid: this.pid,
      registeredName: this.scheduler.names.nameOf(this.pid),
      links: [...(this.links?.values() ?? [])].filter((link) => link.active).map((link) => link.pid),
      monitors: [...(this.monitors?.values() ?? [])]
        .map((monitor) => monitor.object)
        .concat(this.call?.server.pid ?? []),
      monitoredBy: [...(this.watchers?.values() ?? [])].map((watcher) => watcher.from).concat(callersOf(this)),
      trapExit: this.trapping,
      messageQueueLen: this.mailCount,
      messages,
      status: this.waiting ? 'waiting' : 'running',
      initialCall: this.server?.name ?? (this.start.name === '' ? 'anonymous' : this.start.name),
      kind: this.server?.kind ?? 'process',
    };
  }

  #assertAlive(what: string): void {
    if (!this.alive) throw createDeadError(what);
  }
}

function callersOf(server: Process): Pid[] {
  const pids: Pid[] = [];
  for (let call = server.callers; call !== null; call = call.next) pids.push(call.caller.pid);
  return pids;
}
