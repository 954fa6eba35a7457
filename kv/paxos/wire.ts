/**
 * Protocol messages as terms: `{Version, Code, ...}`, ballots as `{E, R, P}`. Decoding is strict, so that a
 * malformed message never reaches a core: every field has its type, and no round is more than 2^40 above the
 * receiver's clock (it would poison every clock).
 *
 * A promise whose fast cell was just taken (`ok`) goes without what its asker knows: ballot and cell are the
 * asker's own, and nothing was forgotten in between as only first attempts are fast.
 */
import { QuorateError } from '../../runtime/errors.ts';
import { intoTuple, Tuple, tuple } from '../../runtime/term/tuple.ts';
import { ZERO } from './ballot.ts';
import { decodeClusterMessage, encodeClusterMessage } from './wire-cluster.ts';
import {
  encodeBallot,
  encodeCell,
  encodeConfig,
  encodeHolding,
  encodeObservation,
  Fields,
  malformed,
  PROTOCOL_VERSION,
} from './wire-fields.ts';
import type { Answering, Message, Observation } from './messages.ts';
import type { Term } from './wire-fields.ts';

const NOTHING_SEEN: readonly Observation[] = [];

/** Codes from here on are those of wire-cluster.ts. */
const CLUSTER_CODES = 32;

const CODE = {
  prepare: 1,
  accept: 2,
  read: 3,
  chosen: 4,
  forget: 5,
  promise: 6,
  promiseOk: 7,
  nack: 8,
  accepted: 9,
  state: 10,
  oldEpoch: 11,
  behind: 12,
  inactive: 13,
} as const;

export function encodeMessage(m: Message): Term {
  switch (m.kind) {
    case 'prepare':
      return intoTuple([PROTOCOL_VERSION, CODE.prepare, m.e, m.key, encodeBallot(m.b), encodeCell(m.fast)]);
    case 'accept': {
      const next = m.next === null ? null : encodeBallot(m.next);
      return intoTuple([PROTOCOL_VERSION, CODE.accept, m.e, m.key, encodeBallot(m.b), encodeCell(m.cell), next]);
    }
    case 'read':
      return tuple(PROTOCOL_VERSION, CODE.read, m.e, m.key, encodeBallot(m.b));
    case 'chosen':
      return intoTuple([PROTOCOL_VERSION, CODE.chosen, m.e, m.key, encodeBallot(m.b), m.fast]);
    case 'forget':
      return tuple(PROTOCOL_VERSION, CODE.forget, m.e, m.key, encodeBallot(m.b), encodeBallot(m.floor));
    case 'promise':
      if (m.ok) return encodeReply(CODE.promiseOk, m);
      return encodeReply(CODE.promise, m, ...encodeHolding(m), m.seen.map(encodeObservation));
    case 'nack':
      return encodeReply(CODE.nack, m, encodeBallot(m.p), encodeBallot(m.floor));
    case 'accepted':
      return encodeReply(CODE.accepted, m);
    case 'state':
      return encodeReply(CODE.state, m, ...encodeHolding(m));
    case 'oldEpoch':
      return encodeReply(CODE.oldEpoch, m, encodeConfig(m.config));
    case 'behind':
      return encodeReply(CODE.behind, m);
    case 'inactive':
      return encodeReply(CODE.inactive, m);
    default:
      return encodeClusterMessage(m);
  }
}

/**
 * The message that a term stands for. `clock` is the receiver's: Infinity where it takes its first one.
 * @throws `protocol_version` for another version of this protocol, `bad_message` for anything malformed.
 */
export function decodeMessage(term: unknown, clock: number): Message {
  if (!(term instanceof Tuple) || term.length < 3) throw malformed('a message', 'a tuple {Version, Code, ...}', term);
  if (term[0] !== PROTOCOL_VERSION) {
    const found = String(term[0]);
    throw new QuorateError(
      'protocol_version',
      `cannot read a message of protocol version ${found}, this node speaks ${PROTOCOL_VERSION}: run the same release`,
    );
  }
  const fields = new Fields(term, clock, 1);
  const code = fields.count();
  let message: Message;
  if (code >= CLUSTER_CODES) message = decodeClusterMessage(code, fields);
  else message = code < CODE.promise ? decodeRequest(code, fields) : decodeReply(code, fields);
  fields.end();
  return message;
}

function decodeRequest(code: number, fields: Fields): Message {
  const e = fields.count();
  const key = fields.text();
  const b = fields.ballot();
  switch (code) {
    case CODE.prepare:
      return { kind: 'prepare', e, key, b, fast: fields.cell() };
    case CODE.accept: {
      const cell = fields.cell();
      if (cell === null) throw malformed('the cell of an Accept', 'a cell', null);
      return { kind: 'accept', e, key, b, cell, next: fields.maybe(() => fields.ballot()) };
    }
    case CODE.read:
      return { kind: 'read', e, key, b };
    case CODE.chosen:
      return { kind: 'chosen', e, key, b, fast: fields.boolean() };
    case CODE.forget:
      return { kind: 'forget', e, key, b, floor: fields.ballot() };
    default:
      throw malformed('a message', 'a known code', code);
  }
}

function decodeReply(code: number, fields: Fields): Message {
  const from = fields.place();
  const e = fields.count();
  const b = fields.ballot();
  const clock = fields.round();
  switch (code) {
    case CODE.promiseOk: {
      const taken = { ab: b, fast: true, cell: null, chosen: false, ae: e, fl: ZERO } as const;
      return { kind: 'promise', from, e, b, clock, ...taken, ok: true, seen: NOTHING_SEEN };
    }
    case CODE.promise: {
      const held = fields.holding();
      const seen = fields.list((inner) => inner.observation());
      return { kind: 'promise', from, e, b, clock, ...held, ok: false, seen };
    }
    case CODE.nack:
      return { kind: 'nack', from, e, b, clock, p: fields.ballot(), floor: fields.ballot() };
    case CODE.accepted:
      return { kind: 'accepted', from, e, b, clock };
    case CODE.state:
      return { kind: 'state', from, e, b, clock, ...fields.holding() };
    case CODE.oldEpoch:
      return { kind: 'oldEpoch', from, e, b, clock, config: fields.config() };
    case CODE.behind:
      return { kind: 'behind', from, e, b, clock };
    case CODE.inactive:
      return { kind: 'inactive', from, e, b, clock };
    default:
      throw malformed('a message', 'a known code', code);
  }
}

function encodeReply(code: number, m: Answering, ...rest: readonly unknown[]): Term {
  return intoTuple([PROTOCOL_VERSION, code, m.from, m.e, encodeBallot(m.b), m.clock, ...rest]);
}
