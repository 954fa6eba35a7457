/**
 * The words of the register protocol: what members keep, and what they say to each other. No logic.
 *
 * - *ballot*: the number of an attempt. *promise*: a member refuses every lower ballot from now on.
 * - *acceptance*: a member took a cell at a ballot; *fast* when it came with the Prepare itself.
 * - *quorum*: more than half of the seats. *chosen*: accepted by enough members, for ever. *known chosen*: there is evidence of it.
 * - *cell*: what a key holds; a *tombstone* is a cell with `live: false`, a value like any other.
 * - *incarnation* of a key: its life from creation to erasure, named by the ballot that created it (`ver`);
 *   of a node: one run of it, named by name, record and boot.
 * - *epoch*: the number of a configuration; *floor*: lower ballots are refused for unknown keys.
 * - *place*: a member's index in the list M of its configuration. There is one configuration per epoch,
 *   so (epoch, place) names exactly one incarnation; replies carry those two instead of the incarnation.
 *
 * Ballots, cells and configurations are shared between messages and tables and never changed once made.
 */
import type { Pid } from '../../runtime/term/pid.ts';

/** Compared in the order e, r, p. Epoch and round are safe integers, `p` a random 53-bit one. */
export interface Ballot {
  readonly e: number;
  readonly r: number;
  readonly p: number;
}

/** The canonical encoding of a key term, one character per byte: equal keys are equal strings. */
export type Key = string;
export type NodeName = string;
/** Random id of a boot record, hexadecimal. */
export type RecordId = string;

/** What a key's life depends on; whichever ends first ends the key. */
export interface Bind {
  readonly pid: Pid | null;
  readonly node: NodeName | null;
  readonly key: { readonly key: Key; readonly ver: Ballot } | null;
  /** System time in milliseconds. */
  readonly until: number | null;
}

export interface Cell {
  readonly live: boolean;
  readonly value: unknown;
  /** The ballot that created this incarnation: its identity and fencing token. ZERO in tombstones. */
  readonly ver: Ballot;
  readonly bind: Bind | null;
  /**
   * Ballots of the newest changes, newest first. Empty in a live cell: its creation, `ver`, is the only one. Most cells are never changed,
   * and a list each would be a sixth of what a key costs (`historyOf` gives the whole).
   */
  readonly hist: readonly Ballot[];
  /** The highest ballot that was dropped from `hist`. */
  readonly cut: Ballot;
}

/** An acceptor's own observation: what this incarnation (or this ticket in it) was bound to has ended. */
export interface Observation {
  readonly ver: Ballot;
  readonly ticket: Ballot | null;
}

/** What an acceptor keeps for a key. `ab` is ZERO when it has only promised. */
export interface Entry {
  p: Ballot;
  ab: Ballot;
  fast: boolean;
  cell: Cell | null;
  /** This very acceptance is known to be chosen; a hint, may be lost. */
  chosen: boolean;
  /** Epoch in which this member really accepted it; 0 when inherited by state transfer. */
  ae: number;
  /** The acceptor's floor when it last went from knowing nothing about the key to knowing something. */
  fl: Ballot;
  seen: readonly Observation[];
}

/** One run of a node: `id` of its boot record, and a number from the counter in that record. */
export interface Incarnation {
  readonly name: NodeName;
  readonly id: RecordId;
  readonly boot: number;
}

export interface Config {
  readonly cluster: string;
  readonly e: number;
  /** Seats. */
  readonly N: number;
  /** The incarnations that fill them; `q <= M.length <= N`, at most one per name. */
  readonly M: readonly Incarnation[];
  /** How many sealed members' state meets every quorum. */
  readonly r: number;
  readonly uniform: boolean;
  readonly mergeAll: boolean;
  /** Travels without its own `prev`. */
  readonly prev: Config | null;
  /** Starts empty, whatever the epochs before held. */
  readonly fresh?: true;
  /** An operator's reset: goes on with what its own members hold, which may lose or bring back values. */
  readonly forced?: true;
  readonly bucket?: string;
  readonly partitions?: number;
}

/** Requests about a key's register. `e` is the epoch they were sent under. */
export interface Prepare {
  readonly kind: 'prepare';
  readonly e: number;
  readonly key: Key;
  readonly b: Ballot;
  /** Taken at once by a member that holds nothing for the key. */
  readonly fast: Cell | null;
}

export interface Accept {
  readonly kind: 'accept';
  readonly e: number;
  readonly key: Key;
  readonly b: Ballot;
  readonly cell: Cell;
  /** Above `b`, of the same proposer: accepting is also a promise for it. */
  readonly next: Ballot | null;
}

/** `b` is the read's id: a ballot of the reader that is used for nothing else. */
export interface Read {
  readonly kind: 'read';
  readonly e: number;
  readonly key: Key;
  readonly b: Ballot;
}

/** A hint: the acceptance at this ballot is chosen. May be lost. */
export interface Chosen {
  readonly kind: 'chosen';
  readonly e: number;
  readonly key: Key;
  readonly b: Ballot;
  readonly fast: boolean;
}

/** Every member accepted the tombstone at `b`: drop the key and refuse what is below `floor`. */
export interface Forget {
  readonly kind: 'forget';
  readonly e: number;
  readonly key: Key;
  readonly b: Ballot;
  readonly floor: Ballot;
}

/** Answers to Prepare, Accept and Read: `from` is a place, `b` the ballot or read id that is answered. */
export interface Answering {
  readonly from: number;
  readonly e: number;
  readonly b: Ballot;
  readonly clock: number;
}

/** What a member holds for a key. */
export interface Holding {
  readonly ab: Ballot;
  readonly fast: boolean;
  readonly cell: Cell | null;
  readonly chosen: boolean;
  readonly ae: number;
  readonly fl: Ballot;
}

/** What a member holds for a key, and its own observations against it. */
export interface Report extends Holding {
  readonly seen: readonly Observation[];
}

export interface Promised extends Answering, Report {
  readonly kind: 'promise';
}

/**
 * A promise of a member that took the fast cell of this very ballot. What else it could say does not matter: only a first attempt offers a fast
 * cell, so that nothing earlier of the same operation can have been forgotten, and nobody waits for the end of a key that is just being made.
 */
export interface Taken extends Answering {
  readonly kind: 'taken';
}

export interface Nack extends Answering {
  readonly kind: 'nack';
  readonly p: Ballot;
  readonly floor: Ballot;
}

export interface Accepted extends Answering {
  readonly kind: 'accepted';
}

export interface StateReply extends Answering, Holding {
  readonly kind: 'state';
}

/** The receiver is newer than the request; `config` is what it stands at. */
export interface OldEpoch extends Answering {
  readonly kind: 'oldEpoch';
  readonly config: Config;
}

/** The receiver is older than the request: it lacks the configurations after `e`. */
export interface Behind extends Answering {
  readonly kind: 'behind';
}

/** Neither a vote nor a Nack: the receiver does not vote (yet) in this epoch. `from` is -1 outside of M. */
export interface Inactive extends Answering {
  readonly kind: 'inactive';
}

export type RegisterRequest = Prepare | Accept | Read | Chosen | Forget;
export type RegisterReply = Promised | Taken | Nack | Accepted | StateReply | OldEpoch | Behind | Inactive;

export type KeyedEntry = readonly [Key, Entry];

/** `from` is the sender; `e` the epoch of the configuration that was asked for. `seen` is always empty. */
export interface Snapshot {
  readonly kind: 'snapshot';
  readonly from: Incarnation;
  readonly e: number;
  readonly floor: Ballot;
  readonly clock: number;
  readonly entries: readonly KeyedEntry[];
  readonly page: number;
  readonly last: boolean;
}
