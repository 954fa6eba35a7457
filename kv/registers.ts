/** Registers made of changes: the last write wins, or only a write that knows the present version does. */
import { CASPaxos, isDone } from './cas-paxos.ts';
import { StoreError, VersionConflictError, type Versioned } from './errors.ts';
import { checkValue, encodeKey, invalid } from './key.ts';
import { readChangeOptions, type CommonOptions } from './kv-options.ts';
import { PaxosKV } from './paxos-kv.ts';
import { failure, type ChangeResult } from './results.ts';
import { runRequest } from './run-request.ts';

const NO_OPTIONS: CommonOptions = {};

/**
 * Stores a value over whatever is there, and resolves to it. Writes of one key are ordered; a write that may be done late rejects with
 * `unknown`. Rejects as `PaxosKV.put` does.
 */
async function writeLast<T = unknown>(
  key: unknown,
  value: T,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<T>> {
  const read = readChangeOptions(options);
  if (!read.ok) return read;
  const encoded = encodeKey(key);
  if (!encoded.ok) return encoded;
  const checked = checkValue(value);
  if (!checked.ok) return checked;
  const { bucket, timeoutMs } = read.value;
  const request = { kind: 'swap', key: encoded.value, value: checked.value, expected: 'any', timeoutMs } as const;
  return runRequest<ChangeResult<T>>(bucket, request, options, (outcome) =>
    isDone(outcome) ? { ok: true, value } : failure(outcome, bucket, options),
  );
}

/** The value of a register, null when there is none. */
async function readLast<T = unknown>(
  key: unknown,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<T | null>> {
  const read = readChangeOptions(options);
  if (!read.ok) return read;
  const found = await PaxosKV.get<T | null>(key, { ...options, default: null });
  if (!found.ok && found.error === 'not_found') return { ok: true, value: null };
  return found as ChangeResult<T | null>;
}

/** Last-write-wins registers. */
export const Lww: { readonly read: typeof readLast; readonly write: typeof writeLast } = {
  read: readLast,
  write: writeLast,
};

/** The pair of a compare-and-set register; `{ ver: 0, val: null }` before the first write. Rejects with `not_cas`, and as `PaxosKV.get` does. */
async function readVersioned<T = unknown>(
  key: unknown,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<Versioned<T>>> {
  const found = await readLast<Versioned<T>>(key, options);
  return found.ok ? { ok: true, value: pairOf(found.value) } : found;
}

/**
 * Writes over version `ver`, and resolves to the new pair, of version `ver + 1`. Rejects with VersionConflictError (`version_conflict`: the
 * register is at another version, its `current` pair is in the error, nothing was written), `not_cas`, and as `CASPaxos.changeQuery` does.
 */
async function writeVersioned<T = unknown>(
  key: unknown,
  ver: number,
  val: T,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<Versioned<T>>> {
  if (!Number.isSafeInteger(ver) || ver < 0)
    return invalid('ver', 'ver must be the version to write over: a whole number, 0 for a new register');
  const checked = checkValue(val);
  if (!checked.ok) return invalid(checked.path.replace('value', 'val'), checked.message);
  const change = (present: Versioned<T> | null): Versioned<T> => {
    const current = pairOf(present);
    if (current.ver !== ver) throw new VersionConflictError(ver, current);
    // what the caller changes in it later is not written
    return { ver: ver + 1, val: checked.value as T };
  };
  return CASPaxos.changeQuery<Versioned<T>, Versioned<T>>(key, change, pairOf, options);
}

/** Compare-and-set registers. */
export const Cas: { readonly read: typeof readVersioned; readonly write: typeof writeVersioned } = {
  read: readVersioned,
  write: writeVersioned,
};

function pairOf<T>(found: Versioned<T> | null): Versioned<T> {
  if (found === null) return { ver: 0, val: null };
  if (typeof found !== 'object' || typeof found.ver !== 'number' || !('val' in found))
    throw new StoreError('not_cas', 'not-applied', 'the key holds a value that Cas.write did not write');
  return found;
}
