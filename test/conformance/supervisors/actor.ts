/** A process that carries out what it is handed, one after the other: driver, parent and clients of a scenario. */
import { hasCode } from '../../../runtime/errors.ts';
import { ProcessExit, ProcessError, reasonOf } from '../../../runtime/process/exit.ts';
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Self } from '../../../runtime/process/self.ts';
import { atom } from '../../../runtime/term/atom.ts';
import { Ref } from '../../../runtime/term/ref.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import type { Result } from './log.ts';

type Job = (self: Self) => unknown;

export interface Actor {
  readonly pid: Pid;
  /** Resolves to what `job` returned; an exit that it throws ends the actor. Never settles if the actor dies. */
  run<T>(job: (self: Self) => T | Promise<T>): Promise<T>;
}

/** `onMessage` gets what arrives between jobs, but for what `keep` says stays in the mailbox. */
export function createActor(
  scheduler: Scheduler,
  trapExit: boolean,
  onMessage: (message: unknown) => void,
  keep: (message: unknown) => boolean = () => false,
): Actor {
  const jobs: { job: Job; resolve: (value: unknown) => void; reject: (error: unknown) => void }[] = [];
  const wake = scheduler.makeRef();
  const pid = scheduler.spawn(
    async (self) => {
      for (;;) {
        const message = await self.receive((one): one is NonNullable<unknown> | null | undefined => !keep(one));
        if (!(message instanceof Ref && message.equals(wake))) {
          onMessage(message);
          continue;
        }
        const next = jobs.shift();
        if (next === undefined) continue;
        try {
          next.resolve(await next.job(self));
        } catch (error) {
          next.reject(error);
          throw error;
        }
      }
    },
    { trapExit },
  );
  return {
    pid,
    run: <T>(job: (self: Self) => T | Promise<T>): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        jobs.push({ job, resolve: resolve as (value: unknown) => void, reject });
        scheduler.send(pid, pid, wake);
      }),
  };
}

/** What a function call came to, as the kit has it. */
export async function resultOf(fn: () => unknown): Promise<Result> {
  try {
    return { value: await fn() };
  } catch (thrown) {
    if (thrown instanceof ProcessExit) return { exit: thrown.reason };
    if (thrown instanceof ProcessError) return { error: thrown.reason };
    if (hasCode(thrown, 'badarg')) return { error: atom('badarg') };
    return { error: reasonOf(thrown) };
  }
}
