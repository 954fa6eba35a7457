/**
 * Seeded random numbers (xoshiro128**): the same seed gives the same run on every machine. A run draws from many streams,
 * one per purpose, so that a run with one thing less is the same run in all else: that is what makes shrinking work.
 */

export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.#state = new Uint32Array(4);
    let mixed = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      mixed = (mixed + 0x9e3779b9) >>> 0;
      let word = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a2d97);
      this.#state[i] = word ^ (word >>> 15);
    }
  }

  /** In [0, 2^32). */
  word(): number {
    const s = this.#state;
    const s0 = s[0] as number;
    const s1 = s[1] as number;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const s2 = (s[2] as number) ^ s0;
    const s3 = (s[3] as number) ^ s1;
    s[1] = s1 ^ s2;
    s[0] = s0 ^ s3;
    s[2] = s2 ^ (s1 << 9);
    s[3] = rotate(s3, 11);
    return result;
  }

  /** In [0, 1). */
  unit(): number {
    return this.word() / 2 ** 32;
  }

  /** In [0, 1), with all the bits that a number has there. */
  precise(): number {
    return (this.word() * 2 ** 21 + (this.word() >>> 11)) / 2 ** 53;
  }

  between(least: number, most: number): number {
    return least + (most - least) * this.unit();
  }

  /** An integer in [0, count). */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }

  chance(probability: number): boolean {
    return this.unit() < probability;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }
}

/** The stream of one purpose of a run: `streamOf(seed, 'operation', 3)`. */
export function streamOf(seed: number, purpose: string, index = 0): Random {
  let mixed = seed >>> 0;
  for (let i = 0; i < purpose.length; i++) mixed = Math.imul(mixed ^ purpose.charCodeAt(i), 0x01000193);
  return new Random(Math.imul(mixed ^ (mixed >>> 15), 0x2c1b3c6d) + Math.imul(index + 1, 0x9e3779b1));
}

function rotate(word: number, by: number): number {
  return (word << by) | (word >>> (32 - by));
}
