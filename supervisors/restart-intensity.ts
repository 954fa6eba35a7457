/**
 * How often a supervisor may restart: more than `intensity` restarts within `periodMs` are too many. Pure; the time of each restart is passed
 * in, on a clock that never goes back. OTP counts in whole seconds; here a restart leaves the window to the millisecond.
 */

/** The restarts of one supervisor. A restart costs the same however many there were. */
export class RestartWindow {
  readonly #intensity: number;
  readonly #periodMs: number;
  /** Oldest first; those before `#first` have left the window. */
  #times: number[] = [];
  #first = 0;

  constructor(intensity: number, periodMs: number) {
    this.#intensity = intensity;
    this.#periodMs = periodMs;
  }

  /** How many restarts are remembered. */
  get size(): number {
    return this.#times.length - this.#first;
  }

  /** Counts one more restart; true: that is too many. A restart exactly `periodMs` ago still counts. */
  add(nowMs: number): boolean {
    const oldest = nowMs - this.#periodMs;
    this.#times.push(nowMs);
    while ((this.#times[this.#first] as number) < oldest) this.#first += 1;
    // Once the limit is passed the answer is known; older times would only be kept for nothing.
    while (this.size > this.#intensity + 1) this.#first += 1;
    if (this.#first > this.#times.length / 2) {
      this.#times = this.#times.slice(this.#first);
      this.#first = 0;
    }
    return this.size > this.#intensity;
  }
}
