import fc from 'fast-check';
import { test } from 'node:test';
import assert from 'node:assert/strict';
import { FrameParser } from '../../runtime/codec/frame.ts';
import { FragmentAssembler, splitFragments } from '../../runtime/codec/fragments.ts';
import { flagBit, FLAGS, missingMandatory, ourFlags } from '../../runtime/codec/flags.ts';

const handshake = { lengthBytes: 2, frameBytesMax: 100 } as const;
const connected = { lengthBytes: 4, frameBytesMax: 100_000 } as const;

function drain(parser: FrameParser): string[] {
  const frames: string[] = [];
  for (let frame = parser.next(); frame !== null; frame = parser.next()) frames.push(Buffer.from(frame).toString());
  return frames;
}

/** A handshake frame, after which the framing changes, then a message, a tick and a message. */
const stream = Buffer.concat([
  Buffer.from([0, 3]),
  Buffer.from('abc'),
  Buffer.from([0, 0, 0, 5]),
  Buffer.from('hello'),
  Buffer.from([0, 0, 0, 0]),
  Buffer.from([0, 0, 0, 1]),
  Buffer.from('!'),
]);

function parseChunks(chunks: readonly Uint8Array[]): string[] {
  const parser = new FrameParser(handshake);
  const frames: string[] = [];
  for (const chunk of chunks) {
    parser.push(chunk);
    if (frames.length === 0) {
      const first = parser.next();
      if (first === null) continue;
      frames.push(Buffer.from(first).toString());
      parser.setFraming(connected);
    }
    frames.push(...drain(parser));
  }
  assert.equal(parser.bufferedBytes, 0);
  return frames;
}

test('frames are the same wherever the stream is cut, in two or three pieces', () => {
  for (let a = 0; a <= stream.length; a++) {
    for (let b = a; b <= stream.length; b++) {
      const chunks = [stream.subarray(0, a), stream.subarray(a, b), stream.subarray(b)];
      assert.deepEqual(parseChunks(chunks), ['abc', 'hello', '', '!'], `cut at ${a} and ${b}`);
    }
  }
});

test('frames are the same when the stream comes byte by byte', () => {
  assert.deepEqual(parseChunks(Array.from(stream, (byte) => new Uint8Array([byte]))), ['abc', 'hello', '', '!']);
});

test('chunks that were pushed before the first was drained are not lost', () => {
  const parser = new FrameParser(connected);
  for (const byte of [0, 0, 0, 2, 65, 66, 0, 0, 0, 1, 67]) parser.push(new Uint8Array([byte]));
  assert.deepEqual(drain(parser), ['AB', 'C']);
});

test('a frame that lies in one chunk is not copied', () => {
  const parser = new FrameParser(connected);
  const chunk = new Uint8Array([0, 0, 0, 2, 65, 66]);
  parser.push(chunk);
  assert.equal(parser.next()?.buffer, chunk.buffer);
});

test('a frame over the limit of its phase is an error before its content arrives', () => {
  const parser = new FrameParser(handshake);
  parser.push(new Uint8Array([0, 101]));
  assert.throws(() => parser.next(), { code: 'bad_frame' });
  const later = new FrameParser(connected);
  later.push(new Uint8Array([255, 255, 255, 255]));
  assert.throws(() => later.next(), { code: 'bad_frame' });
});

test('a large frame in small chunks arrives whole', () => {
  const content = Buffer.alloc(90_000, 'abcdefg');
  const parser = new FrameParser(connected);
  parser.push(Buffer.from([0, 1, 0x5f, 0x90]));
  for (let at = 0; at < content.length; at += 700) {
    assert.equal(parser.next(), null);
    parser.push(content.subarray(at, at + 700));
  }
  assert.ok(content.equals(parser.next() as Uint8Array));
});

test('fragments have the layout of the protocol', () => {
  const frames = splitFragments(Buffer.from('CTL'), Buffer.from('abcde'), 0x0102030405060708n, 2);
  const whole = frames.map(({ head, part }) => Buffer.concat([head, part]).toString('hex'));
  assert.deepEqual(whole, [
    '83450102030405060708000000000000000300' + '43544c' + '6162',
    '834601020304050607080000000000000002' + '6364',
    '834601020304050607080000000000000001' + '65',
  ]);
});

test('messages in parts come together, also when their parts are mixed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 4 }),
      fc.nat(),
      fc.integer({ min: 1, max: 9 }),
      (payloads, seed, size) => {
        const assembler = new FragmentAssembler({ bytesMax: 1000 });
        const control = Buffer.from([104, 0]);
        const queues = payloads.map((payload, i) =>
          splitFragments(control, payload, BigInt(i), size).map(({ head, part }) => Buffer.concat([head, part])),
        );
        const done = new Map<string, true>();
        for (let turn = seed; queues.some((queue) => queue.length > 0); turn = (turn * 31 + 7) % 1009) {
          const frame = queues[turn % queues.length]?.shift() ?? queues.find((queue) => queue.length > 0)?.shift();
          const whole = assembler.add(frame as Buffer);
          if (whole !== null) done.set(Buffer.from(whole).toString('hex'), true);
        }
        assert.deepEqual(
          new Set(done.keys()),
          new Set(payloads.map((p) => Buffer.concat([control, p]).toString('hex'))),
        );
        assert.equal(assembler.heldBytes, 0);
      },
    ),
  );
});

test('fragments out of order, unknown, repeated or too many are refused', () => {
  const frames = splitFragments(Buffer.from('C'), Buffer.from('abcdef'), 1n, 2).map(({ head, part }) =>
    Buffer.concat([head, part]),
  );
  const [first, second, third] = frames as [Buffer, Buffer, Buffer];
  const refused = (bytesMax: number, ...given: Buffer[]): void => {
    const assembler = new FragmentAssembler({ bytesMax, sequencesMax: 1 });
    const last = given.pop() as Buffer;
    for (const frame of given) assert.equal(assembler.add(frame), null);
    assert.throws(() => assembler.add(last), { code: 'bad_frame' });
  };
  refused(100, second);
  refused(100, first, third);
  refused(100, first, first);
  refused(4, first, second);
  const other = Buffer.from(first);
  other[9] = 2;
  refused(100, first, other);
  const cached = Buffer.from(first);
  cached[18] = 1;
  refused(100, cached);
  for (let length = 0; length < 18; length++) refused(100, first.subarray(0, length));
});

test('our flags are those that OTP 25 needs, and the digest is bit 26', () => {
  assert.equal(flagBit('MANDATORY_25_DIGEST'), 0x4000000n);
  const eleven = 0x4n + 0x10n + 0x80n + 0x100n + 0x200n + 0x400n + 0x800n + 0x10000n + 0x20000n + 0x40000n + 0x1000000n;
  assert.equal(
    FLAGS.filter((flag) => flag.mandatory).reduce((bits, flag) => bits | flag.bit, 0n),
    eleven,
  );
  const otp25 = 0xd07df7fbdn;
  assert.equal(ourFlags({ hidden: false }) & ~otp25, 0n);
  assert.equal(ourFlags({ hidden: false }), ourFlags({ hidden: true }) | 1n);
  assert.equal(otp25 & ~ourFlags({ hidden: false }), flagBit('DIST_HDR_ATOM_CACHE'));
  assert.deepEqual(missingMandatory(ourFlags({ hidden: true })), []);
  assert.deepEqual(missingMandatory(eleven), []);
  assert.deepEqual(missingMandatory(0x4000000n), []);
  assert.deepEqual(missingMandatory(eleven & ~0x20000n), ['MAP_TAG']);
  assert.throws(() => flagBit('NO_SUCH'), { code: 'badarg' });
});
