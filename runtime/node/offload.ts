/**
 * Offloaded calls: CPU-bound work on a thread where it holds up no process. The function is no process and gets only its arguments.
 */
import { encodeTerm } from '../codec/terms.ts';
import { BadArgumentError } from '../errors.ts';
import type { Scheduler } from '../process/scheduler.ts';

export interface OffloadOptions {
  /** Ends the work, also when it is in an endless loop; the call rejects with `aborted`. */
  readonly signal?: AbortSignal;
}

/** @param ended fires when the process that called has ended: nobody waits for the work any more */
export async function offloadFrom(
  scheduler: Scheduler,
  ended: AbortSignal | undefined,
  module: string,
  exported: string,
  args: readonly unknown[],
  options: OffloadOptions,
): Promise<unknown> {
  if (typeof module !== 'string' || typeof exported !== 'string' || !Array.isArray(args)) {
    throw new BadArgumentError('offload: takes a module, the name of an exported function, and an array of arguments');
  }
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal)) {
    throw new BadArgumentError('offload: signal must be an AbortSignal');
  }
  const work = { module, exported, args: encodeTerm(args) };
  const signals = [signal, ended].filter((given) => given !== undefined);
  return scheduler.outside.offload(work, signals.length === 1 ? (signals[0] as AbortSignal) : AbortSignal.any(signals));
}
