/**
 * A network worse than TCP: every message may be lost, doubled, overtaken and held up; links break in both or in
 * one direction. What the ends notice of that is the links' business (links.ts). After `heal` it is quick and perfect.
 *
 * Each link draws from a stream of its own: what happens on one does not depend on what is sent on others.
 */
import { streamOf } from './random.ts';
import type { Parameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Schedule } from './schedule.ts';

export class Network {
  readonly #seed: number;
  readonly #schedule: Schedule;
  readonly #parameters: Parameters;
  readonly #streams: Map<number, Random> = new Map();
  /** How many faults keep the link `from * 64 + to` from carrying anything. */
  readonly #broken: Map<number, number> = new Map();
  #isHealed = false;
  delivered = 0;

  constructor(seed: number, schedule: Schedule, parameters: Parameters) {
    this.#seed = seed;
    this.#schedule = schedule;
    this.#parameters = parameters;
  }

  send(from: number, to: number, deliver: () => void): void {
    if (from === to) {
      this.#schedule.after(0.01, deliver);
      return;
    }
    const link = from * 64 + to;
    const random = this.#streamOf(link);
    if (this.#isHealed) {
      this.#deliverAfter(random.between(0.2, 2), deliver);
      return;
    }
    const { loss, duplication, straggling, delayMsMax, stragglingMsMax } = this.#parameters;
    const isLost = random.chance(loss);
    if (isLost || (this.#broken.get(link) ?? 0) > 0) return;
    const copies = random.chance(duplication) ? 2 : 1;
    for (let i = 0; i < copies; i++) {
      const most = random.chance(straggling) ? stragglingMsMax : delayMsMax;
      this.#deliverAfter(random.between(0.2, most), deliver);
    }
  }

  break(from: number, to: number): void {
    const link = from * 64 + to;
    this.#broken.set(link, (this.#broken.get(link) ?? 0) + 1);
  }

  mend(from: number, to: number): void {
    const link = from * 64 + to;
    this.#broken.set(link, Math.max(0, (this.#broken.get(link) ?? 0) - 1));
  }

  heal(): void {
    this.#isHealed = true;
  }

  #streamOf(link: number): Random {
    let stream = this.#streams.get(link);
    if (stream === undefined) this.#streams.set(link, (stream = streamOf(this.#seed, 'link', link)));
    return stream;
  }

  #deliverAfter(delayMs: number, deliver: () => void): void {
    this.#schedule.after(delayMs, () => {
      this.delivered += 1;
      deliver();
    });
  }
}
