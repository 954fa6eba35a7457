import assert from 'node:assert/strict';
import { test } from 'node:test';
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
import { ZERO } from '../../kv/paxos/ballot.ts';
import type { Ballot, Cell, RegisterReply, RegisterRequest } from '../../kv/paxos/messages.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { hasCode } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';

const P = 2 ** 52 + 12_345;
const pid = new Pid(nameAtom('n1@127.0.0.1'), 7, 0, 9);
const b: Ballot = { e: 3, r: 41, p: P };
const older: Ballot = { e: 2, r: 7, p: 5 };
const bind = { pid, node: 'n2@127.0.0.1', key: { key: 'k\u00ff\u0000', ver: older }, until: 1_700_000_000_000 };
const fresh: Cell = { live: true, value: tuple(1, 'x'), ver: b, bind, hist: [b], cut: ZERO };
const changed: Cell = { live: false, value: null, ver: ZERO, bind: null, hist: [b, older], cut: { e: 1, r: 1, p: 1 } };

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
const replies: RegisterReply[] = [
  { kind: 'promise', ...answer, ...holding, ok: false, seen },
  {
    kind: 'promise',
    ...answer,
    ...holding,
    ok: false,
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
  const batch = readRequestTerm(travel(requestTerm(pid, 3, P, list)));
  assert.ok(batch !== null && batch.from.equals(pid));
  const arrived: RegisterRequest[] = [];
  readRequests(batch, (request) => arrived.push(request));
  assert.equal(arrived.length, requests.length);
  for (const [i, request] of requests.entries()) assert.deepEqual(arrived[i], request);
});

test('replies arrive as they were sent', () => {
  const list: unknown[] = [];
  for (const reply of replies) pushReply(list, reply);
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)));
  assert.ok(batch);
  const arrived: RegisterReply[] = [];
  readReplies(batch, new Map([[b.r, { b, fastCell: null }]]), (reply) => arrived.push(reply));
  assert.deepEqual(arrived, replies);
});

test('a member that took the fast cell answers with two numbers, and the asker has the cell', () => {
  const taken: RegisterReply = {
    ...answer,
    ...holding,
    kind: 'promise',
    ab: b,
    chosen: false,
    ae: 3,
    fl: ZERO,
    ok: true,
    seen: [],
  };
  const list: unknown[] = [];
  pushReply(list, taken);
  assert.equal(list.length, 2);
  const arrived: RegisterReply[] = [];
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)));
  assert.ok(batch);
  readReplies(batch, new Map([[b.r, { b, fastCell: fresh }]]), (reply) => arrived.push(reply));
  assert.deepEqual(arrived, [taken]);
});

test('a promise of a fast cell says so in full when there is more to say than that', () => {
  const moved: RegisterReply = {
    ...answer,
    ...holding,
    kind: 'promise',
    ab: b,
    ae: 3,
    fl: older,
    ok: true,
    seen: [],
    cell: null,
  };
  const list: unknown[] = [];
  pushReply(list, moved);
  const arrived: RegisterReply[] = [];
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)));
  assert.ok(batch);
  readReplies(batch, new Map([[b.r, { b, fastCell: fresh }]]), (reply) => arrived.push(reply));
  assert.deepEqual(arrived, [moved]);
});

test('votes for rounds that are over are left out, what a reply says about epochs is not', () => {
  const list: unknown[] = [];
  for (const reply of replies) pushReply(list, reply);
  pushReply(list, { kind: 'accepted', ...answer, b: { ...b, r: 50 } });
  const batch = readReplyTerm(travel(replyTerm(2, 3, 99, list)));
  assert.ok(batch);
  const arrived: RegisterReply[] = [];
  readReplies(batch, new Map([[50, { b: { ...b, r: 50 }, fastCell: null }]]), (reply) => arrived.push(reply));
  assert.deepEqual(
    arrived.map(({ kind, b: { r } }) => [kind, r]),
    [
      ['behind', 41],
      ['accepted', 50],
    ],
  );
});

test('another version and malformed batches are refused, other messages are not batches', () => {
  const isBad = (e: unknown): boolean => hasCode(e, 'bad_frame');
  const good = requestTerm(pid, 3, P, []) as unknown[];
  assert.throws(() => readRequestTerm(tuple(2, ...good.slice(1))), isBad);
  assert.throws(() => readRequestTerm(tuple(1, good[1], 'no pid', 3, P, [])), isBad);
  assert.equal(readRequestTerm('hello'), null);
  assert.equal(readReplyTerm(good), null);
  for (const list of [
    [99, 1, 'k'],
    [1, 'r', 'k'],
    [1, 1, 1],
    [3, 1, 'k', 'no cell', 0],
  ]) {
    const batch = readRequestTerm(requestTerm(pid, 3, P, list));
    assert.ok(batch);
    assert.throws(() => readRequests(batch, () => undefined), isBad, JSON.stringify(list));
  }
});
