/**
 * Signs of life of a node's threads, in shared memory: each thread beats a few times a second, and says how busy it was and how many
 * processes it has. Who watches sees at once when a thread stops beating, whatever it is doing, and where there is room for a process.
 *
 * Layout, four float64 for each thread: [0] beats, [1] utilisation of the last interval (0 to 1), [2] processes, [3] 1 while the watcher finds it stuck.
 */
import { measureUtilisation, type Env, type TimerHandle } from '../env.ts';

const FIELDS = 4;
const BEATS = 0;
const UTILISATION = 1;
const PROCESSES = 2;
const STUCK = 3;

export function createVitals(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer(threads * FIELDS * 8);
}

/** Lets a thread beat. Returns what stops it. */
export function startBeating(
  env: Env,
  shared: SharedArrayBuffer,
  thread: number,
  everyMs: number,
  countProcesses: () => number,
): () => void {
  const vitals = new Float64Array(shared, thread * FIELDS * 8, FIELDS);
  const utilisation = measureUtilisation();
  let timer: TimerHandle | null = null;
  vitals.fill(0);
  const look = (): void => {
    vitals[UTILISATION] = utilisation();
    beat();
  };
  const beat = (): void => {
    vitals[PROCESSES] = countProcesses();
    vitals[BEATS] = (vitals[BEATS] as number) + 1;
    timer = env.setTimer(everyMs, look, true);
  };
  beat();
  return () => timer?.cancel();
}

/** A thread did not get to its event loop for long. */
export interface LongSchedule {
  readonly thread: number;
  /** How long so far, or in all. Exact to about a quarter of the threshold. */
  readonly durationMs: number;
  /** False when the thread has become stuck just now, true when it goes on again. */
  readonly ended: boolean;
}

export interface WatcherOptions {
  readonly env: Env;
  readonly vitals: SharedArrayBuffer;
  /** The thread that watches; it notices its own long turns when they are over. */
  readonly thread: number;
  readonly everyMs: number;
  readonly thresholdMs: number;
  onLongSchedule(found: LongSchedule): void;
}

interface Watched {
  beats: number;
  silentMs: number;
  isStuck: boolean;
}

/** Watches the threads of a node from one of them. */
export class ThreadWatcher {
  readonly #options: WatcherOptions;
  readonly #vitals: Float64Array;
  readonly #watched = new Map<number, Watched>();
  #lookedAt: number;
  #timer: TimerHandle;

  constructor(options: WatcherOptions) {
    this.#options = options;
    this.#vitals = new Float64Array(options.vitals);
    this.#lookedAt = options.env.now();
    this.#timer = this.#again();
  }

  add(thread: number): void {
    this.#watched.set(thread, { beats: -1, silentMs: 0, isStuck: false });
  }

  remove(thread: number): void {
    this.#watched.delete(thread);
    this.#vitals[thread * FIELDS + STUCK] = 0;
  }

  stop(): void {
    this.#timer.cancel();
  }

  #again(): TimerHandle {
    return this.#options.env.setTimer(this.#options.everyMs, () => this.#look(), true);
  }

  #look(): void {
    const { env, everyMs, thresholdMs, thread, onLongSchedule } = this.#options;
    const now = env.now();
    const sinceMs = now - this.#lookedAt;
    this.#lookedAt = now;
    if (sinceMs - everyMs > thresholdMs) onLongSchedule({ thread, durationMs: sinceMs - everyMs, ended: true });
    // A watcher that was late (or a machine that slept) may not hold all that time against the others.
    const countedMs = Math.min(sinceMs, 2 * everyMs);
    for (const [watched, seen] of this.#watched) this.#lookAt(watched, seen, countedMs);
    this.#timer = this.#again();
  }

  #lookAt(thread: number, seen: Watched, countedMs: number): void {
    const { thresholdMs, onLongSchedule } = this.#options;
    const beats = this.#vitals[thread * FIELDS + BEATS] as number;
    if (beats === seen.beats) {
      seen.silentMs += countedMs;
      if (seen.isStuck || seen.silentMs < thresholdMs) return;
      seen.isStuck = true;
      this.#vitals[thread * FIELDS + STUCK] = 1;
      onLongSchedule({ thread, durationMs: seen.silentMs, ended: false });
      return;
    }
    const { isStuck, silentMs } = seen;
    Object.assign(seen, { beats, silentMs: 0, isStuck: false });
    this.#vitals[thread * FIELDS + STUCK] = 0;
    if (isStuck) onLongSchedule({ thread, durationMs: silentMs, ended: true });
  }
}

/** Where a process goes whose spawner does not care: on each thread in turn, or where there is least to do. */
export class Placer {
  readonly #vitals: Float64Array;
  /** The threads that processes are placed on. */
  readonly #threads: readonly number[];
  /** Placed by this thread since the thread there last said how many it has. */
  readonly #placed = new Map<number, { beats: number; count: number }>();
  #turn = 0;

  /** @param workers processes are placed on the threads 1 to `workers` */
  constructor(vitals: SharedArrayBuffer | null, workers: number) {
    this.#vitals = vitals === null ? new Float64Array(FIELDS) : new Float64Array(vitals);
    this.#threads = Array.from({ length: workers }, (_, index) => index + 1);
  }

  roundRobin(): number {
    const thread = this.#threads[this.#turn % this.#threads.length] as number;
    this.#turn += 1;
    return thread;
  }

  /** Not a stuck thread; among those about as busy as the least busy one, the one with the fewest processes. */
  leastLoaded(): number {
    let best = this.#threads[0] as number;
    let bestLoad = Infinity;
    for (const thread of this.#threads) {
      const load = this.#loadOf(thread);
      if (load < bestLoad) [best, bestLoad] = [thread, load];
    }
    const placed = this.#placedOn(best);
    placed.count += 1;
    return best;
  }

  #loadOf(thread: number): number {
    const at = thread * FIELDS;
    if (this.#vitals[at + STUCK] === 1) return Number.MAX_VALUE;
    const tenths = Math.round((this.#vitals[at + UTILISATION] as number) * 10);
    return tenths * 2 ** 32 + (this.#vitals[at + PROCESSES] as number) + this.#placedOn(thread).count;
  }

  #placedOn(thread: number): { beats: number; count: number } {
    const beats = this.#vitals[thread * FIELDS] as number;
    let placed = this.#placed.get(thread);
    if (placed === undefined || placed.beats !== beats) {
      placed = { beats, count: 0 };
      this.#placed.set(thread, placed);
    }
    return placed;
  }
}
