/** What is said and offered in one search, numbered: requests, replies without their sender, cells at ballots, answers. */
import { ZERO } from '../../../kv/paxos/ballot.ts';
import { ballotText, cellText, Interner } from './intern.ts';
import type { Outcome } from '../../../kv/paxos/decide.ts';
import type { Ballot, Cell, RegisterReply, RegisterRequest } from '../../../kv/paxos/messages.ts';
import type { Value } from '../linearizable.ts';

export interface Request {
  readonly message: RegisterRequest;
  /** The operation that sent it: replies go there. */
  readonly slot: number;
}

/** A cell at a ballot, as members accept it. */
export interface Offer {
  readonly b: Ballot;
  readonly fast: boolean;
  readonly cell: Cell;
}

/** An incarnation of the key that somebody observed the end of. */
export interface Life {
  readonly ver: Ballot;
  /** The operation that created it. */
  readonly creator: number;
}

export interface Answer {
  readonly kind: Outcome['kind'];
  /** `undefined`: the answer does not tell. */
  readonly result: Value | undefined;
  /** The incarnation that the answer is about. */
  readonly ver: Ballot | null;
}

export const NO_REPLY = -1;

export class Words {
  readonly requests: Interner<Request> = new Interner('requests');
  /** `from` and `clock` are 0: the sender is known by where the reply is kept, and clocks follow the scenario. */
  readonly replies: Interner<RegisterReply> = new Interner('replies');
  readonly offers: Interner<Offer> = new Interner('offers');
  readonly lives: Interner<Life> = new Interner('incarnations');
  /** Number 0 is: no answer yet. */
  readonly answers: Interner<Answer | null> = new Interner('answers');

  constructor() {
    this.answers.id('', () => null);
  }

  request(slot: number, message: RegisterRequest): number {
    return this.requests.id(`${slot} ${requestText(message)}`, () => ({ slot, message }));
  }

  reply(message: RegisterReply): number {
    const heard = { from: 0, clock: 0, ...(message.kind === 'nack' ? { p: ZERO, floor: ZERO } : {}) };
    return this.replies.id(replyText(message), () => ({ ...message, ...heard }));
  }

  offer(b: Ballot, fast: boolean, cell: Cell): number {
    return this.offers.id(`${ballotText(b)} ${fast} ${cellText(cell)}`, () => ({ b, fast, cell }));
  }

  life(cell: Cell): number {
    const creator = (cell.value as readonly number[])[0] as number;
    return this.lives.id(`${ballotText(cell.ver)} ${creator}`, () => ({ ver: cell.ver, creator }));
  }

  answer(answer: Answer): number {
    const result = answer.result === undefined ? '?' : answer.result === null ? '-' : `[${String(answer.result)}]`;
    const ver = answer.ver === null ? '' : ` of ${ballotText(answer.ver)}`;
    return this.answers.id(`${answer.kind} ${result}${ver}`, () => answer);
  }
}

export function requestText(m: RegisterRequest): string {
  const head = `${m.kind} ${ballotText(m.b)}${m.e === m.b.e ? '' : ` in epoch ${m.e}`}`;
  switch (m.kind) {
    case 'prepare':
      return m.fast === null ? head : `${head} with ${cellText(m.fast)}`;
    case 'accept':
      return `${head} ${cellText(m.cell)}${m.next === null ? '' : `, next ${ballotText(m.next)}`}`;
    case 'forget':
      return `${head}, floor ${ballotText(m.floor)}`;
    case 'chosen':
      return `${head}${m.fast ? ' fast' : ''}`;
    case 'read':
      return head;
  }
}

export function replyText(m: RegisterReply): string {
  const head = `${m.kind} ${ballotText(m.b)} e${m.e}`;
  if (m.kind !== 'promise' && m.kind !== 'state') return head;
  const held = `${head} holding ${m.fast ? 'fast ' : ''}${ballotText(m.ab)} ${cellText(m.cell)}`;
  const marks = `${m.chosen ? ' chosen' : ''} ae ${m.ae} fl ${ballotText(m.fl)}`;
  if (m.kind === 'state') return `${held}${marks}`;
  const seen = m.seen.map((o) => ballotText(o.ver)).join(' ');
  return `${held}${marks}${seen === '' ? '' : ` seen ${seen}`}`;
}
