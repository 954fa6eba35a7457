/**
 * What sort of term an object is. One answer for everybody who walks terms: the encoder, the copy for local sends,
 * comparison, description and the search for what cannot be sent.
 *
 * Subclasses of built-in containers and of Error travel as the built-in; instances of other classes are refused. The
 * built-ins are recognised by their internal slots, so that objects of another realm (a REPL's, a vm context's) count.
 */
import { types } from 'node:util';
import { Atom } from './atom.ts';
import { BitString, ExportFun, Float, Fun, ImproperList, isStruct, Port } from './opaque.ts';
import { Pid } from './pid.ts';
import { Ref } from './ref.ts';
import { Tuple } from './tuple.ts';

export type ObjectKind =
  | 'atom'
  | 'tuple'
  | 'list'
  | 'pid'
  | 'ref'
  | 'object'
  | 'struct'
  | 'map'
  | 'set'
  | 'date'
  | 'error'
  | 'regexp'
  | 'bytes'
  | 'typedArray'
  | 'port'
  | 'fun'
  | 'exportFun'
  | 'bitString'
  | 'improperList'
  | 'float'
  | 'refused';

export type TypedArray =
  | Int8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array
  | Float32Array
  | Float64Array
  | BigInt64Array
  | BigUint64Array;

type TypedArrayClass = new (buffer: ArrayBuffer) => TypedArray;

/** The typed arrays that travel as `{'$js', array, Kind, Bytes}`, little-endian. */
export const typedArrayClasses: ReadonlyMap<string, TypedArrayClass> = new Map<string, TypedArrayClass>([
  ['Int8Array', Int8Array],
  ['Uint8ClampedArray', Uint8ClampedArray],
  ['Int16Array', Int16Array],
  ['Uint16Array', Uint16Array],
  ['Int32Array', Int32Array],
  ['Uint32Array', Uint32Array],
  ['Float32Array', Float32Array],
  ['Float64Array', Float64Array],
  ['BigInt64Array', BigInt64Array],
  ['BigUint64Array', BigUint64Array],
]);

/** The name of a typed array's built-in class, whatever its subclass or realm. */
export function typedArrayName(value: TypedArray): string {
  return typedArrayNameOf.call(value) as string;
}

const typedArrayNameOf = Object.getOwnPropertyDescriptor(
  Object.getPrototypeOf(Uint8Array.prototype) as object,
  Symbol.toStringTag,
)?.get as () => unknown;

export function kindOf(value: object): ObjectKind {
  if (value instanceof Atom) return 'atom';
  if (Array.isArray(value)) return value instanceof Tuple ? 'tuple' : 'list';
  if (value instanceof Pid) return 'pid';
  if (value instanceof Ref) return 'ref';
  if (isPlain(value)) return 'object';
  if (isStruct(value)) return 'struct';
  return builtInKind(value) ?? opaqueKind(value) ?? 'refused';
}

/** True for an object literal, of any realm, and for one without a prototype. */
export function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value) as object | null;
  if (prototype === Object.prototype || prototype === null) return true;
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');
}

function builtInKind(value: object): ObjectKind | undefined {
  if (types.isMap(value)) return 'map';
  if (types.isSet(value)) return 'set';
  if (types.isUint8Array(value)) return 'bytes';
  if (types.isTypedArray(value))
    return typedArrayClasses.has(typedArrayName(value as TypedArray)) ? 'typedArray' : undefined;
  if (types.isDate(value)) return 'date';
  if (types.isNativeError(value) || value instanceof Error) return 'error';
  if (types.isRegExp(value)) return 'regexp';
  return undefined;
}

function opaqueKind(value: object): ObjectKind | undefined {
  if (value instanceof Float) return 'float';
  if (value instanceof ImproperList) return 'improperList';
  if (value instanceof Port) return 'port';
  if (value instanceof Fun) return isFunBytes(value.bytes) ? 'fun' : undefined;
  if (value instanceof ExportFun) return 'exportFun';
  if (value instanceof BitString) return isBitString(value) ? 'bitString' : undefined;
  return undefined;
}

/** A closure's bytes begin with tag 112 and their own size; anything else would cost a connection. */
function isFunBytes(bytes: Uint8Array): boolean {
  if (bytes.length < 5 || bytes[0] !== 112) return false;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return view.getUint32(1) === bytes.length - 1;
}

function isBitString(value: BitString): boolean {
  return value.bytes.length > 0 && Number.isInteger(value.bits) && value.bits >= 1 && value.bits <= 7;
}
