/** System messages, `{system, From, Request}`: what OTP's `sys` asks of any behaviour. A server answers them between its own messages. */
import { QuorateError } from '../runtime/errors.ts';
import { isDown } from '../runtime/process/message.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { copyTerm } from '../runtime/term/copy.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isTagged, isTuple, tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { ERROR, OK, SYSTEM } from './atoms.ts';
import { createCallError, requestReply, resolveServer, serverTerm, timeoutTerm, type FailedRequest } from './call.ts';
import { inProcess, type CallerOptions } from './caller.ts';
import { CallError } from './errors.ts';
import type { ServerRef } from './gen-server-types.ts';
import { CHANGED, REPLACE_STATE } from './system-requests.ts';

const SYS: Atom = nameAtom('sys');
const TERMINATE: Atom = nameAtom('terminate');
const SYSTEM_TIMEOUT_MS = 5000;

export interface SystemOptions extends CallerOptions {
  /** Default 5000. */
  readonly timeoutMs?: number;
}

/** The state of a live server, as it would send it. @throws CallError (rejects) as a call does */
export function getState(server: ServerRef, options: SystemOptions = {}): Promise<unknown> {
  return inProcess(options.self, (self) => askState(self, server, options));
}

/** Makes a server leave its messages in the mailbox until `resume`. It still ends with its parent. */
export function suspend(server: ServerRef, options: SystemOptions = {}): Promise<void> {
  return inProcess(options.self, async (self) => void (await askSystem(self, server, nameAtom('suspend'), options)));
}

export function resume(server: ServerRef, options: SystemOptions = {}): Promise<void> {
  return inProcess(options.self, async (self) => void (await askSystem(self, server, nameAtom('resume'), options)));
}

/**
 * Puts `change(state)` in place of a live server's state and resolves to it. The server goes on meanwhile: when its state has changed in between,
 * `change` is asked again, with the new one. For servers of quorate only.
 *
 * @throws CallError (rejects) as a call does; `unknown_system_msg` of a server that is not ours
 */
export function replaceState<State = unknown>(
  server: ServerRef,
  change: (state: State) => State,
  options: SystemOptions = {},
): Promise<State> {
  return inProcess(options.self, async (self) => {
    for (;;) {
      const before = await askState(self, server, options);
      // The change gets a copy, since it may write into what it is given.
      const after = change(copyTerm(before) as State);
      const answer = await askSystem(self, server, tuple3(REPLACE_STATE, before, after), options);
      if (isTagged(answer, OK, 2)) return answer[1] as State;
      if (!isTagged(answer, ERROR, 2) || answer[1] !== CHANGED)
        throw createUnknownError('replaceState', server, answer);
    }
  });
}

export interface ServerStatus {
  readonly pid: Pid;
  /** The class. */
  readonly module: string;
  readonly status: 'running' | 'suspended';
  readonly parent: Pid;
  readonly traced: boolean;
  readonly state: unknown;
}

/** How a live server is: as OTP's `sys:get_status`. @throws CallError (rejects) as a call does */
export function getStatus(server: ServerRef, options: SystemOptions = {}): Promise<ServerStatus> {
  return inProcess(options.self, async (self) => {
    const answer = await askSystem(self, server, nameAtom('get_status'), options);
    if (!isTagged(answer, nameAtom('status'), 4)) throw createUnknownError('getStatus', server, answer);
    const [, pid, module, [, status, parent, debug, misc]] = answer as unknown as StatusTerm;
    const state = Array.isArray(misc) ? findState(misc) : misc;
    return { pid, module: String(module[1]), status: status.name, parent, traced: debug.length > 0, state };
  });
}

type StatusTerm = readonly [
  tag: Atom,
  pid: Pid,
  module: readonly [Atom, Atom],
  rest: readonly [unknown, Atom<'running' | 'suspended'>, Pid, readonly unknown[], unknown],
];

/** The state stands in the last `{data, [{"State", State}]}`. */
function findState(misc: readonly unknown[]): unknown {
  const last = misc.at(-1);
  const [entry] = isTagged(last, nameAtom('data'), 2) && Array.isArray(last[1]) ? (last[1] as unknown[]) : [];
  return isTuple(entry) ? entry[1] : misc;
}

/**
 * Has a live server report every message it takes and every reply on the channel `quorate:trace`, which goes to the node's logger, or stop doing so.
 */
export function trace(server: ServerRef, flag: boolean, options: SystemOptions = {}): Promise<void> {
  const request = tuple2(nameAtom('debug'), tuple2(nameAtom('trace'), flag));
  return inProcess(options.self, async (self) => {
    const answer = await askSystem(self, server, request, options);
    if (answer !== OK) throw createUnknownError('trace', server, answer);
  });
}

function createUnknownError(what: string, server: ServerRef, answer: unknown): QuorateError {
  const text = `${what} of ${describeTerm(serverTerm(server))}: it does not know this request; it answered ${describeTerm(answer)}`;
  return new QuorateError('unknown_system_msg', text);
}

/** OTP answers with the bare state. */
async function askState(self: Self, server: ServerRef, options: SystemOptions): Promise<unknown> {
  const answer = await askSystem(self, server, nameAtom('get_state'), options);
  if (isTagged(answer, ERROR, 2) && isTagged(answer[1], nameAtom('unknown_system_msg'), 2)) {
    throw createUnknownError('getState', server, answer);
  }
  return answer;
}

/** `request`: a word, or a tuple that starts with one. */
function askSystem(self: Self, server: ServerRef, request: unknown, options: SystemOptions): Promise<unknown> {
  const fn = isTuple(request) ? (request[0] as Atom) : (request as Atom);
  const timeoutMs = options.timeoutMs ?? SYSTEM_TIMEOUT_MS;
  return requestReply(self, server, SYSTEM, request, timeoutMs, (failed) =>
    createCallError(failed, server, { module: SYS, fn, args: [serverTerm(server)] }, timeoutMs),
  );
}

/** Has a server stop with `reason` and waits until it has ended; a helper process asks, so that no late message reaches the caller. */
export async function stopServer(
  self: Self,
  server: ServerRef,
  reason: unknown = Exit.normal,
  timeoutMs: number = Infinity,
): Promise<void> {
  const [helper, monitor] = self.spawnMonitor((own) => askToStop(own, server, reason));
  const down = await self.receive(isDown(monitor), { timeoutMs, otherwise: null });
  if (down === null) {
    self.demonitor(monitor, { flush: true });
    self.exit(helper, Exit.kill);
    throw stopError('timeout', Exit.timeout, server);
  }
  if (equalTerms(down.reason, reason)) return;
  if (isNoproc(down.reason)) throw stopError('noproc', Exit.noproc, server);
  throw stopError('exit', down.reason, server);
}

async function askToStop(self: Self, server: ServerRef, reason: unknown): Promise<void> {
  const args = [serverTerm(server), reason, timeoutTerm(Infinity)];
  const fail = (failed: FailedRequest): CallError =>
    createCallError(failed, server, { module: SYS, fn: TERMINATE, args }, Infinity);
  const target = await resolveServer(self, server);
  if (target === undefined) throw fail({ code: 'noproc', why: Exit.noproc });
  const monitor = self.monitor(target);
  await requestReply(self, target, SYSTEM, tuple2(TERMINATE, reason), Infinity, fail);
  const down = await self.receive(isDown(monitor));
  self.exit(down.reason);
}

/** `{noproc, {sys, terminate, _}}`: there was nobody to stop. */
function isNoproc(reason: unknown): boolean {
  return isTagged(reason, Exit.noproc, 2) && isTagged(reason[1], SYS, 3) && reason[1][1] === TERMINATE;
}

function stopError(code: 'noproc' | 'timeout' | 'exit', reason: unknown, server: ServerRef): CallError {
  const what = `stop of ${describeTerm(serverTerm(server))}`;
  return new CallError(code, reason, reason, `${what}: ${describeTerm(reason)}`);
}
