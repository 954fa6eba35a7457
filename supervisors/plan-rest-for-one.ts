/** `restForOne`: the child that ended and those started after it; children before it are left alone. */
import { planGroup, type PlannedChild, type RestartPlan } from './plan.ts';

export function planRestForOne<C extends PlannedChild>(children: readonly C[], failed: C): RestartPlan<C> {
  return planGroup(children.slice(children.indexOf(failed)), failed);
}
