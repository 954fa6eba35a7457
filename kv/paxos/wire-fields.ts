/**
 * The parts of protocol messages as terms: ballots, cells, entries, configurations. `Fields` reads one tuple from
 * left to right and throws `bad_message` at the first field that is not what it must be.
 */
import { QuorateError } from '../../runtime/errors.ts';
import { isPid } from '../../runtime/term/pid.ts';
import { intoTuple, Tuple, tuple, tuple3 } from '../../runtime/term/tuple.ts';
import { isZero, ZERO } from './ballot.ts';
import type { Ballot, Bind, Cell, Config, Entry, Holding, Incarnation, KeyedEntry, Observation } from './messages.ts';

export const PROTOCOL_VERSION = 1;
/** How far above the own clock a round may be. */
export const ROUNDS_AHEAD_MAX: number = 2 ** 40;
/** Members are counted by the bits of one small integer. */
export const MEMBERS_MAX = 30;

export type Term = readonly unknown[];

export function malformed(what: string, expected: string, found: unknown): QuorateError {
  const shown = Array.isArray(found)
    ? `a ${found instanceof Tuple ? 'tuple' : 'list'} of ${found.length}`
    : String(found);
  return new QuorateError(
    'bad_message',
    `cannot read ${what} of a protocol message: expected ${expected}, found ${shown}`,
  );
}

let lastBallot: Ballot = ZERO;
let lastBallotTerm: Term = tuple3(0, 0, 0);
const ZERO_TERM = lastBallotTerm;

/** A message often names one ballot three times (its own, the version, the newest change): one tuple serves. */
export function encodeBallot(b: Ballot): Term {
  if (b === lastBallot) return lastBallotTerm;
  if (isZero(b)) return ZERO_TERM;
  lastBallot = b;
  lastBallotTerm = tuple3(b.e, b.r, b.p);
  return lastBallotTerm;
}

export function encodeMaybe<T>(value: T | null, encode: (value: T) => unknown): unknown {
  return value === null ? null : encode(value);
}

export function encodeCell(cell: Cell | null): Term | null {
  if (cell === null) return null;
  const { live, value, ver, bind, hist, cut } = cell;
  const bound = bind === null ? null : encodeBind(bind);
  return intoTuple([live, value, encodeBallot(ver), bound, hist.map(encodeBallot), encodeBallot(cut)]);
}

export function encodeHolding(h: Holding): readonly [Term, boolean, Term | null, boolean, number, Term] {
  return [encodeBallot(h.ab), h.fast, encodeCell(h.cell), h.chosen, h.ae, encodeBallot(h.fl)];
}

export function encodeObservation(o: Observation): Term {
  return tuple(encodeBallot(o.ver), encodeMaybe(o.ticket, encodeBallot));
}

export function encodeEntry([key, entry]: KeyedEntry): Term {
  return tuple(key, encodeBallot(entry.p), ...encodeHolding(entry));
}

export function encodeIncarnation(who: Incarnation): Term {
  return tuple3(who.name, who.id, who.boot);
}

export function encodeConfig(c: Config): Term {
  const { cluster, e, N, M, r, uniform, mergeAll } = c;
  const prev = encodeMaybe(c.prev, (prev) => encodeConfig({ ...prev, prev: null }));
  const members = M.map(encodeIncarnation);
  const bucket = c.bucket ?? null;
  return tuple(cluster, e, N, members, r, uniform, mergeAll, prev, c.fresh === true, bucket, c.partitions ?? null);
}

function encodeBind(bind: Bind): Term {
  const key = encodeMaybe(bind.key, (k) => tuple(k.key, encodeBallot(k.ver)));
  return tuple(bind.pid, bind.node, key, bind.until);
}

let lastDecoded: Ballot = ZERO;

/** As for encoding: the ballots of one message that are the same become one object, also in the tables. */
function internBallot(e: number, r: number, p: number): Ballot {
  if (r === lastDecoded.r && p === lastDecoded.p && e === lastDecoded.e) return lastDecoded;
  if (r === 0 && p === 0 && e === 0) return ZERO;
  lastDecoded = { e, r, p };
  return lastDecoded;
}

export class Fields {
  readonly #term: Term;
  readonly #roundMax: number;
  #at: number;

  constructor(term: Term, clock: number, start = 0) {
    this.#term = term;
    this.#roundMax = Math.min(clock + ROUNDS_AHEAD_MAX, Number.MAX_SAFE_INTEGER);
    this.#at = start;
  }

  /** A whole number from 0 on. */
  count(): number {
    const value = this.#next();
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
    throw this.#bad('a whole number', value);
  }

  /** A place in M, or -1. */
  place(): number {
    const value = this.#next();
    if (typeof value === 'number' && Number.isInteger(value) && value >= -1 && value < MEMBERS_MAX) return value;
    throw this.#bad('a place in M', value);
  }

  round(): number {
    const round = this.count();
    if (round <= this.#roundMax) return round;
    throw this.#bad(`a round up to ${this.#roundMax}`, round);
  }

  ballot(): Ballot {
    const term = this.#next();
    if (!(term instanceof Tuple) || term.length !== 3) throw this.#bad('a ballot', term);
    const [e, r, p] = term as readonly unknown[];
    if (!isWhole(e) || !isWhole(r) || !isWhole(p) || r > this.#roundMax) {
      throw this.#bad(`a ballot with a round up to ${this.#roundMax}`, `{${String(e)}, ${String(r)}, ${String(p)}}`);
    }
    return internBallot(e, r, p);
  }

  boolean(): boolean {
    const value = this.#next();
    if (typeof value === 'boolean') return value;
    throw this.#bad('true or false', value);
  }

  text(): string {
    const value = this.#next();
    if (typeof value === 'string') return value;
    throw this.#bad('a string', value);
  }

  list<T>(read: (inner: Fields) => T): T[] {
    const value = this.#next();
    if (!Array.isArray(value) || value instanceof Tuple) throw this.#bad('a list', value);
    const inner = new Fields(value, this.#roundMax - ROUNDS_AHEAD_MAX);
    const read1: T[] = [];
    for (let i = 0; i < value.length; i++) read1.push(read(inner));
    return read1;
  }

  /** `null`, or what `read` makes of the same field. */
  maybe<T>(read: () => T): T | null {
    if (this.#term[this.#at] !== null) return read();
    this.#at += 1;
    return null;
  }

  cell(): Cell | null {
    return this.maybe(() => {
      const inner = this.#tuple('a cell', 6);
      const live = inner.boolean();
      const value = inner.#next();
      const ver = inner.ballot();
      const bind = inner.maybe(() => inner.#bind());
      return { live, value, ver, bind, hist: inner.list((h) => h.ballot()), cut: inner.ballot() };
    });
  }

  holding(): Holding {
    const ab = this.ballot();
    const held: Holding = {
      ab,
      fast: this.boolean(),
      cell: this.cell(),
      chosen: this.boolean(),
      ae: this.count(),
      fl: this.ballot(),
    };
    if ((held.cell === null) !== isZero(ab)) throw this.#bad('a cell with its ballot, or neither', held.cell);
    if (held.fast && held.cell === null) throw this.#bad('a fast acceptance with a cell', held.cell);
    return held;
  }

  observation(): Observation {
    const inner = this.#tuple('an observation', 2);
    return { ver: inner.ballot(), ticket: inner.maybe(() => inner.ballot()) };
  }

  entry(): KeyedEntry {
    const inner = this.#tuple('an entry', 8);
    const key = inner.text();
    const p = inner.ballot();
    const entry: Entry = { p, ...inner.holding(), seen: [] };
    return [key, entry];
  }

  incarnation(): Incarnation {
    const inner = this.#tuple('an incarnation', 3);
    return { name: inner.text(), id: inner.text(), boot: inner.count() };
  }

  config(): Config {
    const inner = this.#tuple('a configuration', 11);
    const config = {
      cluster: inner.text(),
      e: inner.count(),
      N: inner.count(),
      M: inner.list((member) => member.incarnation()),
      r: inner.count(),
      uniform: inner.boolean(),
      mergeAll: inner.boolean(),
      prev: inner.maybe(() => inner.config()),
    };
    const isFresh = inner.boolean();
    const bucket = inner.maybe(() => inner.text());
    const partitions = inner.maybe(() => inner.count());
    if (config.M.length > config.N || config.N > MEMBERS_MAX) throw this.#bad('a configuration of its size', config.N);
    return {
      ...config,
      ...(isFresh ? { fresh: true as const } : {}),
      ...(bucket === null ? {} : { bucket }),
      ...(partitions === null ? {} : { partitions }),
    };
  }

  /** Nothing may follow. */
  end(): void {
    if (this.#at !== this.#term.length) throw this.#bad('nothing more', `${this.#term.length - this.#at} more fields`);
  }

  #bind(): Bind {
    const inner = this.#tuple('a bind', 4);
    const pid = inner.#next();
    if (pid !== null && !isPid(pid)) throw inner.#bad('a pid', pid);
    const node = inner.maybe(() => inner.text());
    const key = inner.maybe(() => {
      const pair = inner.#tuple('a key with its version', 2);
      return { key: pair.text(), ver: pair.ballot() };
    });
    return { pid, node, key, until: inner.maybe(() => inner.count()) };
  }

  #tuple(what: string, size: number): Fields {
    const term = this.#next();
    if (!(term instanceof Tuple) || term.length !== size) throw this.#bad(`${what} of ${size}`, term);
    return new Fields(term, this.#roundMax - ROUNDS_AHEAD_MAX);
  }

  #next(): unknown {
    if (this.#at >= this.#term.length) throw this.#bad('one more field', 'the end');
    return this.#term[this.#at++];
  }

  #bad(expected: string, found: unknown): QuorateError {
    return malformed(`field ${this.#at}`, expected, found);
  }
}

function isWhole(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
