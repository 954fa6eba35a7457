/**
 * A network worse than TCP: every message may be lost, doubled, overtaken and held up; links break in both or in
 * one direction, and the ends notice late or not at all. After `heal` it is quick and perfect.
 */
import type { Parameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

export class Network {
  readonly #random: Random;
  readonly #schedule: Schedule;
  readonly #parameters: Parameters;
  /** `from * 64 + to` of links that carry nothing. */
  readonly #broken: Set<number> = new Set();
  #isHealed = false;
  sent = 0;
  delivered = 0;

  constructor(random: Random, schedule: Schedule, parameters: Parameters) {
    this.#random = random;
    this.#schedule = schedule;
    this.#parameters = parameters;
  }

  send(from: number, to: number, deliver: () => void): void {
    if (from === to) {
      this.#schedule.after(0.01, deliver);
      return;
    }
    this.sent += 1;
    const { loss, duplication, straggling, delayMsMax, stragglingMsMax } = this.#parameters;
    if (this.#isHealed) {
      this.#deliverAfter(this.#random.between(0.2, 2), deliver);
      return;
    }
    if (this.#broken.has(from * 64 + to) || this.#random.chance(loss)) return;
    const copies = this.#random.chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const most = this.#random.chance(straggling) ? stragglingMsMax : delayMsMax;
      this.#deliverAfter(this.#random.between(0.2, most), deliver);
    }
  }

  break(from: number, to: number): void {
    this.#broken.add(from * 64 + to);
  }

  mend(from: number, to: number): void {
    this.#broken.delete(from * 64 + to);
  }

  heal(): void {
    this.#isHealed = true;
    this.#broken.clear();
  }

  #deliverAfter(delayMs: number, deliver: () => void): void {
    this.#schedule.after(delayMs, () => {
      this.delivered += 1;
      deliver();
    });
  }
}
