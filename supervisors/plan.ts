/**
 * What a supervisor does when a child has ended, as data. `planExit` decides about the child itself; the strategies (`plan-one-for-one.ts`,
 * `plan-one-for-all.ts`, `plan-rest-for-one.ts`) say which siblings end and start with it. All of it is pure; `supervisor.ts` carries plans out.
 */
import { isCleanExit } from '../runtime/process/crash.ts';
import type { AutoShutdown, Restart } from './child-spec.ts';

/** What the planners need to know of a child. Lists of them are in the order of start. */
export interface PlannedChild {
  readonly restart: Restart;
  readonly significant: boolean;
  /** There is a process, or there shall be one (its restart is due). */
  readonly active: boolean;
}

/** `stop` in that order (those among them that are temporary are then forgotten), after that `start` in that order. */
export interface RestartPlan<C> {
  readonly stop: readonly C[];
  readonly start: readonly C[];
}

/**
 * What becomes of the child that ended - restarted by the strategy, kept in the list without a process, forgotten - and whether the supervisor
 * ends then.
 */
export interface ExitPlan {
  readonly child: 'restart' | 'keep' | 'forget';
  readonly shutdown: boolean;
}

export function planExit<C extends PlannedChild>(
  children: readonly C[],
  ended: C,
  reason: unknown,
  autoShutdown: AutoShutdown,
): ExitPlan {
  if (ended.restart === 'permanent' || (ended.restart === 'transient' && !isCleanExit(reason))) {
    return { child: 'restart', shutdown: false };
  }
  const child = ended.restart === 'temporary' ? 'forget' : 'keep';
  return { child, shutdown: ended.significant && isLastReason(children, ended, autoShutdown) };
}

function isLastReason<C extends PlannedChild>(children: readonly C[], ended: C, autoShutdown: AutoShutdown): boolean {
  if (autoShutdown === 'never') return false;
  if (autoShutdown === 'anySignificant') return true;
  return !children.some((child) => child !== ended && child.significant && child.active);
}

/** The plan that ends `affected` last started first, and starts again those that are not temporary. */
export function planGroup<C extends PlannedChild>(affected: readonly C[], failed: C): RestartPlan<C> {
  return {
    stop: affected.filter((child) => child !== failed && child.active).reverse(),
    start: affected.filter((child) => child === failed || child.restart !== 'temporary'),
  };
}
