/** Messages that are sent later, by the reference that `sendAfter` returned. */
import { BadArgumentError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import type { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import { assertDestination } from './assert-options.ts';
import type { Scheduler } from './scheduler.ts';
import type { Destination } from './self.ts';
import type { Timer } from './timers.ts';

export class DelayedSends {
  readonly #scheduler: Scheduler;
  readonly #timers = new Map<number, Timer>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  sendAfter(from: Pid, delayMs: number, to: Destination, message: unknown): Ref {
    if (!(typeof delayMs === 'number' && delayMs >= 0)) {
      throw new BadArgumentError(`sendAfter: delayMs must be a number >= 0, not ${typeof delayMs} ${String(delayMs)}`);
    }
    assertDestination(to, 'sendAfter');
    const scheduler = this.#scheduler;
    const ref = scheduler.makeRef();
    const copy = copyTerm(message);
    const timer = scheduler.timers.add(delayMs, () => {
      this.#timers.delete(scheduler.countOf(ref));
      const isName = to instanceof Atom || typeof to === 'string';
      if (!isName || scheduler.whereis(to) !== undefined) scheduler.send(from, to, copy);
    });
    this.#timers.set(scheduler.countOf(ref), timer);
    return ref;
  }

  /** Milliseconds that were left, or false when it had run or never was. */
  cancel(ref: Ref): number | false {
    if (!(ref instanceof Ref)) throw new BadArgumentError('cancelTimer: takes the reference that sendAfter returned');
    const key = this.#scheduler.refKey(ref);
    const timer = typeof key === 'number' ? this.#timers.get(key) : undefined;
    if (timer === undefined) return false;
    this.#timers.delete(this.#scheduler.countOf(ref));
    return this.#scheduler.timers.cancel(timer);
  }
}
