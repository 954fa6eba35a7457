/**
 * What a watcher knows of each key, and what it tells of a cell that it hears of: pure. A cell may come from a feed or from a read, late, twice,
 * and in any order between the two.
 *
 * The newest change in a cell says how new the cell is, and the change before it whether something is missing between what was told last and now.
 */
import { isLower, isZero, sameBallot, ZERO } from '../paxos/ballot.ts';
import { historyOf, newestChange } from '../paxos/change.ts';
import type { Ballot, Cell, Key } from '../paxos/messages.ts';
import type { GapReason } from '../bucket/learner.ts';

export type Told =
  | { readonly kind: 'value'; readonly cell: Cell }
  | { readonly kind: 'erased' }
  | { readonly kind: 'gap'; readonly reason: GapReason };

interface Track {
  /** The newest change that was told; ZERO: nothing was there. */
  last: Ballot;
  isLive: boolean;
  /** A gap was told since: what is found next follows on it. */
  isOpen: boolean;
}

const ERASED: Told = { kind: 'erased' };

export class Tracks {
  readonly #tracks: Map<Key, Track> = new Map();

  /** A first look at a key: what is there is told, and nothing is missing. */
  first(key: Key, cell: Cell | null): Told[] {
    const track = this.#tracks.get(key);
    if (track !== undefined) return this.take(key, cell);
    const isLive = cell !== null && cell.live;
    this.#tracks.set(key, { last: newestChange(cell), isLive, isOpen: false });
    return isLive ? [{ kind: 'value', cell }] : [];
  }

  take(key: Key, cell: Cell | null): Told[] {
    const track = this.#trackOf(key);
    if (cell === null) return this.#takeNothing(track);
    const newest = newestChange(cell);
    if (!isLower(track.last, newest)) {
      track.isOpen = false;
      return [];
    }
    const told: Told[] = [];
    if (!track.isOpen && isMissing(track, cell)) told.push({ kind: 'gap', reason: 'missed' });
    if (cell.live) told.push({ kind: 'value', cell });
    else if (track.isLive || told.length > 0) told.push(ERASED);
    track.last = newest;
    track.isLive = cell.live;
    track.isOpen = false;
    return told;
  }

  /** A gap was told: of all keys, what is found next follows on it. */
  open(): void {
    for (const track of this.#tracks.values()) track.isOpen = true;
  }

  /** Does a look at this cell (its newest change, and whether it is live) tell anything new? */
  isNews(key: Key, newest: Ballot, isLive: boolean): boolean {
    const track = this.#tracks.get(key);
    return track === undefined ? isLive : isLower(track.last, newest) || track.isLive !== isLive;
  }

  /** The keys that were told to have a value. */
  liveKeys(): Key[] {
    return [...this.#tracks].flatMap(([key, { isLive }]) => (isLive ? [key] : []));
  }

  /** What is not there needs no track where any key may come and go. */
  drop(key: Key): void {
    if (this.#tracks.get(key)?.isLive === false) this.#tracks.delete(key);
  }

  /** Drops what nobody has any more. */
  prune(isThere: (key: Key) => boolean): void {
    for (const key of this.#tracks.keys()) if (!isThere(key)) this.drop(key);
  }

  #trackOf(key: Key): Track {
    const known = this.#tracks.get(key);
    if (known !== undefined) return known;
    const fresh: Track = { last: ZERO, isLive: false, isOpen: false };
    this.#tracks.set(key, fresh);
    return fresh;
  }

  /** The key is forgotten: whoever was told of its end knows all. */
  #takeNothing(track: Track): Told[] {
    const told: Told[] = [];
    if (track.isLive && !track.isOpen) told.push({ kind: 'gap', reason: 'forgotten' });
    if (track.isLive) told.push(ERASED);
    track.isLive = false;
    track.isOpen = false;
    return told;
  }
}

/** Was anything made between what was told last and this cell? */
function isMissing(track: Track, cell: Cell): boolean {
  const before = historyOf(cell)[1];
  if (before !== undefined) return !sameBallot(before, track.last);
  // The first change of a life, with no history: nothing was there, or it had been erased and forgotten.
  return track.isLive || !isZero(cell.cut) || !cell.live;
}
