/**
 * A caller's change function on a cell. It gets a copy, so it cannot change the cell; what it gives back is copied, so it cannot change it later.
 * A value that comes back as it was writes nothing.
 */
import { encodeTerm } from '../runtime/codec/terms.ts';
import { copyTerm } from '../runtime/term/copy.ts';
import { checkValue, invalid } from './key.ts';
import { bindOf, type Change } from './paxos/change.ts';
import type { Cell } from './paxos/messages.ts';
import type { Refused } from './results.ts';

/** Gets the present value, null when there is none. It must be pure, and answer at once: it may run several times for one change. */
export type ChangeFunction<T = unknown> = (value: T | null) => T | null;

export type Applied =
  /** Nothing to write: this is the value. */
  | { readonly kind: 'keep'; readonly value: unknown }
  | { readonly kind: 'write'; readonly value: unknown }
  /** It threw. */
  | { readonly kind: 'failed'; readonly error: unknown }
  /** It gave what cannot be stored. */
  | { readonly kind: 'refused'; readonly refused: Refused };

export function applyChange(change: ChangeFunction, cell: Cell | null): Applied {
  const isThere = cell !== null && cell.live;
  const before = isThere ? cell.value : null;
  const given = copyOf(before);
  // Looking at what it gave may throw too (a getter), and what is thrown in the proposer's step ends the proposer, for everybody.
  try {
    const next: unknown = change(given);
    if (next === null && !isThere) return { kind: 'keep', value: null };
    if (isThere && next === given && isAsBefore(next, before)) return { kind: 'keep', value: before };
    return checkNext(next);
  } catch (error) {
    return { kind: 'failed', error };
  }
}

/** For the proposer's step. What was applied is the result; a draft is there only for what is to be written. */
export function changeOf(change: ChangeFunction): Change {
  return (cell) => {
    const applied = applyChange(change, cell);
    if (applied.kind !== 'write') return { draft: null, result: applied };
    return { draft: { live: true, value: applied.value, bind: bindOf(cell) }, result: applied };
  };
}

/** Values that callers get are theirs. */
export function copyOf(value: unknown): unknown {
  return typeof value === 'object' && value !== null ? copyTerm(value) : value;
}

/** It is the very thing that was given: was it changed in place? */
function isAsBefore(next: unknown, before: unknown): boolean {
  if (typeof next !== 'object' || next === null) return Object.is(next, before);
  try {
    return Buffer.compare(encodeTerm(next), encodeTerm(before)) === 0;
  } catch {
    return false; // it cannot be stored any more: whoever stores it says why
  }
}

function checkNext(next: unknown): Applied {
  // a function without `return` gives undefined too
  if (next === undefined)
    return refuse('', 'the change gave undefined: return the new value, or the given one to leave it');
  if (typeof (next as { then?: unknown } | null)?.then === 'function')
    return refuse('', 'the change gave a promise: it runs inside an agreement, and must answer at once');
  const checked = checkValue(next);
  return checked.ok
    ? { kind: 'write', value: checked.value }
    : refuse(checked.path.slice('value'.length), checked.message);
}

function refuse(path: string, message: string): Applied {
  return { kind: 'refused', refused: invalid(`change()${path}`, message) };
}
