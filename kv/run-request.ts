/**
 * The one way from the functions of the store to the proposer of a key: by a plain call where the bucket runs on this thread, else by
 * messages. What is here beside the way: one deadline for the whole operation, aborting, trying again without a quorum, and waiting for a
 * proposer that is being restarted. A bucket that does not run on this node rejects with `no_bucket`.
 */
import { setMaxListeners } from 'node:events';
import type { Env } from '../runtime/env.ts';
import { QuorateError } from '../runtime/errors.ts';
import { scheduler } from '../runtime/node/default.ts';
import type { Scheduler } from '../runtime/process/scheduler.ts';
import { isBucketHere, runElsewhere, type Cancel } from './bucket/client.ts';
import { localOf } from './bucket/local.ts';
import type { ProposerEngine } from './bucket/proposer-engine.ts';
import { createOperationOf, type LocalRequest, type OperationRequest, type Settled } from './bucket/requests.ts';
import { aborted, noBucket, StoreError } from './errors.ts';
import type { CommonOptions } from './kv-options.ts';
import type { Outcome } from './paxos/decide.ts';
import type { Key } from './paxos/messages.ts';

export const RETRY_MS = 50;
/** How often a restarting proposer is looked for. */
const RESTART_MS = 5;
/** How long an aborted operation waits to hear from another thread whether it took effect. */
const ABORT_MS = 100;

/** What an outcome is to the caller; may throw. */
export type Finish<T> = (outcome: Outcome, bucket: string, options: CommonOptions) => T;

/** Runs an operation. On the bucket's own thread, and with nothing special asked for, that is one call and one promise. */
export function runRequest<T>(
  bucket: string,
  request: OperationRequest,
  options: CommonOptions,
  finish: Finish<T>,
): Promise<T> {
  let at: Scheduler;
  try {
    at = presentScheduler();
  } catch (error) {
    return Promise.reject(error as Error);
  }
  if (options.noQuorum === 'retry' || options.signal !== undefined)
    return runPatiently(at, bucket, request, options, finish);
  return new Promise((resolve, reject) => {
    const { env } = at;
    const nowMs = env.now();
    const settle = (settled: Settled): void => {
      if (settled.kind === 'ended') {
        const timeoutMs = nowMs + request.timeoutMs - env.now();
        resolve(runPatiently(at, bucket, { ...request, timeoutMs }, options, finish));
        return;
      }
      try {
        resolve(finish(settled, bucket, options));
      } catch (error) {
        reject(error as Error);
      }
    };
    const engine = engineHere(at, bucket, request.key);
    if (engine !== null) engine.run(createOperationOf(request, nowMs, settle));
    else runElsewhere(at, bucket, request, false, settle);
  });
}

/** Runs what only the bucket's own thread can run; null where the proposer is not on this thread now: then nothing was done. */
export async function runHere<T>(
  bucket: string,
  request: LocalRequest,
  options: CommonOptions,
  finish: Finish<T>,
): Promise<T | null> {
  const at = presentScheduler();
  const { env } = at;
  const deadline = env.now() + request.timeoutMs;
  for (;;) {
    if (options.signal?.aborted === true) throw aborted('not-applied');
    const engine = engineHere(at, bucket, request.key);
    if (engine === null) return null;
    const settled = await runOn(engine, env, { ...request, timeoutMs: deadline - env.now() }, options.signal);
    if (settled.kind === 'ended') return null;
    if (settled.kind !== 'no_quorum' || options.noQuorum !== 'retry') return finish(settled, bucket, options);
    await pauseBefore(deadline, RETRY_MS, env, options.signal, () => noQuorumInTime(bucket));
  }
}

/** The scheduler of the caller. @throws `no_node` */
export function presentScheduler(): Scheduler {
  try {
    return scheduler();
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    throw new StoreError(error.code, 'not-applied', error.message);
  }
}

/** Resolves after so many milliseconds, or as soon as the signal is aborted. */
export function pause(env: Env, ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      timer.cancel();
      unlisten();
      resolve();
    };
    const timer = env.setTimer(ms, end);
    const unlisten = onAbort(signal, end);
  });
}

const NOTHING = (): void => undefined;
const manyListeners: WeakSet<AbortSignal> = new WeakSet();

/** Returns how to stop listening. One signal for many operations at once is no leak. */
export function onAbort(signal: AbortSignal | undefined, fn: () => void): () => void {
  if (signal === undefined) return NOTHING;
  if (!manyListeners.has(signal)) {
    setMaxListeners(0, signal);
    manyListeners.add(signal);
  }
  signal.addEventListener('abort', fn, { once: true });
  return () => signal.removeEventListener('abort', fn);
}

function engineHere(at: Scheduler, bucket: string, key: Key): ProposerEngine | null {
  return localOf(at.nodeName, bucket, key)?.proposer ?? null;
}

/** Runs an operation with all that callers may ask for: again and again while there is no quorum, or no proposer for a moment. */
async function runPatiently<T>(
  at: Scheduler,
  bucket: string,
  request: OperationRequest,
  options: CommonOptions,
  finish: Finish<T>,
): Promise<T> {
  const { signal } = options;
  const { env } = at;
  const deadline = env.now() + request.timeoutMs;
  for (;;) {
    if (signal?.aborted === true) throw aborted('not-applied');
    const settled = await runOnce(at, bucket, { ...request, timeoutMs: deadline - env.now() }, signal);
    if (settled.kind === 'ended') {
      if (!isBucketHere(at, bucket)) throw noBucket(bucket);
      await pauseBefore(deadline, RESTART_MS, env, signal, () => restarting(bucket));
    } else if (settled.kind === 'no_quorum' && options.noQuorum === 'retry') {
      await pauseBefore(deadline, RETRY_MS, env, signal, () => noQuorumInTime(bucket));
    } else return finish(settled, bucket, options);
  }
}

async function pauseBefore(
  deadline: number,
  ms: number,
  env: Env,
  signal: AbortSignal | undefined,
  tooLate: () => StoreError,
): Promise<void> {
  if (env.now() + ms > deadline) throw tooLate();
  await pause(env, ms, signal);
}

function runOnce(
  at: Scheduler,
  bucket: string,
  request: OperationRequest,
  signal: AbortSignal | undefined,
): Promise<Settled> {
  const engine = engineHere(at, bucket, request.key);
  if (engine !== null) return runOn(engine, at.env, request, signal);
  return new Promise((resolve, reject) => {
    let cancel: Cancel | null = null;
    const unlisten = onAbort(signal, () => {
      cancel?.();
      at.env.setTimer(ABORT_MS, () => reject(aborted(request.kind === 'get' ? 'not-applied' : 'unknown')), true);
    });
    const settle = (settled: Settled): void => {
      unlisten();
      if (signal?.aborted !== true) return resolve(settled);
      if (settled.kind === 'no_quorum' || settled.kind === 'ended') reject(aborted('not-applied'));
      else if (settled.kind === 'unknown') reject(aborted('unknown'));
      else resolve(settled);
    };
    cancel = runElsewhere(at, bucket, request, signal !== undefined, settle);
  });
}

function runOn(
  engine: ProposerEngine,
  env: Env,
  request: LocalRequest,
  signal: AbortSignal | undefined,
): Promise<Settled> {
  return new Promise((resolve, reject) => {
    const operation = createOperationOf(request, env.now(), (settled) => {
      unlisten();
      resolve(settled);
    });
    const unlisten = onAbort(signal, () => {
      reject(aborted(operation.isExposed ? 'unknown' : 'not-applied'));
      engine.cancel(operation);
    });
    engine.run(operation);
  });
}

function restarting(bucket: string): StoreError {
  const message = `bucket ${bucket}: its proposer on this node ended and was not back in time; nothing was done`;
  return new StoreError('timeout', 'not-applied', message);
}

function noQuorumInTime(bucket: string): StoreError {
  return new StoreError('timeout', 'not-applied', `bucket ${bucket}: no quorum in time; nothing was done`);
}
