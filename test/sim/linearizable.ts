/**
 * Can the operations of a key be put in a line, as those of a sequential register? The search is that of `kit/linearize.ts`; this is the register.
 *
 * The register holds a list of operation ids, the creator first. Operations without an answer may be put
 * anywhere after their call, or nowhere. What answered `no_quorum` is not in the history at all, so a list
 * that contains its id cannot be explained.
 */
import { findUnexplained } from '../kit/linearize.ts';

/** The ids of the operations that made the value, or null when there is none. */
export type Value = readonly number[] | null;

export interface HistoryOperation {
  readonly id: number;
  /** `cas` appends if the list is the expected one; `lost`: all members lost their state. */
  readonly kind: 'put' | 'change' | 'extend' | 'cas' | 'read' | 'erase' | 'lost';
  /** For an erase: the id of the creator of the incarnation. */
  readonly target: number;
  /** For a cas. */
  readonly expected?: Value;
  readonly calledAt: number;
  /** Infinity: no answer. */
  answeredAt: number;
  /** `undefined`: the answer does not tell (it took effect, with an unknown result). */
  result: Value | undefined;
}

interface Step {
  readonly state: Value;
  readonly result: Value;
}

function apply(operation: HistoryOperation, state: Value): Step {
  switch (operation.kind) {
    case 'put':
      return state === null ? { state: [operation.id], result: [operation.id] } : { state, result: state };
    case 'change':
    case 'extend': {
      if (operation.kind === 'extend' && state === null) return { state, result: null };
      const next = [...(state ?? []), operation.id];
      return { state: next, result: next };
    }
    case 'cas': {
      if (!sameValue(state, operation.expected ?? null)) return { state, result: state };
      const next = [...(state ?? []), operation.id];
      return { state: next, result: next };
    }
    case 'read':
      return { state, result: state };
    case 'lost':
      return { state: null, result: null };
    case 'erase':
      return { state: state !== null && state[0] === operation.target ? null : state, result: null };
  }
}

export function isLinearizable(history: readonly HistoryOperation[]): boolean {
  const seen = shown(history);
  const unexplained = findUnexplained<Value, HistoryOperation>(relevant(history, seen), {
    initial: null,
    apply: (operation, state) => explain(operation, state, seen),
    keyOf: (state) => (state === null ? '-' : state.join()),
    tellsEffect: ({ kind }) => kind !== 'erase' && kind !== 'lost',
  });
  return unexplained === null;
}

function isAnswered(operation: HistoryOperation): boolean {
  return operation.answeredAt !== Infinity;
}

/** The ids that some answer shows. */
function shown(history: readonly HistoryOperation[]): ReadonlySet<number> {
  return new Set(history.flatMap((o) => (isAnswered(o) ? (o.result ?? []) : [])));
}

/**
 * Without those that got no answer and left no trace: what can be explained with them can be without. Not so
 * when an answer tells only that a change took effect: it may have been on top of anything.
 */
function relevant(history: readonly HistoryOperation[], seen: ReadonlySet<number>): HistoryOperation[] {
  const isVague = history.some((o) => isAnswered(o) && o.result === undefined);
  return history.filter((o) => {
    if (isAnswered(o)) return true;
    return isVague ? o.kind !== 'read' : seen.has(o.kind === 'erase' ? o.target : o.id);
  });
}

/**
 * The state after the operation, or undefined when its answer does not fit. One whose answer does not tell, or
 * that has none, is there only to change something; one that nobody saw, only to be the first.
 */
function explain(operation: HistoryOperation, state: Value, seen: ReadonlySet<number>): Value | undefined {
  const step = apply(operation, state);
  if (isAnswered(operation) && operation.result !== undefined) {
    return sameValue(step.result, operation.result) ? step.state : undefined;
  }
  if (step.state === state) return undefined;
  const isUnseen = !isAnswered(operation) && operation.kind !== 'erase' && !seen.has(operation.id);
  return isUnseen && state !== null ? undefined : step.state;
}

function sameValue(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
