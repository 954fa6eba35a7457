import fc from 'fast-check';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { canonicalKey, decodeCanonicalKey } from '../../runtime/codec/canonical.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { atom } from '../../runtime/term/atom.ts';
import { copyTerm } from '../../runtime/term/copy.ts';
import { describeTerm } from '../../runtime/term/describe.ts';
import { equalTerms } from '../../runtime/term/equal.ts';
import { termKey } from '../../runtime/term/map-keys.ts';
import { BitString, ExportFun, float, Float, ImproperList, struct } from '../../runtime/term/opaque.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { makePid } from '../../runtime/term/pid.ts';
import { Tuple, tuple } from '../../runtime/term/tuple.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { anyTerm } from '../kit/arbitrary-terms.ts';

const keep = { keepFloats: true };

test('any term comes back from its encoding as it was', () => {
  fc.assert(
    fc.property(anyTerm, (value) => {
      assert.deepStrictEqual(decodeTerm(encodeTerm(value), keep), value);
    }),
    { numRuns: 600 },
  );
});

test('a local copy of any term is what encoding and decoding gives', () => {
  fc.assert(
    fc.property(anyTerm, (value) => {
      assert.deepStrictEqual(copyTerm(value), decodeTerm(encodeTerm(value), keep));
    }),
    { numRuns: 400 },
  );
});

test('equality, term keys and canonical keys agree with each other for any two terms', () => {
  fc.assert(
    fc.property(anyTerm, anyTerm, (a, b) => {
      const copy = decodeTerm(encodeTerm(a), keep);
      assert.ok(equalTerms(a, copy));
      assert.equal(termKey(a), termKey(copy));
      assert.equal(canonicalKey(a), canonicalKey(copy));
      assert.equal(equalTerms(a, b), canonicalKey(a) === canonicalKey(b));
      assert.equal(termKey(a) === termKey(b), canonicalKey(a) === canonicalKey(b));
    }),
    { numRuns: 300 },
  );
});

test('a canonical key decodes to an equal term', () => {
  fc.assert(
    fc.property(anyTerm, (value) => {
      assert.ok(equalTerms(decodeCanonicalKey(canonicalKey(value), keep), value));
    }),
    { numRuns: 200 },
  );
});

test('terms that are one term at a BEAM node have one canonical key, others have not', () => {
  const same: [unknown, unknown][] = [
    [1, 1n],
    ['abc', Buffer.from('abc')],
    [
      { a: 1, b: 2 },
      { b: 2, a: 1 },
    ],
    [new Set([1, 2]), new Set([2, 1])],
    [null, atom('nil')],
    [makePid(nameAtom('a@b'), 1, 0, 5), makePid(nameAtom('a@b'), 1, 0, 5)],
  ];
  for (const [a, b] of same) {
    assert.equal(canonicalKey(a), canonicalKey(b));
    assert.ok(equalTerms(a, b));
  }
  const different: [unknown, unknown][] = [
    [1, float(1)],
    [tuple(1), [1]],
    [{ a: 1 }, struct({ a: 1 })],
    ['a', atom('a')],
    [0, -0],
    ['\ud800', '\ufffd'],
  ];
  for (const [a, b] of different) {
    assert.notEqual(canonicalKey(a), canonicalKey(b));
    assert.ok(!equalTerms(a, b));
  }
});

test('what cannot be sent is refused by encoder and copy, with the same path', () => {
  class Socket {}
  const cyclic: Record<string, unknown> = { list: [1] };
  (cyclic['list'] as unknown[]).push(cyclic);
  const wideCycle: unknown[] = Array.from({ length: 1000 }, (_, i) => i);
  wideCycle.push(wideCycle);
  let deep: unknown = [];
  for (let i = 0; i < 600; i++) deep = [deep];
  const cases: [unknown, string][] = [
    [() => 1, 'message'],
    [{ users: [0, { socket: new Socket() }] }, 'message.users[1].socket'],
    [tuple(Symbol('x')), 'message[0]'],
    [cyclic, 'message.list[1]'],
    [wideCycle, 'message[1000]'],
    [new Map([['k', { 'a-b': () => 1 }]]), 'message.get("k")["a-b"]'],
    [
      new Map<unknown, unknown>([
        [1, 'a'],
        [1n, 'b'],
      ]),
      'message',
    ],
    [
      {
        m: new Map<unknown, unknown>([
          ['a', 1],
          [Buffer.from('a'), 2],
        ]),
      },
      'message.m',
    ],
    [
      new Map([
        [[1], 1],
        [[1], 2],
      ]),
      'message',
    ],
    [new Set([Promise.resolve()]), 'message.values()[0]'],
    [new Error('x', { cause: new WeakMap() }), 'message.cause'],
    [new ImproperList([1], () => 1), 'message.tail'],
    [struct({ ['x'.repeat(256)]: 1 }), `message.${'x'.repeat(256)}`],
    [[new BitString(new Uint8Array(0), 3)], 'message[0]'],
    [deep, `message${'[0]'.repeat(512)}`],
  ];
  for (const [value, path] of cases) {
    const expected = { code: 'not_sendable', path };
    const writer = new TermWriter();
    writer.u32(7);
    assert.throws(() => writer.term(value), expected, path);
    assert.equal(writer.position, 4);
    assert.throws(() => copyTerm(value), expected, path);
  }
});

test('a value of 512 levels is sent, of every kind that nests', () => {
  const wraps: ((inner: unknown) => unknown)[] = [
    (inner) => [inner],
    (inner) => tuple(atom('$js'), inner),
    (inner) => ({ inner }),
    (inner) => new Set([inner]),
    (inner) => new Map([['inner', inner]]),
    (inner) => new Error('x', { cause: inner }),
  ];
  for (const wrap of wraps) {
    let value: unknown = 1;
    for (let i = 0; i < 512; i++) value = wrap(value);
    const bytes = encodeTerm(value);
    assert.deepEqual(encodeTerm(decodeTerm(bytes)), bytes);
    assert.deepEqual(encodeTerm(copyTerm(value)), bytes);
    assert.throws(() => encodeTerm(wrap(value)), { code: 'not_sendable' });
  }
});

test('an error survives as name, message, stack, cause and code', () => {
  class MyError extends Error {
    override readonly name = 'MyError';
    readonly code = 'my_code';
    readonly secret = 1;
  }
  const error = new MyError('went wrong', { cause: new RangeError('inner') });
  for (const back of [decodeTerm(encodeTerm(error)), copyTerm(error)] as (MyError & { cause: Error })[]) {
    assert.ok(back instanceof Error);
    assert.deepEqual(
      [back.name, back.message, back.stack, back.code],
      ['MyError', 'went wrong', error.stack, 'my_code'],
    );
    assert.ok(back.cause instanceof RangeError);
    assert.equal(back.cause.message, 'inner');
    assert.equal(back.secret, undefined);
  }
});

test('a subclass of Tuple travels as the tuple that it is', () => {
  class Down extends Tuple {}
  const down = new Down();
  down.push(atom('DOWN'), 1);
  for (const back of [decodeTerm(encodeTerm(down)), copyTerm(down)]) {
    assert.equal(Object.getPrototypeOf(back), Tuple.prototype);
    assert.deepStrictEqual(back, tuple(atom('DOWN'), 1));
  }
});

test('a key named __proto__ is a property and not a prototype', () => {
  const value = JSON.parse('{"__proto__": {"isAdmin": true}, "constructor": 1}') as object;
  for (const back of [decodeTerm(encodeTerm(value)), copyTerm(value)] as Record<string, unknown>[]) {
    assert.equal(Object.getPrototypeOf(back), Object.prototype);
    assert.deepEqual(Object.keys(back), ['__proto__', 'constructor']);
    assert.equal(back['isAdmin'], undefined);
  }
});

test('a copy shares nothing that can change', () => {
  const value = { list: [{ a: 1 }], bytes: new Uint8Array([1]), map: new Map([[1, [1]]]), date: new Date(5) };
  const copy = copyTerm(value) as typeof value;
  value.list.push({ a: 2 });
  (value.list[0] as { a: number }).a = 9;
  value.bytes[0] = 9;
  value.map.get(1)?.push(2);
  value.date.setTime(9);
  const expected = { list: [{ a: 1 }], bytes: new Uint8Array([1]), map: new Map([[1, [1]]]), date: new Date(5) };
  assert.deepStrictEqual(copy, expected);
});

test('whole floats become numbers, or stay floats when the reader is told so', () => {
  const bytes = encodeTerm([float(1), float(1.5)]);
  assert.deepStrictEqual(decodeTerm(bytes), [1, 1.5]);
  assert.deepStrictEqual(decodeTerm(bytes, keep), [new Float(1), 1.5]);
});

test('an invalid date stays one', () => {
  for (const back of [decodeTerm(encodeTerm(new Date(NaN))), copyTerm(new Date(NaN))]) {
    assert.ok(back instanceof Date && Number.isNaN(back.getTime()));
  }
});

test('a pid that was decoded is replaced by the one that the reader is given', () => {
  const known = makePid(nameAtom('a@b'), 1, 0, 5);
  const back = decodeTerm(encodeTerm([makePid(nameAtom('a@b'), 1, 0, 5)]), { pid: (p) => (p.id === 5 ? known : p) });
  assert.equal((back as Pid[])[0], known);
});

test('several terms follow each other in one buffer', () => {
  const writer = new TermWriter(1);
  writer.term(tuple(1, 'a'));
  writer.term('x'.repeat(5000));
  const first = writer.take();
  writer.term([2]);
  const reader = new TermReader(first);
  assert.deepStrictEqual(reader.term(), tuple(1, 'a'));
  assert.equal(reader.term(), 'x'.repeat(5000));
  assert.equal(reader.position, first.length);
  assert.deepStrictEqual(new TermReader(writer.take()).term(), [2]);
});

test('a description is one line of Erlang notation, for any value', () => {
  const fun = new ExportFun(nameAtom('lists'), nameAtom('map'), 2);
  assert.equal(
    describeTerm(tuple(atom('ok'), { a: [1, 2.5, float(1)] }, atom('Odd name'), null, fun, new Uint8Array([1, 2]))),
    `{ok, #{<<"a">> => [1, 2.5, 1.0]}, 'Odd name', nil, fun lists:map/2, <<1, 2>>}`,
  );
  assert.equal(describeTerm(new BitString(new Uint8Array([255, 0b1010_0000]), 3)), '<<255, 5:3>>');
  const cycle: unknown[] = [() => 1];
  cycle.push(cycle);
  assert.match(describeTerm(cycle), /^\[<function >, \[.*\.\.\..*\]$/);
  assert.equal(describeTerm('x'.repeat(100), 10), '<<"xxxx...');
  fc.assert(
    fc.property(anyTerm, (value) => assert.ok(!describeTerm(value).includes('\n'))),
    { numRuns: 200 },
  );
});
