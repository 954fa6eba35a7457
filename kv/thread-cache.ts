/** What a thread remembers about the keys it used last, by node and bucket. Hints only: nothing is ever answered from here. */
import type { Scheduler } from '../runtime/process/scheduler.ts';
import type { Key } from './paxos/messages.ts';

export class ThreadCache<V> {
  readonly #entriesMax: number;
  readonly #byScheduler: WeakMap<Scheduler, Map<string, Map<Key, V>>> = new WeakMap();

  constructor(entriesMax: number) {
    this.#entriesMax = entriesMax;
  }

  get(at: Scheduler, bucket: string, key: Key): V | undefined {
    return this.#entriesOf(at, bucket).get(key);
  }

  set(at: Scheduler, bucket: string, key: Key, value: V): void {
    const entries = this.#entriesOf(at, bucket);
    entries.delete(key);
    if (entries.size >= this.#entriesMax) {
      const oldest = entries.keys().next();
      if (oldest.done !== true) entries.delete(oldest.value);
    }
    entries.set(key, value);
  }

  delete(at: Scheduler, bucket: string, key: Key): void {
    this.#entriesOf(at, bucket).delete(key);
  }

  #entriesOf(at: Scheduler, bucket: string): Map<Key, V> {
    let buckets = this.#byScheduler.get(at);
    if (buckets === undefined) this.#byScheduler.set(at, (buckets = new Map()));
    let entries = buckets.get(bucket);
    if (entries === undefined) buckets.set(bucket, (entries = new Map()));
    return entries;
  }
}
