/**
 * Starting and ending one child, from within its supervisor's process. A start function that throws is an error of OTP's reason
 * `{'EXIT', {Error, Stack}}`; one that lets a StartError pass gives that error's own reason.
 */
import { ProcessExit, reasonOf } from '../runtime/process/exit.ts';
import { isDown, isExit, type ExitMessage } from '../runtime/process/message.ts';
import type { Self } from '../runtime/process/self.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { tuple2 } from '../runtime/term/tuple.ts';
import { EXIT } from './atoms.ts';
import { placeOf, type ClassStart, type Shutdown, type Start } from './child-spec.ts';
import { StartError } from './errors.ts';
import { loadExport } from './load.ts';
import { unpackName } from './names.ts';
import { isRunnable, startClass } from './start-class.ts';
import { failedStart, readStartTerm, type StartResult } from './start.ts';

/** Runs a start; `extra` are the arguments that a dynamic child was asked for with. Never rejects. */
export async function startChildProcess(
  self: Self,
  start: Start,
  extra: readonly unknown[] = [],
): Promise<StartResult> {
  try {
    if (typeof start === 'function') return readStartTerm(await start(self, ...extra));
    if ('server' in start) return await startClassChild(self, start, extra);
    const exported = await loadExport(start.module, start.exported);
    if (isRunnable(exported)) {
      const { name: packed, ...place } = placeOf(start);
      const name = await unpackName(packed);
      const named = name === undefined ? place : { ...place, name };
      return await startClassChild(self, { server: exported, args: start.args?.[0], ...named }, extra);
    }
    return readStartTerm(await exported(self, ...(start.args ?? []), ...extra));
  } catch (thrown) {
    return resultOfThrow(thrown);
  }
}

function startClassChild(self: Self, start: ClassStart, extra: readonly unknown[]): Promise<StartResult> {
  const args = extra.length > 0 ? extra[0] : start.args;
  return startClass(self, start.server, args, placeOf(start));
}

function resultOfThrow(thrown: unknown): StartResult {
  if (thrown instanceof StartError) return thrown.code === 'ignore' ? { kind: 'ignore' } : failedStart(thrown.reason);
  // `catch F()` gives a thrown value as it is, and {'EXIT', Reason} for exits and errors.
  if (!(thrown instanceof Error)) return readStartTerm(thrown);
  return failedStart(tuple2(EXIT, thrown instanceof ProcessExit ? thrown.reason : reasonOf(thrown)));
}

/** Ends a child as its `shutdown` says and resolves to its exit reason when it is gone. Its EXIT message, sent or to come, is taken away. */
export async function endChild(self: Self, pid: Pid, shutdown: Shutdown): Promise<unknown> {
  const isGone = isDown(self.monitor(pid));
  const timeoutMs = shutdown === 'infinity' ? Infinity : shutdown === 'brutalKill' ? null : shutdown;
  self.exit(pid, timeoutMs === null ? Exit.kill : Exit.shutdown);
  let down = timeoutMs === null ? null : await self.receive(isGone, { timeoutMs, otherwise: null });
  if (down === null) {
    if (timeoutMs !== null) self.exit(pid, Exit.kill);
    down = await self.receive(isGone);
  }
  // A child that had ended before is seen in its EXIT only.
  const exit = await forgetExit(self, pid);
  return exit !== null && down.reason === Exit.noproc ? exit.reason : down.reason;
}

/** Ends many at once: all are told, and each has its own shutdown time from now on. */
export async function endChildren(
  self: Self,
  children: readonly { readonly pid: Pid; readonly shutdown: Shutdown }[],
  now: () => number,
): Promise<void> {
  const startedAt = now();
  const waiting = children.map(({ pid, shutdown }) => {
    self.exit(pid, shutdown === 'brutalKill' ? Exit.kill : Exit.shutdown);
    const endsAt = typeof shutdown === 'number' ? startedAt + shutdown : Infinity;
    return { pid, isGone: isDown(self.monitor(pid)), endsAt };
  });
  // Who has the least time is waited for first, so that nobody's time passes unseen.
  waiting.sort((a, b) => (a.endsAt === b.endsAt ? 0 : a.endsAt - b.endsAt));
  for (const { pid, isGone, endsAt } of waiting) {
    const gone = await self.receive(isGone, { timeoutMs: Math.max(0, endsAt - now()), otherwise: null });
    if (gone === null) {
      self.exit(pid, Exit.kill);
      await self.receive(isGone);
    }
    await forgetExit(self, pid);
  }
}

async function forgetExit(self: Self, pid: Pid): Promise<ExitMessage | null> {
  self.unlink(pid);
  return self.receive(isExit(pid), { timeoutMs: 0, otherwise: null });
}
