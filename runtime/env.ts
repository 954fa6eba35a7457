/**
 * Where time, randomness and the event loop enter. Everything above takes an `Env`, so that a whole cluster
 * can run in one thread under a seeded scheduler with virtual time. This file is the only one in the runtime that touches
 * the clock, timers or a random source (lint forbids them elsewhere).
 */
import { randomFillSync } from 'node:crypto';

export interface TimerHandle {
  /** Ends the timer if it has not run. Calling it again does nothing. */
  cancel(): void;
}

export interface Env {
  /** Milliseconds on a clock that never goes back; its zero has no meaning. */
  now(): number;
  /** Milliseconds since 1970, as the system says. */
  systemTime(): number;
  /** A uniform number in [0, 1). Not for secrets. */
  random(): number;
  /** Unpredictable bytes, for challenges and identities. */
  randomBytes(size: number): Uint8Array;
  /** Runs `fn` once after about that many milliseconds. Does not keep the program alive when `unref` is set. */
  setTimer(delayMs: number, fn: () => void, unref?: boolean): TimerHandle;
  /** Runs `fn` after pending I/O had a turn. */
  yieldTurn(fn: () => void): void;
  /** Runs `fn` when the code that runs now has finished, before any I/O. */
  defer(fn: () => void): void;
  /** Runs `fn` when the present turn, with all that it defers, is over, and before the next I/O. For what is sent in one batch a turn. */
  endOfTurn(fn: () => void): void;
}

/** Measures how busy the calling thread's event loop is: each call gives its utilisation (0 to 1) since the one before. */
export function measureUtilisation(): () => number {
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    return utilization;
  };
}

/** Longest delay that Node's timers take; longer ones are split by the timer queue. */
export const TIMER_DELAY_MAX_MS: number = 2 ** 31 - 1;

export const realEnv: Env = {
  now: () => performance.now(),
  systemTime: () => Date.now(),
  random: () => Math.random(),
  randomBytes: (size) => randomFillSync(new Uint8Array(size)),
  setTimer(delayMs, fn, unref = false) {
    const timer = setTimeout(fn, Math.min(delayMs, TIMER_DELAY_MAX_MS));
    if (unref) timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  yieldTurn: (fn) => void setImmediate(fn),
  defer: (fn) => queueMicrotask(fn),
  // A tick that is queued by a microtask runs when all microtasks are done; one queued outside of them would run before.
  endOfTurn: (fn) => queueMicrotask(() => process.nextTick(fn)),
};
