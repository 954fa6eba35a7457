/** What runs in a thread for offloaded work: one call at a time. */
import { decodeTerm, encodeTerm } from '../codec/terms.ts';
import { QuorateError, toPlainError } from '../errors.ts';
import { loadFunction } from '../process/load-function.ts';
import type { OffloadAnswer } from '../thread/offload-answer.ts';
import { createModuleLoader } from './load-module.ts';

export interface OffloadTask {
  readonly module: string;
  readonly exported: string;
  readonly args: Uint8Array;
  readonly resolveFrom: string;
}

export async function runOffloaded(task: OffloadTask): Promise<OffloadAnswer> {
  let fn: (...args: never[]) => unknown;
  try {
    fn = await loadFunction(undefined, createModuleLoader(task.resolveFrom), task.module, task.exported, 'offload');
  } catch (error) {
    return { failed: toPlainError(error) };
  }
  let result: unknown;
  try {
    result = await fn(...(decodeTerm(task.args) as never[]));
  } catch (thrown) {
    return thrown instanceof QuorateError ? { failed: toPlainError(thrown) } : encoded('thrown', thrown);
  }
  return encoded('result', result);
}

function encoded(kind: 'result' | 'thrown', value: unknown): OffloadAnswer {
  try {
    const bytes = encodeTerm(value);
    return kind === 'result' ? { result: bytes } : { thrown: bytes };
  } catch (error) {
    return { failed: toPlainError(error) };
  }
}
