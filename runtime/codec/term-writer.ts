/**
 * JavaScript values to the external term format. The mapping is a table in the documentation of terms; what
 * Erlang has no type for goes as `{'$js', Kind, ...}` (`js-forms.ts`).
 *
 * The walk keeps no path and no set of ancestors. When it meets something that cannot be sent, or gets deep, the value is
 * walked again by `assertSendable`, which finds the place, or a cycle.
 */
import { Atom, nameAtom } from '../term/atom.ts';
import { isStruct } from '../term/opaque.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import {
  assertSendable,
  DEPTH_BEFORE_CHECK,
  DEPTH_MAX,
  isAtomName,
  REFUSED,
  TOO_DEEP,
  unstable,
} from '../term/sendable.ts';
import { Tuple } from '../term/tuple.ts';
import { ByteWriter } from './byte-writer.ts';
import { writeKind } from './js-forms.ts';
import { writeBigint, writeNumber } from './write-numbers.ts';
import { writeText } from './write-text.ts';
import * as Tag from './tags.ts';

export class TermWriter extends ByteWriter {
  /** Write one form for all values that are equal at a BEAM node, with maps in key order. @internal */
  readonly canonical: boolean;
  /** Writes -0 as 0. */
  isZeroPlain = false;

  constructor(size?: number, canonical = false) {
    super(size);
    this.canonical = canonical;
  }

  /**
   * Writes a term, without a version byte. `root` names the value in the error's path.
   *
   * @throws `not_sendable`; then `position` is where it was.
   */
  term(value: unknown, root = 'message'): void {
    const start = this.position;
    try {
      writeValue(this, value, DEPTH_BEFORE_CHECK);
    } catch (error) {
      this.position = start;
      if (error !== REFUSED && error !== TOO_DEEP) throw error;
      assertSendable(value, root);
      this.#deepTerm(value, root, start);
    }
  }

  /** A deep value without cycles. */
  #deepTerm(value: unknown, root: string, start: number): void {
    try {
      writeValue(this, value, DEPTH_MAX);
    } catch (error) {
      this.position = start;
      throw error === REFUSED || error === TOO_DEEP ? unstable(root) : error;
    }
  }
}

const encodedTrue = encodeAtom('true');
const encodedFalse = encodeAtom('false');
const encodedUndefined = encodeAtom('undefined');
const encodedNil = encodeAtom('nil');

/** One value, with at most `left` levels of containers around and inside it. @internal */
export function writeValue(writer: TermWriter, value: unknown, left: number): void {
  switch (typeof value) {
    case 'number':
      // adding a zero takes the sign from a zero
      return writeNumber(writer, writer.isZeroPlain ? value + 0 : value);
    case 'string':
      return writeText(writer, value);
    case 'object':
      return value === null ? writer.bytes(encodedNil) : writeObject(writer, value, left);
    case 'undefined':
      return writer.bytes(encodedUndefined);
    case 'boolean':
      return writer.bytes(value ? encodedTrue : encodedFalse);
    case 'bigint':
      return writeBigint(writer, value, writer.canonical);
    default:
      throw REFUSED;
  }
}

function writeObject(writer: TermWriter, value: object, left: number): void {
  if (value instanceof Atom) return writeAtom(writer, value);
  if (Array.isArray(value)) {
    if (left === 0) throw TOO_DEEP;
    return value instanceof Tuple ? writeTuple(writer, value, left) : writeList(writer, value, left);
  }
  if (value instanceof Pid) return writePid(writer, value);
  if (value instanceof Ref) return writeRef(writer, value);
  if (Object.getPrototypeOf(value) === Object.prototype) return writeFields(writer, value, left, false);
  if (isStruct(value)) return writeFields(writer, value, left, true);
  writeKind(writer, value, left);
}

const jsAtom = nameAtom('$js');
const tupleAtom = nameAtom('tuple');

function writeTuple(writer: TermWriter, value: readonly unknown[], left: number): void {
  if (value[0] === jsAtom) {
    writeTupleHeader(writer, 3);
    writeAtom(writer, jsAtom);
    writeAtom(writer, tupleAtom);
  }
  const { length } = value;
  writeTupleHeader(writer, length);
  for (let i = 0; i < length; i++) writeValue(writer, value[i], left - 1);
}

export function writeTupleHeader(writer: ByteWriter, length: number): void {
  if (length < 256) {
    writer.reserve(2);
    writer.buffer[writer.position] = Tag.SMALL_TUPLE;
    writer.buffer[writer.position + 1] = length;
    writer.position += 2;
  } else {
    writer.u8(Tag.LARGE_TUPLE);
    writer.u32(length);
  }
}

export function writeList(writer: TermWriter, value: readonly unknown[], left: number): void {
  const { length } = value;
  if (length === 0) return writer.u8(Tag.NIL);
  writeListHeader(writer, length);
  for (let i = 0; i < length; i++) writeValue(writer, value[i], left - 1);
  writer.u8(Tag.NIL);
}

export function writeListHeader(writer: ByteWriter, length: number): void {
  writer.reserve(5);
  writer.buffer[writer.position] = Tag.LIST;
  writer.putU32(writer.position + 1, length);
  writer.position += 5;
}

export function writeMapHeader(writer: ByteWriter, size: number): void {
  writer.reserve(5);
  writer.buffer[writer.position] = Tag.MAP;
  writer.putU32(writer.position + 1, size);
  writer.position += 5;
}

/** The own enumerable string-keyed properties, as a map whose keys are binaries, or atoms for a struct. */
export function writeFields(writer: TermWriter, value: object, left: number, asAtoms: boolean): void {
  if (left === 0) throw TOO_DEEP;
  const keys = Object.keys(value);
  const fields = value as Readonly<Record<string, unknown>>;
  writeMapHeader(writer, keys.length);
  const order = writer.canonical ? new PairOrder(writer) : null;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    order?.beginPair();
    if (asAtoms) writeAtomName(writer, key);
    else writeText(writer, key);
    order?.endKey();
    writeValue(writer, fields[key], left - 1);
  }
  order?.sort();
}

/** Remembers where the pairs of a map were written, and puts them in the order of their keys' bytes. */
export class PairOrder {
  readonly #writer: ByteWriter;
  readonly #pairs: { start: number; keyEnd: number }[] = [];

  constructor(writer: ByteWriter) {
    this.#writer = writer;
  }

  beginPair(): void {
    this.#pairs.push({ start: this.#writer.position, keyEnd: 0 });
  }

  /** For elements of a set, which are all key, it need not be called. */
  endKey(): void {
    (this.#pairs.at(-1) as { keyEnd: number }).keyEnd = this.#writer.position;
  }

  sort(): void {
    const first = this.#pairs[0];
    if (first === undefined) return;
    const source = Buffer.from(this.#writer.copy(first.start));
    const pieces = this.#pairs.map(({ start, keyEnd }, i) => {
      const end = this.#pairs[i + 1]?.start ?? this.#writer.position;
      const piece = source.subarray(start - first.start, end - first.start);
      return { piece, key: keyEnd === 0 ? piece : piece.subarray(0, keyEnd - start) };
    });
    pieces.sort((a, b) => Buffer.compare(a.key, b.key));
    this.#writer.position = first.start;
    for (const { piece } of pieces) this.#writer.bytes(piece);
  }
}

export function writeAtom(writer: ByteWriter, atom: Atom): void {
  writer.bytes((atom.bytes ??= encodeAtom(atom.name)));
}

/** Names of struct fields, encoded. They are fixed by program text; a program that makes them up loses only speed. */
const fieldNames = new Map<string, Uint8Array>();
const FIELD_NAMES_MAX = 4096;

function writeAtomName(writer: ByteWriter, name: string): void {
  let bytes = fieldNames.get(name);
  if (bytes === undefined) {
    if (!isAtomName(name)) throw REFUSED;
    bytes = encodeAtom(name);
    if (fieldNames.size < FIELD_NAMES_MAX) fieldNames.set(name, bytes);
  }
  writer.bytes(bytes);
}

function encodeAtom(name: string): Uint8Array {
  const text = Buffer.from(name, 'utf8');
  const header =
    text.length < 256 ? [Tag.SMALL_ATOM_UTF8, text.length] : [Tag.ATOM_UTF8, text.length >>> 8, text.length & 255];
  return new Uint8Array([...header, ...text]);
}

export function writePid(writer: ByteWriter, pid: Pid): void {
  writer.u8(Tag.PID_V4);
  writeAtom(writer, pid.node);
  writer.reserve(12);
  const at = writer.position;
  writer.putU32(at, pid.id);
  writer.putU32(at + 4, pid.serial);
  writer.putU32(at + 8, pid.creation);
  writer.position = at + 12;
}

export function writeRef(writer: ByteWriter, ref: Ref): void {
  const { size } = ref;
  writer.reserve(3);
  writer.u8(Tag.NEWER_REFERENCE);
  writer.u16(size);
  writeAtom(writer, ref.node);
  writer.reserve(24);
  let at = writer.position;
  writer.putU32(at, ref.creation);
  writer.putU32((at += 4), ref.word0);
  if (size > 1) writer.putU32((at += 4), ref.word1);
  if (size > 2) writer.putU32((at += 4), ref.word2);
  if (ref.more !== null) for (const word of ref.more) writer.putU32((at += 4), word);
  writer.position = at + 4;
}
