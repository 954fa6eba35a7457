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
import type { Env } from '../runtime/env.ts';
import { presentEnv, scheduler } from '../runtime/node/default.ts';
import { copyTerm } from '../runtime/term/copy.ts';
import { isAtom, nameAtom, type Atom } from '../runtime/term/atom.ts';
import { runElsewhere } from './bucket/client.ts';
import { collectKeys } from './bucket/collect-keys.ts';
import { localOf } from './bucket/local.ts';
import { createOperationOf, type OperationRequest } from './bucket/requests.ts';
import { probeKeys, readiness } from './bucket/routes.ts';
import { StoreError } from './errors.ts';
import { checkValue, encodeKey, invalid, type Invalid } from './key.ts';
import {
  readGetOptions,
  readPutOptions,
  TIMEOUT_MS_DEFAULT,
  type CommonOptions,
  type GetOptions,
  type PutOptions,
} from './kv-options.ts';
import type { Outcome } from './paxos/decide.ts';
import type { Bind, Cell } from './paxos/messages.ts';

/** The bucket that is used when none is given. */
export const DEFAULT_BUCKET = 'PaxosKV';

export interface Found<T = unknown> {
  readonly ok: true;
  readonly value: T;
}

export interface NotFound {
  readonly ok: false;
  readonly error: 'not_found';
}

/** Too few members are connected; the operation did not and will not take effect. */
export interface NoQuorum {
  readonly ok: false;
  readonly error: 'no_quorum';
}

export type PutResult = Found | NoQuorum | ({ readonly ok: false } & Invalid);
export type GetResult<T = unknown> = Found<T> | NotFound | NoQuorum | ({ readonly ok: false } & Invalid);
export type KeysResult = Found<readonly unknown[]> | NoQuorum;

export interface KeysOptions {
  readonly bucket?: string | Atom;
  /** Say `no_quorum` instead of an empty list. */
  readonly strict?: boolean;
}

const NO_QUORUM: NoQuorum = { ok: false, error: 'no_quorum' };
const NOT_FOUND: NotFound = { ok: false, error: 'not_found' };
const RETRY_MS = 50;
const NO_OPTIONS: CommonOptions = {};

async function putWith(key: string, value: unknown, options: PutOptions): Promise<PutResult> {
  const read = readPutOptions(options);
  if (!read.ok) return read;
  const { bucket, timeoutMs, bindsKey } = read.value;
  let { bind } = read.value;
  if (bindsKey) {
    const bound = await bindToKey(bind, options, bucket);
    if ('error' in bound) return bound;
    ({ bind } = bound);
  }
  return run(bucket, { kind: 'put', key, value, bind, timeoutMs }, options, putResult);
}

/**
 * Associates a key with a value unless it has one. Resolves to the value that the cluster chose, which is the first one.
 *
 * Rejects with `unknown` (time is up and it may take effect), `no_quorum` (with `noQuorum: 'fail'`), `aborted`, `timeout` (neither took effect),
 * `no_bucket` (this node does not run the bucket), `no_node` (no node runs in this thread).
 */
function put(key: unknown, value: unknown, options: PutOptions = NO_OPTIONS): Promise<PutResult> {
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
  return run(DEFAULT_BUCKET, request, options, putResult);
}

/** The value of a key; `default` when there is none. A get may finish an unfinished put. Rejects as `put` does. */
function get(key: unknown, options: GetOptions = NO_OPTIONS): Promise<GetResult> {
  return lookUp(key, options, ({ value }) => ({ ok: true, value: isPlain(value) ? value : copyTerm(value) }));
}

/** The pid that a key is bound to; `not_found` (or `default`) when the key is not there or not bound to one. */
function pid(key: unknown, options: GetOptions = NO_OPTIONS): Promise<GetResult> {
  return lookUp(key, options, ({ bind }) => (bind?.pid ? { ok: true, value: bind.pid } : null));
}

/** The name of the node that a key is bound to, as an atom; otherwise as `pid`. */
function node(key: unknown, options: GetOptions = NO_OPTIONS): Promise<GetResult> {
  return lookUp(key, options, ({ bind }) => (bind?.node ? { ok: true, value: nameAtom(bind.node) } : null));
}

/**
 * The keys of a bucket, asked of all its members that are connected. An empty list also when there is no quorum, unless `strict`: then the
 * result says so.
 */
function keys(options?: KeysOptions & { readonly strict?: false }): Promise<unknown[]>;
function keys(options: KeysOptions & { readonly strict: true }): Promise<KeysResult>;
async function keys(options: KeysOptions = {}): Promise<unknown[] | KeysResult> {
  const bucket = bucketName(options.bucket);
  const found = await collectKeys(bucket);
  if (options.strict === true) return found === null ? NO_QUORUM : { ok: true, value: found };
  return found ?? [];
}

/** System time in milliseconds, for `until: now() + 60_000`. */
function now(): number {
  return presentEnv().systemTime();
}

/** Resolves when the bucket answers: a quorum of its members said so just now. Rejects with `timeout`, saying what is awaited. */
async function waitForBucket(
  bucket: string | Atom = DEFAULT_BUCKET,
  options: { readonly timeoutMs?: number } = {},
): Promise<void> {
  const name = bucketName(bucket);
  const env = presentEnv();
  const deadline = env.now() + (options.timeoutMs ?? Infinity);
  for (;;) {
    const state = await readiness(name);
    if (state.isReady && (await isAnswered(name, state.partitions))) return;
    if (env.now() >= deadline) {
      const why = state.waits ?? 'a quorum of its members is not connected';
      throw new StoreError('timeout', 'not-applied', `bucket ${name} was not up in time: ${why}`);
    }
    await pause(env, RETRY_MS);
  }
}

async function isAnswered(bucket: string, partitions: number): Promise<boolean> {
  const probes = probeKeys(partitions).map((key): OperationRequest => ({ kind: 'get', key, timeoutMs: RETRY_MS * 10 }));
  const answers = probes.map((probe) => run(bucket, probe, NO_OPTIONS, (outcome) => outcome.kind === 'ok'));
  return (await Promise.all(answers.map((answer) => answer.catch(() => false)))).every((isOk) => isOk);
}

export { waitForBucket };

export const PaxosKV: {
  readonly put: typeof put;
  readonly get: typeof get;
  readonly pid: typeof pid;
  readonly node: typeof node;
  readonly keys: typeof keys;
  readonly now: typeof now;
  readonly waitForBucket: typeof waitForBucket;
} = { put, get, pid, node, keys, now, waitForBucket };

function lookUp(key: unknown, options: GetOptions, pick: (cell: Cell) => Found | null): Promise<GetResult> {
  const read = readGetOptions(options);
  if (!read.ok) return Promise.resolve(read);
  const encoded = encodeKey(key);
  if (!encoded.ok) return Promise.resolve(encoded);
  const { bucket, timeoutMs } = read.value;
  return run<GetResult>(bucket, { kind: 'get', key: encoded.value, timeoutMs }, options, (outcome) => {
    if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
    const found = outcome.cell?.live === true ? pick(outcome.cell) : null;
    if (found !== null) return found;
    return 'default' in options ? { ok: true, value: options.default } : NOT_FOUND;
  });
}

function putResult(outcome: Outcome, bucket: string, options: CommonOptions): PutResult {
  if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
  const { result } = outcome;
  return { ok: true, value: isPlain(result) ? result : copyTerm(result) };
}

/** The bind with the present incarnation of the other key; one that is over already when that key is not live. */
async function bindToKey(
  bind: Bind | null,
  options: PutOptions,
  bucket: string,
): Promise<{ readonly bind: Bind } | NoQuorum | Extract<PutResult, Invalid>> {
  const other = encodeKey(options.key);
  const rest: Bind = bind ?? { pid: null, node: null, key: null, until: null };
  if (!other.ok) return invalid(`options.${other.path}`, other.message);
  const timeoutMs = options.timeoutMs ?? TIMEOUT_MS_DEFAULT;
  const outcome = await run(bucket, { kind: 'get', key: other.value, timeoutMs }, options, (found) => found);
  if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
  if (outcome.cell?.live !== true) return { bind: { ...rest, until: 0 } };
  return { bind: { ...rest, key: { key: other.value, ver: outcome.cell.ver } } };
}

/** What an operation without a usable outcome means to the caller. */
function failure(outcome: Outcome, bucket: string, options: CommonOptions): NoQuorum {
  switch (outcome.kind) {
    case 'no_quorum':
      if (options.noQuorum === 'fail') {
        throw new StoreError(
          'no_quorum',
          'not-applied',
          `bucket ${bucket}: fewer than a quorum of its members are connected; nothing was done`,
        );
      }
      return NO_QUORUM;
    case 'applied':
      throw new StoreError(
        'applied',
        'applied',
        `bucket ${bucket}: the change took effect, its result was overwritten since`,
      );
    case 'ok':
    case 'unknown':
    case 'gave_up':
      throw new StoreError(
        'unknown',
        'unknown',
        `bucket ${bucket}: the operation may have taken effect or not, its answer did not come in time`,
      );
  }
}

/** What an outcome is to the caller; may throw. */
type Finish<T> = (outcome: Outcome, bucket: string, options: CommonOptions) => T;

/** Runs an operation. On the bucket's own thread, and with nothing special asked for, that is one call and one promise. */
function run<T>(bucket: string, request: OperationRequest, options: CommonOptions, finish: Finish<T>): Promise<T> {
  if (options.noQuorum === 'retry' || options.signal !== undefined)
    return runPatiently(bucket, request, options, finish);
  let at;
  try {
    at = scheduler();
  } catch (error) {
    return Promise.reject(error as Error);
  }
  const here = localOf(at.nodeName, bucket, request.key);
  const engine = here?.proposer;
  if (!here || !engine) return runElsewhere(at, bucket, request).then((outcome) => finish(outcome, bucket, options));
  return new Promise((resolve, reject) => {
    const settle = (outcome: Outcome): void => {
      try {
        resolve(finish(outcome, bucket, options));
      } catch (error) {
        reject(error as Error);
      }
    };
    engine.run(createOperationOf(request, here.env.now(), settle));
  });
}

/** Runs an operation that can be aborted, again and again while there is no quorum if the caller said so. */
async function runPatiently<T>(
  bucket: string,
  request: OperationRequest,
  options: CommonOptions,
  finish: Finish<T>,
): Promise<T> {
  const { signal } = options;
  const env = presentEnv();
  const deadline = env.now() + request.timeoutMs;
  for (;;) {
    if (isAborted(signal)) throw aborted('not-applied');
    const timeoutMs = deadline - env.now();
    const outcome = await runAbortable(bucket, { ...request, timeoutMs }, signal);
    if (outcome.kind !== 'no_quorum' || options.noQuorum !== 'retry') return finish(outcome, bucket, options);
    if (env.now() + RETRY_MS > deadline) {
      throw new StoreError('timeout', 'not-applied', `bucket ${bucket}: no quorum in time; nothing was done`);
    }
    await pause(env, RETRY_MS);
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

function runAbortable(bucket: string, request: OperationRequest, signal: AbortSignal | undefined): Promise<Outcome> {
  const at = scheduler();
  const here = localOf(at.nodeName, bucket, request.key);
  const engine = here?.proposer;
  if (!here || !engine) return orAborted(runElsewhere(at, bucket, request), request, signal);
  return new Promise((resolve, reject) => {
    const operation = createOperationOf(request, here.env.now(), (outcome) => {
      signal?.removeEventListener('abort', onAbort);
      resolve(outcome);
    });
    const onAbort = (): void => {
      const outcome = operation.isExposed ? 'unknown' : 'not-applied';
      reject(aborted(outcome));
      engine.cancel(operation);
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    engine.run(operation);
  });
}

/** An operation on another thread goes on when its caller gives up; what it does is not known then. */
function orAborted(
  outcome: Promise<Outcome>,
  request: OperationRequest,
  signal: AbortSignal | undefined,
): Promise<Outcome> {
  if (signal === undefined) return outcome;
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(request.kind === 'get' ? 'not-applied' : 'unknown'));
    signal.addEventListener('abort', onAbort, { once: true });
    void outcome.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function bucketName(bucket: string | Atom | undefined): string {
  if (bucket === undefined) return DEFAULT_BUCKET;
  return isAtom(bucket) ? bucket.name : bucket;
}

function isPlain(value: unknown): boolean {
  return typeof value !== 'object' || value === null;
}

function aborted(outcome: 'unknown' | 'not-applied'): StoreError {
  return new StoreError(
    'aborted',
    outcome,
    `the operation was aborted; ${outcome === 'unknown' ? 'it may have taken effect' : 'nothing was done'}`,
  );
}

function pause(env: Env, ms: number): Promise<void> {
  return new Promise((resolve) => env.setTimer(ms, resolve));
}
