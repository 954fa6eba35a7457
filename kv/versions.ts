/**
 * Versions of a key, each a write-once instance of its own: a version that was set never changes, and nothing removes it.
 *
 * Version `ver` of `key` is the key `tuple(atom('$version'), key, ver)` of the bucket, for those who look with `PaxosKV.keys` or `get`.
 * Which version is the latest is known from a register beside them, `tuple(atom('$versions'), key)`: a version is announced there before it is
 * written, so that no written one is unknown, and later announcements say which are known to be written. A writer that ended in between leaves a
 * hole, which `latest` skips.
 */
import { presentEnv } from '../runtime/node/default.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { tuple } from '../runtime/term/tuple.ts';
import { copyOf } from './apply-change.ts';
import { CASPaxos } from './cas-paxos.ts';
import { StoreError } from './errors.ts';
import { checkValue, encodeKey, invalid, type Checked } from './key.ts';
import { readChangeOptions, TIMEOUT_MS_DEFAULT, type CommonOptions } from './kv-options.ts';
import { PaxosKV } from './paxos-kv.ts';
import { failure, NOT_FOUND, type ChangeResult, type GetResult, type PutResult } from './results.ts';
import { presentScheduler, runRequest } from './run-request.ts';
import { ThreadCache } from './thread-cache.ts';

export interface Version<T = unknown> {
  readonly ver: number;
  readonly value: T;
}

/** What is known of a key's versions: the highest that a writer said to be written, and those announced above it, in order. */
interface Head {
  readonly done: number;
  readonly open: readonly number[];
}

const VERSION: Atom = nameAtom('$version');
const VERSIONS: Atom = nameAtom('$versions');
const NO_OPTIONS: CommonOptions = {};
/** Below every version. */
const NONE = -1;
/** With more announced versions than that a writer says at once that its own is written. */
const OPEN_MAX = 8;
const NOTHING: Head = { done: NONE, open: [] };
const NO_NEXT = 'cannot append: the highest version that there can be is announced, there is none after it';

/** The highest version of a key that this thread knows to be written. */
const known: ThreadCache<number> = new ThreadCache(1000);

/**
 * Sets version `ver` of a key, a whole number from 0, unless it is set. Resolves to the value that was chosen for it, the first one. Rejects as
 * `PaxosKV.put` does.
 */
async function set<T = unknown>(
  key: unknown,
  ver: number,
  value: T,
  options: CommonOptions = NO_OPTIONS,
): Promise<PutResult<T>> {
  const checked = check(key, options, ver);
  if (!checked.ok) return checked;
  const sendable = checkValue(value);
  if (!sendable.ok) return sendable;
  const versions = checked.value;
  const head = await versions.announce(ver);
  if (!head.ok) return head;
  const put = await PaxosKV.put<T>(versions.keyOf(ver), sendable.value as T, versions.left());
  if (put.ok) await versions.written(ver, head.value);
  return put;
}

/** The value of a version; `not_found` when it is not set. Rejects as `PaxosKV.get` does. */
async function get<T = unknown>(key: unknown, ver: number, options: CommonOptions = NO_OPTIONS): Promise<GetResult<T>> {
  const checked = check(key, options, ver);
  return checked.ok ? PaxosKV.get<T>(checked.value.keyOf(ver), options) : checked;
}

/**
 * Sets the next version, the one after the latest, 1 for a new key. Each call gets a version of its own, also when others append the same value at
 * once. Rejects as `PaxosKV.put` does; after `unknown` the version may be there.
 */
async function append<T = unknown>(
  key: unknown,
  value: T,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<Version<T>>> {
  const checked = check(key, options, 0);
  if (!checked.ok) return checked;
  const sendable = checkValue(value);
  if (!sendable.ok) return sendable;
  const versions = checked.value;
  for (;;) {
    const head = await versions.announce(null);
    if (!head.ok) return head;
    const ver = topOf(head.value);
    const claimed = await versions.claim(ver, sendable.value);
    if (!claimed.ok) return claimed;
    await versions.written(ver, head.value);
    if (claimed.value) return { ok: true, value: { ver, value } };
  }
}

/** The highest version that is set, with its value; `not_found` when there is none. Rejects as `PaxosKV.get` does. */
async function latest<T = unknown>(key: unknown, options: CommonOptions = NO_OPTIONS): Promise<GetResult<Version<T>>> {
  const checked = check(key, options, 0);
  if (!checked.ok) return checked;
  const versions = checked.value;
  let [topBefore, verBefore] = [NONE, NONE];
  for (;;) {
    const isKnown = versions.known;
    const head = await PaxosKV.get<Head>(versions.headKey, versions.left());
    if (!head.ok) return head;
    const found = await versions.highest<T>(head.value);
    if (!found.ok) return found;
    const { ver } = found.value;
    const top = topOf(head.value);
    // Version 6 may have been written while 5, announced before it and still missing, was asked for, and 5 after that: then 5 was never the
    // latest. What was written when the head was read was; so was what is still the highest at the second look.
    if (ver <= Math.max(head.value.done, isKnown) || (topBefore === top && verBefore === ver)) return found;
    [topBefore, verBefore] = [top, ver];
  }
}

export const Versions: {
  readonly set: typeof set;
  readonly get: typeof get;
  readonly append: typeof append;
  readonly latest: typeof latest;
} = { set, get, append, latest };

/** The versions of one key, for one operation. */
class VersionsOf {
  readonly #key: unknown;
  readonly #encoded: string;
  readonly #bucket: string;
  readonly #options: CommonOptions;
  readonly #deadline: number;

  constructor(key: unknown, encoded: string, bucket: string, timeoutMs: number, options: CommonOptions) {
    this.#key = key;
    this.#encoded = encoded;
    this.#bucket = bucket;
    this.#options = options;
    this.#deadline = presentEnv().now() + timeoutMs;
  }

  /** The options for a step: what is left of the time. */
  left(): CommonOptions {
    return { ...this.#options, timeoutMs: this.#leftMs };
  }

  get #leftMs(): number {
    return Math.max(0, this.#deadline - presentEnv().now());
  }

  keyOf(ver: number): unknown {
    return tuple(VERSION, this.#key, ver);
  }

  get headKey(): unknown {
    return tuple(VERSIONS, this.#key);
  }

  get known(): number {
    return known.get(presentScheduler(), this.#bucket, this.#encoded) ?? NONE;
  }

  /** Says that a version is about to be written, null: the next one, which is then the highest of all; and which one is known to be. */
  announce(ver: number | null): Promise<ChangeResult<Head>> {
    return this.#changeHead((head) => announced(head ?? NOTHING, ver, this.known));
  }

  /**
   * Remembers that a version is written, and says so when too many announced ones are left. Never rejects: the version is written, and whoever
   * heard of an error here with `not-applied` would write another one.
   */
  async written(ver: number, head: Head): Promise<void> {
    if (ver > this.known) known.set(presentScheduler(), this.#bucket, this.#encoded, ver);
    if (head.open.length <= OPEN_MAX) return;
    await this.#changeHead((present) => withDone(present ?? NOTHING, this.known), {
      ...this.#options,
      noQuorum: 'return',
      timeoutMs: Math.min(TIMEOUT_MS_DEFAULT, this.#leftMs),
    }).catch(() => null);
  }

  /** Whether this very call set the version. */
  claim(ver: number, value: unknown): Promise<ChangeResult<boolean>> {
    const key = encodeKey(this.keyOf(ver));
    if (!key.ok) return Promise.resolve(key);
    const options = this.left();
    const request = { kind: 'claim', key: key.value, value, bind: null, timeoutMs: options.timeoutMs ?? 0 } as const;
    return runRequest<ChangeResult<boolean>>(this.#bucket, request, options, (outcome) =>
      outcome.kind === 'ok'
        ? { ok: true, value: outcome.result === true }
        : failure(outcome, this.#bucket, this.#options),
    );
  }

  /** The highest of the announced versions that is written. */
  async highest<T>(head: Head): Promise<GetResult<Version<T>>> {
    for (const ver of [head.done, ...head.open].reverse()) {
      if (ver === NONE) return NOT_FOUND;
      const found = await PaxosKV.get<T>(this.keyOf(ver), this.left());
      if (found.ok) return { ok: true, value: { ver, value: found.value } };
      if (found.error !== 'not_found') return found;
    }
    return NOT_FOUND;
  }

  #changeHead(change: (head: Head | null) => Head, options: CommonOptions = this.left()): Promise<ChangeResult<Head>> {
    return CASPaxos.changeQuery<Head, Head>(this.headKey, change, (head) => head ?? NOTHING, options);
  }
}

function check(key: unknown, options: CommonOptions, ver: number): Checked<VersionsOf> {
  const read = readChangeOptions(options);
  if (!read.ok) return read;
  const encoded = encodeKey(key);
  if (!encoded.ok) return encoded;
  if (!Number.isSafeInteger(ver) || ver < 0) return invalid('ver', 'ver must be a whole number from 0');
  const { bucket, timeoutMs } = read.value;
  return { ok: true, value: new VersionsOf(copyOf(key), encoded.value, bucket, timeoutMs, options) };
}

function topOf({ done, open }: Head): number {
  return open.at(-1) ?? done;
}

function withDone(head: Head, written: number): Head {
  if (written <= head.done) return head;
  return { done: written, open: head.open.filter((ver) => ver > written) };
}

function announced(before: Head, given: number | null, written: number): Head {
  const head = withDone(before, written);
  const ver = given ?? Math.max(topOf(head), 0) + 1;
  if (!Number.isSafeInteger(ver)) throw new StoreError('invalid_value', 'not-applied', NO_NEXT);
  if (ver <= head.done || head.open.includes(ver)) return head;
  return { done: head.done, open: [...head.open, ver].sort((a, b) => a - b) };
}
