/**
 * A clock for scenarios on one thread: when nothing is left to do, time moves to the next timer. So a scenario takes no longer than its work,
 * and waits are exact however busy the machine is.
 */
import { realEnv, type Env, type TimerHandle } from '../../../runtime/env.ts';

interface Due {
  readonly atMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** Turns of the event loop without anything new before time moves; loading a module takes some. */
const IDLE_TURNS = 4;

export interface KitClock extends Env {
  stop(): void;
}

export function createKitClock(): KitClock {
  let nowMs = 0;
  let order = 0;
  let isRunning = true;
  let timers: Due[] = [];
  const runNext = (): void => {
    const next = timers.reduce<Due | undefined>((a, b) => (a === undefined || isBefore(b, a) ? b : a), undefined);
    if (next === undefined) return;
    timers = timers.filter((timer) => timer !== next);
    nowMs = Math.max(nowMs, next.atMs);
    next.fn();
  };
  const turn = (left: number): void => {
    if (!isRunning) return;
    if (left === 0) runNext();
    setImmediate(turn, left === 0 ? IDLE_TURNS : left - 1);
  };
  setImmediate(turn, IDLE_TURNS);
  return {
    ...realEnv,
    now: () => nowMs,
    setTimer(delayMs, fn): TimerHandle {
      const due: Due = { atMs: nowMs + delayMs, order: (order += 1), fn };
      timers.push(due);
      return { cancel: () => void (timers = timers.filter((timer) => timer !== due)) };
    },
    stop: () => void (isRunning = false),
  };
}

function isBefore(a: Due, b: Due): boolean {
  return a.atMs === b.atMs ? a.order < b.order : a.atMs < b.atMs;
}
