/**
 * What an operation does to a cell, as data and pure functions.
 *
 * A change sees the present cell (null: nothing was ever chosen; a tombstone: erased) and the ballot of the
 * attempt, and either keeps the cell or gives a draft of the next one. It may be called several times for one
 * operation, must not throw, and must not keep or change the cell.
 */
import { maxBallot, sameBallot, ZERO } from './ballot.ts';
import type { Ballot, Bind, Cell } from './messages.ts';

/** How many ballots of changes a cell remembers. Fewer is safe too: more retries end in `unknown`. */
export const HISTORY_MAX = 16;

/** The next cell without what the protocol adds (version and history). `bind` of a tombstone is null. */
export interface Draft {
  readonly live: boolean;
  readonly value: unknown;
  readonly bind: Bind | null;
}

/** `draft` null: keep the cell as it is. */
export interface Changed {
  readonly draft: Draft | null;
  readonly result: unknown;
}

export type Change = (cell: Cell | null, b: Ballot) => Changed;

export const EMPTY: Cell = { live: false, value: null, ver: ZERO, bind: null, hist: [], cut: ZERO };

const KEPT: Changed = { draft: null, result: undefined };
const TOMBSTONE: Draft = { live: false, value: null, bind: null };

/** Creates when nothing is there; otherwise what is there stays, and is the result. */
export function putChange(value: unknown, bind: Bind | null): Change {
  const created: Changed = { draft: { live: true, value, bind }, result: value };
  return (cell) => (cell !== null && cell.live ? { draft: null, result: cell.value } : created);
}

/** Keeps whatever is there; the answer's cell is what was read. */
export const readChange: Change = () => KEPT;

/** Turns the incarnation `ver` into a tombstone; another one stays. Gated by observations (decide.ts). */
export function eraseChange(ver: Ballot): Change {
  return (cell) =>
    cell !== null && cell.live && sameBallot(cell.ver, ver) ? { draft: TOMBSTONE, result: undefined } : KEPT;
}

/** What a swap asks of the present cell: that its newest change is that one, that nothing is there, or nothing. */
export type Expected = Ballot | 'absent' | 'any';

/** Stores the value if the cell is as expected; the result says whether it was. A life that is there goes on: its version and bind stay. */
export function swapChange(expected: Expected, value: unknown): Change {
  return (cell) => {
    if (!isExpected(cell, expected)) return { draft: null, result: false };
    return { draft: { live: true, value, bind: bindOf(cell) }, result: true };
  };
}

function isExpected(cell: Cell | null, expected: Expected): boolean {
  if (expected === 'any') return true;
  if (cell === null || !cell.live) return expected === 'absent';
  return expected !== 'absent' && sameBallot(newestChange(cell), expected);
}

/** What the key's present life is bound to. */
export function bindOf(cell: Cell | null): Bind | null {
  return cell !== null && cell.live ? cell.bind : null;
}

/** The ballot of the newest change in a cell: two cells of a key that have the same are the same. ZERO when nothing was ever there. */
export function newestChange(cell: Cell | null): Ballot {
  return cell === null ? ZERO : (historyOf(cell)[0] ?? ZERO);
}

const NO_HISTORY: readonly Ballot[] = [];

/** Ballots of the newest changes of a cell, newest first. */
export function historyOf(cell: Cell): readonly Ballot[] {
  return cell.live && cell.hist.length === 0 ? [cell.ver] : cell.hist;
}

/** The cell that a draft becomes when it is proposed at `b` over `before`. */
export function makeCell(draft: Draft, before: Cell | null, b: Ballot): Cell {
  const { live, value, bind } = draft;
  const ver = !live ? ZERO : before !== null && before.live ? before.ver : b;
  if (before === null) return { live, value, ver, bind, hist: live ? NO_HISTORY : [b], cut: ZERO };
  const hist = [b, ...historyOf(before)];
  let cut = before.cut;
  for (const dropped of hist.splice(HISTORY_MAX)) cut = maxBallot(cut, dropped);
  return { live, value, ver, bind, hist, cut };
}
