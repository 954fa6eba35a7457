/** Waiting until a bucket of this node works. */
import type { Atom } from '../runtime/term/atom.ts';
import type { OperationRequest } from './bucket/requests.ts';
import { probeKeys, readiness } from './bucket/routes.ts';
import { aborted, StoreError } from './errors.ts';
import { DEFAULT_BUCKET, readWaitOptions, type WaitOptions } from './kv-options.ts';
import { pause, presentScheduler, RETRY_MS, runRequest } from './run-request.ts';

const PROBE_MS = 500;

/**
 * Resolves when the bucket answers: a quorum of its members said so just now. Rejects with `timeout`, saying what is awaited,
 * `aborted`, `no_node`, and `invalid_value`. Without `timeoutMs` it waits for ever.
 */
export async function waitForBucket(bucket: string | Atom = DEFAULT_BUCKET, options: WaitOptions = {}): Promise<void> {
  const read = readWaitOptions(bucket, options);
  if (!read.ok) throw new StoreError('invalid_value', 'not-applied', `waitForBucket: ${read.path}: ${read.message}`);
  const { bucket: name, timeoutMs } = read.value;
  const { signal } = options;
  let at = presentScheduler();
  const { env } = at;
  const deadline = env.now() + timeoutMs;
  for (;;) {
    if (signal?.aborted === true) throw aborted('not-applied');
    const state = await readiness(at, name);
    if (state.isReady && (await isAnswered(name, state.partitions, Math.min(PROBE_MS, deadline - env.now()), signal)))
      return;
    if (env.now() >= deadline) {
      const why = state.waits ?? 'a quorum of its members is not connected';
      throw new StoreError('timeout', 'not-applied', `bucket ${name} was not up in time: ${why}`);
    }
    await pause(env, RETRY_MS, signal);
    at = presentScheduler(); // a node that was stopped meanwhile has nothing to wait for
  }
}

async function isAnswered(
  bucket: string,
  partitions: number,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const options = signal === undefined ? {} : { signal };
  const probes = probeKeys(partitions).map((key): OperationRequest => ({ kind: 'get', key, timeoutMs }));
  const answers = probes.map((probe) => runRequest(bucket, probe, options, (outcome) => outcome.kind === 'ok'));
  return (await Promise.all(answers.map((answer) => answer.catch(() => false)))).every((isOk) => isOk);
}
