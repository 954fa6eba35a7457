/**
 * What an acceptor asks of its node's proposer on its own account: erases of what ended, collects of what is not live, and settling of what a
 * dead proposer left half-done. All members want the same at about the same time, so each waits by its rank, looks again whether it is
 * still needed, and does few at once: a process that ends may take a hundred thousand keys with it.
 *
 * Nothing here is needed for safety, and nothing must be kept: the sweep finds again what was lost.
 */
import type { TimerHandle } from '../../runtime/env.ts';
import type { Acceptor } from '../paxos/acceptor.ts';
import { sameBallot } from '../paxos/ballot.ts';
import { eraseDelayMs } from '../paxos/lifetimes.ts';
import { createCollect, createErase, createSettle, type Operation } from '../paxos/operation.ts';
import type { Ballot, Key } from '../paxos/messages.ts';
import { Sweep } from './sweep.ts';
import type { BucketShared } from './table.ts';

const AT_ONCE = 128;
const SLOT_MS = 5;
const DEADLINE_MS = 5000;
/** Promises that an attempt left on a key are collected after up to this time. */
const LITTER_MS = 400;

type Chore =
  | { readonly kind: 'erase'; readonly key: Key; readonly ver: Ballot }
  /** Unless somebody else collected it meanwhile, or put it again: then the acceptance here is another one. */
  | { readonly kind: 'collect'; readonly key: Key; readonly ab: Ballot }
  | { readonly kind: 'settle'; readonly key: Key; readonly ab: Ballot };

export class Upkeep {
  readonly #shared: BucketShared;
  readonly #acceptor: Acceptor;
  readonly #sweep: Sweep;
  /** The newest chore for each key that waits for one. */
  readonly #wanted: Map<Key, Chore> = new Map();
  /** By the number of the slot of time in which they are due. */
  readonly #slots: Map<number, Chore[]> = new Map();
  #due: Chore[] = [];
  #next = 0;
  #running = 0;
  #timer: TimerHandle | null = null;
  #isWorking = false;
  #isClosed = false;

  constructor(shared: BucketShared, acceptor: Acceptor) {
    this.#shared = shared;
    this.#acceptor = acceptor;
    this.#sweep = new Sweep(shared, acceptor, {
      collect: (key, ab) => this.#want({ kind: 'collect', key, ab }, this.#rankDelayMs(key)),
      settle: (key, ab) => this.#want({ kind: 'settle', key, ab }, this.#rankDelayMs(key)),
    });
  }

  /** How many chores are waiting or being done. */
  get size(): number {
    return this.#wanted.size + this.#running;
  }

  eraseSoon(key: Key, ver: Ballot): void {
    this.#want({ kind: 'erase', key, ver }, this.#rankDelayMs(key));
  }

  /** A quorum said that the key is not live, and was left with promises. This member may hold a live cell that the others buried. */
  collectLater(key: Key): void {
    const entry = this.#acceptor.keys.get(key);
    if (entry === undefined) return;
    this.#want({ kind: 'collect', key, ab: entry.ab }, this.#shared.env.random() * LITTER_MS);
  }

  sweep(): void {
    this.#sweep.begin();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#sweep.close();
  }

  #rankDelayMs(key: Key): number {
    const { config, place } = this.#acceptor;
    return config === null ? 0 : eraseDelayMs(config, place, key, this.#shared.env.random());
  }

  #want(chore: Chore, delayMs: number): void {
    if (this.#isClosed || this.#wanted.get(chore.key)?.kind === chore.kind) return;
    this.#wanted.set(chore.key, chore);
    const slot = Math.ceil((this.#shared.env.now() + delayMs) / SLOT_MS);
    const known = this.#slots.get(slot);
    if (known === undefined) this.#slots.set(slot, [chore]);
    else known.push(chore);
    this.#timer ??= this.#shared.env.setTimer(SLOT_MS, this.#onTime, true);
  }

  readonly #onTime = (): void => {
    const slot = Math.floor(this.#shared.env.now() / SLOT_MS);
    for (const [at, chores] of this.#slots) {
      if (at > slot) continue;
      this.#slots.delete(at);
      for (const chore of chores) this.#due.push(chore);
    }
    this.#timer = this.#slots.size > 0 ? this.#shared.env.setTimer(SLOT_MS, this.#onTime, true) : null;
    this.#work();
  };

  #work(): void {
    if (this.#isWorking) return; // without a quorum chores end as they begin
    this.#isWorking = true;
    while (this.#running < AT_ONCE && this.#next < this.#due.length && !this.#isClosed) {
      const chore = this.#due[this.#next++] as Chore;
      if (this.#wanted.get(chore.key) !== chore) continue; // another one came
      this.#wanted.delete(chore.key);
      this.#begin(chore);
    }
    this.#isWorking = false;
    if (this.#next < this.#due.length) return;
    this.#due = [];
    this.#next = 0;
  }

  #begin(chore: Chore): void {
    const { proposer } = this.#shared;
    if (proposer === null || !this.#isNeeded(chore)) return;
    if (chore.kind === 'collect' && !proposer.isWhole()) return; // nothing can be forgotten now: the sweep comes again
    this.#running += 1;
    proposer.run(operationOf(chore, this.#shared.env.now(), this.#onDone));
  }

  readonly #onDone = (): void => {
    this.#running -= 1;
    this.#work();
  };

  #isNeeded(chore: Chore): boolean {
    const entry = this.#acceptor.keys.get(chore.key);
    if (entry === undefined) return false; // forgotten meanwhile
    switch (chore.kind) {
      case 'erase':
        return entry.cell !== null && entry.cell.live && sameBallot(entry.cell.ver, chore.ver);
      case 'collect':
        return sameBallot(entry.ab, chore.ab);
      case 'settle':
        return !entry.chosen && sameBallot(entry.ab, chore.ab);
    }
  }
}

function operationOf(chore: Chore, nowMs: number, tag: () => void): Operation {
  const settings = { deadlineMs: nowMs + DEADLINE_MS, tag };
  switch (chore.kind) {
    case 'erase':
      return createErase(chore.key, chore.ver, settings);
    case 'collect':
      return createCollect(chore.key, settings);
    case 'settle':
      return createSettle(chore.key, settings);
  }
}
