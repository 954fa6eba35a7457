/**
 * Small numbers for what occurs again and again in a search: two things with the same text are the same thing. States
 * are made of these numbers, so they are compared and kept cheaply, and each core step is computed once per different input.
 */
import { historyOf } from '../../../kv/paxos/change.ts';
import type { Ballot, Cell } from '../../../kv/paxos/messages.ts';

/** Numbers are written as one UTF-16 code unit each. */
const NUMBERS_MAX = 0xffff;

export class Interner<T> {
  readonly #what: string;
  readonly #ids: Map<string, number> = new Map();
  readonly #values: T[] = [];

  constructor(what: string) {
    this.#what = what;
  }

  id(text: string, make: () => T): number {
    const known = this.#ids.get(text);
    if (known !== undefined) return known;
    const id = this.#values.length;
    if (id > NUMBERS_MAX)
      throw new Error(`the scenario is too large: more than ${NUMBERS_MAX} different ${this.#what}`);
    this.#ids.set(text, id);
    this.#values.push(make());
    return id;
  }

  at(id: number): T {
    return this.#values[id] as T;
  }
}

const cellTexts = new WeakMap<Cell, string>();

export function ballotText(b: Ballot): string {
  return b.r === 0 && b.p === 0 && b.e === 0 ? '-' : `${b.e}.${b.r}.${b.p}`;
}

/** Everything that distinguishes a cell, readable: the value (ids of operations), what made it, what it depends on. */
export function cellText(cell: Cell | null): string {
  if (cell === null) return 'nothing';
  let text = cellTexts.get(cell);
  if (text === undefined) {
    const history = historyOf(cell).map(ballotText).join(' ');
    const cut = cell.cut.r === 0 ? '' : `, cut ${ballotText(cell.cut)}`;
    const bind = cell.bind === null ? '' : `, bound to ${String(cell.bind.node)}`;
    const value = cell.live ? `[${String(cell.value)}] of ${ballotText(cell.ver)}` : 'tombstone';
    text = `${value} (${history}${cut}${bind})`;
    cellTexts.set(cell, text);
  }
  return text;
}
