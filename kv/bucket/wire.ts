/**
 * Register messages between nodes. What a proposer says to one acceptor in a turn travels as one message, and so do an acceptor's replies:
 *
 *   { Version, request, From, Epoch, Proposer, List }     List: code, round, key, ... one request after the other
 *   { Version, reply, Place, Epoch, Clock, List }         List: code, round, ...
 *
 * All ballots that a batch asks about are (Epoch, round, Proposer), so only the round is repeated; a reply goes to the pid that asked, whose
 * proposer number is its own. A fresh put needs four elements there and two back. Cells, binds and other ballots are lists of numbers.
 */
import { WireError } from '../../runtime/errors.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTuple, tuple } from '../../runtime/term/tuple.ts';
import { floorAbove, isZero, sameBallot, ZERO } from '../paxos/ballot.ts';
import type {
  Ballot,
  Bind,
  Cell,
  Config,
  Holding,
  Observation,
  RegisterReply,
  RegisterRequest,
} from '../paxos/messages.ts';
import { PROTOCOL_VERSION } from '../cluster/system-messages.ts';

const REQUEST: Atom = nameAtom('request');
const REPLY: Atom = nameAtom('reply');

const PREPARE = 1;
const PREPARE_NEW = 2;
const ACCEPT = 3;
const READ = 4;
const CHOSEN = 5;
const FORGET = 6;
const PREPARE_FAST = 7;

const TAKEN = 1;
const PROMISE = 2;
const ACCEPTED = 3;
const NACK = 4;
const STATE = 5;
const OLD_EPOCH = 6;
const BEHIND = 7;
const INACTIVE = 8;

export function requestTerm(from: Pid, e: number, p: number, list: readonly unknown[]): unknown {
  return tuple(PROTOCOL_VERSION, REQUEST, from, e, p, list);
}

export function replyTerm(place: number, e: number, clock: number, list: readonly unknown[]): unknown {
  return tuple(PROTOCOL_VERSION, REPLY, place, e, clock, list);
}

export interface RequestBatch {
  readonly from: Pid;
  readonly e: number;
  readonly p: number;
  readonly list: readonly unknown[];
}

export interface ReplyBatch {
  readonly place: number;
  readonly e: number;
  readonly clock: number;
  readonly list: readonly unknown[];
}

/** The batch in a message, or null when it is something else. Throws `bad_frame` for another version of the protocol. */
export function readRequestTerm(term: unknown): RequestBatch | null {
  if (!isTuple(term) || term.length !== 6 || term[1] !== REQUEST) return null;
  const [version, , from, e, p, list] = term;
  if (version !== PROTOCOL_VERSION) throw wrongVersion(version);
  if (!isPid(from) || typeof e !== 'number' || typeof p !== 'number' || !Array.isArray(list)) throw malformed();
  return { from, e, p, list: list as readonly unknown[] };
}

export function readReplyTerm(term: unknown): ReplyBatch | null {
  if (!isTuple(term) || term.length !== 6 || term[1] !== REPLY) return null;
  const [version, , place, e, clock, list] = term;
  if (version !== PROTOCOL_VERSION) throw wrongVersion(version);
  if (typeof place !== 'number' || typeof e !== 'number' || typeof clock !== 'number' || !Array.isArray(list))
    throw malformed();
  return { place, e, clock, list: list as readonly unknown[] };
}

/** Appends a request. Its ballot must be of the batch's epoch and proposer. */
export function pushRequest(list: unknown[], message: RegisterRequest): void {
  const { r } = message.b;
  switch (message.kind) {
    case 'prepare': {
      const { fast } = message;
      if (fast === null) list.push(PREPARE, r, message.key);
      else if (isNewCell(fast, message.b)) list.push(PREPARE_NEW, r, message.key, fast.value, bindTerm(fast.bind));
      else list.push(PREPARE_FAST, r, message.key, cellTerm(fast));
      return;
    }
    case 'accept':
      list.push(ACCEPT, r, message.key, cellTerm(message.cell), message.next === null ? 0 : message.next.r);
      return;
    case 'read':
      list.push(READ, r, message.key);
      return;
    case 'chosen':
      list.push(CHOSEN, r, message.key, message.fast);
      return;
    case 'forget':
      list.push(FORGET, r, message.key);
      return;
  }
}

/** The requests of a batch, one after the other. Throws `bad_frame`. */
export function readRequests(batch: RequestBatch, take: (message: RegisterRequest) => void): void {
  const { e, p, list } = batch;
  for (let i = 0; i < list.length;) {
    const b: Ballot = { e, r: list[i + 1] as number, p };
    const key = list[i + 2] as string;
    if (typeof b.r !== 'number' || typeof key !== 'string') throw malformed();
    switch (list[i]) {
      case PREPARE:
        take({ kind: 'prepare', e, key, b, fast: null });
        i += 3;
        break;
      case PREPARE_NEW: {
        const bind = readBind(list[i + 4]);
        take({
          kind: 'prepare',
          e,
          key,
          b,
          fast: { live: true, value: list[i + 3], ver: b, bind, hist: [b], cut: ZERO },
        });
        i += 5;
        break;
      }
      case PREPARE_FAST:
        take({ kind: 'prepare', e, key, b, fast: readCell(list[i + 3]) });
        i += 4;
        break;
      case ACCEPT: {
        const next = list[i + 4] as number;
        take({ kind: 'accept', e, key, b, cell: readCell(list[i + 3]), next: next === 0 ? null : { e, r: next, p } });
        i += 5;
        break;
      }
      case READ:
        take({ kind: 'read', e, key, b });
        i += 3;
        break;
      case CHOSEN:
        take({ kind: 'chosen', e, key, b, fast: list[i + 3] === true });
        i += 4;
        break;
      case FORGET:
        take({ kind: 'forget', e, key, b, floor: floorAbove(b) });
        i += 3;
        break;
      default:
        throw malformed();
    }
  }
}

/** Appends a reply of the acceptor at the batch's place, epoch and clock. */
export function pushReply(list: unknown[], message: RegisterReply): void {
  const { r } = message.b;
  switch (message.kind) {
    case 'promise':
      if (
        message.ok &&
        message.seen.length === 0 &&
        isZero(message.fl) &&
        message.ae === message.e &&
        !message.chosen
      ) {
        list.push(TAKEN, r);
      } else {
        list.push(PROMISE, r, holdingTerm(message, message.ok), message.ok, seenTerm(message.seen));
      }
      return;
    case 'accepted':
      list.push(ACCEPTED, r);
      return;
    case 'nack':
      list.push(NACK, r, ballotTerm(message.p), ballotTerm(message.floor));
      return;
    case 'state':
      list.push(STATE, r, holdingTerm(message, false));
      return;
    case 'oldEpoch':
      list.push(OLD_EPOCH, r, message.config);
      return;
    case 'behind':
      list.push(BEHIND, r);
      return;
    case 'inactive':
      list.push(INACTIVE, r);
      return;
  }
}

/** What a reply is an answer to: its ballot, and the cell that a member which took it does not send back. */
export interface Asked {
  readonly b: Ballot;
  readonly fastCell: Cell | null;
}

/** The replies of a batch, by what was asked in each round; those to rounds that are over are left out. Throws `bad_frame`. */
export function readReplies(
  batch: ReplyBatch,
  asked: ReadonlyMap<number, Asked>,
  take: (message: RegisterReply) => void,
): void {
  const { place: from, e, clock, list } = batch;
  for (let i = 0; i < list.length;) {
    const code = list[i];
    const r = list[i + 1];
    if (typeof r !== 'number') throw malformed();
    const question = asked.get(r);
    const b = question?.b;
    switch (code) {
      case TAKEN:
        if (question) take(takenReply(batch, question));
        i += 2;
        break;
      case PROMISE: {
        const ok = list[i + 3] === true;
        if (b)
          take({ kind: 'promise', from, e, b, clock, ...readHolding(list[i + 2]), ok, seen: readSeen(list[i + 4]) });
        i += 5;
        break;
      }
      case ACCEPTED:
        if (b) take({ kind: 'accepted', from, e, b, clock });
        i += 2;
        break;
      case NACK:
        if (b) take({ kind: 'nack', from, e, b, clock, p: readBallot(list[i + 2]), floor: readBallot(list[i + 3]) });
        i += 4;
        break;
      case STATE:
        if (b) take({ kind: 'state', from, e, b, clock, ...readHolding(list[i + 2]) });
        i += 3;
        break;
      case OLD_EPOCH:
        // worth knowing although the round is over
        take({ kind: 'oldEpoch', from, e, b: b ?? { e, r, p: 0 }, clock, config: list[i + 2] as Config });
        i += 3;
        break;
      case BEHIND:
        take({ kind: 'behind', from, e, b: b ?? { e, r, p: 0 }, clock });
        i += 2;
        break;
      case INACTIVE:
        if (b) take({ kind: 'inactive', from, e, b, clock });
        i += 2;
        break;
      default:
        throw malformed();
    }
  }
}

const NOTHING_SEEN: readonly Observation[] = [];

function takenReply({ place: from, e, clock }: ReplyBatch, { b, fastCell: cell }: Asked): RegisterReply {
  const seen = NOTHING_SEEN;
  return {
    kind: 'promise',
    from,
    e,
    b,
    clock,
    ab: b,
    fast: true,
    cell,
    chosen: false,
    ae: e,
    fl: ZERO,
    ok: true,
    seen,
  };
}

/** What a put of a new key creates: everything but value and bind follows from the ballot. */
function isNewCell(cell: Cell, b: Ballot): boolean {
  return (
    cell.live &&
    cell.hist.length === 1 &&
    sameBallot(cell.ver, b) &&
    sameBallot(cell.hist[0] as Ballot, b) &&
    isZero(cell.cut)
  );
}

export function cellTerm(cell: Cell | null): unknown {
  if (cell === null) return null;
  const ballots = [cell.ver.e, cell.ver.r, cell.ver.p, cell.cut.e, cell.cut.r, cell.cut.p];
  for (const b of cell.hist) ballots.push(b.e, b.r, b.p);
  return [cell.live, cell.value, bindTerm(cell.bind), ballots];
}

export function readCell(term: unknown): Cell {
  if (!Array.isArray(term) || term.length !== 4 || !Array.isArray(term[3])) throw malformed();
  const [live, value, bind, ballots] = term as [unknown, unknown, unknown, number[]];
  const at = (i: number): Ballot => ({
    e: ballots[i] as number,
    r: ballots[i + 1] as number,
    p: ballots[i + 2] as number,
  });
  const hist: Ballot[] = [];
  for (let i = 6; i + 2 < ballots.length; i += 3) hist.push(at(i));
  return { live: live === true, value, bind: readBind(bind), ver: at(0), cut: at(3), hist };
}

export function bindTerm(bind: Bind | null): unknown {
  if (bind === null) return null;
  const { key } = bind;
  return [bind.pid, bind.node, key === null ? null : [key.key, key.ver.e, key.ver.r, key.ver.p], bind.until];
}

export function readBind(term: unknown): Bind | null {
  if (term === null) return null;
  if (!Array.isArray(term) || term.length !== 4) throw malformed();
  const [pid, node, key, until] = term as [unknown, unknown, unknown, unknown];
  const other = Array.isArray(key)
    ? { key: key[0] as string, ver: { e: key[1] as number, r: key[2] as number, p: key[3] as number } }
    : null;
  return {
    pid: isPid(pid) ? pid : null,
    node: typeof node === 'string' ? node : null,
    key: other,
    until: typeof until === 'number' ? until : null,
  };
}

/** A member that took the asker's own cell does not send it back. */
function holdingTerm(holding: Holding, withoutCell: boolean): unknown {
  const { ab, fast, cell, chosen, ae, fl } = holding;
  return [ab.e, ab.r, ab.p, fast, withoutCell ? null : cellTerm(cell), chosen, ae, fl.e, fl.r, fl.p];
}

function readHolding(term: unknown): Holding {
  if (!Array.isArray(term) || term.length !== 10) throw malformed();
  const at = (i: number): Ballot => ({ e: term[i] as number, r: term[i + 1] as number, p: term[i + 2] as number });
  const cell = term[4] === null ? null : readCell(term[4]);
  return { ab: at(0), fast: term[3] === true, cell, chosen: term[5] === true, ae: term[6] as number, fl: at(7) };
}

/** Inside snapshots. */
export function entryTerm(key: string, entry: Holding & { readonly p: Ballot }): unknown {
  return [key, entry.p.e, entry.p.r, entry.p.p, holdingTerm(entry, false)];
}

export function readEntry(term: unknown): readonly [string, Holding & { readonly p: Ballot }] {
  if (!Array.isArray(term) || term.length !== 5) throw malformed();
  const p: Ballot = { e: term[1] as number, r: term[2] as number, p: term[3] as number };
  return [term[0] as string, { ...readHolding(term[4]), p }];
}

function seenTerm(seen: readonly Observation[]): unknown {
  return seen.map(({ ver, ticket }) => [ballotTerm(ver), ticket === null ? null : ballotTerm(ticket)]);
}

function readSeen(term: unknown): readonly Observation[] {
  if (!Array.isArray(term)) throw malformed();
  return (term as unknown[]).map((one) => {
    if (!Array.isArray(one) || one.length !== 2) throw malformed();
    return { ver: readBallot(one[0]), ticket: one[1] === null ? null : readBallot(one[1]) };
  });
}

function ballotTerm(b: Ballot): unknown {
  return [b.e, b.r, b.p];
}

function readBallot(term: unknown): Ballot {
  if (!Array.isArray(term) || term.length !== 3) throw malformed();
  return { e: term[0] as number, r: term[1] as number, p: term[2] as number };
}

function malformed(): WireError {
  return new WireError('a register message does not have the form of the protocol', 0);
}

function wrongVersion(version: unknown): WireError {
  return new WireError(
    `a node speaks version ${String(version)} of the register protocol, this node version ${PROTOCOL_VERSION}`,
    0,
  );
}
