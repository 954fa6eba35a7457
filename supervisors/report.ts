/** Supervisor reports: what happened with a child, on `quorate:supervisor`. */
import { supervisorChannel, type SupervisorReport } from '../runtime/channels.ts';
import { isCleanExit } from '../runtime/process/crash.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import type { Restart, Shutdown } from './child-spec.ts';

export const TOO_MANY_RESTARTS: Atom = nameAtom('reached_max_restart_intensity');

export function reportChild(
  self: Self,
  context: SupervisorReport['context'],
  reason: unknown,
  id: unknown,
  pid: Pid | undefined,
): void {
  if (!supervisorChannel.hasSubscribers) return;
  const { registeredName } = self.processInfo();
  supervisorChannel.publish({ supervisor: self.pid, registeredName, context, reason, child: { id, pid } });
}

/** OTP reports every end of a permanent child, and of others those that were not meant. */
export function isEndReported(restart: Restart, reason: unknown): boolean {
  return restart === 'permanent' || !isCleanExit(reason);
}

/** Whether a child that was told to end did it otherwise. */
export function isShutdownError(shutdown: Shutdown, restart: Restart, reason: unknown): boolean {
  if (shutdown === 'brutalKill') return reason !== Exit.killed;
  return !isCleanExit(reason) || (reason === Exit.normal && restart === 'permanent');
}
