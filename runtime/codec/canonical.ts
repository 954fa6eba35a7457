/** One string per term, for use as a key of Maps and for comparing bytes: terms that are equal at a BEAM node (`=:=`) have the same. */
import { TermReader, type DecodeOptions } from './term-reader.ts';
import { TermWriter } from './term-writer.ts';

const BYTES_KEPT_MAX = 64 * 1024;
let scratch: TermWriter | null = null;

/**
 * The canonical encoding without the version byte, one character (U+0000 to U+00FF) per byte: maps and sets in the order of their encoded keys,
 * bigints as integers, bytes as binaries. `decodeCanonicalKey` gives an equal term.
 * Most keys are short strings: theirs are ASCII, which is quicker to send than other text.
 *
 * Node to node, 0 and -0 are two terms, an integer and a float. `isZeroPlain` takes the sign from every zero: one key for what is `===` here,
 * and for 0.0 and -0.0, which are `=:=` on OTP 25.
 *
 * @throws `not_sendable`
 */
export function canonicalKey(value: unknown, isZeroPlain = false): string {
  const writer = scratch ?? new TermWriter(256, true);
  // A getter in the value may ask for a key itself.
  scratch = null;
  writer.position = 0;
  writer.isZeroPlain = isZeroPlain;
  writer.term(value, 'key');
  const key = Buffer.prototype.latin1Slice.call(writer.buffer, 0, writer.position);
  if (writer.buffer.length <= BYTES_KEPT_MAX) scratch = writer;
  return key;
}

/** The term that a canonical key stands for. */
export function decodeCanonicalKey(key: string, options?: DecodeOptions): unknown {
  const bytes = Buffer.from(key, 'latin1');
  return new TermReader(bytes, 0, bytes.length, options).term();
}
