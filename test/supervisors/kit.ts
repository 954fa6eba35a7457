/** A scheduler of one thread for the tests of this folder, and a process to run a test in. */
import { realEnv } from '../../runtime/env.ts';
import { releaseDefaultScheduler, setDefaultScheduler } from '../../runtime/node/default.ts';
import { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { isTagged } from '../../runtime/term/tuple.ts';

export interface TestNode {
  /** Runs `fn` in a fresh process that traps exits; settles as it does. */
  run<T>(fn: (self: Self) => Promise<T>): Promise<T>;
  stop(): void;
}

export function createTestNode(): TestNode {
  const scheduler = new Scheduler({ nodeName: nameAtom('test@127.0.0.1'), creation: 1, env: realEnv });
  setDefaultScheduler(scheduler);
  return {
    run: (fn) =>
      new Promise((resolve, reject) => {
        scheduler.spawn((self) => fn(self).then(resolve, reject), { trapExit: true });
      }),
    stop() {
      scheduler.stop(Exit.shutdown);
      releaseDefaultScheduler(scheduler);
    },
  };
}

/** Collects what processes report, and waits for it. */
export interface Log {
  readonly lines: string[];
  add(line: string): void;
  /** Resolves when there are that many lines. Rejects after ten seconds with what there is. */
  until(count: number): Promise<string[]>;
}

export function createLog(): Log {
  const lines: string[] = [];
  let changed = (): void => undefined;
  return {
    lines,
    add(line) {
      lines.push(line);
      changed();
    },
    async until(count) {
      const endsAt = realEnv.now() + 10_000;
      while (lines.length < count) {
        const left = endsAt - realEnv.now();
        if (left <= 0) throw new Error(`waited for ${count} lines, got ${JSON.stringify(lines)}`);
        await new Promise<void>((resolve) => {
          const timer = realEnv.setTimer(left, resolve);
          changed = () => {
            timer.cancel();
            resolve();
          };
        });
      }
      return lines;
    },
  };
}

/** `{Why, Stack}` of a process that crashed: the name of the error. */
export function crashName(reason: unknown): string | undefined {
  const [why] = isTagged(reason, (reason as readonly unknown[])[0], 2) ? (reason as readonly unknown[]) : [];
  return why instanceof Error ? why.message : undefined;
}
