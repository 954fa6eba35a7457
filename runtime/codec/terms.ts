/** Whole terms with the version byte, as `term_to_binary` makes and `binary_to_term` takes them. */
import { inflateSync } from 'node:zlib';
import { WireError } from '../errors.ts';
import * as Tag from './tags.ts';
import { TermReader, type DecodeOptions } from './term-reader.ts';
import { TermWriter } from './term-writer.ts';

/** A compressed term larger than this, when inflated, is refused: a small input must not cost much memory. */
export const INFLATED_BYTES_MAX: number = 64 * 1024 * 1024;

/**
 * A term as bytes of its own.
 *
 * @throws `not_sendable`
 */
export function encodeTerm(value: unknown): Uint8Array {
  const writer = new TermWriter(512);
  writer.u8(Tag.VERSION);
  writer.term(value, 'term');
  return writer.copy();
}

/**
 * The term that the bytes are, exactly. Takes the compressed form too.
 *
 * @throws `bad_frame` (WireError)
 */
export function decodeTerm(bytes: Uint8Array, options?: DecodeOptions): unknown {
  if (bytes[0] !== Tag.VERSION) {
    throw new WireError(`cannot decode: a term begins with ${Tag.VERSION}, this with ${bytes[0]}`, 0);
  }
  if (bytes[1] === Tag.COMPRESSED) return decodeWhole(inflate(bytes), 0, options);
  return decodeWhole(bytes, 1, options);
}

function decodeWhole(bytes: Uint8Array, start: number, options: DecodeOptions | undefined): unknown {
  const reader = new TermReader(bytes, start, bytes.length, options);
  const value = reader.term();
  if (reader.position < bytes.length) reader.fail(`${bytes.length - reader.position} bytes follow the term`);
  return value;
}

/** `131, 80, Size:32, zlib data` */
function inflate(bytes: Uint8Array): Uint8Array {
  if (bytes.length < 6) throw new WireError('cannot decode: a compressed term is cut off', bytes.length);
  const size = new DataView(bytes.buffer, bytes.byteOffset).getUint32(2);
  if (size > INFLATED_BYTES_MAX)
    throw new WireError(`cannot decode: a compressed term of ${size} bytes is too large`, 2);
  const inflated = tryInflate(bytes.subarray(6), size);
  if (inflated.length !== size) {
    throw new WireError(`cannot decode: a compressed term has ${inflated.length} bytes, not ${size} as it says`, 2);
  }
  return inflated;
}

function tryInflate(data: Uint8Array, size: number): Uint8Array {
  try {
    return inflateSync(data, { maxOutputLength: Math.max(size, 1) });
  } catch (cause) {
    throw new WireError('cannot decode: a compressed term cannot be inflated', 6, { cause });
  }
}
