/**
 * Deadlines of a thread: one heap of distinct milliseconds, a list of timers at each, one timer of the environment for all.
 * Adding and cancelling are O(1) when the millisecond is known already, so that a call can afford a timeout.
 */
import { TIMER_DELAY_MAX_MS, type Env, type TimerHandle } from '../env.ts';

/** One deadline; `cancel` it through the queue. */
export interface Timer {
  readonly at: number;
  fire: (() => void) | null;
  slot: Timer[] | null;
  index: number;
}

export class TimerQueue {
  readonly #env: Env;
  readonly #slots = new Map<number, Timer[]>();
  readonly #heap: number[] = [];
  #armed: TimerHandle | null = null;
  #armedFor = Infinity;

  constructor(env: Env) {
    this.#env = env;
  }

  /** Calls `fire` once, `delayMs` from now or a little later. */
  add(delayMs: number, fire: () => void): Timer {
    const at = Math.ceil(this.#env.now() + Math.max(0, delayMs));
    let slot = this.#slots.get(at);
    if (slot === undefined) {
      slot = [];
      this.#slots.set(at, slot);
      this.#push(at);
      if (at < this.#armedFor) this.#arm(at);
    }
    const timer: Timer = { at, fire, slot, index: slot.length };
    slot.push(timer);
    return timer;
  }

  /** Returns how many milliseconds were left, or false when it had fired or was cancelled already. */
  cancel(timer: Timer): number | false {
    return this.drop(timer) ? Math.max(0, Math.floor(timer.at - this.#env.now())) : false;
  }

  /** As `cancel`, without asking the clock how much was left. */
  drop(timer: Timer): boolean {
    const { slot } = timer;
    if (slot === null) return false;
    const last = slot.pop() as Timer;
    if (last !== timer) {
      slot[timer.index] = last;
      last.index = timer.index;
    }
    timer.slot = null;
    timer.fire = null;
    return true;
  }

  /** Milliseconds left, or false. */
  read(timer: Timer): number | false {
    return timer.slot === null ? false : Math.max(0, Math.floor(timer.at - this.#env.now()));
  }

  stop(): void {
    this.#armed?.cancel();
    this.#armed = null;
    this.#armedFor = Infinity;
    this.#slots.clear();
    this.#heap.length = 0;
  }

  #arm(at: number): void {
    this.#armed?.cancel();
    this.#armedFor = at;
    const delayMs = Math.min(TIMER_DELAY_MAX_MS, Math.max(0, at - this.#env.now()));
    this.#armed = this.#env.setTimer(delayMs, () => this.#run());
  }

  #run(): void {
    this.#armed = null;
    this.#armedFor = Infinity;
    const now = this.#env.now();
    while (this.#heap.length > 0 && (this.#heap[0] as number) <= now) {
      const at = this.#pop();
      const slot = this.#slots.get(at) ?? [];
      this.#slots.delete(at);
      for (const timer of slot.splice(0)) {
        const { fire } = timer;
        timer.slot = null;
        timer.fire = null;
        fire?.();
      }
    }
    this.#dropEmpty();
    const next = this.#heap[0];
    if (next !== undefined && next < this.#armedFor) this.#arm(next);
  }

  /** Cancelled timers leave empty milliseconds behind; the earliest are dropped so that nobody is woken for them. */
  #dropEmpty(): void {
    while (this.#heap.length > 0 && this.#slots.get(this.#heap[0] as number)?.length === 0) {
      this.#slots.delete(this.#pop());
    }
  }

  #push(at: number): void {
    const heap = this.#heap;
    let i = heap.length;
    heap.push(at);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if ((heap[parent] as number) <= at) break;
      heap[i] = heap[parent] as number;
      i = parent;
    }
    heap[i] = at;
  }

  #pop(): number {
    const heap = this.#heap;
    const top = heap[0] as number;
    const last = heap.pop() as number;
    if (heap.length === 0) return top;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && (heap[child + 1] as number) < (heap[child] as number)) child += 1;
      if ((heap[child] as number) >= last) break;
      heap[i] = heap[child] as number;
      i = child;
    }
    heap[i] = last;
    return top;
  }
}
