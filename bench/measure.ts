/** Rates of work done in this process, by tinybench: each run is a batch, each sample the rate of one batch. */
import { Bench } from 'tinybench';
import type { Size } from './case.ts';

const TIME_MS = 250;
const WARMUP_MS = 200;

/** Runs `batch`, which does `operations` operations, again and again; operations per second of each run. */
export async function measureRate(
  size: Size,
  operations: number,
  batch: () => Promise<void> | void,
): Promise<number[]> {
  const bench = new Bench({
    time: size.of(TIME_MS, 0),
    iterations: size.of(8, 1),
    warmup: !size.smoke,
    warmupTime: WARMUP_MS,
    warmupIterations: 3,
    retainSamples: true,
    throws: true,
  });
  // Always asynchronous to tinybench: it would call a plain function once more, to see what it returns.
  bench.add('batch', async () => {
    await batch();
  });
  const [task] = await bench.run();
  const result = task?.result;
  if (result?.state !== 'completed' || result.latency.samples === undefined) {
    throw new Error(`the measurement did not complete: ${result?.state ?? 'no task'}`);
  }
  return result.latency.samples.map((ms) => (operations * 1000) / ms);
}

/** The same where each run must be timed from inside, such as latencies: microseconds of each of `count` runs after a warm-up. */
export async function measureLatency(count: number, run: () => Promise<void>): Promise<number[]> {
  for (let i = 0; i < count; i++) await run();
  const samples: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    await run();
    samples.push((performance.now() - start) * 1000);
  }
  return samples;
}

/** Collects garbage when the process was started so that it can. */
export function collectGarbage(): void {
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined)
    throw new Error('start with --expose-gc: without collecting garbage first memory cannot be measured');
  gc();
  gc();
}
