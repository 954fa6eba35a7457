/**
 * Binaries. One that is valid UTF-8 is a string, another one bytes; the bitstring form with 8 bits is bytes always.
 */
import { isUtf8 } from 'node:buffer';
import { BitString, significantBytes } from '../term/opaque.ts';
import { ByteCache, slotOf } from './byte-cache.ts';
import type { TermReader } from './term-reader.ts';

/** Up to this many bytes a string is built by hand, which is quicker than a call into the runtime. */
const BY_HAND_MAX = 24;
const KEY_BYTES_MAX = 32;

const keys = new ByteCache<string>();
const fromCharCode = String.fromCharCode;

export function readBinary(reader: TermReader): string | Uint8Array {
  const length = reader.size();
  const start = reader.position;
  reader.position = start + length;
  return readUtf8(reader.bytes, start, length) ?? copyBytes(reader.bytes, start, length);
}

/** A binary as the key of a map: short ones come from a cache, already internalised. */
export function readKeyBinary(reader: TermReader): string | Uint8Array {
  const length = reader.size();
  const start = reader.position;
  const { bytes } = reader;
  reader.position = start + length;
  if (length > KEY_BYTES_MAX) return readUtf8(bytes, start, length) ?? copyBytes(bytes, start, length);
  const slot = slotOf(bytes, start, length);
  const known = keys.find(slot, bytes, start, length);
  if (known !== undefined) return known.value;
  const text = readUtf8(bytes, start, length);
  if (text === null) return copyBytes(bytes, start, length);
  keys.keep(slot, bytes, start, length, text);
  return text;
}

/** The text of these bytes, or null when they are not UTF-8. A byte-order mark is kept. */
export function readUtf8(bytes: Uint8Array, start: number, length: number): string | null {
  if (length <= BY_HAND_MAX) {
    const text = readShortAscii(bytes, start, length);
    if (text !== null) return text;
  }
  if (!isUtf8(bytes.subarray(start, start + length))) return null;
  return Buffer.prototype.utf8Slice.call(bytes, start, start + length);
}

/** Four characters at a time: the calls with fixed arguments are compiled to almost nothing. */
function readShortAscii(bytes: Uint8Array, start: number, length: number): string | null {
  const end = start + length;
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    const a = bytes[at] as number;
    const b = bytes[at + 1] as number;
    const c = bytes[at + 2] as number;
    const d = bytes[at + 3] as number;
    if ((a | b | c | d) > 127) return null;
    text += fromCharCode(a, b, c, d);
  }
  for (; at < end; at++) {
    const a = bytes[at] as number;
    if (a > 127) return null;
    text += fromCharCode(a);
  }
  return text;
}

export function copyBytes(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return Uint8Array.prototype.slice.call(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length));
}

/** The bitstring form: bytes when all bits count, as we send them. */
export function readBits(reader: TermReader): Uint8Array | BitString {
  const length = reader.u32();
  const bits = reader.u8();
  reader.need(length);
  if (bits > 8 || (bits === 0) !== (length === 0)) reader.fail(`a bitstring of ${length} bytes claims ${bits} bits`);
  const start = reader.position;
  reader.position = start + length;
  const bytes = copyBytes(reader.bytes, start, length);
  return bits === 0 || bits === 8 ? bytes : new BitString(significantBytes(new BitString(bytes, bits)), bits);
}
