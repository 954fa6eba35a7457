/**
 * What a learner says to those who watch, on its node or on another one, and what they say to it:
 *
 *   { learned, Id, [Key, Cell, ...] }    in order; Cell null: forgotten; Key null: a gap, and Cell is its reason
 *   { taken, Pid, Id, Count }            so many of these were taken: as many more may be sent
 *
 * Id is the watcher's own.
 */
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple, tuple3 } from '../../runtime/term/tuple.ts';
import type { Cell, Key } from '../paxos/messages.ts';
import type { GapReason } from './learner.ts';
import { cellTerm, malformed, readCell } from './wire-fields.ts';

const LEARNED: Atom = nameAtom('$learned');
const TAKEN: Atom = nameAtom('$taken');
const REASONS: readonly string[] = ['restarted', 'merged', 'overflow', 'missed', 'forgotten'] satisfies GapReason[];
/** Whoever watches takes no part in the agreement: no round of a cell moves its clock. */
const ANY_ROUND = Number.MAX_SAFE_INTEGER;

export type Fed =
  | { readonly kind: 'cell'; readonly key: Key; readonly cell: Cell | null }
  | { readonly kind: 'gap'; readonly reason: GapReason };

export function learnedTerm(id: number, list: readonly unknown[]): unknown {
  const terms = list.map((one, i) => (i % 2 === 0 || typeof one === 'string' ? one : cellTerm(one as Cell | null)));
  return tuple3(LEARNED, id, terms);
}

export function isLearnedTerm(term: unknown): term is readonly [Atom, number, readonly unknown[]] {
  return isTagged(term, LEARNED, 3);
}

/** Throws `bad_frame`. */
export function readLearned(list: readonly unknown[]): Fed[] {
  const fed: Fed[] = [];
  for (let i = 0; i + 1 < list.length; i += 2) {
    const key = list[i];
    const about = list[i + 1];
    if (typeof key === 'string') {
      fed.push({ kind: 'cell', key, cell: about === null ? null : readCell(about, ANY_ROUND) });
    } else if (key === null && typeof about === 'string' && REASONS.includes(about)) {
      fed.push({ kind: 'gap', reason: about as GapReason });
    } else throw malformed('what a learner feeds');
  }
  return fed;
}

export function takenTerm(pid: Pid, id: number, count: number): unknown {
  return tuple(TAKEN, pid, id, count);
}

export function isTakenTerm(term: unknown): term is readonly [Atom, Pid, number, number] {
  return isTagged(term, TAKEN, 4) && isPid(term[1]) && typeof term[2] === 'number' && typeof term[3] === 'number';
}
