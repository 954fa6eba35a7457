/**
 * Virtual time for code that runs in promises: one event at a time, then everything that it set going (promises and what they defer), then what
 * was put off to the end of the turn, and only then the next event. Nothing but this order decides what runs when.
 */
import { Schedule } from '../schedule.ts';

/** After so many events Node's own event loop gets a turn: garbage is finalised, and a test's deadline can fire. */
const EVENTS_PER_TURN = 2000;

export class Clockwork {
  readonly #schedule: Schedule = new Schedule();
  #endings: (() => void)[] = [];
  #sinceTurn = 0;

  get nowMs(): number {
    return this.#schedule.nowMs;
  }

  after(delayMs: number, run: () => void): void {
    this.#schedule.after(delayMs, run);
  }

  endOfTurn(run: () => void): void {
    this.#endings.push(run);
  }

  /** Runs until that time, or until `isOver` says so after an event. */
  async run(untilMs: number, isOver: () => boolean = () => false): Promise<void> {
    while (!isOver() && this.#schedule.step(untilMs)) {
      await settle();
      while (this.#endings.length > 0) {
        const endings = this.#endings;
        this.#endings = [];
        for (const end of endings) end();
        await settle();
      }
      this.#sinceTurn += 1;
      if (this.#sinceTurn < EVENTS_PER_TURN) continue;
      this.#sinceTurn = 0;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }
}

/** Resolves when no promise has anything left to do: a tick that a microtask queues runs after all microtasks, those to come too. */
function settle(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => process.nextTick(resolve)));
}
