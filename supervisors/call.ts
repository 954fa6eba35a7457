/**
 * Request and reply: `{'$gen_call', {From, [alias | Ref]}, Request}` answered by `{[alias | Ref], Reply}`. Each call monitors the server, and
 * the monitor's reference is an alias that ends with the reply, the DOWN or the deadline: no late reply can arrive.
 *
 * A call that gets no reply rejects with a `CallError` that carries the caller's exit reason as OTP has it, `{Why, {gen_server, call, Args}}`.
 */
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { Atom, nameAtom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { ImproperList } from '../runtime/term/opaque.ts';
import { Pid, samePid } from '../runtime/term/pid.ts';
import { Ref, sameRef } from '../runtime/term/ref.ts';
import { isTuple, Tuple, tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { ALIAS, DOWN, GEN_CALL, GEN_CAST, INFINITY, NODEDOWN } from './atoms.ts';
import { CallError, type CallErrorCode } from './errors.ts';
import type { From, ServerRef } from './gen-server-types.ts';
import { isKeptName, keptTerm, sendToKept, targetOfKept, type DirectRef } from './names.ts';

export const CALL_TIMEOUT_MS = 5000;

const MONITOR_WITH_ALIAS = { alias: 'replyDemonitor' } as const;
const ALIAS_HEAD: readonly unknown[] = [ALIAS];
const CALLING_SELF: Atom = nameAtom('calling_self');
const MODULE: Atom = nameAtom('gen_server');
const CALL: Atom = nameAtom('call');

/** What stands in the exit reason of a failed call: `{gen_server, call, Args}`, `{sys, terminate, Args}` ... */
export interface CalledFunction {
  readonly module: Atom;
  readonly fn: Atom;
  readonly args: readonly unknown[];
}

/**
 * Calls `server` from the process `self` and resolves to its reply. `timeoutMs` undefined: 5000, and the exit reason has no timeout in it.
 *
 * @throws CallError (rejects): `noproc`, `timeout`, `noconnection`, `calling_self`, `exit`
 */
export function callServer(self: Self, server: ServerRef, request: unknown, timeoutMs?: number): Promise<unknown> {
  return requestReply(self, server, GEN_CALL, request, timeoutMs ?? CALL_TIMEOUT_MS, (failed) => {
    const args = [serverTerm(server), request];
    if (timeoutMs !== undefined) args.push(timeoutTerm(timeoutMs));
    return createCallError(failed, server, { module: MODULE, fn: CALL, args }, timeoutMs ?? CALL_TIMEOUT_MS);
  });
}

/** Why a request got no reply. */
export interface FailedRequest {
  readonly code: CallErrorCode;
  readonly why: unknown;
}

/** One request with any label (`$gen_call`, `system`); `fail` makes the error from what went wrong. */
export function requestReply(
  self: Self,
  server: ServerRef,
  label: Atom,
  request: unknown,
  timeoutMs: number,
  fail: (failed: FailedRequest) => Error,
): Promise<unknown> {
  try {
    const target = resolveServer(self, server);
    if (!(target instanceof Promise)) return askTarget(self, target, label, request, timeoutMs, fail);
    return target.then((pid) => askTarget(self, pid, label, request, timeoutMs, fail));
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

function askTarget(
  self: Self,
  target: DirectRef | undefined,
  label: Atom,
  request: unknown,
  timeoutMs: number,
  fail: (failed: FailedRequest) => Error,
): Promise<unknown> {
  try {
    if (target === undefined) throw fail({ code: 'noproc', why: Exit.noproc });
    if (target instanceof Pid && samePid(target, self.pid)) throw fail({ code: 'calling_self', why: CALLING_SELF });
    const ref = sendRequestTo(self, target, label, request, true);
    // Not an async function: a call costs one promise.
    return (self as Process).receiveRead(
      (message) => isAnswerTo(ref, message),
      timeoutMs,
      (answer) => (answer === null ? giveUp(self, ref, target, fail) : readAnswer(answer as Tuple, target, fail)),
    );
  } catch (error) {
    return Promise.reject(error as Error);
  }
}

/** The time is up. The reply may have arrived between the deadline and the end of the alias. */
async function giveUp(
  self: Self,
  ref: Ref,
  target: DirectRef,
  fail: (failed: FailedRequest) => Error,
): Promise<unknown> {
  self.demonitor(ref, { flush: true });
  const isAnswer = (message: unknown): message is Tuple => isAnswerTo(ref, message);
  const late = await self.receive(isAnswer, { timeoutMs: 0, otherwise: null });
  if (late !== null) return readAnswer(late, target, fail);
  throw fail({ code: 'timeout', why: Exit.timeout });
}

/** Sends the request under a fresh monitor with alias, and returns that reference. `isAwaited`: the caller waits for the answer at once. */
export function sendRequestTo(self: Self, target: DirectRef, label: Atom, request: unknown, isAwaited = false): Ref {
  const isDirect = isAwaited && target instanceof Pid;
  const ref = isDirect ? (self as Process).monitorForCall(target) : self.monitor(target, MONITOR_WITH_ALIAS);
  const from = tuple2(self.pid, new ImproperList(ALIAS_HEAD, ref));
  try {
    const message = tuple3(label, from, request);
    if (target instanceof Pid) (self as Process).sendMade(target, message);
    else self.send(target, message);
  } catch (error) {
    self.demonitor(ref, { flush: true });
    throw error;
  }
  return ref;
}

/** `{[alias | Ref], Reply}`, or the DOWN of that monitor. */
export function isAnswerTo(ref: Ref, message: unknown): message is Tuple {
  if (!(message instanceof Tuple)) return false;
  const head = message[0];
  if (message.length === 2) {
    return head instanceof ImproperList && head.tail instanceof Ref && sameRef(head.tail, ref);
  }
  return message.length === 5 && head === DOWN && message[1] instanceof Ref && sameRef(message[1], ref);
}

function readAnswer(answer: Tuple, target: DirectRef, fail: (failed: FailedRequest) => Error): unknown {
  if (answer.length === 2) return answer[1];
  throw fail(describeDown(answer[4], target));
}

/** How a DOWN's reason reads to a caller. */
export function describeDown(reason: unknown, target: DirectRef): FailedRequest {
  if (reason === Exit.noproc) return { code: 'noproc', why: reason };
  if (reason === Exit.noconnection) return { code: 'noconnection', why: tuple2(NODEDOWN, nodeOf(target)) };
  return { code: 'exit', why: reason };
}

function nodeOf(target: DirectRef): unknown {
  if (target instanceof Pid) return target.node;
  return isTuple(target) ? target[1] : undefined;
}

/** The pid of a local name, or undefined when nobody has it; other references as they are. */
export function locate(self: Self, server: DirectRef): DirectRef | undefined {
  if (server instanceof Pid) return server;
  if (typeof server === 'string' || server instanceof Atom) return self.whereis(server);
  return server[1] === self.nodeName ? self.whereis(server[0]) : server;
}

/** As `locate`, for names that a registry keeps too. */
export function resolveServer(self: Self, server: ServerRef): DirectRef | undefined | Promise<Pid | undefined> {
  if (server instanceof Pid) return server;
  return isKeptName(server) ? targetOfKept(self, server) : locate(self, server);
}

/** A server reference as it stands in an exit reason: names are atoms. */
export function serverTerm(server: ServerRef): unknown {
  if (isKeptName(server)) return keptTerm(server);
  return typeof server === 'string' ? nameAtom(server) : server;
}

/** A timeout as it stands in an exit reason. */
export function timeoutTerm(timeoutMs: number): unknown {
  return timeoutMs === Infinity ? INFINITY : timeoutMs;
}

/** The error of a failed call: its reason is `{Why, {Module, Function, Args}}`. */
export function createCallError(
  failed: FailedRequest,
  server: ServerRef,
  called: CalledFunction,
  timeoutMs: number,
): CallError {
  const reason = tuple2(failed.why, tuple3(called.module, called.fn, called.args));
  const limit = failed.code === 'timeout' ? ` within ${timeoutMs} ms` : '';
  const what = `call of ${describeTerm(serverTerm(server))} got no reply${limit}`;
  return new CallError(failed.code, failed.why, reason, `${what}: ${describeTerm(failed.why)}`);
}

/** Sends `{'$gen_cast', Msg}`. Never fails for want of a receiver. */
export function castServer(self: Self, server: ServerRef, message: unknown): void {
  if (isKeptName(server)) return sendToKept(self, server, tuple2(GEN_CAST, message));
  const target = locate(self, server);
  if (target !== undefined) self.send(target, tuple2(GEN_CAST, message));
}

/** Answers a call. `from` may come from any release of OTP: `{Pid, [alias | Ref]}`, `{Pid, [[alias | Ref] | _]}`, `{Pid, Tag}`. */
export function replyTo(self: Self, from: From, reply: unknown): void {
  const tag = from[1];
  (self as Process).sendMade(aliasOf(tag) ?? from[0], tuple2(tag, reply));
}

function aliasOf(tag: unknown): Ref | undefined {
  if (tag instanceof ImproperList) {
    if (tag.elements[0] === ALIAS && tag.tail instanceof Ref) return tag.tail;
    return aliasOf(tag.elements[0]);
  }
  return Array.isArray(tag) && tag[0] instanceof ImproperList ? aliasOf(tag[0]) : undefined;
}
