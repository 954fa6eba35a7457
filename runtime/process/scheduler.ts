/**
 * The scheduler of one thread: its processes, how they start and end, and where each signal goes. A process is an async function; what
 * runs when is decided by promises, so this only starts functions, hands over messages, and makes sure that after a number of hand-overs
 * the event loop gets a turn.
 */
import type { Env } from '../env.ts';
import { BadArgumentError, QuorateError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Exit } from '../term/exit-reason.ts';
import { makePid, Pid, pidCount, pidCountOf, pidThread, THREAD_BITS } from '../term/pid.ts';
import { Ref, refThread } from '../term/ref.ts';
import type { Signal } from '../term/signal.ts';
import { assertSpawnOptions } from './assert-options.ts';
import { isThenable, runAs } from './context.ts';
import { reportCrash } from './crash.ts';
import { reasonOf } from './exit.ts';
import { holdBack } from './hold.ts';
import { createNameTable, type NameTable } from './names.ts';
import { createSolitude, type Outside } from './outside.ts';
import { ELSEWHERE, GONE } from './place.ts';
import { Process } from './process.ts';
import type { Receiver } from './receiver.ts';
import { Relations } from './relations.ts';
import type { SchedulerOptions } from './scheduler-options.ts';
import { assertPid, assertRegistrable, toName } from './targets.ts';
import { dispatchSignal } from './dispatch.ts';
import { sendAway, sendExit, sendToAlias, sendToName } from './send-away.ts';
import { DelayedSends } from './delayed-sends.ts';
import type { Destination, ProcessFunction, ProcessInfo, SpawnOptions } from './self.ts';
import { Spawner } from './spawner.ts';
import { ProcessTable } from './table.ts';
import { TimerQueue } from './timers.ts';

const NO_OPTIONS: SpawnOptions = {};

/** Hand-overs between two turns of the event loop. */
const TURN_MAX = 4000;

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
  /** Told whenever no process is left; for a thread that lasts as long as its processes. */
  onEmpty: (() => void) | null = null;
  readonly #table: ProcessTable<Process>;
  readonly #implicitSelf: boolean;
  readonly #delayed: DelayedSends;
  readonly #ending: [Process, unknown][] = [];
  #isEnding = false;
  #starting: Process[] = [];
  /** How many of `#starting` have begun. */
  #startedCount = 0;
  #ready: Receiver[] = [];
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
    this.#delayed = new DelayedSends(this);
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

  /** The same, after everything that was sent from here has reached the process. */
  askAlive(pid: Pid): boolean | Promise<boolean> {
    assertPid(pid, 'isAlive');
    const place = this.locate(pid);
    return place === this.thread || place < 0 ? this.isAlive(pid) : this.outside.askAlive(pid);
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
    const refuse = assertRegistrable(this, asked, pid);
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
      else sendAway(this, from, to, message);
    } else if (to instanceof Ref) sendToAlias(this, from, to, message);
    else sendToName(this, from, to, message);
  }

  /** Sends a tuple made for this send, of which only the last element may change later: on this thread that alone is copied, in place. */
  sendMade(from: Pid, to: Pid | Ref, message: unknown[]): void {
    const last = message.length - 1;
    if (to instanceof Pid) {
      const target = this.find(to);
      if (target === undefined) return sendAway(this, from, to, message);
      message[last] = copyTerm(message[last]);
      target.deliver(message);
    } else if (this.isOwnNode(to.node, to.creation) && refThread(to) === this.thread) {
      message[last] = copyTerm(message[last]);
      this.relations.sendAlias(to, message);
    } else sendToAlias(this, from, to, message);
  }

  exit(from: Pid, to: Pid, reason: unknown): void {
    sendExit(this, from, to, reason);
  }

  sendAfter(from: Pid, delayMs: number, to: Destination, message: unknown): Ref {
    return this.#delayed.sendAfter(from, delayMs, to, message);
  }

  cancelTimer(ref: Ref): number | false {
    return this.#delayed.cancel(ref);
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
    dispatchSignal(this, signal);
  }

  // Life

  spawn(fn: ProcessFunction, options: SpawnOptions = NO_OPTIONS, parent: Process | null = null): Pid {
    if (typeof fn !== 'function') throw new BadArgumentError(`spawn: takes a function, not ${typeof fn}`);
    if (options !== NO_OPTIONS) assertSpawnOptions(options);
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
      throw new QuorateError('system_limit', 'spawn: this thread holds all the processes it can');
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
    this.#table.showStarting(process);
    try {
      result = process.implicit ? runAs(process, process.start) : process.start(process);
    } catch (thrown) {
      this.#failed(process, thrown);
      return;
    } finally {
      this.#table.showStarting(null);
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
    reportCrash(process, thrown, reason);
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
    if (this.onEmpty !== null && this.#table.size === 0) this.onEmpty();
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

  resumeNextTurn(receiver: Receiver): void {
    this.#ready.push(receiver);
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
    for (const receiver of ready) receiver.resume();
    if (this.#starting.length > 0) this.#startAll();
  };

  /** Ends every process with that reason and stops the timers. */
  stop(reason: unknown): void {
    for (const process of [...this.#table.values()]) this.terminate(process, reason);
    this.timers.stop();
  }
}
