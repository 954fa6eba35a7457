/**
 * CASPaxos: registers that change. A change is a function of the present value, atomic per key: between the value it saw and the value it wrote
 * nobody else wrote.
 *
 * - On the thread that runs the bucket the function runs inside the proposer's step: the next change of the same key by the same proposer is one
 *   round trip, other changes two.
 * - A function does not travel. On another thread it runs there, on the cell that the thread saw last or reads, and the proposer gets data: this
 *   value, if the newest change of the cell is still that one. If not, it answers with the present cell, and the function runs again.
 * - A key that was put is changed too, and is write-once no longer for those who get it: do not share keys. Its incarnation goes on: version (the
 *   fencing token) and lifetimes stay. A key that a change created has no lifetime.
 * - null stands for "nothing is there": a change that leaves it null creates nothing. Over a value null is stored as any other value, since keys go
 *   away only with their lifetimes. undefined is refused (`invalid_value`), unless it was there.
 */
import type { Scheduler } from '../runtime/process/scheduler.ts';
import { applyChange, changeOf, copyOf, type Applied, type ChangeFunction } from './apply-change.ts';
import type { OperationRequest } from './bucket/requests.ts';
import { StoreError } from './errors.ts';
import { encodeKey, invalid } from './key.ts';
import { readChangeOptions, type CommonOptions, type ReadOptions } from './kv-options.ts';
import { newestChange } from './paxos/change.ts';
import type { Outcome } from './paxos/decide.ts';
import type { Cell, Key } from './paxos/messages.ts';
import { failure, type ChangeResult, type NoQuorum } from './results.ts';
import { pause, presentScheduler, runHere, runRequest } from './run-request.ts';
import { ThreadCache } from './thread-cache.ts';

export type QueryFunction<T, R> = (value: T | null) => R;

const NO_OPTIONS: CommonOptions = {};
/** Swaps that failed before others get the way free for a moment. */
const EAGER_SWAPS = 3;
const PAUSE_MS_MAX = 20;

/** The cells that this thread changed last: the next change of such a key saves a read. A cell holds a value of up to 1 MiB. */
const cells: ThreadCache<Cell> = new ThreadCache(200);

/**
 * Changes the value of a key to `change(value)` and resolves to `query(newValue)`. Reading is the change `x => x`.
 *
 * `change` gets null when there is no value. It must be pure and synchronous; it may run more than once, and only what it gave the last time
 * counts. What it throws rejects, and nothing is written. `query` runs once, when the change is done.
 *
 * Rejects as `PaxosKV.put` does, and with `query_failed` (outcome `applied`) when `query` threw.
 */
async function changeQuery<T = unknown, R = T | null>(
  key: unknown,
  change: ChangeFunction<T>,
  query: QueryFunction<T, R>,
  options: CommonOptions = NO_OPTIONS,
): Promise<ChangeResult<R>> {
  const read = readChangeOptions(options);
  if (!read.ok) return read;
  if (typeof change !== 'function') return invalid('change', 'change must be a function of the present value');
  if (typeof query !== 'function') return invalid('query', 'query must be a function of the new value');
  const encoded = encodeKey(key);
  if (!encoded.ok) return encoded;
  const applied = await runChange(encoded.value, change as ChangeFunction, read.value, options);
  if ('ok' in applied) return applied;
  switch (applied.kind) {
    case 'failed':
      throw applied.error;
    case 'refused':
      return applied.refused;
    case 'keep':
    case 'write':
      return { ok: true, value: answer(query, copyOf(applied.value) as T | null) };
  }
}

export const CASPaxos: { readonly changeQuery: typeof changeQuery } = { changeQuery };

function answer<T, R>(query: QueryFunction<T, R>, value: T | null): R {
  try {
    return query(value);
  } catch (cause) {
    throw new StoreError('query_failed', 'applied', 'the change is done, but its query threw', { cause });
  }
}

async function runChange(
  key: Key,
  change: ChangeFunction,
  { bucket, timeoutMs }: ReadOptions,
  options: CommonOptions,
): Promise<Applied | NoQuorum> {
  const at = presentScheduler();
  const deadline = at.env.now() + timeoutMs;
  const request = { kind: 'change', key, change: changeOf(change), timeoutMs } as const;
  const done = await runHere(bucket, request, options, (outcome) =>
    isDone(outcome) ? (outcome.result as Applied) : failure(outcome, bucket, options),
  );
  return done ?? changeBySwaps(at, bucket, key, change, options, deadline);
}

/** An applied change has its result, although others have changed the key since. */
export function isDone(outcome: Outcome): outcome is Outcome & { readonly kind: 'ok' | 'applied' } {
  return outcome.kind === 'ok' || outcome.kind === 'applied';
}

/** On a thread without the key's proposer. */
async function changeBySwaps(
  at: Scheduler,
  bucket: string,
  key: Key,
  change: ChangeFunction,
  options: CommonOptions,
  deadline: number,
): Promise<Applied | NoQuorum> {
  const run = (request: OperationRequest): Promise<Outcome> =>
    runRequest(bucket, request, options, (outcome) => outcome);
  const leftMs = (): number => timeLeft(at, bucket, deadline);
  let cell: Cell | null | undefined = cells.get(at, bucket, key);
  cells.delete(at, bucket, key); // whoever changes the key meanwhile knows it better
  let isPresent = false;
  for (let swaps = 0; ; swaps++) {
    if (cell === undefined) {
      const outcome = await run({ kind: 'get', key, timeoutMs: leftMs() });
      if (outcome.kind !== 'ok') return failure(outcome, bucket, options);
      cell = outcome.cell;
      isPresent = true;
    }
    const applied = applyChange(change, cell);
    if (applied.kind !== 'write') {
      if (isPresent) return applied;
      cell = undefined; // what this thread saw last may be old: only what is there now may be answered
      continue;
    }
    if (swaps > EAGER_SWAPS) await pause(at.env, at.env.random() * Math.min(PAUSE_MS_MAX, 2 ** swaps), options.signal);
    const expected = cell?.live === true ? newestChange(cell) : 'absent';
    const outcome = await run({ kind: 'swap', key, value: applied.value, expected, timeoutMs: leftMs() });
    if (!isDone(outcome)) return failure(outcome, bucket, options);
    if (outcome.kind === 'applied') return applied;
    if (outcome.result === true) {
      if (outcome.cell !== null) cells.set(at, bucket, key, outcome.cell);
      return applied;
    }
    cell = outcome.cell;
    isPresent = true;
  }
}

function timeLeft(at: Scheduler, bucket: string, deadline: number): number {
  const leftMs = deadline - at.env.now();
  if (leftMs > 0) return leftMs;
  const message = `bucket ${bucket}: others changed the key again and again until the time was up; nothing was written`;
  throw new StoreError('timeout', 'not-applied', message);
}
