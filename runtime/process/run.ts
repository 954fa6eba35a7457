/**
 * A process for one piece of work, as a promise: how code outside of any process does what only processes can.
 */
import { BadArgumentError, QuorateError } from '../errors.ts';
import { describeTerm } from '../term/describe.ts';
import { ProcessExit } from './exit.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { Self, SpawnOptions } from './self.ts';

/**
 * Runs `fn` in a process of its own and resolves to what it returns. Rejects with what it throws, or with `exited` (and the
 * reason) when the process ends without having returned: it exited, or others ended it.
 */
export function runProcess<T>(
  scheduler: Scheduler,
  fn: (self: Self) => T | Promise<T>,
  options: SpawnOptions = {},
): Promise<T> {
  if (typeof fn !== 'function') return Promise.reject(new BadArgumentError(`run: takes a function, not ${typeof fn}`));
  return new Promise((resolve, reject) => {
    let settled = false;
    const pid = scheduler.spawn(async (self) => {
      try {
        const result = await fn(self);
        settled = true;
        resolve(result);
      } catch (thrown) {
        settled = true;
        // Errors that only behave as exits, such as that of a failed call, say more than their reason.
        const isPlainExit = thrown instanceof ProcessExit && thrown.constructor === ProcessExit;
        reject(isPlainExit ? createExitedError(thrown.reason) : (thrown as Error));
      }
    }, options);
    (pid.target as Process).onEnd = (reason) => {
      if (!settled) reject(createExitedError(reason));
    };
  });
}

function createExitedError(reason: unknown): QuorateError {
  return new QuorateError('exited', `the process ended before it had a result: ${describeTerm(reason)}`, {
    details: { reason },
  });
}
