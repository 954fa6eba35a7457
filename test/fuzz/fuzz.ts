/** Runs inputs through targets. Everything follows from the seed: the same seed and number of runs give the same inputs. */
import { Random } from '../sim/random.ts';
import type { Corpus } from './corpus.ts';
import type { Target } from './targets.ts';

/** No input may take longer; the slowest real ones take a few milliseconds. */
export const INPUT_MS_MAX = 5_000;

export interface FuzzOptions {
  readonly runs: number;
  readonly seed: number;
  readonly targets: readonly Target[];
  readonly corpus: Corpus;
  /** Called now and then, between two inputs. */
  readonly onTurn?: (done: number) => Promise<void>;
}

export interface FuzzFailure {
  readonly target: string;
  /** Which input it was. */
  readonly run: number;
  readonly input: Uint8Array;
  readonly error: unknown;
}

export interface FuzzReport {
  readonly runs: number;
  readonly failure: FuzzFailure | null;
  /** How many inputs each target had, and how many of them it accepted. */
  readonly counts: ReadonlyMap<string, { readonly runs: number; readonly accepted: number }>;
  readonly slowestMs: number;
}

const TURN_RUNS = 1_000;

export async function fuzz({ runs, seed, targets, corpus, onTurn }: FuzzOptions): Promise<FuzzReport> {
  const random = new Random(seed);
  const bag = targets.flatMap((target) => Array.from({ length: target.weight }, () => target));
  const counts = new Map(targets.map(({ name }) => [name, { runs: 0, accepted: 0 }]));
  let slowestMs = 0;
  for (let run = 0; run < runs; run++) {
    const target = random.pick(bag);
    const input = target.make(random, corpus);
    const count = counts.get(target.name) as { runs: number; accepted: number };
    const from = performance.now();
    let error: unknown = null;
    try {
      if (target.run(input, random)) count.accepted += 1;
    } catch (thrown) {
      error = thrown;
    }
    const tookMs = performance.now() - from;
    slowestMs = Math.max(slowestMs, tookMs);
    if (error === null && tookMs > INPUT_MS_MAX) error = new Error(`it took ${tookMs.toFixed(0)} ms`);
    if (error !== null)
      return { runs: run + 1, failure: { target: target.name, run, input, error }, counts, slowestMs };
    count.runs += 1;
    if (run % TURN_RUNS === TURN_RUNS - 1) await onTurn?.(run + 1);
  }
  return { runs, failure: null, counts, slowestMs };
}
