/** Waiting until a bucket of this node works. */
import { presentEnv } from '../runtime/node/default.ts';
import { isAtom, nameAtom, type Atom } from '../runtime/term/atom.ts';
import { CallError } from '../supervisors/index.ts';
import { ProposerServer, type Readiness } from './bucket/proposer-server.ts';
import type { OperationRequest } from './bucket/requests.ts';
import { proposerName } from './bucket/view.ts';
import { aborted, StoreError } from './errors.ts';
import { DEFAULT_BUCKET } from './kv-options.ts';
import { pause, RETRY_MS, runRequest } from './run-request.ts';

/** No term has this encoding, so nobody puts it. */
const PROBE_KEY = '';

/** Resolves when the bucket answers: a quorum of its members said so just now. Rejects with `timeout`, saying what is awaited, and `aborted`. */
export async function waitForBucket(
  bucket: string | Atom = DEFAULT_BUCKET,
  options: { readonly timeoutMs?: number; readonly signal?: AbortSignal } = {},
): Promise<void> {
  const name = isAtom(bucket) ? bucket.name : bucket;
  const { signal } = options;
  const env = presentEnv();
  const deadline = env.now() + (options.timeoutMs ?? Infinity);
  const probe: OperationRequest = { kind: 'get', key: PROBE_KEY, timeoutMs: RETRY_MS * 10 };
  for (;;) {
    if (signal?.aborted === true) throw aborted('not-applied');
    const state = await readiness(name);
    if (state.isReady && (await isAnswered(name, probe))) return;
    if (env.now() >= deadline) {
      const why = state.waits ?? 'a quorum of its members is not connected';
      throw new StoreError('timeout', 'not-applied', `bucket ${name} was not up in time: ${why}`);
    }
    await pause(env, RETRY_MS, signal);
  }
}

function isAnswered(bucket: string, probe: OperationRequest): Promise<boolean> {
  return runRequest(bucket, probe, {}, (outcome) => outcome.kind === 'ok').catch(() => false);
}

async function readiness(bucket: string): Promise<Readiness> {
  try {
    return await ProposerServer.call(nameAtom(proposerName(bucket)), { kind: 'ready' });
  } catch (error) {
    if (error instanceof CallError) return { isReady: false, waits: `this node does not run bucket ${bucket}` };
    throw error;
  }
}
