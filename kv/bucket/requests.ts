/** Operations as data, for callers on other threads; outcomes as they travel back. */
import type { Outcome } from '../paxos/decide.ts';
import { createPut, createRead, type Operation } from '../paxos/operation.ts';
import type { Bind } from '../paxos/messages.ts';
import { cellTerm, readCell } from './wire.ts';

export type OperationRequest =
  | { readonly kind: 'put'; readonly key: string; readonly value: unknown; readonly bind: Bind | null; readonly timeoutMs: number }
  | { readonly kind: 'get'; readonly key: string; readonly timeoutMs: number };

/** Gets the outcome of an operation, once. */
export type Settle = (outcome: Outcome) => void;

export function createOperationOf(request: OperationRequest, nowMs: number, settle: Settle): Operation {
  const settings = { deadlineMs: nowMs + request.timeoutMs, tag: settle };
  return request.kind === 'put'
    ? createPut(request.key, request.value, request.bind, settings)
    : createRead(request.key, settings);
}

/** `[kind, result, cell]` */
export function outcomeTerm(outcome: Outcome): readonly unknown[] {
  return outcome.kind === 'ok' ? [outcome.kind, outcome.result, cellTerm(outcome.cell)] : [outcome.kind];
}

export function readOutcome(term: readonly unknown[]): Outcome {
  const kind = term[0] as Outcome['kind'];
  if (kind !== 'ok') return { kind };
  return { kind, result: term[1], cell: term[2] === null ? null : readCell(term[2]) };
}
