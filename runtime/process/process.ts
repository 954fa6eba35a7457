/**
 * One process: its mailbox and its receive, and the state that the rules of links and monitors work on. What it does to others goes
 * through its scheduler. The fields are public to the folder only; programs see the `Self` interface.
 *
 * A message that comes while the process waits is handed over directly, unless the thread's turn is used up: then it waits
 * in the mailbox for the next turn, so that processes that talk to each other cannot starve I/O.
 */
import { BadArgumentError, QuorateError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import { createDeadError, ProcessExit } from './exit.ts';
import { receiveHeld, sendNosuspend, whenReleased } from './hold.ts';
import type { Scheduler } from './scheduler.ts';
import type {
  DemonitorOptions,
  Destination,
  Matcher,
  MonitorOptions,
  MonitorTarget,
  PlacedSpawnOptions,
  Predicate,
  ProcessFunction,
  ProcessInfo,
  ReceiveOptions,
  ReceiveOrOptions,
  RemoteName,
  Self,
  SpawnOptions,
} from './self.ts';
import type { Link } from './signals.ts';
import type { Timer } from './timers.ts';

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

interface Mail {
  readonly message: unknown;
  next: Mail | null;
}

interface AnyReceiveOptions {
  readonly timeoutMs?: number;
  readonly otherwise?: unknown;
}

const NOTHING: unique symbol = Symbol('nothing');

let captured: ((value: unknown) => void) | null = null;
const capture = (resolve: (value: unknown) => void): void => {
  captured = resolve;
};

/** What a wait resolves with to make `receive` reject. Promises that are adopted reject their adopter. */
function rejection(error: QuorateError): Promise<never> {
  return Promise.reject(error);
}

export class Process implements Self {
  readonly pid: Pid;
  readonly count: number;
  readonly scheduler: Scheduler;
  readonly start: ProcessFunction;
  alive = true;
  trapping = false;
  /** Never held back by a connection that is over its mark. */
  asyncDist = false;
  /** Nodes that hold it back. */
  heldBy: Set<Atom> | null = null;
  /** Whether it may have a registered name, to be freed at its end. */
  named = false;
  links: Map<number | string, Link> | null = null;
  monitors: Map<number, HeldMonitor> | null = null;
  watchers: Map<number | string, Watcher> | null = null;
  aliases: Set<number> | null = null;
  /** Has, or had, a relation to a process elsewhere. */
  tracked = false;
  abort: AbortController | null = null;
  /** Whether its code can find it with `self()`. */
  implicit = false;
  /** Told when it has ended, after everybody else. */
  onEnd: ((reason: unknown) => void) | null = null;

  mailFirst: Mail | null = null;
  mailLast: Mail | null = null;
  mailCount = 0;

  #wake: ((value: unknown) => void) | null = null;
  #match: Predicate | null = null;
  #deadline: Timer | null = null;
  /** In the next turn's queue, with messages that nobody has looked at yet. */
  #resuming = false;

  constructor(scheduler: Scheduler, pid: Pid, count: number, start: ProcessFunction) {
    this.scheduler = scheduler;
    this.pid = pid;
    this.count = count;
    this.start = start;
  }

  // Mailbox

  /** A message arrived. It must be the receiver's own: copied, decoded or immutable. */
  deliver(message: unknown): void {
    const wake = this.#wake;
    if (wake === null || this.#resuming || !this.#accepts(message)) {
      this.enqueue(message);
    } else if (this.scheduler.spendTurn()) {
      this.#settle();
      wake(message);
    } else {
      this.enqueue(message);
      this.#resumeLater();
    }
  }

  enqueue(message: unknown): void {
    const mail: Mail = { message, next: null };
    if (this.mailLast === null) this.mailFirst = mail;
    else this.mailLast.next = mail;
    this.mailLast = mail;
    this.mailCount += 1;
  }

  /** Its turn is over: what is in its mailbox is looked at in the next one. */
  #resumeLater(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.scheduler.resumeNextTurn(this);
  }

  #accepts(message: unknown): boolean {
    const match = this.#match;
    if (match === null) return true;
    try {
      return match(message);
    } catch (thrown) {
      const wake = this.#wake;
      this.#settle();
      wake?.(Promise.reject(thrown));
      return false;
    }
  }

  /** Looks at the mailbox again, when its turn has come. */
  resume(): void {
    this.#resuming = false;
    const wake = this.#wake;
    if (wake === null || !this.alive) return;
    let message: unknown;
    try {
      message = this.#take(this.#match);
    } catch (thrown) {
      this.#settle();
      wake(Promise.reject(thrown));
      return;
    }
    if (message === NOTHING) return;
    this.#settle();
    wake(message);
  }

  #take(match: Predicate | null): unknown {
    let before: Mail | null = null;
    for (let mail = this.mailFirst; mail !== null; before = mail, mail = mail.next) {
      if (match !== null && !match(mail.message)) continue;
      if (before === null) this.mailFirst = mail.next;
      else before.next = mail.next;
      if (mail.next === null) this.mailLast = before;
      this.mailCount -= 1;
      return mail.message;
    }
    return NOTHING;
  }

  #settle(): void {
    this.#wake = null;
    this.#match = null;
    if (this.#deadline !== null) {
      this.scheduler.timers.drop(this.#deadline);
      this.#deadline = null;
    }
  }

  get waiting(): boolean {
    return this.#wake !== null;
  }

  /** Every message that `remove` accepts leaves the mailbox. */
  discard(remove: Predicate): boolean {
    let removed = false;
    while (this.#take(remove) !== NOTHING) removed = true;
    return removed;
  }

  /** Nothing reaches it any more; what it waits for never comes. */
  close(): void {
    this.#settle();
    this.mailFirst = null;
    this.mailLast = null;
    this.mailCount = 0;
  }

  receive<T>(
    first?: Matcher<T> | Predicate | ReceiveOptions | ReceiveOrOptions<unknown>,
    second?: ReceiveOptions | ReceiveOrOptions<unknown>,
  ): Promise<T> {
    if (!this.alive) throw createDeadError('receive');
    if (this.#wake !== null) throw createBusyError(this.pid);
    if (this.heldBy !== null) return receiveHeld(this, () => this.receive(first as Matcher<T>, second as ReceiveOptions));
    const match = typeof first === 'function' ? first : null;
    const options = (typeof first === 'function' ? second : first) as AnyReceiveOptions | undefined;
    if (this.mailFirst !== null && this.scheduler.spendTurn()) {
      const message = this.#take(match);
      if (message !== NOTHING) return Promise.resolve(message) as Promise<T>;
    } else if (this.mailFirst !== null) {
      this.#resumeLater();
    }
    return this.#wait(match, options) as Promise<T>;
  }

  #wait(match: Predicate | null, options: AnyReceiveOptions | undefined): Promise<unknown> {
    const timeoutMs = options?.timeoutMs;
    const promise = new Promise(capture);
    this.#wake = captured;
    this.#match = match;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      if (!(timeoutMs >= 0)) {
        this.#settle();
        throw new BadArgumentError(
          `receive: timeoutMs must be a number of milliseconds >= 0, not ${String(timeoutMs)}`,
        );
      }
      this.#startDeadline(timeoutMs, options as AnyReceiveOptions);
    }
    return promise;
  }

  #startDeadline(timeoutMs: number, options: AnyReceiveOptions): void {
    const expire = (): void => {
      if (this.#resuming) this.resume();
      const wake = this.#wake;
      this.#settle();
      wake?.('otherwise' in options ? options.otherwise : rejection(createTimeoutError(this.pid, timeoutMs)));
    };
    if (timeoutMs === 0 && this.scheduler.spendTurn()) expire();
    else this.#deadline = this.scheduler.timers.add(timeoutMs, expire);
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

  send(to: Destination, message: unknown): void {
    if (!this.alive) throw createDeadError('send');
    this.scheduler.send(this.pid, to, message);
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
    return this.scheduler.spawner.start(this, what, second as string, args, placed);
  }

  spawnLink(fn: ProcessFunction, options: SpawnOptions = {}): Pid {
    return this.spawn(fn, { ...options, link: true });
  }

  spawnMonitor(fn: ProcessFunction, options: SpawnOptions & { readonly monitor?: MonitorOptions } = {}): [Pid, Ref] {
    const pid = this.spawn(fn, options);
    return [pid, this.monitor(pid, options.monitor)];
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

  isAlive(pid: Pid): boolean {
    this.#assertAlive('isAlive');
    return this.scheduler.isAlive(pid);
  }

  monitorNode(node: Atom | string, flag: boolean): void {
    this.#assertAlive('monitorNode');
    this.scheduler.relations.monitorNode(this, node, flag);
  }

  info(): ProcessInfo {
    const messages: unknown[] = [];
    for (let mail = this.mailFirst; mail !== null; mail = mail.next) messages.push(mail.message);
    return {
      pid: this.pid,
      registeredName: this.scheduler.names.nameOf(this.pid),
      links: [...(this.links?.values() ?? [])].filter((link) => link.active).map((link) => link.pid),
      monitors: [...(this.monitors?.values() ?? [])].map((monitor) => monitor.object),
      monitoredBy: [...(this.watchers?.values() ?? [])].map((watcher) => watcher.from),
      trapExit: this.trapping,
      messageQueueLen: this.mailCount,
      messages,
      status: this.waiting ? 'waiting' : 'running',
      initialCall: this.start.name === '' ? 'anonymous' : this.start.name,
    };
  }

  #assertAlive(what: string): void {
    if (!this.alive) throw createDeadError(what);
  }
}

function createTimeoutError(pid: Pid, timeoutMs: number): QuorateError {
  return new QuorateError('timeout', `receive in ${pid.toString()}: no matching message within ${timeoutMs} ms`, {
    details: { timeoutMs },
  });
}

function createBusyError(pid: Pid): QuorateError {
  return new QuorateError(
    'receive_pending',
    `receive in ${pid.toString()}: it waits in another receive already; a process takes one message at a time, so await each receive`,
  );
}
