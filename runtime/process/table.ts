/**
 * The processes of one thread by running number. The number's low bits are the place in the table, as on the BEAM: a number
 * whose place is taken is skipped, and no number is ever used twice.
 *
 * With a shared part (`SharedArrayBuffer`) other threads can see who is alive, and a thread that replaces a dead one goes on
 * counting where that one stopped. Layout, in float64: [0] table size, [1] next number, [2] number + 1 of the process whose function is being
 * started, or 0, [3...] number + 1 of the process there, or 0.
 */

/** Growable since Node 20 (ES2024); the language level that this is compiled for does not name it yet. */
interface GrowableSharedArrayBuffer extends SharedArrayBuffer {
  grow(bytes: number): void;
}
const Growable = SharedArrayBuffer as unknown as new (
  bytes: number,
  options: { maxByteLength: number },
) => GrowableSharedArrayBuffer;

const STARTING = 2;
const HEADER = 3;
const SIZE_FIRST = 1024;
/** Most processes of one thread. */
export const PROCESSES_MAX: number = 2 ** 24;

export function createSharedTable(): SharedArrayBuffer {
  const bytes = (HEADER + SIZE_FIRST) * 8;
  const shared = new Growable(bytes, { maxByteLength: (HEADER + 2 * PROCESSES_MAX) * 8 });
  new Float64Array(shared)[0] = SIZE_FIRST;
  return shared;
}

/** Whether a process of another thread is alive, as far as can be seen from here. */
export function isAliveIn(view: Float64Array, count: number): boolean {
  const size = view[0] ?? SIZE_FIRST;
  return view[HEADER + (count & (size - 1))] === count + 1;
}

/** Which process holds a thread up, when that can be told: the one whose first instructions run, or the only one. */
export function findRunning(shared: SharedArrayBuffer): number | undefined {
  const view = new Float64Array(shared);
  if (view[STARTING] !== 0) return (view[STARTING] as number) - 1;
  const only = view.subarray(HEADER).filter((entry) => entry !== 0);
  return only.length === 1 ? (only[0] as number) - 1 : undefined;
}

/** Forgets the processes of a thread that died; its numbers stay used. */
export function clearSharedTable(shared: SharedArrayBuffer): void {
  new Float64Array(shared).fill(0, STARTING);
}

export class ProcessTable<P extends { readonly count: number }> {
  #slots: (P | undefined)[];
  #mask: number;
  #next: number;
  #live = 0;
  readonly #shared: SharedArrayBuffer | null;
  readonly #view: Float64Array | null;

  constructor(shared: SharedArrayBuffer | null = null) {
    this.#shared = shared;
    this.#view = shared === null ? null : new Float64Array(shared);
    const size = this.#view?.[0] ?? SIZE_FIRST;
    this.#slots = new Array<P | undefined>(size).fill(undefined);
    this.#mask = size - 1;
    this.#next = Math.max(1, this.#view?.[1] ?? 1);
  }

  get size(): number {
    return this.#live;
  }

  /** The number for the next process, whose place is free. Undefined when the table is full. */
  reserve(): number | undefined {
    if (this.#live * 2 > this.#mask && !this.#grow()) return undefined;
    let count = this.#next;
    while (this.#slots[count & this.#mask] !== undefined) count += 1;
    this.#next = count + 1;
    if (this.#view !== null) this.#view[1] = this.#next;
    return count;
  }

  /** Lets other threads see whose function is being started; null when that is done. */
  showStarting(process: P | null): void {
    if (this.#view !== null) this.#view[STARTING] = process === null ? 0 : process.count + 1;
  }

  add(process: P): void {
    const { count } = process;
    this.#slots[count & this.#mask] = process;
    if (this.#view !== null) this.#view[HEADER + (count & this.#mask)] = count + 1;
    this.#live += 1;
  }

  get(count: number): P | undefined {
    const found = this.#slots[count & this.#mask];
    return found !== undefined && found.count === count ? found : undefined;
  }

  delete(count: number): void {
    const place = count & this.#mask;
    if (this.#slots[place]?.count !== count) return;
    this.#slots[place] = undefined;
    if (this.#view !== null) this.#view[HEADER + place] = 0;
    this.#live -= 1;
  }

  *values(): Generator<P> {
    for (const process of this.#slots) if (process !== undefined) yield process;
  }

  /**
   * Doubles the table. Two processes at different places stay at different places. For readers on other threads the upper half
   * is filled first, then the size is published, then the moved ones vanish below: at each instant everybody alive is found.
   */
  #grow(): boolean {
    const old = this.#mask + 1;
    if (old >= 2 * PROCESSES_MAX) return false;
    const slots = this.#slots;
    for (let i = 0; i < old; i++) slots.push(undefined);
    const moved: number[] = [];
    for (let i = 0; i < old; i++) {
      const process = slots[i];
      if (process === undefined || (process.count & old) === 0) continue;
      slots[i + old] = process;
      slots[i] = undefined;
      moved.push(i);
    }
    this.#mask = 2 * old - 1;
    this.#publish(old, moved);
    return true;
  }

  #publish(old: number, moved: readonly number[]): void {
    const view = this.#view;
    if (view === null) return;
    (this.#shared as GrowableSharedArrayBuffer).grow((HEADER + 2 * old) * 8);
    for (const place of moved) view[HEADER + place + old] = view[HEADER + place] as number;
    view[0] = 2 * old;
    for (const place of moved) view[HEADER + place] = 0;
  }
}
