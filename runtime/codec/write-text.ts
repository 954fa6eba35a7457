/**
 * Strings as UTF-8 binaries, bytes as the bitstring form of a binary: the same type to Erlang, told apart by us. A string that is not
 * well-formed Unicode has no UTF-8 and goes as its UTF-16 bytes; writing it anyway would make different strings equal.
 */
import { writeTagged } from './js-tags.ts';
import * as Tag from './tags.ts';
import type { ByteWriter } from './byte-writer.ts';

/** Below this many characters copying by hand beats a call into the runtime. */
const BY_HAND_MAX = 32;
/** Above this many characters the encoded size is computed instead of guessed. */
const GUESS_MAX = 0x10000;

type Utf8Write = (this: Uint8Array, text: string, offset: number, length: number) => number;
const utf8Write = (Buffer.prototype as unknown as { utf8Write: Utf8Write }).utf8Write;
const isWellFormed = (String.prototype as unknown as { isWellFormed: (this: string) => boolean }).isWellFormed;

export function writeText(writer: ByteWriter, text: string): void {
  const { length } = text;
  if (length > BY_HAND_MAX) return writeLongText(writer, text);
  writer.reserve(5 + length);
  const { buffer, position } = writer;
  let at = position + 5;
  for (let i = 0; i < length; i++) {
    const unit = text.charCodeAt(i);
    if (unit > 127) return writeLongText(writer, text);
    buffer[at++] = unit;
  }
  buffer[position] = Tag.BINARY;
  buffer[position + 1] = 0;
  buffer[position + 2] = 0;
  buffer[position + 3] = 0;
  buffer[position + 4] = length;
  writer.position = at;
}

function writeLongText(writer: ByteWriter, text: string): void {
  if (!isWellFormed.call(text)) return writeUtf16(writer, text);
  const room = text.length > GUESS_MAX ? Buffer.byteLength(text, 'utf8') : text.length * 3;
  writer.reserve(5 + room);
  const start = writer.position;
  const size = utf8Write.call(writer.buffer, text, start + 5, room);
  writer.buffer[start] = Tag.BINARY;
  writer.putU32(start + 1, size);
  writer.position = start + 5 + size;
}

function writeUtf16(writer: ByteWriter, text: string): void {
  writeTagged(writer, 'utf16', 3);
  writeBytes(writer, Buffer.from(text, 'utf16le'), false);
}

/** `plain`: as a binary that is not marked as bytes. */
export function writeBytes(writer: ByteWriter, bytes: Uint8Array, plain: boolean): void {
  writer.reserve(6);
  writer.buffer[writer.position] = plain ? Tag.BINARY : Tag.BIT_BINARY;
  writer.putU32(writer.position + 1, bytes.length);
  writer.position += 5;
  // An empty bitstring must not claim bits: it would cost the connection.
  if (!plain) writer.u8(bytes.length === 0 ? 0 : 8);
  writer.bytes(bytes);
}
