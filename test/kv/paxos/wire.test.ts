/** Protocol messages as terms: every kind goes there and back, and nothing malformed comes through. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ZERO } from '../../../kv/paxos/ballot.ts';
import { makeCell } from '../../../kv/paxos/change.ts';
import { decodeMessage, encodeMessage } from '../../../kv/paxos/wire.ts';
import { ROUNDS_AHEAD_MAX } from '../../../kv/paxos/wire-fields.ts';
import { isTuple, tuple } from '../../../runtime/term/tuple.ts';
import { configOf } from './small-cluster.ts';
import type { Ballot, Cell, Config, Entry, Message } from '../../../kv/paxos/messages.ts';

const b: Ballot = { e: 2, r: 7, p: 2 ** 53 - 1 };
const low: Ballot = { e: 1, r: 3, p: 5 };
const bind = { pid: null, node: 'n1@h', key: { key: 'other', ver: low }, until: 1234 };
const created: Cell = makeCell({ live: true, value: { deep: [1, 'x'] }, bind }, null, low);
const cell: Cell = makeCell({ live: true, value: 'v', bind: null }, created, b);
const config: Config = { ...configOf(3, 2), prev: configOf(3), bucket: 'PaxosKV', partitions: 2, fresh: true };
const who = config.M[1] as Config['M'][number];
const answering = { from: 1, e: 2, b, clock: 8 };
const held = { ab: b, fast: false, cell, chosen: true, ae: 2, fl: low };
const nothing = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };
const entry: Entry = { p: b, ...held, seen: [] };
const register = { bucket: 'PaxosKV', e: 3 };

const MESSAGES: readonly Message[] = [
  { kind: 'prepare', e: 2, key: 'k\u0083', b, fast: null },
  { kind: 'prepare', e: 2, key: 'k', b, fast: created },
  { kind: 'accept', e: 2, key: 'k', b, cell, next: null },
  { kind: 'accept', e: 2, key: 'k', b, cell, next: { ...b, r: 8 } },
  { kind: 'read', e: 2, key: 'k', b },
  { kind: 'chosen', e: 2, key: 'k', b, fast: true },
  { kind: 'forget', e: 2, key: 'k', b, floor: { e: 2, r: 8, p: 0 } },
  { kind: 'promise', ...answering, ...held, ok: false, seen: [{ ver: low, ticket: null }] },
  { kind: 'promise', ...answering, ...nothing, ok: false, seen: [] },
  { kind: 'nack', ...answering, p: { ...b, r: 9 }, floor: low },
  { kind: 'accepted', ...answering },
  { kind: 'state', ...answering, ...held },
  { kind: 'oldEpoch', ...answering, config },
  { kind: 'behind', ...answering },
  { kind: 'inactive', ...answering, from: -1 },
  { kind: 'config', config, before: [configOf(1)] },
  { kind: 'snapshotRequest', config, asker: who, page: 0 },
  { kind: 'snapshot', from: who, e: 2, floor: low, clock: 9, entries: [['k', entry]], page: 0, last: true },
  { kind: 'hello', from: who, bucket: null, cluster: null, founders: ['a', 'b'], clusterSize: 3 },
  { kind: 'helloAck', from: who, bucket: 'PaxosKV', config: null, active: false, clock: 4 },
  { kind: 'systemPrepare', e: 2, register, b, known: config },
  { kind: 'systemAccept', e: 2, register: { bucket: null, e: 3 }, b, known: null, config },
  {
    kind: 'systemVote',
    e: 2,
    register,
    b,
    p: b,
    ab: ZERO,
    ae: 0,
    chosen: false,
    config: null,
    ...who,
    active: true,
    newest: config,
  },
];

function isCode(code: string): (error: unknown) => boolean {
  return (error) => (error as { code?: unknown }).code === code;
}

/** Every copy of the term in which one element of one tuple or list is something else, or there is one more. */
function* spoil(term: readonly unknown[], path = ''): Generator<readonly [unknown, string]> {
  const isCell = isTuple(term) && term.length === 6 && typeof term[0] === 'boolean';
  for (const [i, element] of term.entries()) {
    // Only the value of a cell may be anything.
    if (isCell && i === 1) continue;
    const rebuild = (value: unknown): unknown => {
      const copy = term.slice();
      copy[i] = value;
      return isTuple(term) ? tuple(...copy) : copy;
    };
    yield [rebuild(-1.5), `${path}/${i}`];
    if (!Array.isArray(element)) continue;
    for (const [inner, at] of spoil(element, `${path}/${i}`)) yield [rebuild(inner), at];
  }
  if (isTuple(term)) yield [tuple(...term, 1), `${path}/more`];
}

describe('protocol messages on the wire', () => {
  for (const message of MESSAGES) {
    it(`${message.kind} goes there and back`, () => {
      const term = encodeMessage(message);
      assert.ok(isTuple(term));
      assert.deepEqual(decodeMessage(term, 0), message);
    });
  }

  it('a promise that took the fast cell travels without it', () => {
    const promise: Message = { kind: 'promise', ...answering, ...held, fast: true, ok: true, seen: [] };
    const decoded = decodeMessage(encodeMessage(promise), 0);
    assert.ok(decoded.kind === 'promise' && decoded.ok && decoded.cell === null);
    assert.deepEqual(decoded.ab, b);
  });

  it('no field may be spoiled, in any message, except the value of a cell', () => {
    let refused = 0;
    for (const message of MESSAGES) {
      for (const [spoiled, path] of spoil(encodeMessage(message))) {
        let came = '';
        try {
          came = JSON.stringify(decodeMessage(spoiled, 0));
        } catch (error) {
          assert.ok(isCode('bad_message')(error) || isCode('protocol_version')(error), String(error));
          refused += 1;
        }
        assert.equal(came, '', `${message.kind} came through although ${path} was spoiled`);
      }
    }
    assert.ok(refused > 500);
  });

  it('another version of the protocol is refused with an error that says so', () => {
    const term = encodeMessage(MESSAGES[0] as Message);
    assert.throws(() => decodeMessage(tuple(2, ...term.slice(1)), 0), isCode('protocol_version'));
    assert.throws(() => decodeMessage('hello', 0), isCode('bad_message'));
  });

  it('a round too far above the own clock is malformed, wherever it stands, and fine where there is no clock yet', () => {
    const r = 100 + ROUNDS_AHEAD_MAX + 1;
    const far = { ...b, r };
    const messages: Message[] = [
      { kind: 'prepare', e: 2, key: 'k', b: far, fast: null },
      { kind: 'accept', e: 2, key: 'k', b, cell, next: far },
      { kind: 'accept', e: 2, key: 'k', b, cell: { ...cell, hist: [far] }, next: null },
      { kind: 'nack', ...answering, p: far, floor: low },
      { kind: 'accepted', ...answering, clock: r },
    ];
    for (const message of messages) {
      assert.throws(() => decodeMessage(encodeMessage(message), 100), isCode('bad_message'));
      assert.deepEqual(decodeMessage(encodeMessage(message), 101), message);
      assert.deepEqual(decodeMessage(encodeMessage(message), Infinity), message);
    }
  });
});
