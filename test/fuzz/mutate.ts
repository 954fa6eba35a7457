/** Changes real input a little, in the ways that break parsers: bits, lengths, cuts, repetitions, pieces of other input, and nonsense. */
import type { Random } from '../sim/random.ts';

const INTERESTING = [
  0, 1, 4, 97, 98, 104, 105, 106, 107, 108, 109, 110, 111, 112, 113, 116, 118, 119, 120, 127, 128, 131, 255, 70, 77, 80,
  88, 90,
];
const LENGTHS = [0, 1, 2, 0x7f, 0xff, 0xffff, 0x10000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
const BYTES_MAX = 100_000;

export function mutate(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  let bytes: Uint8Array = Buffer.from(input);
  const changes = 1 + random.below(random.chance(0.2) ? 12 : 3);
  for (let i = 0; i < changes; i++) bytes = mutateOnce(random, bytes, others);
  return bytes.length > BYTES_MAX ? bytes.subarray(0, BYTES_MAX) : bytes;
}

function mutateOnce(random: Random, bytes: Uint8Array, others: readonly Uint8Array[]): Uint8Array {
  const { length } = bytes;
  if (length === 0) return randomBytes(random, 1 + random.below(20));
  const at = random.below(length);
  switch (random.below(10)) {
    case 0:
      bytes[at] = (bytes[at] as number) ^ (1 << random.below(8));
      return bytes;
    case 1:
      bytes[at] = random.below(256);
      return bytes;
    case 2:
      bytes[at] = random.pick(INTERESTING);
      return bytes;
    case 3:
      return putLength(random, bytes, at);
    case 4:
      return bytes.subarray(0, at);
    case 5:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, 1 + random.below(6)), bytes.subarray(at)]);
    case 6:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(Math.min(length, at + 1 + random.below(6)))]);
    case 7: {
      const piece = bytes.subarray(at, at + 1 + random.below(12));
      return Buffer.concat([
        bytes.subarray(0, at),
        ...Array.from({ length: 1 + random.below(40) }, () => piece),
        bytes.subarray(at),
      ]);
    }
    case 8: {
      const other = random.pick(others);
      return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length))]);
    }
    default: {
      const other = random.pick(others);
      const from = random.below(other.length);
      const piece = other.subarray(from, from + 1 + random.below(30));
      return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(Math.min(length, at + piece.length))]);
    }
  }
}

function putLength(random: Random, bytes: Uint8Array, at: number): Uint8Array {
  if (bytes.length < 4) return bytes;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  view.setUint32(Math.min(at, bytes.length - 4), random.pick(LENGTHS));
  return bytes;
}

function randomBytes(random: Random, size: number): Uint8Array {
  return Buffer.from(Array.from({ length: size }, () => random.below(256)));
}
