/**
 * The slow look of a member over its own table, a piece at a time: entries that are not live for some seconds are to be collected, and
 * acceptances that are not known to be chosen after half a minute are to be settled, since the proposer that made them is gone. So are
 * tombstones while a member is down and nothing can be collected: keys bound to what was erased wait for that to be known.
 */
import type { TimerHandle } from '../../runtime/env.ts';
import type { Acceptor } from '../paxos/acceptor.ts';
import { sameBallot } from '../paxos/ballot.ts';
import type { Ballot, Entry, Key } from '../paxos/messages.ts';
import type { BucketShared } from './table.ts';

export interface SweepTimes {
  readonly collectAfterMs: number;
  readonly settleAfterMs: number;
}

export const SWEEP_TIMES: SweepTimes = { collectAfterMs: 4000, settleAfterMs: 30_000 };

const PIECE = 2000;
const PAUSE_MS = 20;

/** An entry that had something to be done about it, as it stood when that was first seen. */
interface Suspect {
  readonly ab: Ballot;
  readonly sinceMs: number;
}

export interface SweepChores {
  collect(key: Key, ab: Ballot): void;
  settle(key: Key, ab: Ballot): void;
}

export class Sweep {
  readonly #shared: BucketShared;
  readonly #acceptor: Acceptor;
  readonly #chores: SweepChores;
  #suspects: Map<Key, Suspect> = new Map();
  #found: Map<Key, Suspect> = new Map();
  /** Where the present look is; new entries come at the end, so it sees them too. */
  #at: IterableIterator<[Key, Entry]> | null = null;
  #timer: TimerHandle | null = null;

  constructor(shared: BucketShared, acceptor: Acceptor, chores: SweepChores) {
    this.#shared = shared;
    this.#acceptor = acceptor;
    this.#chores = chores;
  }

  /** Begins a look unless one is under way. */
  begin(): void {
    if (this.#at !== null || !this.#acceptor.active) return;
    this.#at = this.#acceptor.keys.entries();
    this.#piece();
  }

  close(): void {
    this.#timer?.cancel();
  }

  readonly #piece = (): void => {
    this.#timer = null;
    const nowMs = this.#shared.env.now();
    const canForget = this.#shared.proposer?.isWhole() === true;
    let left = PIECE;
    // a loop that is left goes on where it was: iterators of maps do not end by that, and only a loop makes no garbage of every entry
    for (const [key, entry] of this.#at ?? []) {
      const isOpen = entry.cell !== null && !entry.chosen;
      const collects = canForget && entry.cell?.live !== true;
      if (collects || isOpen) this.#suspect(key, entry, collects, nowMs);
      left -= 1;
      if (left > 0) continue;
      this.#timer = this.#shared.env.setTimer(PAUSE_MS, this.#piece, true);
      return;
    }
    this.#end();
  };

  #suspect(key: Key, { ab }: Entry, collects: boolean, nowMs: number): void {
    const before = this.#suspects.get(key);
    // promises may come and go: whoever leaves them here again and again must not keep the entry for ever
    const isSame = before !== undefined && sameBallot(before.ab, ab);
    const { collectAfterMs, settleAfterMs } = this.#shared.sweepTimes;
    const isDue = isSame && nowMs - before.sinceMs >= (collects ? collectAfterMs : settleAfterMs);
    // looked at anew after that: it may not go through
    this.#found.set(key, isSame && !isDue ? before : { ab, sinceMs: nowMs });
    if (!isDue) return;
    if (collects) this.#chores.collect(key, ab);
    else this.#chores.settle(key, ab);
  }

  #end(): void {
    this.#at = null;
    this.#suspects = this.#found;
    this.#found = new Map();
  }
}
