/** What can be asked for: write-once keys, compare-and-set registers, and how the node is. */
import { setTimeout as delay } from 'node:timers/promises';
import { Cas, Cluster, PaxosKV, StoreError, VersionConflictError, type ChangeResult, type Versioned } from 'quorate';
import { HttpError, noQuorum, ok, type Answer } from './answer.ts';

const NO_QUORUM_PATIENCE_MS = 1_000;
const RETRY_MS = 50;

/** One thing behind a URL. A method that is missing is not allowed. */
export interface Resource {
  get(): Promise<Answer>;
  put?(body: unknown): Promise<Answer>;
}

export interface ResourceOptions {
  readonly timeoutMs: number;
}

/** The resource of a path, or null. Throws HttpError 400 for a key that cannot be. */
export function findResource(path: string, options: ResourceOptions): Resource | null {
  if (path === '/healthz') return { get: health };
  const [, kind, rest] = /^\/(kv|cas)\/(.*)$/s.exec(path) ?? [];
  if (kind === undefined || rest === undefined) return null;
  const key = decodeKey(rest);
  return kind === 'kv' ? writeOnce(key, options) : compareAndSet(key, options);
}

/** The first value that is put stays, and whoever puts another one gets that first one. */
function writeOnce(key: string, { timeoutMs }: ResourceOptions): Resource {
  return {
    async put(value) {
      return ok({ value: accepted(await patiently(() => PaxosKV.put(key, value, { timeoutMs }))) });
    },
    async get() {
      const found = await patiently(() => PaxosKV.get(key, { timeoutMs }));
      if (!found.ok && found.error === 'not_found')
        throw new HttpError(404, 'not_found', `there is no value under '${key}'`);
      return ok({ value: accepted(found) });
    },
  };
}

/** A write names the version that it was made from; when that is not the present one it changes nothing. */
function compareAndSet(name: string, { timeoutMs }: ResourceOptions): Resource {
  // Keys are any term: this one cannot meet a key of /kv, which is a string.
  const key = ['cas', name];
  return {
    async put(body) {
      const { ver, value } = readPair(body);
      try {
        return ok(pairOf(accepted(await patiently(() => Cas.write(key, ver, value, { timeoutMs })))));
      } catch (error) {
        if (error instanceof VersionConflictError) return { status: 409, body: pairOf(error.current) };
        // It was written, and overwritten before the answer came.
        if (error instanceof StoreError && error.outcome === 'applied') return ok({ ver: ver + 1, value });
        throw error;
      }
    },
    async get() {
      return ok(pairOf(accepted(await patiently(() => Cas.read(key, { timeoutMs })))));
    },
  };
}

function pairOf({ ver, val }: Versioned): { readonly ver: number; readonly value: unknown } {
  return { ver, value: val };
}

function readPair(body: unknown): { readonly ver: number; readonly value: unknown } {
  const wrong = (what: string): HttpError =>
    new HttpError(
      400,
      'bad_body',
      `${what}: send {"ver":VERSION,"value":ANY}, with the version that was read, 0 for a new register`,
    );
  if (typeof body !== 'object' || body === null || Array.isArray(body)) throw wrong('the body is not an object');
  const { ver, value, ...more } = body as Readonly<Record<string, unknown>>;
  if (typeof ver !== 'number' || !Number.isSafeInteger(ver) || ver < 0)
    throw wrong('"ver" is not a whole number from 0');
  if (value === undefined) throw wrong('"value" is missing');
  const [other] = Object.keys(more);
  if (other !== undefined) throw wrong(`there is "${other}" beside "ver" and "value"`);
  return { ver, value };
}

/** `quorum` is whether an operation on this node would be answered now: a quorum is connected, and the bucket says that it is up. */
async function health(): Promise<Answer> {
  const [status, isUp] = await Promise.all([
    Cluster.status(),
    PaxosKV.waitForBucket(undefined, { timeoutMs: 0 }).then(
      () => true,
      () => false,
    ),
  ]);
  const { node, connected, clusterSize, members, waits } = status;
  return ok({ quorum: status.hasQuorum && isUp, node, connected, clusterSize, members, waits, pid: process.pid });
}

/**
 * Tries again for a moment while there is no quorum: when a node has just gone, the others need that long to go on without it. Safe for
 * writes too, for what is answered with no_quorum was not done.
 */
async function patiently<R extends { readonly ok: boolean }>(operate: () => Promise<R>): Promise<R> {
  const deadline = performance.now() + NO_QUORUM_PATIENCE_MS;
  for (;;) {
    const result = await operate();
    const isWithout = 'error' in result && result.error === 'no_quorum';
    if (!isWithout || performance.now() > deadline) return result;
    await delay(RETRY_MS);
  }
}

function accepted<T>(result: ChangeResult<T>): T {
  if (result.ok) return result.value;
  if (result.error === 'no_quorum') throw noQuorum();
  // Nothing else can be wrong with the whole of a JSON value.
  const isTooLarge = result.path === 'value' || result.path === 'val';
  throw new HttpError(isTooLarge ? 413 : 400, isTooLarge ? 'too_large' : result.error, result.message);
}

function decodeKey(text: string): string {
  if (text === '') throw new HttpError(400, 'bad_key', 'the key is missing: it comes behind the last slash');
  if (text.includes('/')) throw new HttpError(400, 'bad_key', 'a slash in a key is written %2F');
  try {
    return decodeURIComponent(text);
  } catch {
    throw new HttpError(400, 'bad_key', 'the key is not percent-encoded UTF-8');
  }
}
