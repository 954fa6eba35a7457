/**
 * What a proposer does with the promises of a quorum: taken once per ballot, from one fixed set of replies.
 * The order of the rules matters; each line's reason is a schedule that breaks without it.
 */
import { isLower, sameBallot } from './ballot.ts';
import { EMPTY, historyOf, makeCell } from './change.ts';
import { choice, knownChosen, quorumSize } from './quorum.ts';
import type { Change } from './change.ts';
import type { Choice } from './quorum.ts';
import type { Ballot, Cell, Config, Report } from './messages.ts';

export type OperationKind = 'put' | 'change' | 'read' | 'erase' | 'collect' | 'settle';

/** `cell` is the one the answer is about: written or found; null when nothing was ever chosen. */
export type Outcome =
  | { readonly kind: 'ok'; readonly result: unknown; readonly cell: Cell | null }
  /** Too few members in reach; it did not and will not take effect. */
  | { readonly kind: 'no_quorum' }
  /** It may have taken effect, or may still. */
  | { readonly kind: 'unknown' }
  /** A change that took effect, with this result, and was changed again since; the present cell is not known. */
  | { readonly kind: 'applied'; readonly result: unknown }
  /** An erase without enough observations, or a collect of a live key. */
  | { readonly kind: 'gave_up' };

/** A ballot at which the operation offered its own change, and what that change returned. */
export interface Offer {
  readonly b: Ballot;
  readonly result: unknown;
}

/** What `decide` needs to know of an operation; `offers` (the protocol's `prev`) has the oldest first. */
export interface Deciding {
  readonly kind: OperationKind;
  readonly change: Change;
  /** The incarnation to erase. */
  readonly ver: Ballot | null;
  readonly b: Ballot;
  readonly offers: readonly Offer[];
}

export type Decision =
  | { readonly kind: 'done'; readonly outcome: Outcome }
  /** Get this cell accepted at `b`, then answer. `own`: it is the operation's own change. */
  | { readonly kind: 'write'; readonly cell: Cell; readonly own: boolean; readonly outcome: Outcome };

export const UNKNOWN: Outcome = { kind: 'unknown' };
export const GAVE_UP: Outcome = { kind: 'gave_up' };

export function decide(operation: Deciding, replies: readonly Report[], config: Config): Decision {
  const { b, offers } = operation;
  const chosen = choice(replies);
  const cell = chosen === null ? null : chosen.cell;
  const clear = isClear(offers, chosen);
  const known = clear && knownChosen(chosen, replies, config);
  const found = cell === null ? -1 : historyOf(cell).findIndex((h) => isMine(h, operation));
  if (cell !== null && found >= 0) {
    const outcome = outcomeOfOffer(operation, cell, found);
    return known ? { kind: 'done', outcome } : { kind: 'write', cell, own: false, outcome };
  }
  const oldest = offers[0];
  if (oldest !== undefined) {
    // The history does not reach back to an offer: it may be in, and overwritten K times since.
    if (cell !== null && !isLower(cell.cut, oldest.b)) return { kind: 'done', outcome: UNKNOWN };
    // A member forgot the key after the first offer: it may have been applied, erased and forgotten.
    if (replies.some((reply) => isLower(oldest.b, reply.fl))) return { kind: 'done', outcome: UNKNOWN };
  }
  if (operation.kind === 'collect') return decideCollect(cell);
  const changed = operation.change(cell, b);
  if (changed.draft === null) {
    const outcome: Outcome = { kind: 'ok', result: changed.result, cell };
    // a settling read writes also what is known: members that missed it, or hold what lost against it, get it
    const isSettled = known && operation.kind !== 'settle';
    if (isSettled || (cell === null && clear)) return { kind: 'done', outcome };
    return { kind: 'write', cell: cell ?? EMPTY, own: false, outcome };
  }
  if (operation.kind === 'erase' && countObservations(operation.ver, replies) < quorumSize(config.N)) {
    return withoutEvidence(operation.ver as Ballot, cell as Cell, replies);
  }
  const next = makeCell(changed.draft, cell, b);
  return { kind: 'write', cell: next, own: true, outcome: { kind: 'ok', result: changed.result, cell: next } };
}

/** How many of the repliers observed themselves that the incarnation's bound thing has ended. */
export function countObservations(ver: Ballot | null, replies: readonly Report[]): number {
  if (ver === null) return 0;
  let count = 0;
  for (const reply of replies) if (reply.seen.some((o) => o.ticket === null && sameBallot(o.ver, ver))) count += 1;
  return count;
}

/** Nothing of ours can still win: no offer was made, or a classic acceptance above all of them was. */
function isClear(offers: readonly Offer[], chosen: Choice | null): boolean {
  const newest = offers[offers.length - 1];
  return newest === undefined || (chosen !== null && !chosen.fast && isLower(newest.b, chosen.ab));
}

function isMine(h: Ballot, operation: Deciding): boolean {
  return sameBallot(h, operation.b) || operation.offers.some((offer) => sameBallot(h, offer.b));
}

/** An earlier attempt of ours, or this one's fast value, is in the cell's history at `index`. */
function outcomeOfOffer(operation: Deciding, cell: Cell, index: number): Outcome {
  const at = historyOf(cell)[index] as Ballot;
  const offer = operation.offers.find((o) => sameBallot(o.b, at));
  if (index === 0) {
    return { kind: 'ok', result: offer === undefined ? operation.change(null, at).result : offer.result, cell };
  }
  // one of its offers is in the history, so the cell that it wrote then is what was chosen then
  if (operation.kind === 'change') return { kind: 'applied', result: offer?.result };
  const { draft, result } = operation.change(null, at);
  return { kind: 'ok', result, cell: draft === null ? cell : makeCell(draft, null, at) };
}

function decideCollect(cell: Cell | null): Decision {
  if (cell !== null && cell.live) return { kind: 'done', outcome: GAVE_UP };
  const empty: Cell = cell === null ? EMPTY : { ...EMPTY, hist: historyOf(cell), cut: cell.cut };
  return { kind: 'write', cell: empty, own: false, outcome: { kind: 'ok', result: undefined, cell: empty } };
}

/** A member that has not got the incarnation cannot have watched it: give it the cell; its own eraser follows. */
function withoutEvidence(ver: Ballot, cell: Cell, replies: readonly Report[]): Decision {
  const everywhere = replies.every((reply) => reply.cell !== null && sameBallot(reply.cell.ver, ver));
  return everywhere ? { kind: 'done', outcome: GAVE_UP } : { kind: 'write', cell, own: false, outcome: GAVE_UP };
}
