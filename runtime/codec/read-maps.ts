/**
 * Maps: an object when all keys are text, a struct when all are atoms, else a Map. Properties are created, never
 * assigned through a setter. A key that comes twice is an error, as it is to the BEAM.
 */
import { Atom } from '../term/atom.ts';
import { hasEqualKeys, KEY_DEPTH_MAX } from '../term/map-keys.ts';
import { emptyStruct, Float } from '../term/opaque.ts';
import { readKeyBinary } from './read-text.ts';
import * as Tag from './tags.ts';
import { readValue, type TermReader } from './term-reader.ts';

/** Values may nest twice as deep on the wire as they do here. */
const KEY_READ_DEPTH_MAX: number = 2 * KEY_DEPTH_MAX + 2;

/** `asMap`: a Map whatever its keys are. */
export function readMap(reader: TermReader, left: number, asMap: boolean): object {
  const size = reader.count(2);
  if (size === 0) return asMap ? new Map() : {};
  const tag = reader.bytes[reader.position];
  if (!asMap && tag === Tag.BINARY) return readObject(reader, size, left);
  if (!asMap && isAtomTag(tag)) return readStruct(reader, size, left);
  const entries = readEntries(reader, size, left, new MapBuilder(reader));
  return asMap ? entries : objectIfText(entries);
}

/** Text that is not well-formed Unicode is no binary on the wire, and may be the first key all the same. */
function objectIfText(entries: ReadonlyMap<unknown, unknown>): object {
  const made: Record<string, unknown> = {};
  for (const [key, value] of entries) {
    if (typeof key !== 'string') return entries;
    setField(made, key, value);
  }
  return made;
}

function isAtomTag(tag: number | undefined): boolean {
  return (
    tag === Tag.SMALL_ATOM_UTF8 || tag === Tag.ATOM_UTF8 || tag === Tag.SMALL_ATOM_LATIN1 || tag === Tag.ATOM_LATIN1
  );
}

/**
 * Floats inside of a key that is a container stay floats, so that `{1}` and `{1.0}` stay two keys. Such keys are compared
 * with each other, hence a limit of their own on depth.
 */
function readKey(reader: TermReader, left: number): unknown {
  const tag = reader.bytes[reader.position];
  if (tag === Tag.BINARY && reader.position < reader.end) {
    reader.position++;
    return readKeyBinary(reader);
  }
  if (tag === Tag.NEW_FLOAT || tag === Tag.FLOAT_TEXT || isAtomTag(tag)) return readValue(reader, left);
  const { keepFloats } = reader;
  reader.keepFloats = true;
  const key = readValue(reader, Math.min(left, KEY_READ_DEPTH_MAX));
  reader.keepFloats = keepFloats;
  return key;
}

/** The first key is a binary: an object, unless a key turns up that is no text. */
function readObject(reader: TermReader, size: number, left: number): object {
  const made: Record<string, unknown> = {};
  const order: string[] = [];
  for (let i = 0; i < size; i++) {
    const tag = reader.bytes[reader.position];
    const key = readKey(reader, left);
    if (typeof key !== 'string') return continueAsMap(reader, size, left, made, order, key, tag);
    if (Object.hasOwn(made, key)) reader.fail('a map has a key twice');
    order.push(key);
    setField(made, key, readValue(reader, left));
  }
  return made;
}

/** The first key is an atom: a struct, unless a key turns up that is none. */
function readStruct(reader: TermReader, size: number, left: number): object {
  const made = emptyStruct();
  const order: unknown[] = [];
  for (let i = 0; i < size; i++) {
    const tag = reader.bytes[reader.position];
    const key = readKey(reader, left);
    if (!isAtomTag(tag)) return continueAsMap(reader, size, left, made, order, key, tag);
    const name = fieldName(key);
    if (Object.hasOwn(made, name)) reader.fail('a map has a key twice');
    order.push(key);
    setField(made, name, readValue(reader, left));
  }
  return made;
}

/** The property that stands for a key which is a string or an atom. */
function fieldName(key: unknown): string {
  if (key instanceof Atom) return key.name;
  return key === null ? 'nil' : String(key);
}

/** An assignment to `__proto__` would set the prototype. */
function setField(target: Record<string, unknown>, key: string, value: unknown): void {
  if (key === '__proto__') {
    Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    target[key] = value;
  }
}

/** What was read so far, in the order in which it came, and `key`, whose value comes next; then the others. */
function continueAsMap(
  reader: TermReader,
  size: number,
  left: number,
  made: Readonly<Record<string, unknown>>,
  order: readonly unknown[],
  key: unknown,
  keyTag: number | undefined,
): Map<unknown, unknown> {
  const builder = new MapBuilder(reader);
  for (const known of order) builder.add(known, 0, made[fieldName(known)]);
  builder.add(key, keyTag, readValue(reader, left));
  return readEntries(reader, size - order.length - 1, left, builder);
}

function readEntries(reader: TermReader, size: number, left: number, builder: MapBuilder): Map<unknown, unknown> {
  for (let i = 0; i < size; i++) {
    const tag = reader.bytes[reader.position];
    const key = readKey(reader, left);
    builder.add(key, tag, readValue(reader, left));
  }
  return builder.finish();
}

/** `1` and `1.0` are two keys to the BEAM and one number here: when both are there, the float is kept as Float. */
class MapBuilder {
  readonly #reader: TermReader;
  readonly #entries = new Map<unknown, unknown>();
  #wholeFloats: Set<number> | null = null;
  #hasObjects = false;

  constructor(reader: TermReader) {
    this.#reader = reader;
  }

  add(key: unknown, tag: number | undefined, value: unknown): void {
    if ((typeof key === 'object' && key !== null) || typeof key === 'bigint') this.#hasObjects = true;
    if (typeof key === 'number' && Number.isInteger(key)) {
      this.#addWhole(key, tag === Tag.NEW_FLOAT || tag === Tag.FLOAT_TEXT, value);
    } else {
      if (this.#entries.has(key)) this.#reader.fail('a map has a key twice');
      this.#entries.set(key, value);
    }
  }

  finish(): Map<unknown, unknown> {
    if (this.#hasObjects && hasEqualKeys(this.#entries)) this.#reader.fail('a map has a key twice');
    return this.#entries;
  }

  #addWhole(key: number, isFloat: boolean, value: unknown): void {
    const entries = this.#entries;
    if (Object.is(key, -0)) {
      this.#hasObjects = true;
      entries.set(new Float(-0), value);
    } else if (!entries.has(key)) {
      if (isFloat) (this.#wholeFloats ??= new Set()).add(key);
      entries.set(key, value);
    } else if (isFloat) {
      this.#hasObjects = true;
      entries.set(new Float(key), value);
    } else {
      if (this.#wholeFloats?.delete(key) !== true) this.#reader.fail('a map has a key twice');
      this.#hasObjects = true;
      const other = entries.get(key);
      entries.delete(key);
      entries.set(new Float(key), other).set(key, value);
    }
  }
}
