/** What became of an offloaded call, as it travels: the encoded result, the encoded thing that was thrown, or why it could not be carried out. */
import { decodeTerm } from '../codec/terms.ts';
import { fromPlainError, toPlainError, type PlainError } from '../errors.ts';

export type OffloadAnswer =
  { readonly result: Uint8Array } | { readonly thrown: Uint8Array } | { readonly failed: PlainError };

/** @throws what the function threw, or an error of ours */
export function readOffloadAnswer(answer: OffloadAnswer): unknown {
  if ('result' in answer) return decodeTerm(answer.result);
  throw 'thrown' in answer ? decodeTerm(answer.thrown) : fromPlainError(answer.failed);
}

/** A promise as an answer that can travel. */
export function failedAnswer(error: unknown): OffloadAnswer {
  return { failed: toPlainError(error) };
}
