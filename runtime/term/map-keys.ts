/**
 * Keys of Maps. Two keys that are different in JavaScript may be the same term at a BEAM node (`1` and `1n`, a string and
 * its bytes, two equal pids); a map with both would cost the whole connection, so it is refused.
 *
 * `termKey` gives terms that are equal there (`=:=`) the same string, and different ones different strings.
 */
import { Atom } from './atom.ts';
import { errorFields } from './error-fields.ts';
import { kindOf, typedArrayName, type TypedArray } from './kind.ts';
import {
  significantBytes,
  type BitString,
  type ExportFun,
  type Float,
  type Fun,
  type ImproperList,
  type Port,
} from './opaque.ts';
import type { Pid } from './pid.ts';
import type { Ref } from './ref.ts';

/** Deepest nesting inside of a key. Keys are compared by their text, which costs their size at each level. */
export const KEY_DEPTH_MAX = 32;

/** True when two keys of the map would be one key at a BEAM node. */
export function hasEqualKeys(map: ReadonlyMap<unknown, unknown>): boolean {
  if (!hasObjectKey(map)) return false;
  const seen = new Set<string>();
  for (const key of map.keys()) seen.add(termKey(key));
  return seen.size < map.size;
}

/** Strings, numbers and atoms are equal there only if they are here. */
function hasObjectKey(map: ReadonlyMap<unknown, unknown>): boolean {
  for (const key of map.keys()) {
    if (typeof key === 'bigint') return true;
    if (typeof key === 'object' && key !== null && !(key instanceof Atom)) return true;
  }
  return false;
}

/**
 * True for a Map that would come back as something else if it were sent as a bare map: an empty one, one with only
 * strings as keys (a plain object), one with only atoms as keys (a struct).
 */
export function needsMark(map: ReadonlyMap<unknown, unknown>): boolean {
  let strings = 0;
  let atoms = 0;
  for (const key of map.keys()) {
    if (typeof key === 'string') strings++;
    else if (isAtomValue(key)) atoms++;
    else return false;
  }
  return strings === map.size || atoms === map.size;
}

function isAtomValue(key: unknown): boolean {
  return key === null || key === undefined || typeof key === 'boolean' || key instanceof Atom;
}

/** Recursive: only for sendable terms. */
export function termKey(value: unknown): string {
  switch (typeof value) {
    case 'number':
      return numberKey(value);
    case 'bigint':
      return `i${value}`;
    case 'string':
      return textKey(value);
    case 'object':
      return value === null ? 'a3:nil' : objectKey(value);
    case 'boolean':
    case 'undefined':
      return atomKey(String(value));
    default:
      return `?${typeof value}`;
  }
}

function numberKey(value: number): string {
  return Number.isSafeInteger(value) && !Object.is(value, -0) ? `i${value}` : floatKey(value);
}

function floatKey(value: number): string {
  return `f${Object.is(value, -0) ? '-0' : value};`;
}

function textKey(text: string): string {
  const bytes = Buffer.from(text, 'utf8');
  return bytes.toString('utf8') === text ? bytesKey(bytes) : `u${text.length}:${text}`;
}

function bytesKey(bytes: Uint8Array): string {
  return `b${bytes.length}:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1')}`;
}

function atomKey(name: string): string {
  return `a${name.length}:${name}`;
}

function listKey(mark: string, items: Iterable<unknown>, tail = ''): string {
  let keys = mark;
  for (const item of items) keys += `${termKey(item)},`;
  return `${keys}${tail})`;
}

function pairsKey(mark: string, pairs: Iterable<readonly [string, unknown]>): string {
  const keys: string[] = [];
  for (const [key, item] of pairs) keys.push(`${key}=${termKey(item)},`);
  return `${mark}${keys.sort().join('')})`;
}

function objectKey(value: object): string {
  const kind = kindOf(value);
  switch (kind) {
    case 'atom':
      return atomKey((value as Atom).name);
    case 'tuple':
      return listKey('t(', value as unknown[]);
    case 'list':
      return listKey('l(', value as unknown[]);
    case 'pid':
      return `P(${(value as Pid).key})`;
    case 'ref':
      return `R(${(value as Ref).key})`;
    case 'object':
      return pairsKey(
        'm(',
        Object.entries(value).map(([key, item]) => [textKey(key), item]),
      );
    case 'struct':
      return pairsKey(
        'm(',
        Object.entries(value).map(([key, item]) => [atomKey(key), item]),
      );
    case 'map':
      return mapKey(value as ReadonlyMap<unknown, unknown>);
    case 'bytes':
      return bytesKey(value as Uint8Array);
    default:
      return rareKey(value);
  }
}

function mapKey(map: ReadonlyMap<unknown, unknown>): string {
  return pairsKey(
    needsMark(map) ? 'j(map,m(' : 'm(',
    Array.from(map, ([key, item]) => [termKey(key), item]),
  );
}

function rareKey(value: object): string {
  const kind = kindOf(value);
  switch (kind) {
    case 'set':
      return `S(${Array.from(value as ReadonlySet<unknown>, termKey)
        .sort()
        .join()})`;
    case 'date':
      return `D${numberKey((value as Date).getTime())}`;
    case 'error':
      return listKey('E(', Object.values(errorFields(value as Error)));
    case 'regexp':
      return listKey('X(', [(value as RegExp).source, (value as RegExp).flags]);
    case 'typedArray':
      return `Y(${typedArrayName(value as TypedArray)},${bytesKey(bytesOf(value as TypedArray))})`;
    case 'float':
      return floatKey((value as Float).value);
    case 'bitString':
      return `B${(value as BitString).bits}${bytesKey(significantBytes(value as BitString))}`;
    case 'fun':
      return `F${bytesKey((value as Fun).bytes)}`;
    case 'exportFun':
      return `G${(value as ExportFun).module.name}:${(value as ExportFun).fn.name}/${(value as ExportFun).arity}`;
    case 'port':
      return `O${(value as Port).node.name}|${(value as Port).id}|${(value as Port).creation}`;
    case 'improperList':
      return improperKey(value as ImproperList);
    default:
      return `?${kind}`;
  }
}

function bytesOf(array: TypedArray): Uint8Array {
  return new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
}

/** An improper list whose tail is a list is a list. */
function improperKey(list: ImproperList): string {
  if (list.elements.length === 0) return termKey(list.tail);
  if (Array.isArray(list.tail) && kindOf(list.tail) === 'list') return listKey('l(', [...list.elements, ...list.tail]);
  return listKey('l(', list.elements, `|${termKey(list.tail)}`);
}
