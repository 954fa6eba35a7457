/**
 * What a bench case is. A case has variants that do the same work by different means: ours, and the anchors it is compared with. Each
 * variant runs in a fresh process, several times, in an order that rotates; only ratios of one run mean something, absolute figures drift.
 *
 * A variant checks its own result and throws when it did not do the work.
 */

export type Unit = 'per_s' | 'us' | 'bytes';

/** How much work: tiny to see that it runs, or enough to be measured. */
export class Size {
  readonly smoke: boolean;

  constructor(smoke: boolean) {
    this.smoke = smoke;
  }

  of(real: number, tiny: number): number {
    return this.smoke ? tiny : real;
  }
}

/** Samples by figure: `{ rate: [...] }`. */
export type Samples = Readonly<Record<string, readonly number[]>>;

export interface Variant {
  readonly name: string;
  /** Why it cannot run on this machine; null when it can. */
  readonly missing?: () => string | null;
  run(size: Size): Promise<Samples>;
}

/** What is to be reached: a figure of one variant, as a ratio to another's when `to` is given. */
export interface Goal {
  readonly figure: string;
  readonly of: string;
  readonly to?: string;
  /** Figure of the anchor, when it has another name there. */
  readonly toFigure?: string;
  readonly atLeast?: number;
  readonly atMost?: number;
}

export interface BenchCase {
  /** Path-like: `process/spawn` is chosen by its name and by `process`. */
  readonly name: string;
  readonly about: string;
  readonly figures: Readonly<Record<string, Unit>>;
  readonly variants: readonly Variant[];
  readonly goals: readonly Goal[];
  /** How often each variant runs, each time in a new process; default 3. */
  readonly passes?: number;
}
