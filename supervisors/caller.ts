/**
 * Who makes a call: the `self` that was given, else the process whose code runs. From outside any process a short-lived process of this
 * thread's node does it; that one has no life to link to, so `startLink` from outside starts without a link.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import { scheduler } from '../runtime/node/default.ts';
import { currentSelf } from '../runtime/process/context.ts';
import { runProcess } from '../runtime/process/run.ts';
import type { Self } from '../runtime/process/self.ts';

/** Every function of this folder that needs a process takes this last. */
export interface CallerOptions {
  /** The calling process; default: the one whose code runs. */
  readonly self?: Self;
}

/** @throws `no_node` when there is neither a process nor a node in this thread */
export function inProcess<T>(given: Self | undefined, fn: (self: Self, outside: boolean) => Promise<T>): Promise<T> {
  const self = given ?? currentSelf();
  if (self !== undefined) return fn(self, false);
  return runProcess(scheduler(), (own) => fn(own, true));
}

/** For what makes no sense outside of a process. @throws `badarg` */
export function requireCaller(given: Self | undefined, what: string): Self {
  const self = given ?? currentSelf();
  if (self !== undefined) return self;
  throw new BadArgumentError(`${what} must be called in a process: spawn one, or give its self`);
}

/** As `inProcess` for what does not wait. From outside, what is sent leaves in the order of these calls, a little later. */
export function withCaller(given: Self | undefined, fn: (self: Self) => void): void {
  const self = given ?? currentSelf();
  if (self !== undefined) fn(self);
  else scheduler().spawn(fn);
}
