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
  const operations = relevant(history, seen).sort((a, b) => a.calledAt - b.calledAt);
  const done = new Uint8Array(operations.length);
  const visited = new Set<string>();
  let open = operations.filter(isAnswered).length;

  const search = (state: Value): boolean => {
    if (open === 0) return true;
    const at = `${done.join('')}|${state === null ? '-' : state.join()}`;
    if (visited.has(at)) return false;
    visited.add(at);
    const candidates = callable(operations, done);
    for (const idle of [true, false]) {
      for (const index of candidates) {
        const operation = operations[index] as HistoryOperation;
        const next = explain(operation, state, seen);
        // A loss that found nothing may have had its effect later: it is never idle.
        if (next === undefined || (next === state && operation.kind !== 'lost') !== idle) continue;
        done[index] = 1;
        if (isAnswered(operation)) open -= 1;
        if (search(next)) return true;
        done[index] = 0;
        if (isAnswered(operation)) open += 1;
        // What is explained and changes nothing may as well come first: no other order does better. Unless it is an erase,
        // whose answer is the same where it does change something.
        if (idle && operation.kind !== 'erase') return false;
      }
    }
    return false;
  };
  return search(null);
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

/** The operations that may come next: called before the first answer that is still to come. */
function callable(operations: readonly HistoryOperation[], done: Uint8Array): number[] {
  let firstAnswer = Infinity;
  operations.forEach((operation, i) => {
    if (done[i] === 0 && operation.answeredAt < firstAnswer) firstAnswer = operation.answeredAt;
  });
  const candidates: number[] = [];
  for (let i = 0; i < operations.length && (operations[i] as HistoryOperation).calledAt <= firstAnswer; i++) {
    if (done[i] === 0) candidates.push(i);
  }
  return candidates;
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
