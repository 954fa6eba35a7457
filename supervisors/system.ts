/** System messages, `{system, From, Request}`: what OTP's `sys` asks of any behaviour. A server answers them between its own messages. */
import { isDown } from '../runtime/process/message.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import { SYSTEM } from './atoms.ts';
import { createCallError, requestReply, resolveServer, serverTerm, timeoutTerm, type FailedRequest } from './call.ts';
import { inProcess, type CallerOptions } from './caller.ts';
import { CallError } from './errors.ts';
import type { ServerRef } from './gen-server-types.ts';

const SYS: Atom = nameAtom('sys');
const TERMINATE: Atom = nameAtom('terminate');
const SYSTEM_TIMEOUT_MS = 5000;

export interface SystemOptions extends CallerOptions {
  /** Default 5000. */
  readonly timeoutMs?: number;
}

/** The state of a live server, as it would send it. @throws CallError (rejects) as a call does */
export function getState(server: ServerRef, options: SystemOptions = {}): Promise<unknown> {
  return inProcess(options.self, async (self) => {
    const answer = await askSystem(self, server, 'get_state', options);
    return (answer as readonly unknown[])[1];
  });
}

/** Makes a server leave its messages in the mailbox until `resume`. It still ends with its parent. */
export function suspend(server: ServerRef, options: SystemOptions = {}): Promise<void> {
  return inProcess(options.self, async (self) => void (await askSystem(self, server, 'suspend', options)));
}

export function resume(server: ServerRef, options: SystemOptions = {}): Promise<void> {
  return inProcess(options.self, async (self) => void (await askSystem(self, server, 'resume', options)));
}

function askSystem(self: Self, server: ServerRef, request: string, options: SystemOptions): Promise<unknown> {
  const name = nameAtom(request);
  const timeoutMs = options.timeoutMs ?? SYSTEM_TIMEOUT_MS;
  return requestReply(self, server, SYSTEM, name, timeoutMs, (failed) =>
    createCallError(failed, server, { module: SYS, fn: name, args: [serverTerm(server)] }, timeoutMs),
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
