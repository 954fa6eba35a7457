import fc from 'fast-check';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { WireError } from '../../runtime/errors.ts';
import { AtomBudget } from '../../runtime/codec/atom-budget.ts';
import { readControl } from '../../runtime/codec/control.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { atom } from '../../runtime/term/atom.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { anyTerm } from '../kit/arbitrary-terms.ts';

const hex = (text: string): Buffer => Buffer.from(text.replaceAll(' ', ''), 'hex');

/** Decodes; anything thrown but a WireError with an offset in the input is a failure. */
function decodesOrRefuses(bytes: Uint8Array): boolean {
  try {
    decodeTerm(bytes);
    return true;
  } catch (error) {
    assert.ok(error instanceof WireError, String(error));
    assert.ok(error.offset >= 0 && error.offset <= bytes.length, `offset ${error.offset} of ${bytes.length}`);
    return false;
  }
}

test('a term that is cut off anywhere is refused', () => {
  fc.assert(
    fc.property(anyTerm, (value) => {
      const bytes = encodeTerm(value);
      for (let length = 0; length < bytes.length; length++) assert.ok(!decodesOrRefuses(bytes.slice(0, length)));
    }),
    { numRuns: 150 },
  );
});

test('a reader never looks behind its end, though there are bytes', () => {
  const bytes = encodeTerm(tuple(atom('ok'), [1, 'text'], { a: 2.5 }));
  for (let end = 1; end < bytes.length; end++) {
    assert.throws(() => new TermReader(bytes, 1, end).term(), { code: 'bad_frame' });
  }
});

test('any mutation of a term decodes or is refused, and only with a WireError', () => {
  fc.assert(
    fc.property(
      anyTerm,
      fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (value, changes) => {
        const bytes = encodeTerm(value);
        for (const [at, byte] of changes) bytes[1 + (at % (bytes.length - 1))] = byte;
        decodesOrRefuses(bytes);
      },
    ),
    { numRuns: 3000 },
  );
});

test('what decodes from mutated bytes can be encoded again or is refused as not sendable', () => {
  fc.assert(
    fc.property(anyTerm, fc.nat(), fc.nat(255), (value, at, byte) => {
      const bytes = encodeTerm(value);
      bytes[1 + (at % (bytes.length - 1))] = byte;
      if (!decodesOrRefuses(bytes)) return;
      const term = decodeTerm(bytes, { keepFloats: true });
      assert.deepEqual(encodeTerm(decodeTerm(encodeTerm(term), { keepFloats: true })), encodeTerm(term));
    }),
    { numRuns: 1500 },
  );
});

test('random bytes after the version are no control message, or one; nothing else is thrown', () => {
  const head = fc.constantFrom([104, 3, 97], [104, 4, 97], [104, 5, 97], []);
  fc.assert(
    fc.property(head, fc.uint8Array({ maxLength: 60 }), (start, rest) => {
      try {
        readControl(new TermReader(new Uint8Array([...start, ...rest])));
      } catch (error) {
        assert.ok(error instanceof WireError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});

test('lengths beyond the input are refused before anything is allocated', () => {
  const cases = [
    '83 6c ffffffff 61',
    '83 69 ffffffff 61',
    '83 74 ffffffff 61',
    '83 74 00000002 61016101',
    '83 6d ffffffff 61',
    '83 6b ffff 61',
    '83 6f ffffffff 00 01',
    '83 4d ffffffff 08 01',
    '83 70 ffffffff 01',
    '83 77 ff 61',
    '83 5a ffff 7701 61 00000001',
  ];
  const before = process.memoryUsage().rss;
  for (let i = 0; i < 1000; i++) for (const bytes of cases) assert.ok(!decodesOrRefuses(hex(bytes)));
  assert.ok(process.memoryUsage().rss - before < 200e6);
});

test('nested lists that each claim all the bytes that are left cost no more than their bytes', () => {
  const size = 1_000_000;
  const bytes = Buffer.alloc(size, 97);
  bytes[0] = 131;
  for (let level = 0, at = 1; level < 1000; level++, at += 5) {
    bytes[at] = 108;
    bytes.writeUInt32BE(size - at - 5, at + 1);
  }
  const before = process.memoryUsage().rss;
  assert.ok(!decodesOrRefuses(bytes));
  assert.ok(process.memoryUsage().rss - before < 200e6);
});

for (const [name, level, innermost] of [
  ['lists', '6c00000001', '6a'],
  ['tuples', '6801', '6a'],
  ['values of maps', '74000000016101', '6a'],
  ['keys of maps', '7400000001', '6a'],
  ['tails of lists', '6c0000000161016801', '6a'],
  ['marked tuples', '68037703246a7377057475706c65', '6a'],
  ['marked dates', '68037703246a73770464617465', '6a'],
] as const) {
  test(`a million nested ${name} are refused without exhausting the stack`, () => {
    const bytes = Buffer.concat([hex('83'), Buffer.alloc((1_000_000 * level.length) / 2, hex(level)), hex(innermost)]);
    assert.ok(!decodesOrRefuses(bytes));
  });
}

test('a list of a million cells, each the tail of the one before, is one list', () => {
  const bytes = Buffer.concat([hex('83'), Buffer.alloc(7_000_000, hex('6c000000016101')), hex('6a')]);
  assert.equal((decodeTerm(bytes) as unknown[]).length, 1_000_000);
});

test('the depth that is accepted is the one that was asked for', () => {
  const nested = (levels: number): Buffer =>
    Buffer.concat([hex('83'), Buffer.alloc(2 * levels, hex('6801')), hex('6a')]);
  decodeTerm(nested(10), { depthMax: 10 });
  assert.throws(() => decodeTerm(nested(11), { depthMax: 10 }), { code: 'bad_frame' });
  decodeTerm(nested(1100));
  assert.throws(() => decodeTerm(nested(1101)), { code: 'bad_frame' });
});

test('a peer can make us hold only so many new atoms', () => {
  const atoms = new AtomBudget(100);
  const flood = (prefix: string, count: number): Uint8Array =>
    Buffer.concat([
      Buffer.from([131, 104, count]),
      ...Array.from({ length: count }, (_, i) => {
        const name = Buffer.from(`${prefix}_flood_${i}`);
        return Buffer.concat([Buffer.from([119, name.length]), name]);
      }),
    ]);
  const held = decodeTerm(flood('first', 100), { atoms }) as unknown[];
  assert.equal(atoms.held, 100);
  assert.throws(() => decodeTerm(flood('second', 1), { atoms }), { code: 'bad_frame' });
  assert.deepStrictEqual(decodeTerm(flood('first', 100), { atoms }), held, 'known atoms are free');
  assert.deepStrictEqual(decodeTerm(encodeTerm([atom('ok'), true, null]), { atoms }), [atom('ok'), true, null]);
});

test('what costs an Erlang node its connection is refused', () => {
  const cases: Record<string, string> = {
    'a float that is not a number': '83 46 7ff8000000000000',
    'an infinite float': '83 46 7ff0000000000000',
    'an unknown tag': '83 00',
    'an atom cache reference': '83 52 00',
    'a compressed term inside': '83 68 01 50 00000001',
    'a map with a key twice': '83 74 00000002 61 01 61 01 61 01 61 01',
    'an object with a key twice': '83 74 00000002 6d 00000001 61 61 01 6d 00000001 61 61 01',
    'a struct with a key twice': '83 74 00000002 7701 61 61 01 7701 61 61 01',
    'a map with equal tuples as keys': '83 74 00000002 68 01 61 01 61 01 68 01 61 01 61 01',
    'a map with a text and its bytes as keys': '83 74 00000002 6d 00000001 61 61 01 4d 00000001 08 61 61 01',
    'an atom of 256 characters': '83 76 0100' + '61'.repeat(256),
    'an atom that is not UTF-8': '83 77 01 ff',
    'a reference of 6 words': '83 5a 0006 7703 614062 00000009' + '00000001'.repeat(6),
    'a reference of no words': '83 5a 0000 7703 614062 00000009',
    'a bitstring of bytes without bits': '83 4d 00000001 00 61',
    'an empty bitstring with bits': '83 4d 00000000 08',
    'a bitstring of nine bits a byte': '83 4d 00000001 09 61',
    'a pid whose node is a number': '83 58 61 01 00000007 00000001 00000009',
    'a pid whose node is nil': '83 58 7703 6e696c 00000007 00000001 00000009',
    'bytes after the term': '83 61 01 61',
    'another version': '82 61 01',
    nothing: '',
  };
  for (const [what, bytes] of Object.entries(cases)) {
    assert.throws(() => decodeTerm(hex(bytes)), { code: 'bad_frame' }, what);
  }
});

test('equal terms that look different as keys are two keys', () => {
  const bytes = hex('83 74 00000002 68 01 61 01 61 01 68 01 46 3ff0000000000000 61 02');
  assert.equal((decodeTerm(bytes) as Map<unknown, unknown>).size, 2);
  assert.deepEqual(Buffer.from(encodeTerm(decodeTerm(bytes))), bytes);
});
