/**
 * The copy that a send between processes of one thread makes: what the receiver gets is what it would have got over the
 * wire, so that it does not matter where a process runs. Immutable terms are shared; the rest is copied in depth.
 *
 * Like the encoder it keeps no path and no ancestors; `assertSendable` explains a refusal.
 */
import { Atom } from './atom.ts';
import { errorFields, rebuildError } from './error-fields.ts';
import { kindOf, typedArrayClasses, typedArrayName, type TypedArray } from './kind.ts';
import { hasEqualKeys, KEY_DEPTH_MAX } from './map-keys.ts';
import { BitString, emptyStruct, ImproperList, significantBytes, type Float } from './opaque.ts';
import { Pid } from './pid.ts';
import { Ref } from './ref.ts';
import { assertSendable, DEPTH_BEFORE_CHECK, DEPTH_MAX, isAtomName, REFUSED, TOO_DEEP, unstable } from './sendable.ts';
import { Tuple } from './tuple.ts';

/**
 * A copy that shares nothing that can change. `root` names the value in the error's path.
 *
 * @throws `not_sendable`
 */
export function copyTerm(value: unknown, root = 'message'): unknown {
  if (typeof value !== 'object' || value === null) return copyPrimitive(value, root);
  try {
    return copyObject(value, DEPTH_BEFORE_CHECK);
  } catch (error) {
    if (error !== REFUSED && error !== TOO_DEEP) throw error;
    assertSendable(value, root);
    return copyDeep(value, root);
  }
}

function copyPrimitive(value: unknown, root: string): unknown {
  if (typeof value === 'function' || typeof value === 'symbol') assertSendable(value, root);
  return value;
}

/** A deep value without cycles. */
function copyDeep(value: object, root: string): unknown {
  try {
    return copyObject(value, DEPTH_MAX);
  } catch (error) {
    throw error === REFUSED || error === TOO_DEEP ? unstable(root) : error;
  }
}

function copyValue(value: unknown, left: number): unknown {
  switch (typeof value) {
    case 'object':
      return value === null ? null : copyObject(value, left);
    case 'function':
    case 'symbol':
      throw REFUSED;
    default:
      return value;
  }
}

function copyObject(value: object, left: number): unknown {
  if (value instanceof Atom) return value;
  if (Array.isArray(value)) {
    if (left === 0) throw TOO_DEEP;
    return value instanceof Tuple ? copyTuple(value, left - 1) : copyList(value, left - 1);
  }
  if (value instanceof Pid || value instanceof Ref) return value;
  if (Object.getPrototypeOf(value) === Object.prototype) return copyFields(value, {}, left);
  return copyOther(value, left);
}

function copyTuple(value: readonly unknown[], left: number): unknown {
  const { length } = value;
  const copy = new Tuple();
  for (let i = 0; i < length; i++) copy[i] = copyValue(value[i], left);
  return copy;
}

function copyList(value: readonly unknown[], left: number): unknown[] {
  const { length } = value;
  const copy: unknown[] = [];
  for (let i = 0; i < length; i++) copy.push(copyValue(value[i], left));
  return copy;
}

function copyFields(value: object, copy: Record<string, unknown>, left: number): object {
  if (left === 0) throw TOO_DEEP;
  const keys = Object.keys(value);
  const fields = value as Readonly<Record<string, unknown>>;
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i] as string;
    const item = copyValue(fields[key], left - 1);
    if (key === '__proto__') {
      Object.defineProperty(copy, key, { value: item, writable: true, enumerable: true, configurable: true });
    } else {
      copy[key] = item;
    }
  }
  return copy;
}

function copyOther(value: object, left: number): unknown {
  const kind = kindOf(value);
  switch (kind) {
    case 'object':
      return copyFields(value, {}, left);
    case 'struct':
      return copyStruct(value, left);
    case 'map':
      return copyMap(value as ReadonlyMap<unknown, unknown>, left);
    case 'set':
      return copySet(value as ReadonlySet<unknown>, left);
    case 'error':
      return copyError(value as Error, left);
    case 'improperList':
      return copyImproperList(value as ImproperList, left);
    case 'bytes':
      return new Uint8Array(value as Uint8Array);
    case 'typedArray':
      return copyTypedArray(value as TypedArray);
    case 'date':
      return new Date((value as Date).getTime());
    case 'regexp':
      return new RegExp((value as RegExp).source, (value as RegExp).flags);
    case 'bitString':
      return new BitString(significantBytes(value as BitString), (value as BitString).bits);
    case 'float':
      return copyFloat(value as Float);
    case 'refused':
      throw REFUSED;
    default:
      return value;
  }
}

/** A struct without fields is an empty map on the wire, and so an empty object. */
function copyStruct(value: object, left: number): object {
  const copy = copyFields(value, emptyStruct(), left);
  for (const key in copy) if (!isAtomName(key)) throw REFUSED;
  return Object.keys(copy).length === 0 ? {} : copy;
}

function copyMap(map: ReadonlyMap<unknown, unknown>, left: number): Map<unknown, unknown> {
  if (left === 0) throw TOO_DEEP;
  const copy = new Map<unknown, unknown>();
  const keyLeft = Math.min(left - 1, KEY_DEPTH_MAX);
  for (const [key, item] of map) copy.set(copyValue(key, keyLeft), copyValue(item, left - 1));
  // Last, because now the keys are known to be free of cycles.
  if (hasEqualKeys(map)) throw REFUSED;
  return copy;
}

function copySet(set: ReadonlySet<unknown>, left: number): Set<unknown> {
  if (left === 0) throw TOO_DEEP;
  const copy = new Set<unknown>();
  for (const item of set) copy.add(copyValue(item, left - 1));
  return copy;
}

function copyError(error: Error, left: number): Error {
  if (left === 0) throw TOO_DEEP;
  const fields = errorFields(error);
  return rebuildError({ ...fields, cause: copyValue(fields.cause, left - 1) });
}

/** An improper list whose tail is a list is a list; without elements it is its tail. */
function copyImproperList(list: ImproperList, left: number): unknown {
  if (left === 0) throw TOO_DEEP;
  const elements = copyList(list.elements, left - 1);
  const tail = copyValue(list.tail, left - 1);
  if (elements.length === 0) return tail;
  if (Array.isArray(tail) && !(tail instanceof Tuple)) return elements.concat(tail);
  if (tail instanceof ImproperList) return new ImproperList(elements.concat(tail.elements), tail.tail);
  return new ImproperList(elements, tail);
}

function copyTypedArray(array: TypedArray): TypedArray {
  const Class = typedArrayClasses.get(typedArrayName(array));
  if (Class === undefined) throw REFUSED;
  return new Class(new Uint8Array(new Uint8Array(array.buffer, array.byteOffset, array.byteLength)).buffer);
}

/** One that is not whole is a float without saying so. */
function copyFloat(float: Float): unknown {
  const { value } = float;
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? float : value;
}
