/**
 * Starting a process and waiting until its init is done, as OTP's proc_lib does: the new process acknowledges with what its start is to return.
 * If it ends without, its exit reason is the error; if it takes too long it is killed.
 */
import { hasCode } from '../runtime/errors.ts';
import { isDown, isExit } from '../runtime/process/message.ts';
import type { Placement, Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { Ref, sameRef } from '../runtime/term/ref.ts';
import { isTagged, tuple2, tuple3, type TupleOf } from '../runtime/term/tuple.ts';
import { ERROR, IGNORE, OK, TIMEOUT } from './atoms.ts';
import { StartError } from './errors.ts';
import type { CallerOptions } from './caller.ts';
import { claimKept, isKeptName, releaseKept, whereisKept, type ServerName } from './names.ts';

const ACK: Atom = nameAtom('ack');
const ALREADY_STARTED: Atom = nameAtom('already_started');
/** The name was taken, and free again when asked who has it. */
const NAME_REFUSED: Atom = nameAtom('name_refused');

export interface StartOptions extends CallerOptions {
  /**
   * Registered before init runs, on this node, with a registry (`{ via, name }`) or in the cluster (`{ global }`). A name that is taken fails the start with
   * `already_started`.
   */
  readonly name?: ServerName;
  /** How long init may take; then the process is killed and the start fails with `timeout`. Default: for ever. */
  readonly timeoutMs?: number;
  /** The scheduler thread to run on, or how to choose one; needs `static module`. Default: the caller's. */
  readonly thread?: Placement;
  /**
   * The node to run on; its application must have registered the class, as `LocalNode.start({ modules: startable(Counter) })` does, else the start
   * rejects with `notsup`. A name of a node is then one of that node. Default: this node.
   */
  readonly node?: string | Atom;
}

/** Of start functions: the argument may be left out where it may be undefined. */
export type StartArguments<A> = undefined extends A
  ? [args?: A, options?: StartOptions]
  : unknown extends A
    ? [args?: A, options?: StartOptions]
    : [args: A, options?: StartOptions];

/** What a start came to: OTP's `{ok, Pid}`, `{ok, Pid, Info}`, `ignore`, `{error, Reason}`. */
export type StartResult =
  | { readonly kind: 'ok'; readonly pid: Pid; readonly info?: unknown }
  | { readonly kind: 'ignore' }
  | { readonly kind: 'error'; readonly reason: unknown };

/**
 * Whom a starting process tells that it is ready, and its parent: true for that same process, which is linked to it, or a pid that it is to link
 * to. Can be sent.
 */
export type Starter = TupleOf<readonly [Pid, Ref, boolean | Pid]>;

export interface AwaitStartOptions {
  readonly timeoutMs?: number | undefined;
  /** A process other than the starter to be its parent. */
  readonly parent?: Pid | undefined;
  /** Takes over the monitor of a process that runs. */
  readonly onMonitor?: ((monitor: Ref) => void) | undefined;
}

/** The parent of a process that was started so, linked to it. */
export function parentOf(self: Self, starter: Starter): Pid | null {
  const parent = starter[2];
  if (typeof parent === 'boolean') return parent ? starter[0] : null;
  self.link(parent);
  return parent;
}

export function failedStart(reason: unknown): StartResult {
  return { kind: 'error', reason };
}

/** The OTP term of a result. */
export function startTerm(result: StartResult): unknown {
  if (result.kind === 'ignore') return IGNORE;
  if (result.kind === 'error') return tuple2(ERROR, result.reason);
  return 'info' in result ? tuple3(OK, result.pid, result.info) : tuple2(OK, result.pid);
}

/** What a start function returned: a pid, a StartResult or OTP's terms; anything else is an error of that reason. */
export function readStartTerm(returned: unknown): StartResult {
  if (isPid(returned)) return { kind: 'ok', pid: returned };
  if (returned === IGNORE) return { kind: 'ignore' };
  if (isTagged(returned, OK, 2) && isPid(returned[1])) return { kind: 'ok', pid: returned[1] };
  if (isTagged(returned, OK, 3) && isPid(returned[1])) return { kind: 'ok', pid: returned[1], info: returned[2] };
  if (isTagged(returned, ERROR, 2)) return failedStart(returned[1]);
  if (isStartResult(returned)) return returned;
  return failedStart(returned);
}

function isStartResult(value: unknown): value is StartResult {
  if (typeof value !== 'object' || value === null) return false;
  const { kind, pid } = value as { kind?: unknown; pid?: unknown };
  return kind === 'ignore' || (kind === 'error' && 'reason' in value) || (kind === 'ok' && isPid(pid));
}

/** The pid of a start, or a throw of StartError. `what` names it in the message. */
export function pidOf(what: string, result: StartResult): Pid {
  if (result.kind === 'ok') return result.pid;
  throw result.kind === 'ignore' ? new StartError(what, IGNORE, true) : new StartError(what, result.reason);
}

/**
 * Spawns with `spawn(starter)` and waits for the acknowledgement. `link`: the process that `spawn` makes is linked to `self`.
 */
export async function startAndWait(
  self: Self,
  spawn: (starter: Starter) => Pid | Promise<Pid>,
  link: boolean,
  options: AwaitStartOptions = {},
): Promise<StartResult> {
  const { timeoutMs = Infinity, parent, onMonitor } = options;
  const ackRef = self.makeRef();
  const spawned = spawn(tuple3(self.pid, ackRef, parent ?? link) as Starter);
  const pid = isPid(spawned) ? spawned : await spawned;
  const monitor = self.monitor(pid);
  const isDownOfIt = isDown(monitor);
  const isAckOrDown = (message: unknown): message is readonly unknown[] =>
    isDownOfIt(message) || (isTagged(message, ACK, 3) && message[1] instanceof Ref && sameRef(message[1], ackRef));
  const answer = await self.receive(isAckOrDown, { timeoutMs, otherwise: null });
  if (answer === null) {
    if (link) self.unlink(pid);
    self.exit(pid, Exit.kill);
    await self.receive(isDownOfIt);
    return failedStart(TIMEOUT);
  }
  if (!isDownOfIt(answer)) {
    const result = readStartTerm(answer[2]);
    if (onMonitor !== undefined && result.kind === 'ok') onMonitor(monitor);
    else self.demonitor(monitor, { flush: true });
    return result;
  }
  // It ended before it could say anything: its EXIT is answered by the result, as in proc_lib.
  if (link) await self.receive(isExit(pid), { timeoutMs: 0, otherwise: null });
  return failedStart(answer.reason);
}

/** Tells the starter what its start function is to return. A reason that cannot be sent goes as its description. */
export function acknowledge(self: Self, starter: Starter, result: StartResult): void {
  try {
    self.send(starter[0], tuple3(ACK, starter[1], startTerm(result)));
  } catch (error) {
    if (result.kind !== 'error' || !hasCode(error, 'not_sendable')) throw error;
    self.send(starter[0], tuple3(ACK, starter[1], startTerm(failedStart(describeTerm(result.reason)))));
  }
}

/** Who has the name. */
export function holderOf(self: Self, name: ServerName): Pid | undefined | Promise<Pid | undefined> {
  return isKeptName(name) ? whereisKept(name) : self.whereis(name);
}

/** Frees a name of this process, which has not begun to run under it. */
export function releaseName(self: Self, name: ServerName): unknown {
  return isKeptName(name) ? releaseKept(self, name) : self.unregister(name);
}

/** Takes the name, or says who has it. */
export async function claimName(self: Self, name: ServerName): Promise<StartResult | null> {
  if (isKeptName(name)) {
    const holder = await claimKept(self, name);
    if (holder === null) return null;
    return holder === undefined ? failedStart(NAME_REFUSED) : alreadyStarted(holder);
  }
  try {
    self.register(name);
    return null;
  } catch (error) {
    const holder = self.whereis(name);
    if (holder === undefined) throw error;
    return alreadyStarted(holder);
  }
}

export function alreadyStarted(holder: Pid): StartResult {
  return failedStart(tuple2(ALREADY_STARTED, holder));
}
