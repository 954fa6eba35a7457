/**
 * The external term format to JavaScript values. Input is hostile: every length is compared with the bytes that are left
 * before anything is allocated, nesting is limited, atoms are counted, and the only error is WireError.
 *
 * A reader has a cursor and reads as many terms as its caller asks for; bytes behind `end` are never looked at.
 */
import type { Atom } from '../term/atom.ts';
import { WireError } from '../errors.ts';
import type { Pid } from '../term/pid.ts';
import { AtomBudget } from './atom-budget.ts';
import { readAtom } from './read-atoms.ts';
import { readList, readStringList, readTuple } from './read-containers.ts';
import { readExportFun, readFun, readPid, readPort, readRef } from './read-identities.ts';
import { readMap } from './read-maps.ts';
import { readBigint, readFloat, readFloatText } from './read-numbers.ts';
import { readBinary, readBits } from './read-text.ts';
import * as Tag from './tags.ts';

export interface DecodeOptions {
  /** Deepest nesting; default 1100, a little more than twice what the encoder sends. */
  readonly depthMax?: number;
  /** Who pays for atoms that are new; default: one budget of 1,000,000 for everybody who gives none. */
  readonly atoms?: AtomBudget;
  /** Floats as `Float` objects when they are whole, so that they go back as floats. Default false. */
  readonly keepFloats?: boolean;
  /** Replaces each decoded pid, for example by the one object of a process of this thread. */
  readonly pid?: (pid: Pid) => Pid;
}

export const READ_DEPTH_MAX = 1100;
const sharedAtoms = new AtomBudget();

export class TermReader {
  /** @internal */
  readonly bytes: Uint8Array;
  position: number;
  /** Where the input ends; may be set for a part of a larger one. */
  end: number;
  /** @internal */
  readonly depthMax: number;
  /** Who pays for new atoms from here on. */
  atoms: AtomBudget;
  /** @internal set for a while when a map has keys that only differ as floats */
  keepFloats: boolean;
  /** @internal */
  readonly pid: ((pid: Pid) => Pid) | undefined;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length, options?: DecodeOptions) {
    this.bytes = bytes;
    this.position = start;
    this.end = Math.min(end, bytes.length);
    this.depthMax = options?.depthMax ?? READ_DEPTH_MAX;
    this.atoms = options?.atoms ?? sharedAtoms;
    this.keepFloats = options?.keepFloats ?? false;
    this.pid = options?.pid;
  }

  /** @throws `bad_frame` (WireError) when the bytes are not a term. */
  term(): unknown {
    return readValue(this, this.depthMax);
  }

  /** @internal makes sure that `count` more bytes are there */
  need(count: number): void {
    if (count > this.end - this.position) {
      this.fail(`a term needs ${count} more bytes, there are ${Math.max(0, this.end - this.position)}`);
    }
  }

  /** @internal */
  u8(): number {
    this.need(1);
    return this.bytes[this.position++] as number;
  }

  /** @internal */
  u16(): number {
    this.need(2);
    const { bytes, position } = this;
    this.position = position + 2;
    return ((bytes[position] as number) << 8) | (bytes[position + 1] as number);
  }

  /** @internal */
  u32(): number {
    return this.i32() >>> 0;
  }

  /** @internal */
  i32(): number {
    this.need(4);
    const { bytes, position } = this;
    this.position = position + 4;
    return (
      ((bytes[position] as number) << 24) |
      ((bytes[position + 1] as number) << 16) |
      ((bytes[position + 2] as number) << 8) |
      (bytes[position + 3] as number)
    );
  }

  /** @internal a count of elements, each of which takes at least `bytesEach` bytes */
  count(bytesEach: number): number {
    const count = this.u32();
    if (count > (this.end - this.position) / bytesEach) {
      this.fail(`${count} elements are announced, ${this.end - this.position} bytes are left`);
    }
    return count;
  }

  /** @internal a count of bytes that are there */
  size(): number {
    const size = this.u32();
    this.need(size);
    return size;
  }

  /** @internal */
  fail(what: string): never {
    throw new WireError(`cannot decode: ${what}`, this.position);
  }
}

/** The next value, with at most `left` levels of containers. @internal */
export function readValue(reader: TermReader, left: number): unknown {
  const tag = reader.u8();
  switch (tag) {
    case Tag.SMALL_INTEGER:
      return reader.u8();
    case Tag.INTEGER:
      return reader.i32();
    case Tag.SMALL_ATOM_UTF8:
    case Tag.ATOM_UTF8:
    case Tag.SMALL_ATOM_LATIN1:
    case Tag.ATOM_LATIN1:
      return readAtom(reader, tag);
    case Tag.BINARY:
      return readBinary(reader);
    case Tag.SMALL_TUPLE:
    case Tag.LARGE_TUPLE:
      return readTuple(reader, tag, enter(reader, left));
    case Tag.NIL:
      return [];
    case Tag.LIST:
      return readList(reader, enter(reader, left));
    case Tag.MAP:
      return readMap(reader, enter(reader, left), false);
    default:
      return readRare(reader, tag, left);
  }
}

function readRare(reader: TermReader, tag: number, left: number): unknown {
  switch (tag) {
    case Tag.PID_V4:
    case Tag.PID:
      return readPid(reader, tag);
    case Tag.NEWER_REFERENCE:
    case Tag.NEW_REFERENCE:
    case Tag.REFERENCE:
      return readRef(reader, tag);
    case Tag.NEW_FLOAT:
      return readFloat(reader);
    case Tag.FLOAT_TEXT:
      return readFloatText(reader);
    case Tag.SMALL_BIG:
    case Tag.LARGE_BIG:
      return readBigint(reader, tag);
    case Tag.STRING:
      return readStringList(reader);
    case Tag.BIT_BINARY:
      return readBits(reader);
    case Tag.NEW_PORT:
    case Tag.PORT:
    case Tag.V4_PORT:
      return readPort(reader, tag);
    case Tag.NEW_FUN:
      return readFun(reader, enter(reader, left));
    case Tag.EXPORT:
      return readExportFun(reader);
    default:
      reader.position--;
      return reader.fail(`tag ${tag} is not one of a term`);
  }
}

function enter(reader: TermReader, left: number): number {
  if (left === 0) reader.fail(`more than ${reader.depthMax} nested levels`);
  return left - 1;
}

/** A node, module or function name: an atom that is not one of the four JavaScript values. @internal */
export function readName(reader: TermReader): Atom {
  const at = reader.position;
  const tag = reader.u8();
  const isAtomTag =
    tag === Tag.SMALL_ATOM_UTF8 || tag === Tag.ATOM_UTF8 || tag === Tag.SMALL_ATOM_LATIN1 || tag === Tag.ATOM_LATIN1;
  const value = isAtomTag ? readAtom(reader, tag) : null;
  if (typeof value === 'object' && value !== null) return value;
  reader.position = at;
  return reader.fail('a name is not an atom that can be one');
}
