/** `oneForOne`: only the child that ended starts again. */
import type { PlannedChild, RestartPlan } from './plan.ts';

export function planOneForOne<C extends PlannedChild>(_children: readonly C[], failed: C): RestartPlan<C> {
  return { stop: [], start: [failed] };
}
