/** Keys and values as the store holds them: keys as canonical bytes in a string, values as terms that nobody else can change. */
import { canonicalKey, decodeCanonicalKey } from '../runtime/codec/canonical.ts';
import { encodeTerm } from '../runtime/codec/terms.ts';
import { hasCode, type NotSendableError } from '../runtime/errors.ts';
import { nameAtom } from '../runtime/term/atom.ts';
import { copyTerm } from '../runtime/term/copy.ts';

/** Largest encoded value. */
export const VALUE_BYTES_MAX: number = 1024 * 1024;

/** What is wrong with a key, a value or an option, and where in it. */
export interface Invalid {
  readonly error: 'invalid_value';
  /** As in `value.users[3]`. */
  readonly path: string;
  readonly message: string;
}

export type Checked<T> = { readonly ok: true; readonly value: T } | ({ readonly ok: false } & Invalid);

export function invalid(path: string, message: string): { readonly ok: false } & Invalid {
  return { ok: false, error: 'invalid_value', path, message };
}

/**
 * One string per key: equal terms (`=:=` on OTP 25) give equal strings, however a map in them was built. 1 and 1n are one key; 1 and
 * `float(1)`, 'a' and the atom a, an array and a tuple are two. -0 is the key 0: no JavaScript comparison tells them apart.
 */
export function encodeKey(key: unknown): Checked<string> {
  return checked<string>('key', () => {
    const encoded = canonicalKey(key, true);
    return encoded.length <= VALUE_BYTES_MAX ? { ok: true, value: encoded } : tooLarge('key', encoded.length);
  });
}

export function decodeKey(key: string): unknown {
  return decodeCanonicalKey(key);
}

/** A copy of the value, small enough and sendable. */
export function checkValue(value: unknown): Checked<unknown> {
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return { ok: true, value };
  if (typeof value === 'string' && value.length * 3 <= VALUE_BYTES_MAX) return { ok: true, value };
  return checked<unknown>('value', () => {
    const { length } = encodeTerm(value);
    return length <= VALUE_BYTES_MAX ? { ok: true, value: copyTerm(value, 'value') } : tooLarge('value', length);
  });
}

/** Can there be an atom, and so a node or a bucket, of that name? */
export function isName(name: unknown): name is string {
  if (typeof name !== 'string' || name === '') return false;
  try {
    nameAtom(name);
    return true;
  } catch (error) {
    if (!hasCode(error, 'badarg')) throw error;
    return false;
  }
}

function checked<T>(root: string, check: () => Checked<T>): Checked<T> {
  try {
    return check();
  } catch (error) {
    if (!hasCode(error, 'not_sendable')) return invalid(root, `the ${root} cannot be read: ${String(error)}`);
    const { path, message } = error as NotSendableError;
    const here = path.replace(/^(term|key|value|message)/, root);
    return invalid(here, message.replace(path, here));
  }
}

function tooLarge(root: string, bytes: number): Checked<never> {
  return invalid(root, `the ${root} has ${bytes} bytes when encoded, at most ${VALUE_BYTES_MAX} are stored`);
}
