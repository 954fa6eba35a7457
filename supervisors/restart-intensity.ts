/**
 * How often a supervisor may restart: more than `intensity` restarts within `periodMs` are too many. Pure; the time of each restart is passed
 * in, on a clock that never goes back. OTP counts in whole seconds; here a restart leaves the window to the millisecond.
 */

/** Times of the restarts in the window, newest first. */
export type RestartTimes = readonly number[];

export interface RestartVerdict {
  readonly times: RestartTimes;
  readonly exceeded: boolean;
}

/** Counts one more restart at `nowMs`. A restart exactly `periodMs` ago still counts. */
export function addRestart(times: RestartTimes, nowMs: number, intensity: number, periodMs: number): RestartVerdict {
  const oldest = nowMs - periodMs;
  const kept = [nowMs];
  for (const time of times) {
    // Once the limit is passed the answer is known; older times would only be kept for nothing.
    if (time < oldest || kept.length > intensity) break;
    kept.push(time);
  }
  return { times: kept, exceeded: kept.length > intensity };
}
