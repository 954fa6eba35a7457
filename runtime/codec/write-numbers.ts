/**
 * Numbers: an integer in the safe range is an integer, any other number a float; a bigint is an integer, in the safe
 * range with one superfluous zero digit, by which it is known as a bigint again. NaN and the infinities have no float.
 */
import { writeTagged } from './js-tags.ts';
import * as Tag from './tags.ts';
import type { ByteWriter } from './byte-writer.ts';

const floatBytes = new DataView(new ArrayBuffer(8));
const TWO_32 = 0x1_0000_0000;

export function writeNumber(writer: ByteWriter, value: number): void {
  if ((value | 0) === value && (value !== 0 || !Object.is(value, -0))) return writeSmall(writer, value);
  if (Number.isSafeInteger(value) && value !== 0) return writeSafeInteger(writer, value);
  writeFloat(writer, value);
}

function writeSmall(writer: ByteWriter, value: number): void {
  writer.reserve(5);
  const { buffer, position } = writer;
  if (value >= 0 && value < 256) {
    buffer[position] = Tag.SMALL_INTEGER;
    buffer[position + 1] = value;
    writer.position = position + 2;
  } else {
    buffer[position] = Tag.INTEGER;
    writer.putU32(position + 1, value);
    writer.position = position + 5;
  }
}

/** An integer of more than 32 bits. */
function writeSafeInteger(writer: ByteWriter, value: number): void {
  writer.reserve(10);
  const { buffer, position } = writer;
  const magnitude = Math.abs(value);
  let low = magnitude >>> 0;
  let high = (magnitude - low) / TWO_32;
  buffer[position] = Tag.SMALL_BIG;
  buffer[position + 2] = value < 0 ? 1 : 0;
  let at = position + 3;
  for (let i = 0; i < 4; i++, low >>>= 8) buffer[at++] = low;
  for (; high > 0; high >>>= 8) buffer[at++] = high;
  buffer[position + 1] = at - position - 3;
  writer.position = at;
}

export function writeFloat(writer: ByteWriter, value: number): void {
  if (!Number.isFinite(value)) return writeTagged(writer, Number.isNaN(value) ? 'nan' : value > 0 ? 'inf' : '-inf', 2);
  floatBytes.setFloat64(0, value);
  writer.reserve(9);
  const { buffer, position } = writer;
  buffer[position] = Tag.NEW_FLOAT;
  for (let i = 0; i < 8; i++) buffer[position + 1 + i] = floatBytes.getUint8(i);
  writer.position = position + 9;
}

/** `plain`: as an integer that is not marked as a bigint. */
export function writeBigint(writer: ByteWriter, value: bigint, plain: boolean): void {
  const isSafe = value <= Number.MAX_SAFE_INTEGER && value >= Number.MIN_SAFE_INTEGER;
  if (isSafe && plain) return writeNumber(writer, Number(value));
  const magnitude = value < 0n ? -value : value;
  const digits = littleEndian(magnitude, isSafe ? 1 : 0);
  if (digits.length < 256) {
    writer.u8(Tag.SMALL_BIG);
    writer.u8(digits.length);
  } else {
    writer.u8(Tag.LARGE_BIG);
    writer.u32(digits.length);
  }
  writer.u8(value < 0n ? 1 : 0);
  writer.bytes(digits);
}

/** The digits, least significant first, and `zeros` superfluous ones. */
function littleEndian(magnitude: bigint, zeros: number): Uint8Array {
  if (magnitude === 0n) return new Uint8Array(zeros);
  const hex = magnitude.toString(16);
  const digits = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex').reverse();
  return zeros === 0 ? digits : Buffer.concat([digits, new Uint8Array(zeros)]);
}
