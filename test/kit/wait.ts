/** Waiting on real time, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the condition holds; fails after the deadline, and says what for, or how things are then. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  whatFor: string | (() => string | Promise<string>) = String(condition),
  deadlineMs = 10_000,
): Promise<void> {
  const giveUpAt = performance.now() + deadlineMs;
  while (!(await condition())) {
    if (performance.now() > giveUpAt) {
      const text = typeof whatFor === 'string' ? whatFor : await whatFor();
      throw new Error(`gave up after ${deadlineMs} ms waiting for ${text}`);
    }
    await delay(5);
  }
}
