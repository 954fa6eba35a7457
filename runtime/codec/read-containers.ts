/**
 * Tuples and lists. Arrays are grown and not made at the announced length: nested lists that each claim all the
 * bytes that are left would otherwise multiply what they cost.
 */
import { Atom, nameAtom } from '../term/atom.ts';
import { ImproperList } from '../term/opaque.ts';
import { Tuple } from '../term/tuple.ts';
import { buildJsValue, NOT_A_FORM } from './read-js.ts';
import { readMap } from './read-maps.ts';
import * as Tag from './tags.ts';
import { readValue, type TermReader } from './term-reader.ts';

const jsAtom = nameAtom('$js');
const mapAtom = nameAtom('map');
const tupleAtom = nameAtom('tuple');

export function readTuple(reader: TermReader, tag: number, left: number): unknown {
  const size = tupleSize(reader, tag);
  if (size === 0) return new Tuple();
  const first = readValue(reader, left);
  if (first === jsAtom && size > 1) return readJs(reader, size, left);
  return readElements(reader, first, size, left);
}

function tupleSize(reader: TermReader, tag: number): number {
  const size = tag === Tag.SMALL_TUPLE ? reader.u8() : reader.count(1);
  reader.need(size);
  return size;
}

function readElements(reader: TermReader, first: unknown, size: number, left: number): Tuple {
  const elements = new Tuple();
  elements[0] = first;
  for (let i = 1; i < size; i++) elements[i] = readValue(reader, left);
  return elements;
}

/** A tuple that begins with `$js`. What is none of our forms stays the tuple that it is. */
function readJs(reader: TermReader, size: number, left: number): unknown {
  const kind = readValue(reader, left);
  const next = reader.bytes[reader.position];
  if (size === 3 && left > 0 && reader.position < reader.end) {
    if (kind === mapAtom && next === Tag.MAP) {
      reader.position++;
      return readMap(reader, left - 1, true);
    }
    if (kind === tupleAtom && (next === Tag.SMALL_TUPLE || next === Tag.LARGE_TUPLE)) {
      reader.position++;
      const inner = tupleSize(reader, next);
      return inner === 0 ? new Tuple() : readElements(reader, readValue(reader, left - 1), inner, left - 1);
    }
  }
  const elements = new Tuple();
  elements[0] = jsAtom;
  elements[1] = kind;
  for (let i = 2; i < size; i++) elements[i] = readValue(reader, left);
  const value = kind instanceof Atom ? buildJsValue(kind.name, elements) : NOT_A_FORM;
  return value === NOT_A_FORM ? elements : value;
}

/** A list whose tail is a list goes on in it, without nesting: a chain of a million cells is one array. */
export function readList(reader: TermReader, left: number): unknown {
  const elements: unknown[] = [];
  for (;;) {
    const length = reader.count(1);
    for (let i = 0; i < length; i++) elements.push(readValue(reader, left));
    const tag = reader.u8();
    if (tag === Tag.NIL) return elements;
    if (tag === Tag.LIST) continue;
    reader.position--;
    const tail = readValue(reader, left);
    if (Array.isArray(tail) && !(tail instanceof Tuple)) {
      for (const item of tail) elements.push(item);
      return elements;
    }
    return elements.length === 0 ? tail : new ImproperList(elements, tail);
  }
}

/** A list of bytes in its short form. */
export function readStringList(reader: TermReader): number[] {
  const length = reader.u16();
  reader.need(length);
  const elements: number[] = [];
  for (let i = 0; i < length; i++) elements.push(reader.bytes[reader.position++] as number);
  return elements;
}
