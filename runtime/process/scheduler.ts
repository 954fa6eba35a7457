/**
 * The scheduler of one thread: its processes, how they start and end, and where each signal goes. A process is an async function; what
 * runs when is decided by promises, so this only starts functions, hands over messages, and makes sure that after a number of hand-overs
 * the event loop gets a turn.
 */
import { crashChannel } from '../channels.ts';
import type { Env } from '../env.ts';
import { BadArgumentError, QuorateError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Exit } from '../term/exit-reason.ts';
import { makePid, Pid, pidCount, pidCountOf, pidThread, THREAD_BITS } from '../term/pid.ts';
import { Ref, refThread } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import { isTuple } from '../term/tuple.ts';
import { runAs } from './context.ts';
import { isCrash, reasonOf } from './exit.ts';
import { holdBack } from './hold.ts';
import { createNameTable, type NameTable } from './names.ts';
import { createSolitude, type Outside } from './outside.ts';
import { Process } from './process.ts';
import { assertPid, Relations, toName } from './relations.ts';
import type { Destination, ProcessFunction, ProcessInfo, SpawnOptions } from './self.ts';
import { Spawner, type ModuleLoader, type ModuleTable } from './spawner.ts';
import { ProcessTable } from './table.ts';
import { TimerQueue, type Timer } from './timers.ts';

/** Where a pid lives, if not on a thread of this node: on another node, or in a former life of this one. */
export const ELSEWHERE = -1;
export const GONE = -2;

/** Hand-overs between two turns of the event loop. */
const TURN_MAX = 4000;

export interface SchedulerOptions {
  readonly nodeName: Atom;
  readonly creation: number;
  readonly thread?: number;
  readonly env: Env;
  readonly implicitSelf?: boolean;
  /** Shared with the node's other threads; a single thread needs none. */
  readonly sharedTable?: SharedArrayBuffer;
  readonly names?: NameTable;
  readonly modules?: ModuleTable;
  readonly load?: ModuleLoader;
}

export class Scheduler {
  readonly nodeName: Atom;
  readonly creation: number;
  readonly thread: number;
  readonly env: Env;
  readonly timers: TimerQueue;
  readonly names: NameTable;
  readonly relations: Relations;
  readonly spawner: Spawner;
  /** What lies beyond this thread; set once, by whoever builds the node. */
  outside: Outside;
  readonly #table: ProcessTable<Process>;
  readonly #implicitSelf: boolean;
  readonly #sent = new Map<number, Timer>();
  readonly #ending: [Process, unknown][] = [];
  #isEnding = false;
  #starting: Process[] = [];
  /** How many of `#starting` have begun. */
  #startedCount = 0;
  #ready: Process[] = [];
  #turnLeft = TURN_MAX;
  #turnArmed = false;
  #startArmed = false;
  readonly #refBase: number;
  #refCount = 0;
  readonly #refWord2: number;

  constructor(options: SchedulerOptions) {
    this.nodeName = options.nodeName;
    this.creation = options.creation;
    this.thread = options.thread ?? 0;
    this.env = options.env;
    this.timers = new TimerQueue(options.env);
    this.names = options.names ?? createNameTable();
    this.#implicitSelf = options.implicitSelf ?? true;
    this.#table = new ProcessTable(options.sharedTable ?? null);
    this.relations = new Relations(this);
    this.spawner = new Spawner(this, options.modules, options.load);
    this.outside = createSolitude(
      (node) => this.relations.onNodeLost(node),
      (fn) => this.env.defer(fn),
    );
    // A thread that replaces another must not repeat its references: start at a random place of the 53-bit counter's upper half.
    this.#refBase = Math.floor(this.env.random() * 2 ** 20);
    this.#refWord2 = ((Math.floor(this.env.random() * 2 ** 22) << THREAD_BITS) | this.thread) >>> 0;
  }

  // Places

  get processCount(): number {
    return this.#table.size;
  }

  processes(): Iterable<Process> {
    return this.#table.values();
  }

  isOwnNode(node: Atom, creation: number): boolean {
    return node === this.nodeName && creation === this.creation;
  }

  /** A thread of this node, `ELSEWHERE`, or `GONE`. */
  locate(pid: Pid): number {
    if (pid.node !== this.nodeName) return ELSEWHERE;
    return pid.creation === this.creation ? pidThread(pid) : GONE;
  }

  /** The live process of this thread that a pid names. */
  find(pid: Pid): Process | undefined {
    if (pid.target !== null) return (pid.target as Process).scheduler === this ? (pid.target as Process) : undefined;
    return this.locate(pid) === this.thread ? this.#table.get(pidCount(pid)) : undefined;
  }

  /** The very pid object of a process of this thread; others as they are. For the decoder. */
  canonical(pid: Pid): Pid {
    return this.find(pid)?.pid ?? pid;
  }

  keyOf(pid: Pid): number | string {
    return this.locate(pid) === this.thread ? pidCount(pid) : pid.key;
  }

  refKey(ref: Ref): number | string {
    return this.isOwnNode(ref.node, ref.creation) && refThread(ref) === this.thread ? this.countOf(ref) : ref.key;
  }

  makeRef(): Ref {
    const count = (this.#refCount += 1);
    const word1 = count < 0x1_0000_0000 ? this.#refBase : this.#refBase + Math.floor(count / 2 ** 32);
    return new Ref(this.nodeName, this.creation, count >>> 0, word1, this.#refWord2);
  }

  /** The running number of a reference of this thread: a small integer for a long time, and so a cheap key. Says nothing about others. */
  countOf(ref: Ref): number {
    return ref.word1 === this.#refBase ? ref.word0 : (ref.word1 - this.#refBase) * 2 ** 32 + ref.word0;
  }

  isAlive(pid: Pid): boolean {
    assertPid(pid, 'isAlive');
    const place = this.locate(pid);
    if (place === ELSEWHERE) throw new BadArgumentError(`isAlive: ${pid.toString()} is a process of another node`);
    return place === this.thread ? this.find(pid) !== undefined : place !== GONE && this.outside.isAlive(pid);
  }

  async processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
    assertPid(pid, 'processInfo');
    const place = this.locate(pid);
    if (place === ELSEWHERE) throw new BadArgumentError(`processInfo: ${pid.toString()} is a process of another node`);
    if (place === GONE) return undefined;
    return place === this.thread ? this.find(pid)?.info() : this.outside.processInfo(pid);
  }

  // Names

  register(name: Atom | string, pid: Pid): void {
    const asked = toName(name, 'register');
    assertPid(pid, 'register');
    const refuse = (why: string): never => {
      throw new BadArgumentError(`register ${asked.name}: ${why}`, { details: { name: asked.name } });
    };
    if (this.locate(pid) === ELSEWHERE) refuse(`${pid.toString()} is a process of another node`);
    if (!this.isAlive(pid)) refuse(`${pid.toString()} is not alive`);
    const other = this.names.nameOf(pid);
    if (other !== undefined) refuse(`${pid.toString()} is registered as ${other.name} already; a process has one name`);
    if (!this.names.register(asked, pid)) refuse('the name is taken by another process; unregister it first');
    const process = this.find(pid);
    if (process !== undefined) process.named = true;
  }

  unregister(name: Atom | string): void {
    const asked = toName(name, 'unregister');
    if (!this.names.unregister(asked)) throw new BadArgumentError(`unregister ${asked.name}: nobody has that name`);
  }

  whereis(name: Atom | string): Pid | undefined {
    const pid = this.names.whereis(toName(name, 'whereis'));
    return pid === undefined ? undefined : this.canonical(pid);
  }

  // Sending

  send(from: Pid, to: Destination, message: unknown): void {
    if (to instanceof Pid) {
      const target = this.find(to);
      if (target !== undefined) target.deliver(copyTerm(message));
      else this.#sendAway(from, to, message);
    } else if (to instanceof Ref) this.#sendAlias(from, to, message);
    else this.#sendName(from, to, message);
  }

  /**
   * Sends a tuple that was made for this send and of which only the last element may change later: on this thread that element alone is copied,
   * into the tuple itself.
   */
  sendMade(from: Pid, to: Pid | Ref, message: unknown[]): void {
    const last = message.length - 1;
    if (to instanceof Pid) {
      const target = this.find(to);
      if (target === undefined) return this.#sendAway(from, to, message);
      message[last] = copyTerm(message[last]);
      target.deliver(message);
    } else if (this.isOwnNode(to.node, to.creation) && refThread(to) === this.thread) {
      message[last] = copyTerm(message[last]);
      this.relations.sendAlias(to, message);
    } else this.#sendAlias(from, to, message);
  }

  #sendAway(from: Pid, to: Pid, message: unknown): void {
    const place = this.locate(to);
    if (place === this.thread || place === GONE) void copyTerm(message);
    else this.route(to, { kind: 'send', from, to, message });
  }

  #sendAlias(from: Pid, alias: Ref, message: unknown): void {
    if (alias.node !== this.nodeName) {
      this.routeToNode(alias.node, { kind: 'sendAlias', from, alias, message });
    } else if (alias.creation === this.creation) {
      if (refThread(alias) === this.thread) this.relations.sendAlias(alias, copyTerm(message));
      else this.outside.toThread(refThread(alias), { kind: 'sendAlias', from, alias, message });
    }
  }

  #sendName(from: Pid, to: unknown, message: unknown): void {
    if (to instanceof Atom || typeof to === 'string') {
      const pid = this.whereis(to);
      if (pid === undefined) throw new BadArgumentError(`send: no process is registered as ${toName(to, 'send').name}`);
      this.send(from, pid, message);
    } else if (isTuple(to) && to.length === 2 && to[0] instanceof Atom && to[1] instanceof Atom) {
      const [name, node] = to;
      if (node !== this.nodeName) this.routeToNode(node, { kind: 'sendName', from, name, message });
      else {
        const pid = this.whereis(name);
        if (pid !== undefined) this.send(from, pid, message);
      }
    } else throw new BadArgumentError('send: takes a pid, an alias, a registered name, or {Name, Node}');
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    assertPid(to, 'exit');
    const target = this.find(to);
    const place = this.locate(to);
    if (target !== undefined) this.relations.onExit(from, target, copyTerm(reason, 'reason'));
    else if (place !== this.thread && place !== GONE) this.route(to, { kind: 'exit', from, to, reason });
  }

  sendAfter(from: Pid, delayMs: number, to: Destination, message: unknown): Ref {
    if (!(delayMs >= 0)) throw new BadArgumentError(`sendAfter: delayMs must be a number >= 0, not ${String(delayMs)}`);
    const ref = this.makeRef();
    const copy = copyTerm(message);
    const timer = this.timers.add(delayMs, () => {
      this.#sent.delete(this.countOf(ref));
      const isName = to instanceof Atom || typeof to === 'string';
      if (!isName || this.whereis(to) !== undefined) this.send(from, to, copy);
    });
    this.#sent.set(this.countOf(ref), timer);
    return ref;
  }

  cancelTimer(ref: Ref): number | false {
    if (!(ref instanceof Ref)) throw new BadArgumentError('cancelTimer: takes the reference that sendAfter returned');
    const key = this.refKey(ref);
    const timer = typeof key === 'number' ? this.#sent.get(key) : undefined;
    if (timer === undefined) return false;
    this.#sent.delete(this.countOf(ref));
    return this.timers.cancel(timer);
  }

  /** Carries a signal to where a pid lives, which is not a live process of this thread. */
  route(to: Pid, signal: Signal): void {
    const place = this.locate(to);
    if (place === ELSEWHERE) this.routeToNode(to.node, signal);
    else if (place === this.thread) this.onSignal(signal);
    else if (place !== GONE) this.outside.toThread(place, signal);
  }

  routeToNode(node: Atom, signal: Signal): void {
    if (!this.outside.toNode(node, signal)) holdBack(signal, node);
  }

  /** A message arrived for the process of this thread whose pid has these numbers. */
  deliverTo(id: number, serial: number, message: unknown): void {
    this.#table.get(pidCountOf(id, serial))?.deliver(message);
  }

  /** The reference of this node that has these words. */
  refOf(word0: number, word1: number, word2: number): Ref {
    return new Ref(this.nodeName, this.creation, word0, word1, word2);
  }

  /** A signal arrived from another thread or node; its terms are this thread's own. */
  onSignal(signal: Signal): void {
    const { relations } = this;
    switch (signal.kind) {
      case 'send':
        this.find(signal.to)?.deliver(signal.message);
        return;
      case 'sendName': {
        const pid = this.whereis(signal.name);
        if (pid !== undefined) this.find(pid)?.deliver(signal.message);
        return;
      }
      case 'sendAlias':
        relations.sendAlias(signal.alias, signal.message);
        return;
      case 'link':
        relations.onLink(signal.from, signal.to);
        return;
      case 'unlink':
        relations.onUnlink(signal.id, signal.from, signal.to);
        return;
      case 'unlinkAck':
        relations.onUnlinkAck(signal.id, signal.from, signal.to);
        return;
      case 'linkExit':
        relations.onLinkExit(signal.from, signal.to, signal.reason);
        return;
      case 'exit': {
        const target = this.find(signal.to);
        if (target !== undefined) relations.onExit(signal.from, target, signal.reason);
        return;
      }
      case 'monitor':
        relations.onMonitor(signal.from, signal.to, signal.ref);
        return;
      case 'demonitor':
        relations.onDemonitor(signal.to, signal.ref);
        return;
      case 'down':
        relations.onDown(signal.ref, signal.to, signal.reason);
        return;
      case 'spawnRequest':
        this.spawner.onRequest(signal);
        return;
      case 'spawnReply':
        this.spawner.onReply(signal);
        return;
      case 'groupLeader':
        return;
    }
  }

  // Life

  spawn(fn: ProcessFunction, options: SpawnOptions = {}, parent: Process | null = null): Pid {
    if (typeof fn !== 'function') throw new BadArgumentError(`spawn: takes a function, not ${typeof fn}`);
    const process = this.create(fn);
    if (options.trapExit === true) process.trapping = true;
    if (options.name !== undefined) {
      try {
        this.register(options.name, process.pid);
      } catch (error) {
        this.terminate(process, Exit.normal);
        throw error;
      }
    }
    if (options.link === true && parent !== null) this.relations.link(parent, process.pid);
    this.begin(process, options.implicitSelf);
    return process.pid;
  }

  /** A process that exists but has not begun: links and monitors can be set before its first instruction. */
  create(fn: ProcessFunction): Process {
    const count = this.#table.reserve();
    if (count === undefined)
      throw new QuorateError('system_limit', 'spawn: this thread has as many processes as it can hold');
    const pid = makePid(this.nodeName, this.creation, this.thread, count);
    const process = new Process(this, pid, count, fn);
    pid.target = process;
    this.#table.add(process);
    return process;
  }

  /** Lets a created process run when the present code has finished. */
  begin(process: Process, implicitSelf: boolean = this.#implicitSelf): void {
    process.implicit = implicitSelf;
    this.#starting.push(process);
    if (this.#startArmed) return;
    this.#startArmed = true;
    this.env.defer(this.#startAll);
  }

  readonly #startAll = (): void => {
    this.#startArmed = false;
    const starting = this.#starting;
    while (this.#startedCount < starting.length) {
      if (!this.spendTurn()) return;
      const process = starting[this.#startedCount] as Process;
      this.#startedCount += 1;
      this.#run(process);
    }
    this.#starting = [];
    this.#startedCount = 0;
  };

  #run(process: Process): void {
    if (!process.alive) return;
    let result: unknown;
    try {
      result = process.implicit ? runAs(process, process.start) : process.start(process);
    } catch (thrown) {
      this.#failed(process, thrown);
      return;
    }
    if (isThenable(result)) {
      result.then(
        () => this.terminate(process, Exit.normal),
        (thrown: unknown) => this.#failed(process, thrown),
      );
    } else this.terminate(process, Exit.normal);
  }

  #failed(process: Process, thrown: unknown): void {
    if (!process.alive) return;
    const reason = reasonOf(thrown);
    if (crashChannel.hasSubscribers && isCrash(thrown)) {
      const { pid, start } = process;
      crashChannel.publish({
        pid,
        registeredName: process.named ? this.names.nameOf(pid) : undefined,
        initialCall: start.name,
        reason,
        error: thrown,
      });
    }
    this.terminate(process, reason);
  }

  /** Ends a process. Ends that follow from it, through links, are worked off one after the other. */
  terminate(process: Process, reason: unknown): void {
    if (!process.alive) return;
    this.#ending.push([process, reason]);
    if (this.#isEnding) return;
    this.#isEnding = true;
    for (let i = 0; i < this.#ending.length; i++) {
      const [next, why] = this.#ending[i] as [Process, unknown];
      if (next.alive) this.#end(next, why);
    }
    this.#ending.length = 0;
    this.#isEnding = false;
  }

  #end(process: Process, reason: unknown): void {
    process.alive = false;
    process.pid.target = null;
    this.#table.delete(process.count);
    if (process.named) {
      const name = this.names.nameOf(process.pid);
      if (name !== undefined) this.names.unregister(name);
    }
    process.close();
    this.relations.onEnd(process, reason);
    process.onEnd?.(reason);
    process.abort?.abort();
  }

  // Turns

  /** Takes one hand-over from the turn. False: the turn is used up, and the next one is on its way. */
  spendTurn(): boolean {
    if (this.#turnLeft > 0) {
      this.#turnLeft -= 1;
      return true;
    }
    this.#armTurn();
    return false;
  }

  resumeNextTurn(process: Process): void {
    this.#ready.push(process);
    this.#armTurn();
  }

  #armTurn(): void {
    if (this.#turnArmed) return;
    this.#turnArmed = true;
    this.env.yieldTurn(this.#nextTurn);
  }

  readonly #nextTurn = (): void => {
    this.#turnArmed = false;
    this.#turnLeft = TURN_MAX;
    const ready = this.#ready;
    this.#ready = [];
    for (const process of ready) process.resume();
    if (this.#starting.length > 0) this.#startAll();
  };

  /** Ends every process with that reason and stops the timers. */
  stop(reason: unknown): void {
    for (const process of [...this.#table.values()]) this.terminate(process, reason);
    this.timers.stop();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
