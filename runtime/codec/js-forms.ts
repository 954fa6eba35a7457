/** Objects that are not tuples, lists, pids, references or plain objects, written as terms. */
import { errorFields } from '../term/error-fields.ts';
import { kindOf, typedArrayName, type TypedArray } from '../term/kind.ts';
import { hasEqualKeys, KEY_DEPTH_MAX, needsMark } from '../term/map-keys.ts';
import {
  significantBytes,
  type BitString,
  type ExportFun,
  type Float,
  type Fun,
  type ImproperList,
  type Port,
} from '../term/opaque.ts';
import { REFUSED, TOO_DEEP } from '../term/sendable.ts';
import { nameAtom } from '../term/atom.ts';
import { writeTagged } from './js-tags.ts';
import * as Tag from './tags.ts';
import {
  PairOrder,
  writeAtom,
  writeFields,
  writeList,
  writeListHeader,
  writeMapHeader,
  writeValue,
  type TermWriter,
} from './term-writer.ts';
import { writeFloat, writeNumber } from './write-numbers.ts';
import { writeBytes, writeText } from './write-text.ts';

/** Ports of OTP have the short form as long as their number fits it. */
const SHORT_PORT_MAX = 0x0fff_ffffn;

export function writeKind(writer: TermWriter, value: object, left: number): void {
  switch (kindOf(value)) {
    case 'object':
      return writeFields(writer, value, left, false);
    case 'map':
      return writeMap(writer, value as Map<unknown, unknown>, left);
    case 'set':
      return writeSet(writer, value as Set<unknown>, left);
    case 'bytes':
      return writeBytes(writer, value as Uint8Array, writer.canonical);
    case 'typedArray':
      return writeTypedArray(writer, value as TypedArray);
    case 'date':
      writeTagged(writer, 'date', 3);
      return writeNumber(writer, (value as Date).getTime());
    case 'error':
      return writeError(writer, value as Error, left);
    case 'regexp':
      writeTagged(writer, 'regexp', 4);
      writeText(writer, (value as RegExp).source);
      return writeText(writer, (value as RegExp).flags);
    case 'float':
      return writeFloat(writer, (value as Float).value + (writer.isZeroPlain ? 0 : -0));
    case 'improperList':
      return writeImproperList(writer, value as ImproperList, left);
    default:
      return writeOpaque(writer, value);
  }
}

function writeOpaque(writer: TermWriter, value: object): void {
  switch (kindOf(value)) {
    case 'port':
      return writePort(writer, value as Port);
    case 'fun':
      return writer.bytes((value as Fun).bytes);
    case 'exportFun':
      return writeExportFun(writer, value as ExportFun);
    case 'bitString':
      return writeBitString(writer, value as BitString);
    default:
      throw REFUSED;
  }
}

function writeMap(writer: TermWriter, map: ReadonlyMap<unknown, unknown>, left: number): void {
  if (left === 0) throw TOO_DEEP;
  if (needsMark(map)) writeTagged(writer, 'map', 3);
  writeMapHeader(writer, map.size);
  const order = writer.canonical ? new PairOrder(writer) : null;
  for (const [key, item] of map) {
    order?.beginPair();
    writeValue(writer, key, Math.min(left - 1, KEY_DEPTH_MAX));
    order?.endKey();
    writeValue(writer, item, left - 1);
  }
  order?.sort();
  // Last, because now the keys are known to be free of cycles.
  if (hasEqualKeys(map)) throw REFUSED;
}

function writeSet(writer: TermWriter, set: ReadonlySet<unknown>, left: number): void {
  if (left === 0) throw TOO_DEEP;
  writeTagged(writer, 'set', 3);
  if (set.size === 0) return writer.u8(Tag.NIL);
  writeListHeader(writer, set.size);
  const order = writer.canonical ? new PairOrder(writer) : null;
  for (const item of set) {
    order?.beginPair();
    writeValue(writer, item, left - 1);
  }
  order?.sort();
  writer.u8(Tag.NIL);
}

/** The code is there only when the error has one, as a seventh element. */
function writeError(writer: TermWriter, error: Error, left: number): void {
  if (left === 0) throw TOO_DEEP;
  const { name, message, stack, cause, code } = errorFields(error);
  writeTagged(writer, 'error', code === undefined ? 6 : 7);
  writeText(writer, name);
  writeText(writer, message);
  writeValue(writer, stack, 0);
  writeValue(writer, cause, left - 1);
  if (code !== undefined) writeText(writer, code);
}

function writeTypedArray(writer: TermWriter, array: TypedArray): void {
  writeTagged(writer, 'array', 4);
  writeAtom(writer, nameAtom(typedArrayName(array)));
  writeBytes(writer, new Uint8Array(array.buffer, array.byteOffset, array.byteLength), writer.canonical);
}

function writeImproperList(writer: TermWriter, list: ImproperList, left: number): void {
  if (left === 0) throw TOO_DEEP;
  if (list.elements.length === 0) return writeValue(writer, list.tail, left - 1);
  if (Array.isArray(list.tail) && !isTupleArray(list.tail))
    return writeList(writer, [...list.elements, ...list.tail], left);
  writeListHeader(writer, list.elements.length);
  for (const element of list.elements) writeValue(writer, element, left - 1);
  writeValue(writer, list.tail, left - 1);
}

function isTupleArray(value: object): boolean {
  return kindOf(value) === 'tuple';
}

function writePort(writer: TermWriter, port: Port): void {
  const isShort = port.id <= SHORT_PORT_MAX;
  writer.u8(isShort ? Tag.NEW_PORT : Tag.V4_PORT);
  writeAtom(writer, port.node);
  if (!isShort) writer.u32(Number(port.id >> 32n));
  writer.u32(Number(port.id & 0xffff_ffffn));
  writer.u32(port.creation);
}

function writeExportFun(writer: TermWriter, fun: ExportFun): void {
  writer.u8(Tag.EXPORT);
  writeAtom(writer, fun.module);
  writeAtom(writer, fun.fn);
  writeNumber(writer, fun.arity);
}

function writeBitString(writer: TermWriter, value: BitString): void {
  writer.u8(Tag.BIT_BINARY);
  writer.u32(value.bytes.length);
  writer.u8(value.bits);
  writer.bytes(significantBytes(value));
}
