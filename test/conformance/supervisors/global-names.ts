/**
 * The registry that scenarios see as `global`: names of the one node that they run on, which all its threads share. What is held against OTP is
 * how servers use a registry, not how one agrees across nodes.
 */
import { scheduler as defaultScheduler } from '../../../runtime/node/default.ts';
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Self } from '../../../runtime/process/self.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { setGlobalRegistry, type NameRegistry } from '../../../supervisors/names.ts';

/** Of the scenario that runs; a worker thread has one node only. */
let current: Scheduler | null = null;

const keyOf = (name: unknown): string => `$global_${String(name)}`;

export const kitRegistry: NameRegistry = {
  name: 'global',
  module: import.meta.url,
  exported: 'kitRegistry',
  whereis: (name): Pid | undefined => (current ?? defaultScheduler()).whereis(keyOf(name)),
  register(name, self: Self): boolean {
    if (self.whereis(keyOf(name)) !== undefined) return false;
    self.register(keyOf(name));
    return true;
  },
  unregister: (name, self: Self): void => self.unregister(keyOf(name)),
};

/** Global names of this thread are those of that node from now on. */
export function useGlobalNames(scheduler: Scheduler | null): void {
  current = scheduler;
  setGlobalRegistry(kitRegistry);
}
