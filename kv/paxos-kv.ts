/**
 * PaxosKV: write-once keys that the whole cluster agrees on.
 *
 * - `put` answers what the cluster chose: the first value wins, and everybody who ever puts or gets the key gets that same value, until one of
 *   the key's lifetimes ends.
 * - Without a quorum of the bucket's members operations answer `no_quorum`, unless they may have taken effect: then they go on, and reject
 *   with `outcome: 'unknown'` when their time is up.
 * - Callable from processes, from any code of a program that runs a node, and from every thread.
 *
 * On the bucket's own thread a call costs no message; from another thread one there and one back.
 */
import { presentEnv } from '../runtime/node/default.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { copyOf } from './apply-change.ts';
import { isBucketHere } from './bucket/client.ts';
import { collectKeys } from './bucket/collect-keys.ts';
import type { OperationRequest } from './bucket/requests.ts';
import { noBucket, StoreError } from './errors.ts';
import { instanceStatus } from './instance-status.ts';
import { checkValue, encodeKey, invalid } from './key.ts';
import {
  DEFAULT_BUCKET,
  readGetOptions,
  readKeysOptions,
  readPutOptions,
  TIMEOUT_MS_DEFAULT,
  type CommonOptions,
  type GetOptions,
  type KeysOptions,
  type PutOptions,
} from './kv-options.ts';
import { failure, NO_QUORUM, NOT_FOUND } from './results.ts';
import type { Found, GetResult, KeysResult, NoQuorum, PutResult, Refused } from './results.ts';
import { presentScheduler, runRequest } from './run-request.ts';
import { within } from './within.ts';
import { waitForBucket } from './wait-for-bucket.ts';
import { watch } from './watch/watch.ts';
import type { Outcome } from './paxos/decide.ts';
import type { Bind, Cell } from './paxos/messages.ts';

const NO_OPTIONS: CommonOptions = {};

async function putWith<T>(key: string, value: unknown, options: PutOptions): Promise<PutResult<T>> {
  const read = readPutOptions(options);
  if (!read.ok) return read;
  const { bucket, bindsKey } = read.value;
  let { bind, timeoutMs } = read.value;
  if (bindsKey) {
    const env = presentEnv();
    const deadline = env.now() + timeoutMs;
    const bound = await bindToKey(bind, options, bucket, timeoutMs);
    if ('error' in bound) return bound;
    ({ bind } = bound);
    timeoutMs = Math.max(0, deadline - env.now());
  }
  return runRequest<PutResult<T>>(bucket, { kind: 'put', key, value, bind, timeoutMs }, options, putResult);
}

/**
 * Associates a key with a value unless it has one. Resolves to the value that the cluster chose, which is the first one: its type is what the
 * callers of this key agree on.
 *
 * Rejects with `unknown` (time is up and it may take effect), `no_quorum` (with `noQuorum: 'fail'`), `aborted`, `timeout`, `no_bucket`
 * (this node does not run the bucket), `no_node` (no node runs in this thread); see StoreError.
 */
function put<T = unknown>(key: unknown, value: T, options: PutOptions = NO_OPTIONS): Promise<PutResult<T>> {
  const encoded = encodeKey(key);
  if (!encoded.ok) return Promise.resolve(encoded);
  const checked = checkValue(value);
  if (!checked.ok) return Promise.resolve(checked);
  if (options !== NO_OPTIONS) return putWith(encoded.value, checked.value, options);
  const request: OperationRequest = {
    kind: 'put',
    key: encoded.value,
    value: checked.value,
    bind: null,
    timeoutMs: TIMEOUT_MS_DEFAULT,
  };
  return runRequest<PutResult<T>>(DEFAULT_BUCKET, request, options, putResult);
}

/** The value of a key; `default` when there is none. A get may finish an unfinished put. Rejects as `put` does. */
function get<T = unknown>(key: unknown, options: GetOptions<NoInfer<T>> = NO_OPTIONS): Promise<GetResult<T>> {
  return lookUp<T>(key, options, ({ value }) => ({ ok: true, value: copyOf(value) as T }));
}

/** The pid that a key is bound to; `not_found` (or `default`) when the key is not there or not bound to one. */
function pid<D = never>(
  key: unknown,
  options: GetOptions<D> = NO_OPTIONS as GetOptions<D>,
): Promise<GetResult<Pid | D>> {
  return lookUp<Pid | D>(key, options, ({ bind }) => (bind?.pid ? { ok: true, value: bind.pid } : null));
}

/** The name of the node that a key is bound to, as an atom; otherwise as `pid`. */
function node<D = never>(
  key: unknown,
  options: GetOptions<D> = NO_OPTIONS as GetOptions<D>,
): Promise<GetResult<Atom | D>> {
  return lookUp<Atom | D>(key, options, ({ bind }) => (bind?.node ? { ok: true, value: nameAtom(bind.node) } : null));
}

/**
 * The keys of a bucket, asked of all its members that are connected. An empty list also when there is no quorum, unless `strict`: then the
 * result says so. Wrong options reject with `invalid_value`, with `strict` they are the result.
 */
function keys(options?: KeysOptions & { readonly strict?: false }): Promise<unknown[]>;
function keys(options: KeysOptions & { readonly strict: true }): Promise<KeysResult>;
async function keys(options: KeysOptions = {}): Promise<unknown[] | KeysResult> {
  const read = readKeysOptions(options);
  if (!read.ok && isStrict(options)) return read;
  if (!read.ok) throw new StoreError('invalid_value', 'not-applied', `keys: ${read.path}: ${read.message}`);
  const { bucket, timeoutMs } = read.value;
  const at = presentScheduler();
  const found = await within(collectKeys(at, bucket), at.env, timeoutMs, options.signal);
  if (found === null && options.strict === true && !isBucketHere(at, bucket)) throw noBucket(bucket);
  if (isStrict(options)) return found === null ? NO_QUORUM : { ok: true, value: found };
  return found ?? [];
}

function isStrict(options: unknown): boolean {
  return typeof options === 'object' && options !== null && (options as KeysOptions).strict === true;
}

/** System time in milliseconds, for `until: now() + 60_000`. */
function now(): number {
  return presentEnv().systemTime();
}

export const PaxosKV: {
  readonly put: typeof put;
  readonly get: typeof get;
  readonly pid: typeof pid;
  readonly node: typeof node;
  readonly keys: typeof keys;
  readonly now: typeof now;
  readonly watch: typeof watch;
  readonly instanceStatus: typeof instanceStatus;
  readonly waitForBucket: typeof waitForBucket;
} = { put, get, pid, node, keys, now, watch, instanceStatus, waitForBucket };

function lookUp<T>(key: unknown, options: GetOptions<T>, pick: (cell: Cell) => Found<T> | null): Promise<GetResult<T>> {
  const read = readGetOptions(options);
  if (!read.ok) return Promise.resolve(read);
  const encoded = encodeKey(key);
  if (!encoded.ok) return Promise.resolve(encoded);
  const { bucket, timeoutMs } = read.value;
  return runRequest<GetResult<T>>(bucket, { kind: 'get', key: encoded.value, timeoutMs }, options, (outcome) => {
    if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
    const found = outcome.cell?.live === true ? pick(outcome.cell) : null;
    if (found !== null) return found;
    return 'default' in options ? { ok: true, value: options.default as T } : NOT_FOUND;
  });
}

function putResult<T>(outcome: Outcome, bucket: string, options: CommonOptions): PutResult<T> {
  if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
  const { result } = outcome;
  return { ok: true, value: copyOf(result) as T };
}

/** The bind with the present incarnation of the other key; one that is over already when that key is not live. */
async function bindToKey(
  bind: Bind | null,
  options: PutOptions,
  bucket: string,
  timeoutMs: number,
): Promise<{ readonly bind: Bind } | NoQuorum | Refused> {
  const other = encodeKey(options.key);
  const rest: Bind = bind ?? { pid: null, node: null, key: null, until: null };
  if (!other.ok) return invalid(`options.${other.path}`, other.message);
  const request: OperationRequest = { kind: 'get', key: other.value, timeoutMs };
  const outcome = await runRequest(bucket, request, options, (found) => found);
  if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
  if (outcome.cell?.live !== true) return { bind: { ...rest, until: 0 } };
  return { bind: { ...rest, key: { key: other.value, ver: outcome.cell.ver } } };
}
