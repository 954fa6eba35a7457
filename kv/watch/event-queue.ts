/** Events between the process that watches and the loop that takes them: bounded, since the process waits while it is full. */

interface Taker<T> {
  readonly resolve: (result: IteratorResult<T, undefined>) => void;
  readonly reject: (error: Error) => void;
}

export class EventQueue<T> {
  readonly #eventsMax: number;
  readonly #events: T[] = [];
  readonly #takers: Taker<T>[] = [];
  #hasSpace: (() => void) | null = null;
  #error: Error | null = null;
  isEnded = false;

  constructor(eventsMax: number) {
    this.#eventsMax = eventsMax;
  }

  /** Resolves when there is space for another one. */
  push(event: T): Promise<void> | undefined {
    if (this.isEnded) return undefined;
    const taker = this.#takers.shift();
    if (taker === undefined) this.#events.push(event);
    else taker.resolve({ done: false, value: event });
    if (this.#events.length < this.#eventsMax) return undefined;
    return new Promise((resolve) => (this.#hasSpace = resolve));
  }

  take(): Promise<IteratorResult<T, undefined>> {
    const event = this.#events.shift();
    if (event !== undefined) {
      this.#hasSpace?.();
      this.#hasSpace = null;
      return Promise.resolve({ done: false, value: event });
    }
    const error = this.#error;
    this.#error = null;
    if (error !== null) return Promise.reject(error);
    if (this.isEnded) return Promise.resolve({ done: true, value: undefined });
    return new Promise((resolve, reject) => this.#takers.push({ resolve, reject }));
  }

  /** No more events; those that wait are dropped, unless it ends by an error: that comes after them. */
  end(error: Error | null = null): void {
    if (this.isEnded) return;
    this.isEnded = true;
    if (error === null) this.#events.length = 0;
    this.#hasSpace?.();
    const first = this.#takers.shift();
    if (first !== undefined && error !== null) first.reject(error);
    else {
      this.#error = error;
      first?.resolve({ done: true, value: undefined });
    }
    for (const taker of this.#takers.splice(0)) taker.resolve({ done: true, value: undefined });
  }
}
