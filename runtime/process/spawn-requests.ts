/**
 * Spawn requests that a thread's processes made to other threads and nodes and that are not answered yet. The answer sets up this side's half of
 * the link and the monitor before anything of the child's can arrive; the child's side was set up before its first instruction.
 */
import { BadArgumentError, fromPlainError, QuorateError, type PlainError } from '../errors.ts';
import { atom, nameAtom, type Atom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { SpawnReplySignal, SpawnRequestSignal } from '../term/signal.ts';
import { tuple } from '../term/tuple.ts';
import type { Process } from './process.ts';
import { assertFlags } from './assert-options.ts';
import { isMonitorOptions, toName } from './targets.ts';
import type { Scheduler } from './scheduler.ts';
import type { MonitorOptions, PlacedSpawnOptions, SpawnRequestOptions } from './self.ts';

/** Between threads of one node the module travels as an argument: specifiers are longer than atoms. */
export const THREAD_MODULE: Atom = nameAtom('$thread');
export const SPAWN: Atom = nameAtom('spawn');
export const LINK: Atom = nameAtom('link');
export const MONITOR: Atom = nameAtom('monitor');
export const NOTSUP: Atom = nameAtom('notsup');
export const BADOPT: Atom = nameAtom('badopt');
const SPAWN_REPLY = atom('spawn_reply');
const OK = atom('ok');
const ERROR = atom('error');
const REPLIES: readonly unknown[] = ['yes', 'no', 'errorOnly', 'successOnly'];

export const PLACEMENTS: readonly unknown[] = ['caller', 'roundRobin', 'leastLoaded'];
/** Less than this a thread cannot even start with. */
const MEMORY_LIMIT_MB_MIN = 16;

/** Who wants what, and what becomes of the result. */
export interface Wanted {
  readonly process: Process;
  readonly ref: Ref;
  readonly what: string;
  readonly link: boolean;
  readonly monitor: MonitorOptions | undefined;
  /** The pid, with everything set up, or why there is none; `error` says more where that is known. */
  settle(result: Pid | Atom, error?: QuorateError): void;
}

interface Pending extends Wanted {
  readonly place: number | Atom;
  refusal?: QuorateError;
}

export class SpawnRequests {
  readonly #scheduler: Scheduler;
  readonly #pending = new Map<number, Pending>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** @throws `not_sendable` for arguments that cannot travel */
  send(
    wanted: Wanted,
    place: number | Atom,
    module: string,
    exported: string,
    args: readonly unknown[],
    name?: Atom,
  ): void {
    const scheduler = this.#scheduler;
    const { process, ref } = wanted;
    const local = typeof place === 'number';
    const options: Atom[] = [];
    if (wanted.link) options.push(LINK);
    if (wanted.monitor !== undefined) options.push(MONITOR);
    const signal: SpawnRequestSignal = {
      kind: 'spawnRequest',
      ref,
      from: process.pid,
      groupLeader: process.pid,
      module: local ? THREAD_MODULE : nameAtom(module),
      fn: local ? SPAWN : nameAtom(exported),
      arity: args.length,
      options,
      args: local ? [module, exported, args, name] : args,
    };
    this.#pending.set(this.#scheduler.countOf(ref), { ...wanted, place });
    try {
      if (local) scheduler.outside.toThread(place, signal);
      else scheduler.outside.toNode(place, signal);
    } catch (error) {
      this.#pending.delete(this.#scheduler.countOf(ref));
      throw error;
    }
  }

  onReply({ ref, result }: SpawnReplySignal): void {
    const pending = this.#pending.get(this.#scheduler.countOf(ref));
    if (pending === undefined) return;
    this.#pending.delete(this.#scheduler.countOf(ref));
    if (result instanceof Pid) this.#relate(pending, result);
    pending.settle(result, pending.refusal);
  }

  /** What the other thread has to say about the refusal that follows. */
  explain(ref: Ref, error: PlainError): void {
    const pending = this.#pending.get(this.#scheduler.countOf(ref));
    if (pending !== undefined) pending.refusal = fromPlainError(error);
  }

  #relate({ process, ref, link, monitor }: Pending, child: Pid): void {
    const { relations } = this.#scheduler;
    if (process.alive) {
      if (link) relations.onLink(child, process.pid);
      if (monitor !== undefined) relations.adoptMonitor(process, ref, child, monitor);
      return;
    }
    // The child is linked to, or monitored by, nobody: it is told as it would have been had the other side died later.
    const { pid } = process;
    if (link) this.#scheduler.route(child, { kind: 'linkExit', from: pid, to: child, reason: Exit.noproc });
    if (monitor !== undefined) this.#scheduler.route(child, { kind: 'demonitor', from: pid, to: child, ref });
  }

  /** A thread or a node is gone: what was asked of it is not answered any more. */
  onLost(place: number | Atom): void {
    for (const [count, pending] of this.#pending) {
      if (pending.place !== place) continue;
      this.#pending.delete(count);
      pending.settle(Exit.noconnection);
    }
  }
}

/** Puts the answer to `spawnRequest` into the mailbox, as far as it was wanted. */
export function deliverReply(process: Process, ref: Ref, options: SpawnRequestOptions, result: Pid | Atom): void {
  const { reply = 'yes' } = options;
  const made = result instanceof Pid;
  if (!process.alive || reply === 'no' || reply === (made ? 'errorOnly' : 'successOnly')) return;
  const tag = 'replyTag' in options ? options.replyTag : SPAWN_REPLY;
  process.deliver(tuple(tag, ref, made ? OK : ERROR, result));
}

/** @throws `badarg` */
export function assertRequest(module: unknown, exported: unknown, args: unknown, options: PlacedSpawnOptions): void {
  if (typeof module !== 'string' || typeof exported !== 'string' || !Array.isArray(args)) {
    throw new BadArgumentError('spawn: takes a function, or module, export and an array of arguments');
  }
  assertFlags(options, ['link'], 'spawn');
  if (options.node !== undefined) toName(options.node, 'spawn');
  if (options.name !== undefined) toName(options.name, 'spawn');
  assertPlace(options);
}

/** A request with an option that does not exist is answered, with `badopt`, where a spawn throws. */
export function hasKnownOptions({ monitor, reply }: SpawnRequestOptions): boolean {
  return (monitor === undefined || isMonitorOptions(monitor)) && (reply === undefined || REPLIES.includes(reply));
}

function assertPlace({ node, thread, isolated, memoryLimitMb }: SpawnRequestOptions): void {
  const isNumber = Number.isInteger(thread) && (thread as number) >= 0;
  if (thread !== undefined && !isNumber && !PLACEMENTS.includes(thread)) {
    throw new BadArgumentError(
      `spawn: thread must be a thread's number, ${PLACEMENTS.join(', ')}; not ${String(thread)}`,
    );
  }
  if (isolated !== undefined && typeof isolated !== 'boolean') {
    throw new BadArgumentError(`spawn: isolated must be true or false, not ${String(isolated)}`);
  }
  if (isolated === true && (thread !== undefined || node !== undefined)) {
    throw new BadArgumentError('spawn: an isolated process has a thread of its own here; give no thread and no node');
  }
  if (memoryLimitMb === undefined) return;
  if (isolated !== true || !Number.isInteger(memoryLimitMb) || memoryLimitMb < MEMORY_LIMIT_MB_MIN) {
    throw new BadArgumentError(
      `spawn: memoryLimitMb is for isolated: true, a whole number of at least ${MEMORY_LIMIT_MB_MIN}; not ${String(memoryLimitMb)}`,
    );
  }
}

export function createSpawnError(what: string, result: Atom): QuorateError {
  if (result === Exit.noconnection) {
    return new QuorateError('noconnection', `spawn of ${what}: its thread or node cannot be reached`);
  }
  const why = result === NOTSUP ? 'its application has not registered that module and function' : 'it refused';
  return new QuorateError(result.name, `spawn of ${what} there: ${result.name}; ${why}`);
}
