/**
 * State transfer between acceptors of a bucket: a joiner asks members of the former configuration for their state, page by page, and a
 * member keeps the copy it serves while its pages are being asked for.
 */
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTuple, tuple, tuple2 } from '../../runtime/term/tuple.ts';
import type { Acceptor, SealedState } from '../paxos/acceptor.ts';
import { serveSnapshot, snapshotPage } from '../paxos/transfer.ts';
import type { Config, KeyedEntry, NodeName, Snapshot } from '../paxos/messages.ts';
import { hasMember } from '../cluster/config.ts';
import { PROTOCOL_VERSION } from '../cluster/system-messages.ts';
import { acceptorName, isPresent, type BucketView } from './view.ts';
import { assertVersion } from './wire.ts';
import {
  ballotTerm,
  entryTerm,
  isRound,
  malformed,
  readBallot,
  readBoolean,
  readConfig,
  readCount,
  readEntry,
  readFields,
  readIncarnation,
  readList,
  roundMaxOf,
} from './wire-fields.ts';

const SNAPSHOT_ASK: Atom = nameAtom('snapshotAsk');
const SNAPSHOT: Atom = nameAtom('snapshot');
const PAGE_ENTRIES = 100;
const KEPT_MS = 30_000;

/** A joiner wants a page of the state at the end of the epoch before `config`, which seals the receiver. */
export interface SnapshotAsk {
  readonly from: Pid;
  readonly config: Config;
  readonly page: number;
}

interface Collected {
  entries: KeyedEntry[];
  nextPage: number;
  /** The page asked for last; still missing when it is asked for again: begin anew, the other side may have dropped its copy. */
  askedPage: number;
}

/** One merge in the making. */
export class Joining {
  readonly config: Config;
  readonly from: Config;
  readonly need: number;
  /** Whole states, one per member. */
  readonly states: SealedState[] = [];
  readonly #acceptor: Atom;
  readonly #collected: Map<NodeName, Collected> = new Map();
  readonly #done: Set<NodeName> = new Set();

  constructor(
    { bucket, partition }: { readonly bucket: string; readonly partition: number },
    config: Config,
    from: Config,
    need: number,
  ) {
    this.#acceptor = nameAtom(acceptorName(bucket, partition));
    this.config = config;
    this.from = from;
    this.need = need;
  }

  /** Asks reachable members: those that were not asked yet, or, to repeat, all whose state is not whole. */
  ask(self: Self, view: BucketView, isRepeat: boolean): void {
    for (const { name } of this.from.M) {
      if (this.#done.has(name) || !isPresent(view, name) || name === self.nodeName.name) continue;
      if (isRepeat || !this.#collected.has(name)) this.#askPage(self, name);
    }
  }

  take(self: Self, page: Snapshot): void {
    const { name } = page.from;
    if (page.e !== this.config.e || !hasMember(this.from, page.from) || this.#done.has(name)) return;
    const collected = this.#collectedFrom(name);
    if (page.page !== collected.nextPage) return;
    for (const entry of page.entries) collected.entries.push(entry);
    collected.nextPage += 1;
    if (!page.last) return this.#askPage(self, name);
    this.#done.add(name);
    this.states.push({ e: page.e, floor: page.floor, clock: page.clock, entries: collected.entries });
  }

  #collectedFrom(name: NodeName): Collected {
    const known = this.#collected.get(name);
    if (known !== undefined) return known;
    const fresh: Collected = { entries: [], nextPage: 0, askedPage: -1 };
    this.#collected.set(name, fresh);
    return fresh;
  }

  #askPage(self: Self, name: NodeName): void {
    const collected = this.#collectedFrom(name);
    if (collected.askedPage === collected.nextPage) {
      collected.entries = [];
      collected.nextPage = 0;
    }
    collected.askedPage = collected.nextPage;
    const body = { config: this.config, page: collected.nextPage };
    const to = tuple2(this.#acceptor, nameAtom(name));
    self.send(to, tuple(PROTOCOL_VERSION, SNAPSHOT_ASK, self.pid, body));
  }
}

/** The copies that this member serves. */
export class Snapshots {
  readonly #kept: Map<string, { readonly state: SealedState; usedAt: number }> = new Map();
  readonly #bucket: string;

  constructor(bucket: string) {
    this.#bucket = bucket;
  }

  /** The page as a message, or null when this acceptor must not serve that configuration. */
  answer(acceptor: Acceptor, asker: Pid, config: Config, page: number): unknown {
    const at = `${this.#bucket} ${asker.key} ${config.e}`;
    const state = page === 0 ? serveSnapshot(acceptor, config) : (this.#kept.get(at)?.state ?? null);
    if (state === null || acceptor.e !== config.e) return null;
    const made = snapshotPage(acceptor.me, state, page, PAGE_ENTRIES);
    if (made.last) this.#kept.delete(at);
    else this.#kept.set(at, { state, usedAt: Infinity });
    const entries = made.entries.map(([key, entry]) => entryTerm(key, entry));
    const { from, e, floor, clock, last } = made;
    const body = { from, e, floor: ballotTerm(floor), clock, entries, page, last };
    return tuple(PROTOCOL_VERSION, SNAPSHOT, body);
  }

  dropOld(nowMs: number): void {
    for (const [at, kept] of this.#kept) {
      if (kept.usedAt === Infinity) kept.usedAt = nowMs;
      else if (nowMs - kept.usedAt > KEPT_MS) this.#kept.delete(at);
    }
  }
}

/** Null for another message. Throws `bad_frame`. */
export function readSnapshotAsk(term: unknown): SnapshotAsk | null {
  if (!isTuple(term) || term.length !== 4 || term[1] !== SNAPSHOT_ASK) return null;
  assertVersion(term[0]);
  const from = term[2];
  const { config, page } = readFields(term[3], ['config', 'page'], 'what is asked for of a snapshot');
  if (!isPid(from)) throw malformed('who asks for a snapshot');
  return { from, config: readConfig(config), page: readCount(page, 'the page of a snapshot') };
}

/** As above; `clock` is the receiver's. */
export function readSnapshot(term: unknown, clock: number): Snapshot | null {
  if (!isTuple(term) || term.length !== 3 || term[1] !== SNAPSHOT) return null;
  assertVersion(term[0]);
  const roundMax = roundMaxOf(clock);
  const body = readFields(term[2], ['from', 'e', 'floor', 'clock', 'entries', 'page', 'last'], 'a snapshot');
  if (!isRound(body['clock'], roundMax)) throw malformed('the clock of a snapshot');
  return {
    kind: 'snapshot',
    from: readIncarnation(body['from']),
    e: readCount(body['e'], 'the epoch of a snapshot'),
    floor: readBallot(body['floor'], roundMax),
    clock: body['clock'],
    entries: readList(body['entries'], 'the entries of a snapshot').map((one) => readEntry(one, roundMax)),
    page: readCount(body['page'], 'the page of a snapshot'),
    last: readBoolean(body['last'], 'whether a page is the last'),
  };
}
