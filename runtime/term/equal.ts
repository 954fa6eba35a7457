/**
 * Equality of terms: true when a BEAM node would say `A =:= B`. So `1` equals `1n` and not `float(1)`, a string equals
 * its bytes, a Down equals the tuple that it is, and the order of a map's or a Set's entries does not matter.
 */
import { Atom } from './atom.ts';
import { isPlain, kindOf } from './kind.ts';
import { termKey } from './map-keys.ts';
import { isStruct } from './opaque.ts';
import { Pid, samePid } from './pid.ts';
import { Ref, sameRef } from './ref.ts';
import { Tuple } from './tuple.ts';

/** For sendable terms: what cannot be sent equals only itself, and a cycle is not found. */
export function equalTerms(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a === 'object' && a !== null && typeof b === 'object' && b !== null) return equalObjects(a, b);
  if (isNumeric(a) && isNumeric(b)) return termKey(a) === termKey(b);
  // A string and bytes, a number and a Float.
  if (typeof a === 'object' || typeof b === 'object') return mayMix(a) && mayMix(b) && termKey(a) === termKey(b);
  return false;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'number' || typeof value === 'bigint';
}

function mayMix(value: unknown): boolean {
  if (value === null || value instanceof Atom) return false;
  return typeof value === 'string' || isNumeric(value) || typeof value === 'object';
}

function equalObjects(a: object, b: object): boolean {
  if (a instanceof Atom || b instanceof Atom) return false;
  if (a instanceof Pid) return b instanceof Pid && samePid(a, b);
  if (a instanceof Ref) return b instanceof Ref && sameRef(a, b);
  if (Array.isArray(a) && Array.isArray(b)) return a instanceof Tuple === b instanceof Tuple && equalItems(a, b);
  if (isPlain(a) && isPlain(b)) return equalFields(a, b);
  if (isStruct(a) && isStruct(b)) return equalFields(a, b);
  return kindOf(a) !== 'refused' && kindOf(b) !== 'refused' && termKey(a) === termKey(b);
}

function equalItems(a: readonly unknown[], b: readonly unknown[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (!equalTerms(a[i], b[i])) return false;
  return true;
}

function equalFields(a: object, b: object): boolean {
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  const left = a as Readonly<Record<string, unknown>>;
  const right = b as Readonly<Record<string, unknown>>;
  return keys.every((key) => Object.hasOwn(right, key) && equalTerms(left[key], right[key]));
}
