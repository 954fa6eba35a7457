/**
 * The sequential registers that histories are held against, one model for each kind of key. What nobody ever saw needs no explanation: an
 * operation without an answer is tried only where it makes a state that some answer shows, which keeps the search small without losing anything.
 */
import type { Operation } from './history.ts';
import type { RegisterModel } from '../kit/linearize.ts';

/** What is searched: an operation of the history, or the end of the life of a bound key, which happens by itself. */
export type Event = Operation | ErasedEvent;

export interface ErasedEvent {
  readonly erases: string;
  readonly calledAt: number;
  readonly answeredAt: number;
}

export type KeyKind = 'once' | 'bound' | 'cas' | 'list';

const KINDS: Readonly<Record<string, KeyKind>> = { o: 'once', b: 'bound', c: 'cas', l: 'list' };

/** The kind of a key is its first letter. */
export function kindOf(key: string): KeyKind {
  const kind = KINDS[key.charAt(0)];
  if (kind === undefined) throw new Error(`key ${key} is of no kind`);
  return kind;
}

/**
 * With the erases that may have been: the process may have ended at once, or a majority lost its node. Not before the last call of an operation that
 * still saw the value, since an erased one does not come back; and what nobody saw needs no end.
 */
export function withErases(operations: readonly Operation[]): Event[] {
  const lastSeenAt = new Map<string | null, number>();
  for (const { calledAt, result } of operations) {
    if (result === null || !('value' in result)) continue;
    lastSeenAt.set(result.value, Math.max(calledAt, lastSeenAt.get(result.value) ?? 0));
  }
  const erases = operations.flatMap(({ id, action, calledAt }) => {
    const seenAt = action.kind === 'putBound' ? lastSeenAt.get(id) : undefined;
    return seenAt === undefined ? [] : [{ erases: id, calledAt: Math.max(calledAt, seenAt), answeredAt: Infinity }];
  });
  return [...operations, ...erases];
}

/** For write-once keys, bound or not. The state is the id of the value, or null. */
export function writeOnceModel(operations: readonly Operation[]): RegisterModel<string | null, Event> {
  const seen = seenIn(operations);
  return {
    initial: null,
    apply(event, state) {
      if ('erases' in event) return state === event.erases ? null : undefined;
      const { id, action, answeredAt, result } = event;
      const after = action.kind === 'get' ? state : (state ?? id);
      if (answeredAt === Infinity) return state === null && seen.has(id) ? after : undefined;
      return result === null || ('value' in result && result.value === after) ? after : undefined;
    },
    keyOf: (state) => state ?? '',
  };
}

interface Versioned {
  readonly ver: number;
  readonly value: string | null;
}

export function casModel(operations: readonly Operation[]): RegisterModel<Versioned, Event> {
  const seen = seenIn(operations);
  const isSame = (state: Versioned, result: Versioned): boolean =>
    state.ver === result.ver && state.value === result.value;
  return {
    initial: { ver: 0, value: null },
    apply(event, state) {
      if ('erases' in event) return undefined;
      const { id, action, answeredAt, result } = event;
      const isWritten = action.kind === 'casWrite' && action.ver === state.ver;
      const after = isWritten ? { ver: state.ver + 1, value: id } : state;
      if (answeredAt === Infinity) return isWritten && seen.has(id) ? after : undefined;
      if (result === null) return isWritten ? after : undefined;
      if (!('ver' in result) || !isSame(after, result)) return undefined;
      return action.kind === 'casRead' || result.written === isWritten ? after : undefined;
    },
    keyOf: ({ ver, value }) => `${ver} ${value ?? ''}`,
  };
}

function seenIn(operations: readonly Operation[]): ReadonlySet<string | null> {
  return new Set(operations.flatMap(({ result }) => (result !== null && 'value' in result ? [result.value] : [])));
}

/** The state is the list of the ids that were appended. */
export function listModel(operations: readonly Operation[]): RegisterModel<readonly string[], Event> {
  const longest = longestList(operations);
  const isShown = (list: readonly string[]): boolean =>
    list.length <= longest.length && list.at(-1) === longest[list.length - 1];
  return {
    initial: [],
    apply(event, state) {
      if ('erases' in event) return undefined;
      const { id, action, answeredAt, result } = event;
      const after = action.kind === 'append' ? [...state, id] : state;
      if (answeredAt === Infinity) return isShown(after) ? after : undefined;
      if (result === null) return after;
      return 'list' in result && isSameList(result.list, after) ? after : undefined;
    },
    keyOf: (state) => state.join(),
  };
}

export function longestList(operations: readonly Operation[]): readonly string[] {
  let longest: readonly string[] = [];
  for (const { result } of operations) {
    if (result !== null && 'list' in result && result.list.length > longest.length) longest = result.list;
  }
  return longest;
}

export function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((id, index) => id === b[index]);
}
