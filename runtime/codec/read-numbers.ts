/** Integers that do not fit 32 bits, and floats. */
import { Float } from '../term/opaque.ts';
import * as Tag from './tags.ts';
import type { TermReader } from './term-reader.ts';

const floatBytes = new DataView(new ArrayBuffer(8));
const TWO_32 = 0x1_0000_0000;

export function readFloat(reader: TermReader): number | Float {
  reader.need(8);
  floatBytes.setInt32(0, reader.i32());
  floatBytes.setInt32(4, reader.i32());
  return finite(reader, floatBytes.getFloat64(0));
}

/** The old form: 31 characters, as `sprintf("%.20e")` writes them, padded with zero bytes. */
export function readFloatText(reader: TermReader): number | Float {
  reader.need(31);
  const start = reader.position;
  const text = Buffer.prototype.latin1Slice.call(reader.bytes, start, start + 31).replace(/\0.*$/s, '');
  if (!/^\s*[+-]?\d+\.\d+(?:e[+-]?\d+)?$/i.test(text)) reader.fail('a float is not a number in decimal');
  reader.position = start + 31;
  return finite(reader, Number(text));
}

function finite(reader: TermReader, value: number): number | Float {
  if (!Number.isFinite(value)) reader.fail('a float is not finite');
  return reader.keepFloats && Number.isSafeInteger(value) && !Object.is(value, -0) ? new Float(value) : value;
}

/** A top digit of zero is our mark of a bigint in the range of safe integers. */
export function readBigint(reader: TermReader, tag: number): number | bigint {
  const size = tag === Tag.SMALL_BIG ? reader.u8() : reader.u32();
  const sign = reader.u8();
  reader.need(size);
  const start = reader.position;
  reader.position = start + size;
  const isMarked = size > 0 && reader.bytes[start + size - 1] === 0;
  if (size <= 8 && !isMarked) return readEight(reader.bytes, start, size, sign !== 0);
  const value = readDigits(reader, start, size);
  return sign === 0 ? value : -value;
}

function readEight(bytes: Uint8Array, start: number, size: number, isNegative: boolean): number | bigint {
  let low = 0;
  let high = 0;
  for (let i = Math.min(size, 4) - 1; i >= 0; i--) low = low * 256 + (bytes[start + i] as number);
  for (let i = size - 1; i >= 4; i--) high = high * 256 + (bytes[start + i] as number);
  const magnitude = high * TWO_32 + low;
  if (magnitude <= Number.MAX_SAFE_INTEGER) return isNegative && magnitude !== 0 ? -magnitude : magnitude;
  const exact = (BigInt(high) << 32n) | BigInt(low);
  return isNegative ? -exact : exact;
}

function readDigits(reader: TermReader, start: number, size: number): bigint {
  const digits = Buffer.from(reader.bytes.subarray(start, start + size)).reverse();
  try {
    return BigInt(`0x${digits.toString('hex')}`);
  } catch {
    return reader.fail(`an integer of ${size} bytes is too large`);
  }
}
