/**
 * The parts of register messages as terms, and back. Reading is strict, so that nothing malformed reaches a core: every field has its type,
 * nothing is missing or added, and no round is more than 2^40 above the receiver's clock, since it would poison every clock that hears of
 * it. Everything wrong is a `bad_frame`.
 */
import { WireError } from '../../runtime/errors.ts';
import { isPid } from '../../runtime/term/pid.ts';
import { isTuple } from '../../runtime/term/tuple.ts';
import { isZero, ZERO } from '../paxos/ballot.ts';
import { SEATS_MAX } from '../paxos/quorum.ts';
import type { Ballot, Bind, Cell, Config, Entry, Holding, Incarnation, Observation } from '../paxos/messages.ts';

/** How far above the own clock a round may be. */
export const ROUNDS_AHEAD_MAX: number = 2 ** 40;

const CELL_BALLOTS_AT = 6;
const CONFIG_FIELDS: readonly string[] = [
  ...['cluster', 'e', 'N', 'M', 'r', 'uniform', 'mergeAll', 'prev'],
  ...['fresh', 'forced', 'bucket', 'partitions'],
];

/** The highest round that may be heard of. A clock of 0 has heard of none: it takes its first one from others. */
export function roundMaxOf(clock: number): number {
  return clock === 0 ? Number.MAX_SAFE_INTEGER : Math.min(clock + ROUNDS_AHEAD_MAX, Number.MAX_SAFE_INTEGER);
}

export function malformed(what: string): WireError {
  return new WireError(`a register message does not have the form of the protocol: ${what}`, 0);
}

export function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

export function isRound(value: unknown, roundMax: number): value is number {
  return isCount(value) && value <= roundMax;
}

/** A list, of so many elements if that is given. */
export function readList(term: unknown, what: string, length = -1): readonly unknown[] {
  if (isTuple(term) || !Array.isArray(term)) throw malformed(what);
  const list = term as readonly unknown[];
  if (length >= 0 && list.length !== length) throw malformed(what);
  return list;
}

export function readBoolean(term: unknown, what: string): boolean {
  if (typeof term !== 'boolean') throw malformed(what);
  return term;
}

function readText(term: unknown, what: string): string {
  if (typeof term !== 'string') throw malformed(what);
  return term;
}

export function readCount(term: unknown, what: string): number {
  if (!isCount(term)) throw malformed(what);
  return term;
}

export function ballotTerm(b: Ballot): unknown {
  return [b.e, b.r, b.p];
}

export function readBallot(term: unknown, roundMax: number): Ballot {
  return ballotAt(readList(term, 'a ballot', 3), 0, roundMax);
}

function ballotAt(list: readonly unknown[], at: number, roundMax: number): Ballot {
  const e = list[at];
  const r = list[at + 1];
  const p = list[at + 2];
  if (!isCount(e) || !isRound(r, roundMax) || !isCount(p)) throw malformed('a ballot');
  return r === 0 && e === 0 && p === 0 ? ZERO : { e, r, p };
}

export function cellTerm(cell: Cell | null): unknown {
  if (cell === null) return null;
  const ballots = [cell.ver.e, cell.ver.r, cell.ver.p, cell.cut.e, cell.cut.r, cell.cut.p];
  for (const b of cell.hist) ballots.push(b.e, b.r, b.p);
  return [cell.live, cell.value, bindTerm(cell.bind), ballots];
}

export function readCell(term: unknown, roundMax: number): Cell {
  const [live, value, bind, numbers] = readList(term, 'a cell', 4);
  const ballots = readList(numbers, 'the ballots of a cell');
  if (ballots.length < CELL_BALLOTS_AT || ballots.length % 3 !== 0) throw malformed('the ballots of a cell');
  const hist: Ballot[] = [];
  for (let i = CELL_BALLOTS_AT; i < ballots.length; i += 3) hist.push(ballotAt(ballots, i, roundMax));
  return {
    live: readBoolean(live, 'whether a cell is live'),
    value,
    ver: ballotAt(ballots, 0, roundMax),
    bind: readBind(bind, roundMax),
    hist,
    cut: ballotAt(ballots, 3, roundMax),
  };
}

export function bindTerm(bind: Bind | null): unknown {
  if (bind === null) return null;
  const { key } = bind;
  return [bind.pid, bind.node, key === null ? null : [key.key, key.ver.e, key.ver.r, key.ver.p], bind.until];
}

export function readBind(term: unknown, roundMax: number): Bind | null {
  if (term === null) return null;
  const [pid, node, key, until] = readList(term, 'a bind', 4);
  if (pid !== null && !isPid(pid)) throw malformed('the pid of a bind');
  if (until !== null && (typeof until !== 'number' || !Number.isFinite(until))) throw malformed('the time of a bind');
  return {
    pid,
    node: node === null ? null : readText(node, 'the node of a bind'),
    key: key === null ? null : readOtherKey(key, roundMax),
    until,
  };
}

function readOtherKey(term: unknown, roundMax: number): { readonly key: string; readonly ver: Ballot } {
  const list = readList(term, 'the key of a bind', 4);
  return { key: readText(list[0], 'the key of a bind'), ver: ballotAt(list, 1, roundMax) };
}

export function holdingTerm(holding: Holding): unknown {
  const { ab, fast, cell, chosen, ae, fl } = holding;
  return [ab.e, ab.r, ab.p, fast, cellTerm(cell), chosen, ae, fl.e, fl.r, fl.p];
}

export function readHolding(term: unknown, roundMax: number): Holding {
  const list = readList(term, 'what a member holds', 10);
  const ab = ballotAt(list, 0, roundMax);
  const cell = list[4] === null ? null : readCell(list[4], roundMax);
  const fast = readBoolean(list[3], 'whether an acceptance is fast');
  if ((cell === null) !== isZero(ab)) throw malformed('an acceptance without its cell, or a cell without its ballot');
  return {
    ab,
    fast,
    cell,
    chosen: readBoolean(list[5], 'whether an acceptance is chosen'),
    ae: readCount(list[6], 'the epoch of an acceptance'),
    fl: ballotAt(list, 7, roundMax),
  };
}

/** Inside snapshots. Observations are never transferred. */
export function entryTerm(key: string, entry: Holding & { readonly p: Ballot }): unknown {
  return [key, entry.p.e, entry.p.r, entry.p.p, holdingTerm(entry)];
}

export function readEntry(term: unknown, roundMax: number): readonly [string, Entry] {
  const list = readList(term, 'an entry', 5);
  const p = ballotAt(list, 1, roundMax);
  return [readText(list[0], 'the key of an entry'), { ...readHolding(list[4], roundMax), p, seen: [] }];
}

export function seenTerm(seen: readonly Observation[]): unknown {
  return seen.map(({ ver, ticket }) => [ballotTerm(ver), ticket === null ? null : ballotTerm(ticket)]);
}

export function readSeen(term: unknown, roundMax: number): readonly Observation[] {
  return readList(term, 'observations').map((one) => {
    const [ver, ticket] = readList(one, 'an observation', 2);
    return { ver: readBallot(ver, roundMax), ticket: ticket === null ? null : readBallot(ticket, roundMax) };
  });
}

/** Configurations travel as plain objects, with their predecessor and without that one's. */
export function readConfig(term: unknown): Config {
  const fields = readFields(term, CONFIG_FIELDS, 'a configuration');
  const { cluster, e, N, M, r, uniform, mergeAll, prev, fresh, forced, bucket, partitions } = fields;
  const config: Config = {
    cluster: readText(cluster, 'the cluster of a configuration'),
    e: readCount(e, 'the epoch of a configuration'),
    N: readCount(N, 'the seats of a configuration'),
    M: readList(M, 'the members of a configuration').map(readIncarnation),
    r: readCount(r, 'the merge size of a configuration'),
    uniform: readBoolean(uniform, 'whether a configuration is uniform'),
    mergeAll: readBoolean(mergeAll, 'whether all members of a configuration merge'),
    prev: prev === null ? null : readConfig(prev),
    ...(fresh === undefined ? {} : { fresh: readTrue(fresh) }),
    ...(forced === undefined ? {} : { forced: readTrue(forced) }),
    ...(bucket === undefined ? {} : { bucket: readText(bucket, 'the bucket of a configuration') }),
    ...(partitions === undefined ? {} : { partitions: readCount(partitions, 'the partitions of a configuration') }),
  };
  if (config.M.length > config.N || config.N > SEATS_MAX) throw malformed('a configuration of this size');
  if (config.prev !== null && config.prev.prev !== null) throw malformed('a configuration with all before it');
  return config;
}

function readTrue(term: unknown): true {
  if (term !== true) throw malformed('whether a configuration is fresh or forced');
  return term;
}

export function readIncarnation(term: unknown): Incarnation {
  const { name, id, boot } = readFields(term, ['name', 'id', 'boot'], 'an incarnation');
  return {
    name: readText(name, 'the name of an incarnation'),
    id: readText(id, 'the record of an incarnation'),
    boot: readCount(boot, 'the boot of an incarnation'),
  };
}

/** A plain object that has no other fields than these. */
export function readFields(term: unknown, known: readonly string[], what: string): Readonly<Record<string, unknown>> {
  if (typeof term !== 'object' || term === null || Object.getPrototypeOf(term) !== Object.prototype) {
    throw malformed(what);
  }
  for (const name of Object.keys(term)) if (!known.includes(name)) throw malformed(`${what} with the field ${name}`);
  return term as Readonly<Record<string, unknown>>;
}
