/** A thread's scheduler of its own for a test, with nothing outside of it. */
import { realEnv } from '../../runtime/env.ts';
import { runProcess } from '../../runtime/process/run.ts';
import { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';

export function createTestScheduler(): Scheduler {
  return new Scheduler({ nodeName: nameAtom('test@nohost'), creation: 7, env: realEnv });
}

/** Runs the body of a test in a process; the test fails when the body does. */
export function inProcess(fn: (self: Self, scheduler: Scheduler) => Promise<void>): () => Promise<void> {
  return async () => {
    const scheduler = createTestScheduler();
    try {
      await runProcess(scheduler, (self) => fn(self, scheduler));
    } finally {
      scheduler.stop('test over');
    }
  };
}
