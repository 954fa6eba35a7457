/**
 * The learner's part: cells that this node's acceptor knows to be chosen, for those who wait for a key to change. It keeps nothing but the
 * waiters, since the acceptor's table has the cells.
 */
import type { Ballot, Cell, Key } from '../paxos/messages.ts';

export interface LearnedCell {
  readonly ab: Ballot;
  readonly cell: Cell;
}

export type KeyWatcher = (learned: LearnedCell) => void;

export class Learned {
  readonly #watchers: Map<Key, Set<KeyWatcher>> = new Map();
  /** How many cells were learned. */
  count = 0;

  /** Calls `watcher` for every cell of the key that is learned from now on; returns how to stop. */
  watch(key: Key, watcher: KeyWatcher): () => void {
    const known = this.#watchers.get(key) ?? new Set();
    this.#watchers.set(key, known.add(watcher));
    return () => {
      known.delete(watcher);
      if (known.size === 0 && this.#watchers.get(key) === known) this.#watchers.delete(key);
    };
  }

  learned(key: Key, ab: Ballot, cell: Cell): void {
    this.count += 1;
    if (this.#watchers.size === 0) return;
    for (const watcher of this.#watchers.get(key) ?? []) watcher({ ab, cell });
  }
}
