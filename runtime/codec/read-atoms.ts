/** Atoms, by a cache over their raw bytes: the same few names make up nearly all traffic. */
import type { Atom } from '../term/atom.ts';
import { ATOM_CHARACTERS_MAX } from '../term/atom.ts';
import { ByteCache, CACHED_BYTES_MAX, slotOf } from './byte-cache.ts';
import * as Tag from './tags.ts';
import type { TermReader } from './term-reader.ts';

export type AtomValue = Atom | boolean | null | undefined;

const cache = new ByteCache<AtomValue>();
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The atom whose tag was read. */
export function readAtom(reader: TermReader, tag: number): AtomValue {
  const length = tag === Tag.SMALL_ATOM_UTF8 || tag === Tag.SMALL_ATOM_LATIN1 ? reader.u8() : reader.u16();
  reader.need(length);
  const start = reader.position;
  if (tag === Tag.SMALL_ATOM_LATIN1 || tag === Tag.ATOM_LATIN1) {
    return intern(reader, Buffer.prototype.latin1Slice.call(reader.bytes, start, start + length), length);
  }
  if (length > CACHED_BYTES_MAX) return intern(reader, nameText(reader, start, length), length);
  const slot = slotOf(reader.bytes, start, length);
  const known = cache.find(slot, reader.bytes, start, length);
  if (known !== undefined) {
    reader.position = start + length;
    return known.value;
  }
  const value = intern(reader, nameText(reader, start, length), length);
  cache.keep(slot, reader.bytes, start, length, value);
  return value;
}

function nameText(reader: TermReader, start: number, length: number): string {
  try {
    return utf8.decode(reader.bytes.subarray(start, start + length));
  } catch {
    return reader.fail('the name of an atom is not UTF-8');
  }
}

function intern(reader: TermReader, name: string, length: number): AtomValue {
  if (name.length > ATOM_CHARACTERS_MAX && [...name].length > ATOM_CHARACTERS_MAX) {
    reader.fail(`an atom has more than ${ATOM_CHARACTERS_MAX} characters`);
  }
  const made = reader.atoms.intern(name);
  if (made === null) return reader.fail(`more than ${reader.atoms.atomsMax} new atoms`);
  reader.position += length;
  return made.value;
}
