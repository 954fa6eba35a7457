/**
 * Time that only moves when a test says so. `advance` runs what is due, in order; promises get their turns between.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Env, TimerHandle } from '../../runtime/env.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
  cancelled: boolean;
}

export class VirtualEnv implements Env {
  #nowMs = 1_000;
  #order = 0;
  #seed: number;
  #timers: Due[] = [];

  constructor(seed = 1) {
    this.#seed = seed;
  }

  now(): number {
    return this.#nowMs;
  }

  systemTime(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  random(): number {
    this.#seed = (Math.imul(this.#seed, 1_664_525) + 1_013_904_223) >>> 0;
    return this.#seed / 2 ** 32;
  }

  randomBytes(size: number): Uint8Array {
    return Uint8Array.from({ length: size }, () => Math.floor(this.random() * 256));
  }

  setTimer(delayMs: number, fn: () => void): TimerHandle {
    const due: Due = { atMs: this.#nowMs + delayMs, order: this.#order++, fn, cancelled: false };
    this.#timers.push(due);
    return { cancel: () => (due.cancelled = true) };
  }

  yieldTurn(fn: () => void): void {
    this.setTimer(0, fn);
  }

  defer(fn: () => void): void {
    queueMicrotask(fn);
  }

  endOfTurn(fn: () => void): void {
    setImmediate(fn);
  }

  /** Moves time forward; everything due on the way runs at its own time. */
  async advance(durationMs: number): Promise<void> {
    const untilMs = this.#nowMs + durationMs;
    for (;;) {
      await nextTurn();
      const due = this.#next(untilMs);
      if (due === undefined) break;
      this.#nowMs = Math.max(this.#nowMs, due.atMs);
      due.fn();
    }
    this.#nowMs = untilMs;
  }

  /** Stands still for so long without running anything, as a blocked event loop does. */
  block(durationMs: number): void {
    this.#nowMs += durationMs;
  }

  /** Advances in small steps until the condition holds. */
  async until(condition: () => boolean, whatFor: string, limitMs = 60_000): Promise<void> {
    const limit = this.#nowMs + limitMs;
    while (!condition()) {
      if (this.#nowMs > limit) throw new Error(`gave up waiting for ${whatFor}`);
      await this.advance(10);
    }
  }

  #next(untilMs: number): Due | undefined {
    this.#timers = this.#timers.filter((due) => !due.cancelled);
    const ready = this.#timers.filter((due) => due.atMs <= untilMs);
    const first = ready.sort((a, b) => a.atMs - b.atMs || a.order - b.order)[0];
    if (first !== undefined) this.#timers.splice(this.#timers.indexOf(first), 1);
    return first;
  }
}
