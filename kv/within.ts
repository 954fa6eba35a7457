/** A bound for work that has no deadline of its own. */
import type { Env } from '../runtime/env.ts';
import { aborted } from './errors.ts';
import { onAbort, pause } from './run-request.ts';

/** Null when it takes longer than that. @throws `aborted` */
export async function within<T>(
  work: Promise<T>,
  env: Env,
  timeoutMs: number,
  signal?: AbortSignal,
): Promise<T | null> {
  if (signal?.aborted === true) throw aborted('not-applied');
  const limit = new AbortController();
  const unlisten = onAbort(signal, () => limit.abort());
  const isLate = pause(env, timeoutMs, limit.signal).then(() => null);
  try {
    const result = await Promise.race([work, isLate]);
    if (isAborted(signal)) throw aborted('not-applied');
    return result;
  } finally {
    unlisten();
    limit.abort();
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}
