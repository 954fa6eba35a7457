/**
 * `{'$js', Kind, ...}` back to the JavaScript value. The elements were decoded like any others; a tuple that has not the
 * shape of its kind is nobody's form and stays a tuple.
 */
import { Atom } from '../term/atom.ts';
import { rebuildError } from '../term/error-fields.ts';
import { typedArrayClasses } from '../term/kind.ts';

/** @internal */
export const NOT_A_FORM: unique symbol = Symbol('not a form');

/** `elements` is the whole tuple. */
export function buildJsValue(kind: string, elements: readonly unknown[]): unknown {
  const size = elements.length;
  const [, , first, second] = elements;
  switch (kind) {
    case 'nan':
      return size === 2 ? NaN : NOT_A_FORM;
    case 'inf':
      return size === 2 ? Infinity : NOT_A_FORM;
    case '-inf':
      return size === 2 ? -Infinity : NOT_A_FORM;
    case 'set':
      return size === 3 && isList(first) ? new Set(first) : NOT_A_FORM;
    case 'date':
      return size === 3 && typeof first === 'number' ? new Date(first) : NOT_A_FORM;
    case 'utf16':
      return size === 3 ? buildUtf16(first) : NOT_A_FORM;
    case 'regexp':
      return size === 4 ? buildRegExp(first, second) : NOT_A_FORM;
    case 'array':
      return size === 4 ? buildTypedArray(first, second) : NOT_A_FORM;
    case 'error':
      return size === 6 || size === 7 ? buildError(elements) : NOT_A_FORM;
    default:
      return NOT_A_FORM;
  }
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value) && Object.getPrototypeOf(value) === Array.prototype;
}

/** On its way through an Erlang node bytes that happen to be UTF-8 have become a string. */
function asBytes(value: unknown): Uint8Array | null {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  return value instanceof Uint8Array ? value : null;
}

function buildUtf16(value: unknown): unknown {
  const bytes = asBytes(value);
  if (bytes === null || bytes.length % 2 !== 0) return NOT_A_FORM;
  return Buffer.prototype.ucs2Slice.call(bytes, 0, bytes.length);
}

function buildRegExp(source: unknown, flags: unknown): unknown {
  if (typeof source !== 'string' || typeof flags !== 'string') return NOT_A_FORM;
  try {
    return new RegExp(source, flags);
  } catch {
    return NOT_A_FORM;
  }
}

function buildTypedArray(kind: unknown, value: unknown): unknown {
  const bytes = asBytes(value);
  const Class = kind instanceof Atom ? typedArrayClasses.get(kind.name) : undefined;
  if (bytes === null || Class === undefined) return NOT_A_FORM;
  const copy = new Uint8Array(bytes).buffer;
  try {
    return new Class(copy);
  } catch {
    return NOT_A_FORM;
  }
}

function buildError(elements: readonly unknown[]): unknown {
  const [, , name, message, stack, cause, code] = elements;
  if (typeof name !== 'string' || typeof message !== 'string') return NOT_A_FORM;
  if (stack !== undefined && typeof stack !== 'string') return NOT_A_FORM;
  if (elements.length === 7 && typeof code !== 'string') return NOT_A_FORM;
  return rebuildError({ name, message, stack, cause, code: code as string | undefined });
}
