import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSnapshot, readSnapshotAsk } from '../../kv/bucket/joining.ts';
import { entryTerm, ROUNDS_AHEAD_MAX } from '../../kv/bucket/wire-fields.ts';
import {
  pushReply,
  pushRequest,
  readReplies,
  readReplyTerm,
  readRequests,
  readRequestTerm,
  replyTerm,
  requestTerm,
} from '../../kv/bucket/wire.ts';
import { PROTOCOL_VERSION } from '../../kv/cluster/system-messages.ts';
import { ZERO } from '../../kv/paxos/ballot.ts';
import type { Ballot, Cell, Config, Entry, RegisterReply, RegisterRequest } from '../../kv/paxos/messages.ts';
import { configOf } from './paxos/small-cluster.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { hasCode } from '../../runtime/errors.ts';
import { isAtom, nameAtom } from '../../runtime/term/atom.ts';
import { isPid, Pid } from '../../runtime/term/pid.ts';
import { isTuple, tuple } from '../../runtime/term/tuple.ts';

const P = 2 ** 52 + 12_345;
const pid = new Pid(nameAtom('n1@127.0.0.1'), 7, 0, 9);
const b: Ballot = { e: 3, r: 41, p: P };
const older: Ballot = { e: 2, r: 7, p: 5 };
const bind = { pid, node: 'n2@127.0.0.1', key: { key: 'k\u00ff\u0000', ver: older }, until: 1_700_000_000_000 };
const stored = tuple(1, 'x');
const fresh: Cell = { live: true, value: stored, ver: b, bind, hist: [], cut: ZERO };
const changed: Cell = {
  live: false,
  value: stored,
  ver: ZERO,
  bind: null,
  hist: [b, older],
  cut: { e: 1, r: 1, p: 1 },
};

const requests: RegisterRequest[] = [
  { kind: 'prepare', e: 3, key: 'plain', b, fast: null },
  { kind: 'prepare', e: 3, key: 'k\u0083m\u0000\u00ff', b, fast: fresh },
  { kind: 'prepare', e: 3, key: 'unbound', b, fast: { ...fresh, bind: null } },
  { kind: 'prepare', e: 3, key: 'odd', b, fast: changed },
  { kind: 'accept', e: 3, key: 'a', b, cell: changed, next: { ...b, r: 42 } },
  { kind: 'accept', e: 3, key: 'a', b, cell: fresh, next: null },
  { kind: 'read', e: 3, key: 'r', b },
  { kind: 'chosen', e: 3, key: 'c', b, fast: true },
  { kind: 'forget', e: 3, key: 'f', b, floor: { e: 3, r: 42, p: 0 } },
];

const holding = { ab: older, fast: true, cell: fresh, chosen: true, ae: 2, fl: older };
const seen = [
  { ver: older, ticket: null },
  { ver: b, ticket: older },
];
const answer = { from: 2, e: 3, b, clock: 99 };
const config: Config = { ...configOf(3, 2), prev: configOf(3), bucket: 'PaxosKV', partitions: 2, fresh: true };
const entry: Entry = { p: b, ...holding, ab: b, cell: fresh, seen: [] };
const replies: RegisterReply[] = [
  { kind: 'promise', ...answer, ...holding, seen },
  { kind: 'taken', ...answer },
  {
    kind: 'promise',
    ...answer,
    ...holding,
    seen: [],
    cell: null,
    ab: ZERO,
    fast: false,
    chosen: false,
    ae: 0,
  },
  { kind: 'accepted', ...answer },
  { kind: 'nack', ...answer, p: older, floor: ZERO },
  { kind: 'state', ...answer, ...holding },
  { kind: 'oldEpoch', ...answer, config },
  { kind: 'behind', ...answer },
  { kind: 'inactive', ...answer },
];

/** As it arrives on another node. */
function travel(term: unknown): unknown {
  return decodeTerm(encodeTerm(term));
}

test('requests arrive as they were sent, many in one message', () => {
  const list: unknown[] = [];
  for (const request of requests) pushRequest(list, request);
  const batch = readRequestTerm(travel(requestTerm(pid, 7, 3, P, list)));
  assert.ok(batch !== null && batch.from.equals(pid));
  const arrived: RegisterRequest[] = [];
  readRequests(batch, 40, (request) => arrived.push(request));
  assert.equal(arrived.length, requests.length);
  for (const [i, request] of requests.entries()) assert.deepEqual(arrived[i], request);
});

test('replies arrive as they were sent', () => {
  const list: unknown[] = [];
  for (const reply of replies) pushReply(list, reply);
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)), 40);
  assert.ok(batch);
  const arrived: RegisterReply[] = [];
  readReplies(batch, new Map([[b.r, { b }]]), (reply) => arrived.push(reply));
  assert.deepEqual(arrived, replies);
});

test('a member that took the fast cell answers with two numbers', () => {
  const list: unknown[] = [];
  pushReply(list, { kind: 'taken', ...answer });
  assert.equal(list.length, 2);
});

test('votes for rounds that are over are left out, what a reply says about epochs is not', () => {
  const list: unknown[] = [];
  for (const reply of replies) pushReply(list, reply);
  pushReply(list, { kind: 'accepted', ...answer, b: { ...b, r: 50 } });
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)), 40);
  assert.ok(batch);
  const arrived: RegisterReply[] = [];
  readReplies(batch, new Map([[50, { b: { ...b, r: 50 } }]]), (reply) => arrived.push(reply));
  assert.deepEqual(
    arrived.map(({ kind, b: { r } }) => [kind, r]),
    [
      ['oldEpoch', 41],
      ['behind', 41],
      ['accepted', 50],
    ],
  );
});

/** A message of one request or reply, and how it is read; `clock` is the reader's. */
interface Message {
  readonly name: string;
  readonly term: unknown;
  read(term: unknown, clock: number): unknown;
}

const question = new Map([[b.r, { b }]]);

function readOneRequest(term: unknown, clock: number): unknown {
  const batch = readRequestTerm(term);
  const arrived: unknown[] = [];
  if (batch !== null) readRequests(batch, clock, (request) => arrived.push(request));
  return arrived[0] ?? null;
}

function readOneReply(term: unknown, clock: number): unknown {
  const batch = readReplyTerm(term, clock);
  const arrived: unknown[] = [];
  if (batch !== null) readReplies(batch, question, (reply) => arrived.push(reply));
  return arrived[0] ?? null;
}

function listOf(push: (list: unknown[]) => void): unknown[] {
  const list: unknown[] = [];
  push(list);
  return list;
}

function replyMessage(reply: RegisterReply): Message {
  const list = listOf((to) => pushReply(to, reply));
  return { name: reply.kind, term: replyTerm(2, 3, reply.clock, list), read: readOneReply };
}

function requestMessage(request: RegisterRequest): Message {
  const list = listOf((to) => pushRequest(to, request));
  return { name: request.kind, term: requestTerm(pid, 7, 3, P, list), read: readOneRequest };
}

const snapshotBody = { config, page: 0 };
const who = config.M[1];
const pageBody = {
  from: who,
  e: 3,
  floor: [2, 7, 5],
  clock: 99,
  entries: [entryTerm('k', entry)],
  page: 0,
  last: true,
};
const snapshots: Message[] = [
  {
    name: 'snapshotAsk',
    term: tuple(PROTOCOL_VERSION, nameAtom('snapshotAsk'), pid, snapshotBody),
    read: readSnapshotAsk,
  },
  { name: 'snapshot', term: tuple(PROTOCOL_VERSION, nameAtom('snapshot'), pageBody), read: readSnapshot },
];
const messages = [...requests.map(requestMessage), ...replies.map(replyMessage), ...snapshots];

/**
 * Every copy of a term in which one part of it is something else, missing or too much, with its place. What users store may be anything, and
 * lists of things may be shorter.
 */
function* spoilt(term: unknown, path = ''): Generator<readonly [unknown, string]> {
  if (typeof term !== 'object' || term === null || isAtom(term) || isPid(term)) return;
  const parts = Object.entries(term as Readonly<Record<string, unknown>>);
  const rebuild = (index: number, value: unknown): unknown => {
    const copy = parts.map(([name, old], i): [string, unknown] => [name, i === index ? value : old]);
    if (!Array.isArray(term)) return Object.fromEntries(copy);
    const list = copy.map(([, old]) => old);
    return isTuple(term) ? tuple(...list) : list;
  };
  for (const [i, [name, part]] of parts.entries()) {
    if (part === stored) continue;
    const at = `${path}/${name}`;
    yield [rebuild(i, nameAtom('spoilt')), at];
    if (typeof part === 'number' && part !== bind.until) yield [rebuild(i, -1.5), `${at} below zero`];
    for (const [inner, place] of spoilt(part, at)) yield [rebuild(i, inner), place];
  }
  const isListOfThings = parts.every(([, part]) => typeof part === 'object' && part !== null);
  if (!Array.isArray(term)) yield [{ ...term, more: 1 }, `${path} with more`];
  else if (!isTuple(term as unknown) && !isListOfThings) yield [term.slice(0, -1), `${path} cut`];
}

test('nothing malformed comes through: every part of every message spoilt, cut or added', () => {
  let refused = 0;
  for (const { name, term, read } of messages) {
    assert.notEqual(read(term, 40), null, name);
    for (const [spoiled, path] of spoilt(term)) {
      let came: unknown = null;
      try {
        came = read(spoiled, 40);
      } catch (error) {
        assert.ok(hasCode(error, 'bad_frame'), String(error));
      }
      assert.equal(came, null, `${name} came through although ${path} was spoilt`);
      refused += 1;
    }
  }
  assert.ok(refused > 700, String(refused));
});

test('a round too far above the own clock is malformed wherever it stands, and fine where there is no clock yet', () => {
  const far = 100 + ROUNDS_AHEAD_MAX + 1;
  const high: Ballot = { e: 3, r: far, p: P };
  const late = new Map([[far, { b: high, fastCell: null }]]);
  const readLate = (term: unknown, clock: number): unknown => {
    const batch = readReplyTerm(term, clock);
    const arrived: unknown[] = [];
    if (batch !== null) readReplies(batch, late, (reply) => arrived.push(reply));
    return arrived[0] ?? null;
  };
  const inCell = (cell: Cell): Message => requestMessage({ kind: 'accept', e: 3, key: 'a', b, cell, next: null });
  const all: Message[] = [
    requestMessage({ kind: 'read', e: 3, key: 'a', b: high }),
    requestMessage({ kind: 'accept', e: 3, key: 'a', b, cell: fresh, next: high }),
    inCell({ ...changed, ver: high }),
    inCell({ ...changed, cut: high }),
    inCell({ ...changed, hist: [b, high] }),
    inCell({ ...changed, bind: { ...bind, key: { key: 'k', ver: high } } }),
    { ...replyMessage({ kind: 'accepted', ...answer, b: high }), read: readLate },
    replyMessage({ kind: 'accepted', ...answer, clock: far }),
    replyMessage({ kind: 'nack', ...answer, p: high, floor: ZERO }),
    replyMessage({ kind: 'nack', ...answer, p: older, floor: high }),
    replyMessage({ kind: 'state', ...answer, ...holding, ab: high }),
    replyMessage({ kind: 'state', ...answer, ...holding, fl: high }),
    {
      name: 'snapshot',
      term: tuple(PROTOCOL_VERSION, nameAtom('snapshot'), { ...pageBody, clock: far }),
      read: readSnapshot,
    },
    {
      name: 'snapshot',
      term: tuple(PROTOCOL_VERSION, nameAtom('snapshot'), { ...pageBody, floor: [3, far, 0] }),
      read: readSnapshot,
    },
  ];
  for (const { name, term, read } of all) {
    assert.throws(
      () => read(term, 100),
      (error) => hasCode(error, 'bad_frame'),
      name,
    );
    assert.notEqual(read(term, 101), null, name);
    assert.notEqual(read(term, 0), null, name);
  }
});

test('another version is refused, other messages are not batches', () => {
  const isBad = (error: unknown): boolean => hasCode(error, 'bad_frame') && String(error).includes('version 1');
  for (const { term, read } of messages) {
    const fields = (term as readonly unknown[]).slice(1);
    assert.throws(() => read(tuple(1, ...fields), 40), isBad);
  }
  assert.equal(readRequestTerm('hello'), null);
  assert.equal(readReplyTerm(requestTerm(pid, 7, 3, P, []), 40), null);
});
