import { test } from 'node:test';
import assert from 'node:assert/strict';
import { completeSignal, readControl, signalPayload, writeControl } from '../../runtime/codec/control.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { Atom, atom, nameAtom } from '../../runtime/term/atom.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { Ref } from '../../runtime/term/ref.ts';
import type { Signal } from '../../runtime/term/signal.ts';
import { tuple } from '../../runtime/term/tuple.ts';

const from = new Pid(nameAtom('a@b'), 1, 0, 5);
const to = new Pid(nameAtom('c@d'), 2, 0, 6);
const ref = new Ref(nameAtom('a@b'), 5, 1, 2, 3);
const name = nameAtom('echo');
const none = atom('');
const reason = tuple(atom('badarg'), [1]);
const message = { hello: 'world' };
const mfa = tuple(nameAtom('erpc'), nameAtom('execute_call'), 4);
const call = { ref, from, groupLeader: from, module: mfa[0] as Atom, fn: mfa[1] as Atom, arity: 4 };
const spawnRequest = { kind: 'spawnRequest', ...call, options: [atom('monitor')], args: [ref, 1] } as const;
const reply = { ref, to, linked: true, monitored: true } as const;

/** The tuple that we write for a signal, and the signal. */
const written: [unknown, Signal][] = [
  [tuple(22, from, to), { kind: 'send', from, to, message }],
  [tuple(2, none, to), { kind: 'send', from: null, to, message }],
  [tuple(6, from, none, name), { kind: 'sendName', from, name, message }],
  [tuple(33, from, ref), { kind: 'sendAlias', from, alias: ref, message }],
  [tuple(1, from, to), { kind: 'link', from, to }],
  [tuple(4, from, to), { kind: 'unlink', id: null, from, to }],
  [tuple(35, 7, from, to), { kind: 'unlink', id: 7n, from, to }],
  [tuple(35, 2n ** 64n - 1n, from, to), { kind: 'unlink', id: 2n ** 64n - 1n, from, to }],
  [tuple(36, 2 ** 40, from, to), { kind: 'unlinkAck', id: 2n ** 40n, from, to }],
  [tuple(24, from, to), { kind: 'linkExit', from, to, reason }],
  [tuple(26, from, to), { kind: 'exit', from, to, reason }],
  [tuple(19, from, to, ref), { kind: 'monitor', from, to, ref }],
  [tuple(19, from, name, ref), { kind: 'monitor', from, to: name, ref }],
  [tuple(20, from, to, ref), { kind: 'demonitor', from, to, ref }],
  [tuple(20, from, name, ref), { kind: 'demonitor', from, to: name, ref }],
  [tuple(28, from, to, ref), { kind: 'down', from, to, ref, reason }],
  [tuple(28, name, to, ref), { kind: 'down', from: name, to, ref, reason }],
  [tuple(29, ref, from, from, mfa, [atom('monitor')]), spawnRequest],
  [tuple(31, ref, to, 3, from), { kind: 'spawnReply', ...reply, result: from }],
  [tuple(31, ref, to, 0, name), { kind: 'spawnReply', ...reply, linked: false, monitored: false, result: name }],
  [tuple(7, from, to), { kind: 'groupLeader', from, to }],
];

/** What only others send: old forms, and forms with a trace token. */
const token = tuple(1, 2, 3, from, 4);
const understood: [unknown, Signal][] = [
  [tuple(3, from, to, reason), { kind: 'linkExit', from, to, reason }],
  [tuple(8, from, to, reason), { kind: 'exit', from, to, reason }],
  [tuple(21, from, to, ref, reason), { kind: 'down', from, to, ref, reason }],
  [tuple(21, name, to, ref, reason), { kind: 'down', from: name, to, ref, reason }],
  [tuple(12, none, to, token), { kind: 'send', from: null, to, message }],
  [tuple(13, from, to, token, reason), { kind: 'linkExit', from, to, reason }],
  [tuple(16, from, none, name, token), { kind: 'sendName', from, name, message }],
  [tuple(18, from, to, token, reason), { kind: 'exit', from, to, reason }],
  [tuple(23, from, to, token), { kind: 'send', from, to, message }],
  [tuple(25, from, to, token), { kind: 'linkExit', from, to, reason }],
  [tuple(27, from, to, token), { kind: 'exit', from, to, reason }],
  [tuple(30, ref, from, from, mfa, [atom('monitor')], token), spawnRequest],
  [tuple(32, ref, to, 1, from, token), { kind: 'spawnReply', ...reply, monitored: false, result: from }],
  [tuple(34, from, ref, token), { kind: 'sendAlias', from, alias: ref, message }],
];

function read(control: unknown): ReturnType<typeof readControl> {
  const writer = new TermWriter();
  writer.term(control);
  const reader = new TermReader(writer.take());
  const pending = readControl(reader);
  assert.equal(reader.position, reader.end);
  return pending;
}

for (const [control, signal] of written) {
  test(`${signal.kind} is written as operation ${(control as unknown[])[0]} and read back`, () => {
    const writer = new TermWriter();
    writeControl(writer, signal);
    const bytes = writer.take();
    const expected = new TermWriter();
    expected.term(control);
    // An id over the safe range is a bigint in both, and has no mark.
    assert.deepEqual(bytes, expected.take());
    const pending = readControl(new TermReader(bytes));
    const payload = signalPayload(signal);
    assert.equal(pending.payload === null, payload === null);
    assert.deepStrictEqual(completeSignal(pending, payload?.value), signal);
  });
}

for (const [control, signal] of understood) {
  test(`operation ${(control as unknown[])[0]} of older or traced nodes is read as ${signal.kind}`, () => {
    const pending = read(control);
    const follows = pending.payload !== null;
    const value = follows ? signalPayload(signal)?.value : 'nothing follows';
    assert.deepStrictEqual(completeSignal(pending, value), signal);
  });
}

test('which payload follows is said before it is decoded', () => {
  assert.deepStrictEqual(read(tuple(22, from, to)).payload, 'message');
  assert.deepStrictEqual(read(tuple(24, from, to)).payload, 'reason');
  assert.deepStrictEqual(read(tuple(3, from, to, reason)).payload, null);
  assert.deepStrictEqual(read(tuple(29, ref, from, from, mfa, [])).payload, 'args');
  assert.deepStrictEqual(read(tuple(1, from, to)).payload, null);
});

test('a name that is a JavaScript value is an atom that equals no other, and goes back', () => {
  for (const value of [null, undefined, true, false]) {
    const { signal } = read(tuple(19, from, value, ref));
    assert.ok(signal.kind === 'monitor' && signal.to instanceof Atom);
    const writer = new TermWriter();
    writeControl(writer, { kind: 'down', from: signal.to, to: from, ref, reason: atom('noproc') });
    assert.deepStrictEqual(new TermReader(writer.take()).term(), tuple(28, value, from, ref));
  }
});

test('an unknown operation, a wrong size, and a wrong type in any place are refused', () => {
  const wrong: unknown[] = [
    [1, from, to],
    tuple(),
    tuple(0),
    tuple(5, from, to),
    tuple(37, 0, from, to),
    tuple('1', from, to),
    1,
  ];
  for (const control of wrong) assert.throws(() => read(control), { code: 'bad_frame' });
  for (const [control] of [...written, ...understood]) {
    const fields = control as readonly unknown[];
    assert.throws(() => read(tuple(...fields.slice(0, -1))), { code: 'bad_frame' });
    assert.throws(() => read(tuple(...fields, 1, 1)), { code: 'bad_frame' });
  }
});

test('each field that has a type is checked for it', () => {
  const free: Record<number, readonly number[]> = {
    2: [1],
    3: [3],
    6: [2],
    8: [3],
    21: [4],
    12: [1, 3],
    13: [3, 4],
    16: [2, 4],
  };
  Object.assign(free, { 18: [3, 4], 23: [3], 25: [3], 27: [3], 29: [3], 30: [3, 6], 32: [5], 34: [3] });
  for (const [control] of [...written, ...understood]) {
    const fields = control as readonly unknown[];
    for (let i = 1; i < fields.length; i++) {
      if (free[fields[0] as number]?.includes(i) === true) continue;
      const changed = fields.map((field, at) => (at === i ? 2.5 : field));
      assert.throws(() => read(tuple(...changed)), { code: 'bad_frame' }, `operation ${fields[0]}, element ${i + 1}`);
    }
  }
});

test('an unlink id outside of 1 to 2^64-1 is refused', () => {
  for (const id of [0, -1, 2n ** 64n, atom('x'), 1.5]) {
    assert.throws(() => read(tuple(35, id, from, to)), { code: 'bad_frame' });
  }
});

test('a group leader that cannot be sent is refused and leaves nothing behind it', () => {
  const writer = new TermWriter();
  assert.throws(() => writeControl(writer, { ...spawnRequest, groupLeader: () => 1 }), { code: 'not_sendable' });
});
