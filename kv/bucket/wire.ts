/**
 * Register messages between nodes. What a proposer says to one acceptor in a turn travels as one message, and so do an acceptor's replies:
 *
 *   { Version, request, From, Seal, Epoch, Proposer, List }     List: code, round, key, ... one request after the other
 *   { Version, reply, Place, Epoch, Clock, List }               List: code, round, ...
 *
 * The seal says whom the sender means: a member of another cluster, another boot or another partition that has the same name refuses the batch.
 * All ballots that a batch asks about are (Epoch, round, Proposer), so only the round is repeated; a reply goes to the pid that asked, whose
 * proposer number is its own. A fresh put needs five elements there and two back. The parts and their strictness are in wire-fields.ts.
 */
import { WireError } from '../../runtime/errors.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTuple, tuple } from '../../runtime/term/tuple.ts';
import { floorAbove, isZero, sameBallot, ZERO } from '../paxos/ballot.ts';
import { hashText } from '../paxos/hash.ts';
import type { Ballot, Cell, Incarnation, RegisterReply, RegisterRequest } from '../paxos/messages.ts';
import { SEATS_MAX } from '../paxos/quorum.ts';
import { PROTOCOL_VERSION } from '../cluster/system-messages.ts';
import {
  ballotTerm,
  bindTerm,
  cellTerm,
  holdingTerm,
  isCount,
  isRound,
  malformed,
  readBallot,
  readBind,
  readBoolean,
  readCell,
  readConfig,
  readHolding,
  readList,
  readSeen,
  roundMaxOf,
  seenTerm,
} from './wire-fields.ts';

const REQUEST: Atom = nameAtom('request');
const REPLY: Atom = nameAtom('reply');

const PREPARE = 1;
const PREPARE_NEW = 2;
const ACCEPT = 3;
const READ = 4;
const CHOSEN = 5;
const FORGET = 6;
const PREPARE_FAST = 7;
/** How many elements a request takes, by its code. */
const REQUEST_SIZES: readonly number[] = [0, 3, 5, 5, 3, 4, 3, 4];

const TAKEN = 1;
const PROMISE = 2;
const ACCEPTED = 3;
const NACK = 4;
const STATE = 5;
const OLD_EPOCH = 6;
const BEHIND = 7;
const INACTIVE = 8;
const REPLY_SIZES: readonly number[] = [0, 2, 4, 2, 4, 3, 3, 2, 2];

/** One small number for the very incarnation that requests are meant for. */
export function sealOf(
  cluster: string,
  { bucket, partition }: { readonly bucket: string; readonly partition: number },
  { name, id, boot }: Incarnation,
): number {
  return hashText([cluster, bucket, partition, name, id, boot].join('\n')) >>> 1;
}

export function requestTerm(from: Pid, seal: number, e: number, p: number, list: readonly unknown[]): unknown {
  return tuple(PROTOCOL_VERSION, REQUEST, from, seal, e, p, list);
}

export function replyTerm(place: number, e: number, clock: number, list: readonly unknown[]): unknown {
  return tuple(PROTOCOL_VERSION, REPLY, place, e, clock, list);
}

export interface RequestBatch {
  readonly from: Pid;
  readonly seal: number;
  readonly e: number;
  readonly p: number;
  readonly list: readonly unknown[];
}

export interface ReplyBatch {
  readonly place: number;
  readonly e: number;
  readonly clock: number;
  readonly list: readonly unknown[];
  /** The highest round it may name. */
  readonly roundMax: number;
}

/** The batch in a message, or null when it is something else. Throws `bad_frame`, also for another version of the protocol. */
export function readRequestTerm(term: unknown): RequestBatch | null {
  if (!isTuple(term) || term[1] !== REQUEST) return null;
  assertVersion(term[0]);
  const [, , from, seal, e, p, list] = term;
  if (term.length !== 7 || !isPid(from) || !isCount(seal) || !isCount(e) || !isCount(p))
    throw malformed('the head of a batch of requests');
  return { from, seal, e, p, list: readList(list, 'a batch of requests') };
}

/** As for requests; `clock` is the receiver's. */
export function readReplyTerm(term: unknown, clock: number): ReplyBatch | null {
  if (!isTuple(term) || term[1] !== REPLY) return null;
  assertVersion(term[0]);
  const [, , place, e, theirs, list] = term;
  const roundMax = roundMaxOf(clock);
  const isPlace =
    term.length === 6 && typeof place === 'number' && Number.isInteger(place) && place >= -1 && place < SEATS_MAX;
  if (!isPlace || !isCount(e) || !isRound(theirs, roundMax)) throw malformed('the head of a batch of replies');
  return { place, e, clock: theirs, list: readList(list, 'a batch of replies'), roundMax };
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

/** The requests of a batch, one after the other; `clock` is the receiver's. Throws `bad_frame`. */
export function readRequests(batch: RequestBatch, clock: number, take: (message: RegisterRequest) => void): void {
  const { e, p, list } = batch;
  const roundMax = roundMaxOf(clock);
  for (let i = 0; i < list.length;) {
    const code = list[i] as number;
    const end = endOf(list, i, REQUEST_SIZES[code]);
    const r = list[i + 1];
    const key = list[i + 2];
    if (!isRound(r, roundMax) || r === 0) throw malformed('the round of a request');
    if (typeof key !== 'string') throw malformed('the key of a request');
    const b: Ballot = { e, r, p };
    switch (code) {
      case PREPARE:
        take({ kind: 'prepare', e, key, b, fast: null });
        break;
      case PREPARE_NEW:
        take({ kind: 'prepare', e, key, b, fast: readNewCell(list[i + 3], list[i + 4], b, roundMax) });
        break;
      case PREPARE_FAST:
        take({ kind: 'prepare', e, key, b, fast: readCell(list[i + 3], roundMax) });
        break;
      case ACCEPT: {
        const next = readNext(list[i + 4], b, roundMax);
        take({ kind: 'accept', e, key, b, cell: readCell(list[i + 3], roundMax), next });
        break;
      }
      case READ:
        take({ kind: 'read', e, key, b });
        break;
      case CHOSEN:
        take({ kind: 'chosen', e, key, b, fast: readBoolean(list[i + 3], 'whether a fast value was chosen') });
        break;
      default:
        take({ kind: 'forget', e, key, b, floor: floorAbove(b) });
    }
    i = end;
  }
}

/** Appends a reply of the acceptor at the batch's place, epoch and clock. */
export function pushReply(list: unknown[], message: RegisterReply): void {
  const { r } = message.b;
  switch (message.kind) {
    case 'promise':
      list.push(PROMISE, r, holdingTerm(message), seenTerm(message.seen));
      return;
    case 'taken':
      list.push(TAKEN, r);
      return;
    case 'accepted':
      list.push(ACCEPTED, r);
      return;
    case 'nack':
      list.push(NACK, r, ballotTerm(message.p), ballotTerm(message.floor));
      return;
    case 'state':
      list.push(STATE, r, holdingTerm(message));
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

/** What a reply is an answer to. */
export interface Asked {
  readonly b: Ballot;
}

/**
 * The replies of a batch, by what was asked in each round. Those to rounds that are over are left out, except for what they say about epochs:
 * that is worth knowing always. Throws `bad_frame`.
 */
export function readReplies(
  batch: ReplyBatch,
  asked: ReadonlyMap<number, Asked>,
  take: (message: RegisterReply) => void,
): void {
  const { e, list, roundMax } = batch;
  for (let i = 0; i < list.length;) {
    const code = list[i] as number;
    const end = endOf(list, i, REPLY_SIZES[code]);
    const r = list[i + 1];
    if (!isRound(r, roundMax)) throw malformed('the round of a reply');
    const question = asked.get(r);
    if (question !== undefined) take(readReply(batch, code, i, question));
    else if (code === OLD_EPOCH || code === BEHIND) {
      take(readReply(batch, code, i, { b: { e, r, p: 0 } }));
    }
    i = end;
  }
}

function readReply(batch: ReplyBatch, code: number, i: number, { b }: Asked): RegisterReply {
  const { place: from, e, clock, list, roundMax } = batch;
  switch (code) {
    case TAKEN:
      return { kind: 'taken', from, e, b, clock };
    case PROMISE: {
      const seen = readSeen(list[i + 3], roundMax);
      return { kind: 'promise', from, e, b, clock, ...readHolding(list[i + 2], roundMax), seen };
    }
    case ACCEPTED:
      return { kind: 'accepted', from, e, b, clock };
    case NACK: {
      const p = readBallot(list[i + 2], roundMax);
      return { kind: 'nack', from, e, b, clock, p, floor: readBallot(list[i + 3], roundMax) };
    }
    case STATE:
      return { kind: 'state', from, e, b, clock, ...readHolding(list[i + 2], roundMax) };
    case OLD_EPOCH:
      return { kind: 'oldEpoch', from, e, b, clock, config: readConfig(list[i + 2]) };
    case BEHIND:
      return { kind: 'behind', from, e, b, clock };
    default:
      return { kind: 'inactive', from, e, b, clock };
  }
}

/** What a put of a new key creates: everything but value and bind follows from the ballot. */
function isNewCell(cell: Cell, b: Ballot): boolean {
  return cell.live && cell.hist.length === 0 && sameBallot(cell.ver, b) && isZero(cell.cut);
}

const NO_HISTORY: readonly Ballot[] = [];

function readNewCell(value: unknown, bind: unknown, b: Ballot, roundMax: number): Cell {
  return { live: true, value, ver: b, bind: readBind(bind, roundMax), hist: NO_HISTORY, cut: ZERO };
}

function readNext(r: unknown, b: Ballot, roundMax: number): Ballot | null {
  if (r === 0) return null;
  if (!isRound(r, roundMax) || r <= b.r) throw malformed('the next ballot of an Accept');
  return { e: b.e, r, p: b.p };
}

/** Where the request or reply at `start` ends. */
function endOf(list: readonly unknown[], start: number, size: number | undefined): number {
  if (size === undefined || size === 0 || start + size > list.length) throw malformed('an unknown code, or a piece');
  return start + size;
}

/** Throws `bad_frame` when a message is of another version of the protocol. */
export function assertVersion(version: unknown): void {
  if (version === PROTOCOL_VERSION) return;
  throw new WireError(
    `a node speaks version ${String(version)} of the register protocol, this node version ${PROTOCOL_VERSION}`,
    0,
  );
}
