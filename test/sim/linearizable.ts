/**
 * Is there an order of a key's operations, each at one instant between its call and its answer, in which a
 * sequential register gives exactly these answers? (Wing and Gong's search, with Lowe's memory of states seen.)
 *
 * The register holds a list of operation ids, the creator first. Operations without an answer may be put
 * anywhere after their call, or nowhere. What answered `no_quorum` is not in the history at all, so a list
 * that contains its id cannot be explained.
 */

/** The ids of the operations that made the value, or null when there is none. */
export type Value = readonly number[] | null;

export interface HistoryOperation {
  readonly id: number;
  readonly kind: 'put' | 'change' | 'read' | 'erase';
  /** For an erase: the id of the creator of the incarnation. */
  readonly target: number;
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
    case 'change': {
      const next = [...(state ?? []), operation.id];
      return { state: next, result: next };
    }
    case 'read':
      return { state, result: state };
    case 'erase':
      return { state: state !== null && state[0] === operation.target ? null : state, result: null };
  }
}

export function isLinearizable(history: readonly HistoryOperation[]): boolean {
  const operations = history.filter((o) => o.answeredAt !== Infinity || o.kind !== 'read');
  operations.sort((a, b) => a.calledAt - b.calledAt);
  const done = new Uint8Array(operations.length);
  const visited = new Set<string>();
  let open = operations.filter((o) => o.answeredAt !== Infinity).length;

  const search = (state: Value): boolean => {
    if (open === 0) return true;
    const at = `${done.join('')}|${state === null ? '-' : state.join()}`;
    if (visited.has(at)) return false;
    visited.add(at);
    let firstAnswer = Infinity;
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i] as HistoryOperation;
      if (done[i] === 0 && operation.answeredAt < firstAnswer) firstAnswer = operation.answeredAt;
    }
    for (let i = 0; i < operations.length; i++) {
      const operation = operations[i] as HistoryOperation;
      if (operation.calledAt > firstAnswer) break;
      if (done[i] !== 0) continue;
      const step = apply(operation, state);
      const isAnswered = operation.answeredAt !== Infinity;
      if (isAnswered && operation.result !== undefined && !sameValue(step.result, operation.result)) continue;
      if (!isAnswered && step.state === state) continue;
      done[i] = 1;
      if (isAnswered) open -= 1;
      if (search(step.state)) return true;
      done[i] = 0;
      if (isAnswered) open += 1;
    }
    return false;
  };
  return search(null);
}

function sameValue(a: Value, b: Value): boolean {
  if (a === null || b === null) return a === b;
  return a.length === b.length && a.every((id, i) => id === b[i]);
}
