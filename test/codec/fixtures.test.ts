/** Bytes written from the specification of the external term format, decoded; and encoded, where they are the form that we send. */
import { deflateSync } from 'node:zlib';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { decodeTerm, encodeTerm } from '../../runtime/codec/terms.ts';
import { atom, nameAtom } from '../../runtime/term/atom.ts';
import { BitString, ExportFun, Float, float, Fun, ImproperList, Port, struct } from '../../runtime/term/opaque.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { Ref } from '../../runtime/term/ref.ts';
import { tuple } from '../../runtime/term/tuple.ts';

const hex = (text: string): Buffer => Buffer.from(`83${text.replaceAll(' ', '')}`, 'hex');
const node = nameAtom('a@b');
const js = '7703 246a73';

/** What we send, and what it is. */
const bothWays: [string, unknown][] = [
  ['61 00', 0],
  ['61 ff', 255],
  ['62 00000100', 256],
  ['62 ffffffff', -1],
  ['62 80000000', -(2 ** 31)],
  ['6e 04 00 00000080', 2 ** 31],
  ['6e 04 01 01000080', -(2 ** 31) - 1],
  ['6e 07 00 ffffffffffff1f', Number.MAX_SAFE_INTEGER],
  ['6e 07 01 ffffffffffff1f', Number.MIN_SAFE_INTEGER],
  ['6e 07 00 00000000000020', 2n ** 53n],
  ['6e 09 01 000000000000000001', -(2n ** 64n)],
  ['6e 02 00 0500', 5n],
  ['6e 02 01 0500', -5n],
  ['6e 01 00 00', 0n],
  ['46 3ff8000000000000', 1.5],
  ['46 8000000000000000', -0],
  ['46 4340000000000000', 2 ** 53],
  ['77 02 6f6b', atom('ok')],
  ['77 00', atom('')],
  ['77 06 e697a5e69cac', atom('日本')],
  ['76 01fe' + 'c3a9'.repeat(255), atom('é'.repeat(255))],
  ['77 04 74727565', true],
  ['77 05 66616c7365', false],
  ['77 09 756e646566696e6564', undefined],
  ['77 03 6e696c', null],
  ['68 00', tuple()],
  ['68 02 77 02 6f6b 61 01', tuple(atom('ok'), 1)],
  ['69 00000100' + '6101'.repeat(256), tuple(...Array.from({ length: 256 }, () => 1))],
  ['6a', []],
  ['6c 00000002 61 01 61 02 6a', [1, 2]],
  ['6c 00000001 61 01 61 02', new ImproperList([1], 2)],
  ['6d 00000000', ''],
  ['6d 00000002 6869', 'hi'],
  ['6d 00000005 efbbbf 6869', '\ufeffhi'],
  ['6d 00000004 f09f9880', '😀'],
  ['4d 00000002 08 6869', new Uint8Array([0x68, 0x69])],
  ['4d 00000000 00', new Uint8Array(0)],
  ['4d 00000001 03 a0', new BitString(new Uint8Array([0xa0]), 3)],
  ['74 00000000', {}],
  ['74 00000001 6d 00000001 61 61 01', { a: 1 }],
  ['74 00000001 77 01 61 61 01', struct({ a: 1 })],
  ['74 00000001 61 01 61 02', new Map([[1, 2]])],
  [
    '74 00000002 6d 00000001 61 61 01 77 01 61 61 02',
    new Map<unknown, number>([
      ['a', 1],
      [atom('a'), 2],
    ]),
  ],
  [`68 03 ${js} 7703 6d6170 74 00000000`, new Map()],
  [`68 03 ${js} 7703 6d6170 74 00000001 6d 00000001 61 61 01`, new Map([['a', 1]])],
  [`68 02 ${js} 7703 6e616e`, NaN],
  [`68 02 ${js} 7703 696e66`, Infinity],
  [`68 02 ${js} 7704 2d696e66`, -Infinity],
  [`68 03 ${js} 7703 736574 6c 00000001 61 01 6a`, new Set([1])],
  [`68 03 ${js} 7703 736574 6a`, new Set()],
  [`68 03 ${js} 7704 64617465 61 05`, new Date(5)],
  [`68 04 ${js} 7706 726567657870 6d 00000001 61 6d 00000001 67`, /a/g],
  [`68 04 ${js} 7705 6172726179 770a 496e743136417272 6179 4d 00000002 08 feff`, new Int16Array([-2])],
  [`68 03 ${js} 7705 7574663136 4d 00000002 08 00d8`, '\ud800'],
  [`68 03 ${js} 7705 7475706c65 68 02 ${js} 61 01`, tuple(atom('$js'), 1)],
  ['58 7703 614062 00000007 ffffffff 00000009', new Pid(node, 7, 0xffff_ffff, 9)],
  ['5a 0003 7703 614062 00000009 00000001 00000002 00000003', new Ref(node, 9, 1, 2, 3)],
  ['5a 0001 7703 614062 00000009 00000001', new Ref(node, 9, [1])],
  [
    '5a 0005 7703 614062 00000009 00000001 00000002 00000003 00000004 ffffffff',
    new Ref(node, 9, [1, 2, 3, 4, 0xffff_ffff]),
  ],
  ['59 7703 614062 00000007 00000009', new Port(node, 7n, 9)],
  ['78 7703 614062 0000000100000007 00000009', new Port(node, 2n ** 32n + 7n, 9)],
  ['71 7705 6c69737473 7703 6d6170 61 02', new ExportFun(nameAtom('lists'), nameAtom('map'), 2)],
];

for (const [bytes, value] of bothWays) {
  test(`${bytes.slice(0, 60)} is read as what it is and written so`, () => {
    assert.deepStrictEqual(decodeTerm(hex(bytes), { keepFloats: true }), value);
    assert.equal(Buffer.from(encodeTerm(value)).toString('hex'), hex(bytes).toString('hex'));
  });
}

/** What others send. */
const readOnly: [string, unknown][] = [
  ['62 00000005', 5],
  ['6e 01 00 05', 5],
  ['6e 00 00', 0],
  ['6e 01 01 00', 0n],
  ['6f 00000001 00 05', 5],
  ['6f 00000002 01 0500', -5n],
  ['6e 08 00 ffffffffffffffff', 2n ** 64n - 1n],
  ['63' + Buffer.from('1.50000000000000000000e+00').toString('hex') + '0000000000', 1.5],
  ['46 3ff0000000000000', 1],
  ['64 0002 6f6b', atom('ok')],
  ['64 0001 e9', atom('é')],
  ['73 04 74727565', true],
  ['73 01 e9', atom('é')],
  ['76 0003 6e696c', null],
  ['6b 0003 010203', [1, 2, 3]],
  ['6b 0000', []],
  ['6c 00000000 6a', []],
  ['6c 00000000 61 05', 5],
  ['6c 00000001 61 01 6c 00000001 61 02 6a', [1, 2]],
  ['6c 00000001 61 01 6b 0002 0203', [1, 2, 3]],
  ['6c 00000001 61 01 6c 00000001 61 02 61 03', new ImproperList([1, 2], 3)],
  ['69 00000001 61 01', tuple(1)],
  ['6d 00000002 ff00', new Uint8Array([255, 0])],
  ['67 7703 614062 00000007 00000001 02', new Pid(node, 7, 1, 2)],
  ['65 7703 614062 00000007 02', new Ref(node, 2, [7])],
  ['72 0002 7703 614062 02 00000001 00000002', new Ref(node, 2, [1, 2])],
  ['66 7703 614062 00000007 02', new Port(node, 7n, 2)],
  [
    '74 00000002 61 01 61 0a 46 3ff0000000000000 61 0b',
    new Map<unknown, number>([
      [1, 10],
      [float(1), 11],
    ]),
  ],
  [
    '74 00000002 46 3ff0000000000000 61 0b 61 01 61 0a',
    new Map<unknown, number>([
      [float(1), 11],
      [1, 10],
    ]),
  ],
  [`68 02 ${js} 61 01`, tuple(atom('$js'), 1)],
  [`68 03 ${js} 7704 64617465 6a`, tuple(atom('$js'), atom('date'), [])],
  [`68 04 ${js} 7706 726567657870 6d 00000001 28 6d 00000000`, tuple(atom('$js'), atom('regexp'), '(', '')],
];

for (const [bytes, value] of readOnly) {
  test(`${bytes.slice(0, 60)}, which others send, is understood`, () => {
    assert.deepStrictEqual(decodeTerm(hex(bytes)), value);
  });
}

test('a closure is kept as its bytes and goes back bit for bit', () => {
  const content = '01' + '00'.repeat(16) + '00000002 00000001'.replace(' ', '') + '77016d' + '6105' + '6203bbf4c0';
  const rest = '587703614062000000070000000000000009' + '6d00000003616263';
  const size = (4 + (content.length + rest.length) / 2).toString(16).padStart(8, '0');
  const bytes = hex(`70${size}${content}${rest}`);
  const fun = decodeTerm(bytes);
  assert.ok(fun instanceof Fun);
  assert.deepEqual(Buffer.from(encodeTerm(fun)), bytes);
  assert.deepEqual(
    Buffer.from(encodeTerm([fun, fun])).subarray(6, -1),
    Buffer.concat([bytes.subarray(1), bytes.subarray(1)]),
  );
  const broken = Buffer.from(bytes);
  broken[30] = 0;
  assert.throws(() => decodeTerm(broken), { code: 'bad_frame' });
  assert.throws(() => encodeTerm(new Fun(new Uint8Array([112, 0, 0, 0, 9]))), { code: 'not_sendable' });
});

test('a compressed term is inflated, and refused when its size is a lie', () => {
  const inner = Buffer.from(encodeTerm('x'.repeat(1000))).subarray(1);
  const compressed = (size: number): Buffer => {
    const header = Buffer.from([131, 80, 0, 0, 0, 0]);
    header.writeUInt32BE(size, 2);
    return Buffer.concat([header, deflateSync(inner)]);
  };
  assert.equal(decodeTerm(compressed(inner.length)), 'x'.repeat(1000));
  for (const size of [0, inner.length - 1, inner.length + 1, 2 ** 32 - 1]) {
    assert.throws(() => decodeTerm(compressed(size)), { code: 'bad_frame' }, String(size));
  }
});

test('a whole float is a Float only when the reader is told to keep it', () => {
  assert.equal(decodeTerm(hex('46 3ff0000000000000')), 1);
  assert.deepStrictEqual(decodeTerm(hex('46 3ff0000000000000'), { keepFloats: true }), new Float(1));
});
