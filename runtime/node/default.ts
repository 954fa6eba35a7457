/** The scheduler that the free functions use outside of any process: that of the node which this thread belongs to. */
import { realEnv, type Env } from '../env.ts';
import { QuorateError } from '../errors.ts';
import { currentSelf } from '../process/context.ts';
import type { Process } from '../process/process.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Self } from '../process/self.ts';

let defaultScheduler: Scheduler | null = null;

export function setDefaultScheduler(scheduler: Scheduler): void {
  defaultScheduler = scheduler;
}

/** Its node has stopped. */
export function releaseDefaultScheduler(scheduler: Scheduler): void {
  if (defaultScheduler === scheduler) defaultScheduler = null;
}

export function hasDefaultScheduler(): boolean {
  return defaultScheduler !== null;
}

/** The scheduler of the calling process, or of the thread's node. @throws `no_node` */
export function scheduler(): Scheduler {
  const self = currentSelf() as Process | undefined;
  const found = self?.scheduler ?? defaultScheduler;
  if (found === null) {
    throw new QuorateError('no_node', 'no node runs in this thread: start one with `await LocalNode.start()` first');
  }
  return found;
}

/** Time, timers and randomness of the calling process's node, or of the thread's node; the real ones where no node runs. */
export function presentEnv(): Env {
  const self = currentSelf() as Process | undefined;
  return (self?.scheduler ?? defaultScheduler)?.env ?? realEnv;
}

/** The calling process. @throws `no_process` outside of one, and in one started with `implicitSelf: false` */
export function self(): Self {
  const found = currentSelf();
  if (found === undefined) {
    throw new QuorateError(
      'no_process',
      'self(): this code does not run in a process (or in one with implicitSelf: false); call it in a function given to spawn, or use the self that it gets',
    );
  }
  return found;
}
