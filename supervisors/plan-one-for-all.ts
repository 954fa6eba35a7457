/** `oneForAll`: all children end, last started first, and all that are not temporary start again, those that had no process included. */
import { planGroup, type PlannedChild, type RestartPlan } from './plan.ts';

export function planOneForAll<C extends PlannedChild>(children: readonly C[], failed: C): RestartPlan<C> {
  return planGroup(children, failed);
}
