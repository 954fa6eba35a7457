/** Waiting on real time, with a deadline. */
import { setTimeout as delay } from 'node:timers/promises';

/** Polls until the condition holds; fails after the deadline. */
export async function until(condition: () => boolean, whatFor: string, deadlineMs = 10_000): Promise<void> {
  const giveUpAt = Date.now() + deadlineMs;
  while (!condition()) {
    if (Date.now() > giveUpAt) throw new Error(`gave up waiting for ${whatFor}`);
    await delay(5);
  }
}
