/** The scheduler that the free functions use outside of any process: that of the node which this thread belongs to. */
import { QuorateError } from '../errors.ts';
import { currentSelf } from '../process/context.ts';
import type { Process } from '../process/process.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Self } from '../process/self.ts';

/** Of the nodes that run in this thread, oldest first: usually one. */
const schedulers: Scheduler[] = [];

export function addScheduler(added: Scheduler): void {
  schedulers.push(added);
}

export function removeScheduler(removed: Scheduler): void {
  const at = schedulers.indexOf(removed);
  if (at >= 0) schedulers.splice(at, 1);
}

/** The scheduler of the calling process, or of the thread's node. @throws `no_node` */
export function scheduler(): Scheduler {
  const self = currentSelf() as Process | undefined;
  const found = self?.scheduler ?? schedulers[0];
  if (found === undefined) {
    throw new QuorateError('no_node', 'no node runs in this thread: start one with `await LocalNode.start()` first');
  }
  return found;
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
