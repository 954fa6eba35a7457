/**
 * Changes of one key wait for each other in their proposer: two at a time would only refuse each other's ballots, and the one after can go on
 * with the ballot that was promised to the one before. One by one they are also answered in the order in which they were asked for.
 */
import type { Key } from '../paxos/messages.ts';
import type { Operation } from '../paxos/operation.ts';

export class ChangeQueue {
  /** Of every key that is being changed: those that wait. */
  readonly #lines: Map<Key, Operation[]> = new Map();
  /** How many operations wait in all. */
  count = 0;

  /** True: it may begin. False: it waits for its turn. */
  enter(operation: Operation): boolean {
    const line = this.#lines.get(operation.key);
    if (line === undefined) {
      this.#lines.set(operation.key, []);
      return true;
    }
    line.push(operation);
    this.count += 1;
    return false;
  }

  /** One change of the key has its answer: which may begin now? */
  next(key: Key): Operation | null {
    const next = this.#lines.get(key)?.shift();
    if (next === undefined) this.#lines.delete(key);
    else this.count -= 1;
    return next ?? null;
  }

  /** Takes out one that waits; false when it does not. */
  remove(operation: Operation): boolean {
    const line = this.#lines.get(operation.key);
    const at = line?.indexOf(operation) ?? -1;
    if (line === undefined || at < 0) return false;
    line.splice(at, 1);
    this.count -= 1;
    return true;
  }

  /** Those that wait and whose time is up. */
  late(nowMs: number): Operation[] {
    if (this.count === 0) return [];
    return this.all().filter(({ deadlineMs }) => nowMs >= deadlineMs);
  }

  all(): Operation[] {
    return [...this.#lines.values()].flat();
  }
}
