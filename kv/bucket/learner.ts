/**
 * The learner's part: what this node's acceptor knows to be chosen, fed to those who watch, per key in ballot order.
 *
 * Only the newest of several quick changes may become known as chosen. The cells before it passed by in Accepts, and the history of the newest
 * says which of them are its ancestors: those were chosen too, and are fed in their order. A cell that never passed by is missing in what is fed,
 * which whoever watches sees by the histories.
 *
 * A watcher that does not keep up costs a bounded number of entries: what is over that is dropped, and it is told so.
 */
import type { Env } from '../../runtime/env.ts';
import { isLower, sameBallot, ZERO } from '../paxos/ballot.ts';
import { historyOf, newestChange } from '../paxos/change.ts';
import type { Ballot, Cell, Key, RegisterRequest } from '../paxos/messages.ts';
import type { Selects } from './selector.ts';

/** Why a watcher may have missed something. */
export type GapReason =
  /** The node's acceptor or learner was restarted, or another node's learner feeds now. */
  | 'restarted'
  /** The acceptor took over the state of others. */
  | 'merged'
  /** More happened than the watcher took. */
  | 'overflow'
  /** A change was made that this node never heard of. */
  | 'missed'
  /** The key was erased and forgotten before its end was known here. */
  | 'forgotten';

/** Of keys that are watched: cells that were offered and are not known to be chosen. */
interface Offered {
  last: Ballot;
  cells: Cell[];
}

/** As many as a cell remembers changes. */
const OFFERS_MAX = 16;
const KEYS_MAX = 10_000;

export class Feed {
  readonly selects: Selects;
  readonly #send: (list: readonly unknown[]) => void;
  #list: unknown[] = [];
  #credit: number;
  #gap: GapReason | null = null;

  constructor(selects: Selects, credit: number, send: (list: readonly unknown[]) => void) {
    this.selects = selects;
    this.#credit = credit;
    this.#send = send;
  }

  /** `cell` null: the key is forgotten. */
  push(key: Key, cell: Cell | null): void {
    if (this.#credit <= 0) this.#gap = 'overflow';
    if (this.#gap !== null) return;
    this.#credit -= 1;
    this.#list.push(key, cell);
  }

  gap(reason: GapReason): void {
    this.#gap ??= reason;
  }

  /** The watcher has taken that many. */
  taken(count: number): void {
    this.#credit += count;
  }

  flush(): void {
    if (this.#gap !== null && this.#credit > 0) {
      this.#credit -= 1;
      this.#list.push(null, this.#gap);
      this.#gap = null;
    }
    if (this.#list.length === 0) return;
    const list = this.#list;
    this.#list = [];
    this.#send(list);
  }
}

export class Learned {
  readonly #env: Env;
  readonly #feeds: Set<Feed> = new Set();
  readonly #offered: Map<Key, Offered> = new Map();
  #isFlushing = false;

  constructor(env: Env) {
    this.#env = env;
  }

  get isWatched(): boolean {
    return this.#feeds.size > 0;
  }

  add(feed: Feed): void {
    this.#feeds.add(feed);
  }

  delete(feed: Feed): void {
    this.#feeds.delete(feed);
    if (this.#feeds.size === 0) this.#offered.clear();
  }

  /** The acceptor is asked this; whatever it answers, the cell may be chosen. */
  offered(message: RegisterRequest): void {
    if (message.kind === 'accept') this.#keep(message.key, message.cell);
    else if (message.kind === 'prepare' && message.fast !== null) this.#keep(message.key, message.fast);
  }

  learned(key: Key, cell: Cell): void {
    if (this.#feeds.size === 0) return;
    const feeds = this.#feedsOf(key);
    if (feeds.length === 0) return;
    const cells = this.#lineOf(key, cell);
    for (const feed of feeds) for (const one of cells) feed.push(key, one);
    this.armFlush();
  }

  forgotten(key: Key): void {
    if (this.#feeds.size === 0) return;
    this.#offered.delete(key);
    for (const feed of this.#feedsOf(key)) feed.push(key, null);
    this.armFlush();
  }

  gap(reason: GapReason): void {
    this.#offered.clear();
    for (const feed of this.#feeds) feed.gap(reason);
    this.armFlush();
  }

  armFlush(): void {
    if (this.#isFlushing || this.#feeds.size === 0) return;
    this.#isFlushing = true;
    this.#env.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    for (const feed of this.#feeds) feed.flush();
  };

  #feedsOf(key: Key): Feed[] {
    const found: Feed[] = [];
    for (const feed of this.#feeds) if (feed.selects(key)) found.push(feed);
    return found;
  }

  #keep(key: Key, cell: Cell): void {
    if (this.#feedsOf(key).length === 0) return;
    const { cells } = this.#offeredFor(key);
    cells.push(cell);
    if (cells.length > OFFERS_MAX) cells.shift();
  }

  /** The cells that became known with this one, oldest first; none when it is known already. */
  #lineOf(key: Key, cell: Cell): Cell[] {
    const offered = this.#offeredFor(key);
    const newest = newestChange(cell);
    if (!isLower(offered.last, newest)) return [];
    const line = [cell];
    for (const ballot of historyOf(cell).slice(1)) {
      if (!isLower(offered.last, ballot)) break;
      const before = offered.cells.find((one) => sameBallot(newestChange(one), ballot));
      if (before !== undefined) line.unshift(before);
    }
    offered.last = newest;
    offered.cells = [];
    return line;
  }

  #offeredFor(key: Key): Offered {
    const known = this.#offered.get(key);
    if (known !== undefined) return known;
    // forgetting what was offered can only lead to a gap that is reported
    if (this.#offered.size >= KEYS_MAX) this.#offered.clear();
    const fresh: Offered = { last: ZERO, cells: [] };
    this.#offered.set(key, fresh);
    return fresh;
  }
}
