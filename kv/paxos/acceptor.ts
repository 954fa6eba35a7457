/**
 * One member's acceptor for all keys: a table, and one step per request (register protocol, section 4).
 *
 * - The epoch is checked before every rule; a member that is not active neither votes nor refuses.
 * - `p`, `floor`, `clock` and `e` never go down; `ab <= p`; a fast value is never taken over an acceptance.
 * - A durable acceptor's promise, acceptance or forgetting leaves only inside the `then` of a `persist`: the
 *   shell performs `then` when the record is synced. It encodes the record before the next step, as the entry
 *   in it is the live one.
 * - A `watch` asks the shell to monitor what the cell is bound to, and to report the end with `observe`
 *   (lifetimes.ts). Something that has ended already is reported at once.
 */
import { isLower, isZero, maxBallot, sameBallot, ZERO } from './ballot.ts';
import { placeOf } from './quorum.ts';
import type {
  Accept,
  Ballot,
  Cell,
  Chosen,
  Config,
  Entry,
  Forget,
  Incarnation,
  Key,
  KeyedEntry,
  Observation,
  Prepare,
  Read,
  RegisterReply,
  RegisterRequest,
} from './messages.ts';

/** The state at the end of epoch `e`, for those who merge into the next one. */
export interface SealedState {
  readonly e: number;
  readonly floor: Ballot;
  readonly clock: number;
  readonly entries: readonly KeyedEntry[];
}

export interface Acceptor {
  readonly me: Incarnation;
  readonly isDurable: boolean;
  config: Config | null;
  /** Place of `me` in the configuration's M, or -1. */
  place: number;
  e: number;
  active: boolean;
  floor: Ballot;
  clock: number;
  readonly keys: Map<Key, Entry>;
  /** Kept while a step waits for merges (transfer.ts). */
  sealed: SealedState | null;
}

/** What a durable member must have stored. `entry` null: the key is dropped, together with the raised floor. */
export type StoredRecord =
  | { readonly kind: 'entry'; readonly key: Key; readonly entry: Entry }
  | { readonly kind: 'forgotten'; readonly key: Key; readonly floor: Ballot };

export type AcceptorEffect =
  | { readonly kind: 'reply'; readonly message: RegisterReply }
  | { readonly kind: 'persist'; readonly record: StoredRecord; readonly then: readonly AcceptorEffect[] }
  /** Monitor what this cell depends on, instead of what the key's cell before depended on (none: not bound). */
  | { readonly kind: 'watch'; readonly key: Key; readonly cell: Cell }
  /** For the learner: this cell is known to be chosen at `ab`. */
  | { readonly kind: 'learned'; readonly key: Key; readonly ab: Ballot; readonly cell: Cell }
  /** For the learner and for watches: the key is not in the table any more. */
  | { readonly kind: 'forgotten'; readonly key: Key }
  /** Ask this node's proposer to erase the incarnation, after the delay of lifetimes.ts. */
  | { readonly kind: 'eraseSoon'; readonly key: Key; readonly ver: Ballot };

const NOTHING_SEEN: readonly Observation[] = [];
const HOLDS_NOTHING: Omit<Entry, 'fl'> = {
  p: ZERO,
  ab: ZERO,
  fast: false,
  cell: null,
  chosen: false,
  ae: 0,
  seen: NOTHING_SEEN,
};

/** A blank acceptor: it knows no configuration and does not vote before it has adopted one. */
export function createAcceptor(me: Incarnation, isDurable: boolean): Acceptor {
  return {
    me,
    isDurable,
    config: null,
    place: -1,
    e: 0,
    active: false,
    floor: ZERO,
    clock: 0,
    keys: new Map(),
    sealed: null,
  };
}

/** Sets the configuration and the place in it; everything else about adopting is in transfer.ts. */
export function setConfig(acceptor: Acceptor, config: Config): void {
  acceptor.config = config;
  acceptor.e = config.e;
  acceptor.place = placeOf(config, acceptor.me);
}

/** Handles one request. What is to be done, the reply included, is appended to `effects`. */
export function stepAcceptor(acceptor: Acceptor, message: RegisterRequest, effects: AcceptorEffect[]): void {
  if (message.e !== acceptor.e || !acceptor.active) {
    refuse(acceptor, message, effects);
    return;
  }
  switch (message.kind) {
    case 'prepare':
      onPrepare(acceptor, message, effects);
      break;
    case 'accept':
      onAccept(acceptor, message, effects);
      break;
    case 'read':
      onRead(acceptor, message, effects);
      break;
    case 'chosen':
      onChosen(acceptor, message, effects);
      break;
    case 'forget':
      onForget(acceptor, message, effects);
      break;
  }
}

function refuse(acceptor: Acceptor, message: RegisterRequest, effects: AcceptorEffect[]): void {
  if (message.kind === 'chosen' || message.kind === 'forget') return;
  const { place: from, e, clock } = acceptor;
  const b = message.b;
  if (message.e > e) effects.push({ kind: 'reply', message: { kind: 'behind', from, e, b, clock } });
  else if (message.e < e && acceptor.config !== null) {
    effects.push({ kind: 'reply', message: { kind: 'oldEpoch', from, e, b, clock, config: acceptor.config } });
  } else effects.push({ kind: 'reply', message: { kind: 'inactive', from, e, b, clock } });
}

function onPrepare(acceptor: Acceptor, m: Prepare, effects: AcceptorEffect[]): void {
  if (m.b.r > acceptor.clock) acceptor.clock = m.b.r;
  const known = acceptor.keys.get(m.key);
  if (known === undefined) {
    if (isLower(m.b, acceptor.floor)) return nack(acceptor, m.b, acceptor.floor, effects);
    const entry: Entry =
      m.fast === null
        ? { p: m.b, ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: acceptor.floor, seen: NOTHING_SEEN }
        : createEntry(acceptor, m.b, m.b, true, m.fast);
    acceptor.keys.set(m.key, entry);
    if (m.fast !== null) watch(m.key, null, m.fast, effects);
    return promise(acceptor, m, entry, effects);
  }
  if (isLower(m.b, known.p)) return nack(acceptor, m.b, known.p, effects);
  // Only promised so far, and for less: a fast value is still fine. Over an acceptance never.
  if (m.fast !== null && isZero(known.ab) && isLower(known.p, m.b)) {
    take(acceptor, known, m.b, m.b, true, m.fast);
    watch(m.key, null, m.fast, effects);
    return promise(acceptor, m, known, effects);
  }
  known.p = m.b;
  promise(acceptor, m, known, effects);
}

function onAccept(acceptor: Acceptor, m: Accept, effects: AcceptorEffect[]): void {
  const promised = m.next ?? m.b;
  if (promised.r > acceptor.clock) acceptor.clock = promised.r;
  let entry = acceptor.keys.get(m.key);
  if (entry === undefined) {
    if (isLower(m.b, acceptor.floor)) return nack(acceptor, m.b, acceptor.floor, effects);
    entry = createEntry(acceptor, promised, m.b, false, m.cell);
    acceptor.keys.set(m.key, entry);
    watch(m.key, null, m.cell, effects);
  } else if (!entry.fast && sameBallot(entry.ab, m.b)) {
    entry.ae = acceptor.e; // a duplicate, or what a merge brought: now really accepted in this epoch
  } else {
    if (isLower(m.b, entry.p)) return nack(acceptor, m.b, entry.p, effects);
    const before = entry.cell;
    take(acceptor, entry, maxBallot(entry.p, promised), m.b, false, m.cell);
    watch(m.key, before, m.cell, effects);
  }
  const message: RegisterReply = {
    kind: 'accepted',
    from: acceptor.place,
    e: acceptor.e,
    b: m.b,
    clock: acceptor.clock,
  };
  replyDurably(acceptor, m.key, entry, message, effects);
}

function onRead(acceptor: Acceptor, m: Read, effects: AcceptorEffect[]): void {
  const { ab, fast, cell, chosen, ae, fl } = acceptor.keys.get(m.key) ?? { ...HOLDS_NOTHING, fl: acceptor.floor };
  const { place: from, e, clock } = acceptor;
  effects.push({
    kind: 'reply',
    message: { kind: 'state', from, e, b: m.b, clock, ab, fast, cell, chosen, ae, fl },
  });
}

function onChosen(acceptor: Acceptor, m: Chosen, effects: AcceptorEffect[]): void {
  const entry = acceptor.keys.get(m.key);
  if (entry === undefined || entry.fast !== m.fast || !sameBallot(entry.ab, m.b) || entry.chosen) return;
  entry.chosen = true;
  effects.push({ kind: 'learned', key: m.key, ab: entry.ab, cell: entry.cell as Cell });
}

/** Drops exactly the tombstone that all members accepted, unless anything newer was promised since. */
function onForget(acceptor: Acceptor, m: Forget, effects: AcceptorEffect[]): void {
  const entry = acceptor.keys.get(m.key);
  if (entry === undefined || entry.fast || entry.cell === null || entry.cell.live) return;
  if (!sameBallot(entry.ab, m.b) || !sameBallot(entry.p, entry.ab)) return;
  acceptor.floor = maxBallot(acceptor.floor, m.floor);
  acceptor.clock = Math.max(acceptor.clock, m.floor.r);
  acceptor.keys.delete(m.key);
  const forgotten: AcceptorEffect = { kind: 'forgotten', key: m.key };
  if (!acceptor.isDurable) effects.push(forgotten);
  else {
    const record: StoredRecord = { kind: 'forgotten', key: m.key, floor: acceptor.floor };
    effects.push({ kind: 'persist', record, then: [forgotten] });
  }
}

function createEntry(acceptor: Acceptor, p: Ballot, ab: Ballot, fast: boolean, cell: Cell): Entry {
  return { p, ab, fast, cell, chosen: false, ae: acceptor.e, fl: acceptor.floor, seen: NOTHING_SEEN };
}

function take(acceptor: Acceptor, entry: Entry, p: Ballot, ab: Ballot, fast: boolean, cell: Cell): void {
  entry.p = p;
  entry.ab = ab;
  entry.fast = fast;
  entry.cell = cell;
  entry.chosen = false;
  entry.ae = acceptor.e;
  // Observations against earlier incarnations serve nobody once a later one is here; should the earlier one
  // come back, it is watched again and what ended has still ended.
  if (entry.seen.length > 0 && cell.live) entry.seen = entry.seen.filter((o) => !isLower(o.ver, cell.ver));
}

function watch(key: Key, before: Cell | null, cell: Cell, effects: AcceptorEffect[]): void {
  const wasBound = before !== null && before.bind !== null;
  if (!wasBound && cell.bind === null) return;
  if (wasBound && cell.live && sameBallot(before.ver, cell.ver)) return;
  effects.push({ kind: 'watch', key, cell });
}

function promise(acceptor: Acceptor, m: Prepare, entry: Entry, effects: AcceptorEffect[]): void {
  const { place: from, e, clock } = acceptor;
  const { ab, fast, cell, chosen, ae, fl, seen } = entry;
  const message: RegisterReply =
    fast && sameBallot(ab, m.b)
      ? { kind: 'taken', from, e, b: m.b, clock }
      : { kind: 'promise', from, e, b: m.b, clock, ab, fast, cell, chosen, ae, fl, seen };
  replyDurably(acceptor, m.key, entry, message, effects);
}

/** A refusal promises nothing, so it needs no sync. */
function nack(acceptor: Acceptor, b: Ballot, p: Ballot, effects: AcceptorEffect[]): void {
  const { place: from, e, clock, floor } = acceptor;
  effects.push({ kind: 'reply', message: { kind: 'nack', from, e, b, clock, p, floor } });
}

function replyDurably(
  acceptor: Acceptor,
  key: Key,
  entry: Entry,
  message: RegisterReply,
  effects: AcceptorEffect[],
): void {
  const reply: AcceptorEffect = { kind: 'reply', message };
  if (acceptor.isDurable) effects.push({ kind: 'persist', record: { kind: 'entry', key, entry }, then: [reply] });
  else effects.push(reply);
}
