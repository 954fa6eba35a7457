/**
 * Tasks that do not start in their owner's hands - on another thread, under a supervisor: the process waits until its owner has told it the
 * reference that its result is to go to. If the owner ends first, so does the task, with `{shutdown, Reason}`.
 */
import { isDown } from '../runtime/process/message.ts';
import type { PlacedSpawnOptions, Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isRef, type Ref } from '../runtime/term/ref.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import type { ModuleStart } from './child-spec.ts';
import { loadExport } from './load.ts';

const GO: Atom = nameAtom('$task');

export function sendGo(self: Self, pid: Pid, ref: Ref): void {
  self.send(pid, tuple2(GO, ref));
}

/** The body of a task that waits for its owner. */
export async function runWaitingTask(self: Self, owner: Pid, fn: (self: Self) => unknown): Promise<void> {
  const monitor = self.monitor(owner);
  const isDownOfOwner = isDown(monitor);
  const message = await self.receive(
    (found): found is readonly unknown[] => isDownOfOwner(found) || (isTagged(found, GO, 2) && isRef(found[1])),
  );
  if (isDownOfOwner(message)) self.exit(tuple2(Exit.shutdown, message.reason));
  self.demonitor(monitor, { flush: true });
  const ref = message[1] as Ref;
  self.send(ref, tuple2(ref, await fn(self)));
}

export function startPlacedTask(self: Self, start: ModuleStart, options: PlacedSpawnOptions): Promise<Pid> {
  const { module, exported, args = [] } = start;
  return self.spawn(import.meta.url, 'runPlacedTask', [module, exported, args, self.pid], options);
}

/**
 * The body of a task that was placed on a thread, started by its name.
 *
 * @public
 */
export async function runPlacedTask(
  self: Self,
  module: string,
  exported: string,
  args: readonly unknown[],
  owner: Pid,
): Promise<void> {
  const fn = await loadExport(module, exported);
  await runWaitingTask(self, owner, (own) => fn(own, ...args));
}
