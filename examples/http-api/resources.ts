/** What can be asked for: write-once keys, compare-and-set registers, and how the node is. */
import { Cluster, PaxosKV, type PutResult } from 'quorate';
import { HttpError, noQuorum, ok, type Answer } from './answer.ts';

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
  return kind === 'kv' ? writeOnce(key, options) : null;
}

/** The first value that is put stays, and whoever puts another one gets that first one. */
function writeOnce(key: string, { timeoutMs }: ResourceOptions): Resource {
  return {
    async put(value) {
      return ok({ value: accepted(await PaxosKV.put(key, value, { timeoutMs })) });
    },
    async get() {
      const found = await PaxosKV.get(key, { timeoutMs });
      if (!found.ok && found.error === 'not_found')
        throw new HttpError(404, 'not_found', `there is no value under '${key}'`);
      return ok({ value: accepted(found as PutResult) });
    },
  };
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

function accepted(result: PutResult): unknown {
  if (result.ok) return result.value;
  if (result.error === 'no_quorum') throw noQuorum();
  // Nothing else can be wrong with the whole of a JSON value.
  const isTooLarge = result.path === 'value';
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
