/** Load on something that answers: so many requests outstanding at all times, for a while; throughput and latencies of what was completed. */
import type { Size } from '../case.ts';
import { quantileOf, sortNumbers } from '../statistics.ts';

const WARMUP_MS = 100;
const MEASURE_MS = 300;
/** A throughput sample is taken over this long. */
const WINDOW_MS = 50;
const WINDOWS_MIN = 4;

export interface Load {
  /** Requests per second, a sample per window. */
  readonly rate: readonly number[];
  /** Microseconds. */
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
}

/** Does request number `i`; rejects when it failed. Numbers are never repeated. */
export type Request = (i: number) => Promise<unknown>;

export class LoadDriver {
  readonly #request: Request;
  readonly #size: Size;
  #next = 0;

  constructor(request: Request, size: Size) {
    this.#request = request;
    this.#size = size;
  }

  /** Until the code of all processes has been compiled well; without it the first levels would measure the compiler. */
  async warmUp(outstanding: number, lengthMs: number): Promise<void> {
    await this.#phase(outstanding, this.#size.of(lengthMs, 0), []);
  }

  async drive(outstanding: number): Promise<Load> {
    await this.#phase(outstanding, this.#size.of(WARMUP_MS, 0), []);
    const done: Completed[] = [];
    const start = performance.now();
    await this.#phase(outstanding, this.#size.of(MEASURE_MS, 20), done);
    return summarizeLoad(done, start, this.#size.of(WINDOW_MS, Infinity));
  }

  /** At least one request each, so that a phase of no length is a round of all. */
  async #phase(outstanding: number, lengthMs: number, done: Completed[]): Promise<void> {
    const end = performance.now() + lengthMs;
    const worker = async (): Promise<void> => {
      let now = performance.now();
      do {
        const start = now;
        await this.#request(this.#next++);
        now = performance.now();
        done.push({ at: now, tookMs: now - start });
      } while (now < end);
    };
    await Promise.all(Array.from({ length: outstanding }, worker));
  }
}

interface Completed {
  readonly at: number;
  readonly tookMs: number;
}

function summarizeLoad(done: readonly Completed[], start: number, windowMs: number): Load {
  const sorted = sortNumbers(done.map(({ tookMs }) => tookMs * 1000));
  return {
    rate: ratesOf(done, start, windowMs),
    p50: quantileOf(sorted, 0.5),
    p90: quantileOf(sorted, 0.9),
    p99: quantileOf(sorted, 0.99),
  };
}

/** The last window is not whole and does not count; one in which nothing was done counts as 0. A short run is one window. */
function ratesOf(done: readonly Completed[], start: number, windowMs: number): number[] {
  const elapsedMs = (done.at(-1)?.at ?? start) - start;
  const windows = Math.floor(elapsedMs / windowMs);
  if (windows < WINDOWS_MIN) return [(done.length * 1000) / elapsedMs];
  const counts = new Array<number>(windows).fill(0);
  for (const { at } of done) {
    const window = Math.floor((at - start) / windowMs);
    if (window < windows) counts[window] = (counts[window] as number) + 1;
  }
  return counts.map((count) => (count * 1000) / windowMs);
}
