/**
 * Holds a history against what the store promises. Three plain checks, which tell in words what went wrong - a value that nobody may have written, a
 * change that was applied twice, an acknowledged change that is gone - and linearizability of every key, which is the promise itself and
 * includes them.
 */
import { isRead, type Operation } from './history.ts';
import { findUnexplained } from '../kit/linearize.ts';
import type { RegisterModel, Unexplained } from '../kit/linearize.ts';
import { casModel, kindOf, listModel, longestList, withErases, writeOnceModel, type Event } from './registers.ts';

export interface Violation {
  readonly key: string;
  readonly what: 'written by nobody' | 'applied twice' | 'lost' | 'not linearizable';
  readonly about: string;
}

/** How many operations around the one that cannot be explained are shown. */
const SHOWN_BEFORE = 12;

/** All violations, the plain ones first. */
export function checkHistory(operations: readonly Operation[]): Violation[] {
  const byKey = new Map<string, Operation[]>();
  for (const operation of operations) {
    const known = byKey.get(operation.key);
    if (known === undefined) byKey.set(operation.key, [operation]);
    else known.push(operation);
  }
  const plain: Violation[] = [];
  const deep: Violation[] = [];
  for (const [key, history] of byKey) {
    plain.push(...checkWriters(key, history), ...checkOnce(key, history), ...checkKept(key, history));
    const unexplained = explain(key, history);
    if (unexplained !== null) deep.push({ key, what: 'not linearizable', about: describe(unexplained, history) });
  }
  return [...plain, ...deep];
}

function explain(key: string, history: readonly Operation[]): Unexplained<unknown, Event> | null {
  switch (kindOf(key)) {
    case 'once':
    case 'bound':
      return search(withErases(history), writeOnceModel(history));
    case 'cas':
      return search(history, casModel(history));
    case 'list':
      return search(history, listModel(history));
  }
}

function search<State>(
  events: readonly Event[],
  model: RegisterModel<State, Event>,
): Unexplained<unknown, Event> | null {
  return findUnexplained(events, model);
}

/** Every value that was seen is that of an operation on this key that may have taken effect, and had been called. */
function checkWriters(key: string, history: readonly Operation[]): Violation[] {
  const calledAt = new Map(history.filter(({ action }) => !isRead(action)).map((o) => [o.id, o.calledAt]));
  for (const operation of history) {
    for (const id of idsIn(operation)) {
      const at = calledAt.get(id);
      if (at !== undefined && at <= operation.answeredAt) continue;
      const why =
        at === undefined
          ? 'no operation on this key wrote that, or it was said to be without effect'
          : 'that was called later';
      return [{ key, what: 'written by nobody', about: `${describeOperation(operation)} shows ${id}: ${why}` }];
    }
  }
  return [];
}

function idsIn({ result }: Operation): readonly string[] {
  if (result === null) return [];
  if ('list' in result) return result.list;
  return result.value === null ? [] : [result.value];
}

function checkOnce(key: string, history: readonly Operation[]): Violation[] {
  const versionOf = new Map<string, number>();
  for (const operation of history) {
    const { result } = operation;
    if (result === null || 'value' in result === false) {
      const ids = idsIn(operation);
      const twice = ids.find((id, index) => ids.indexOf(id) !== index);
      if (twice !== undefined)
        return [{ key, what: 'applied twice', about: `${describeOperation(operation)} has ${twice} twice` }];
      continue;
    }
    if (!('ver' in result) || result.value === null) continue;
    const known = versionOf.get(result.value) ?? result.ver;
    versionOf.set(result.value, known);
    if (known === result.ver) continue;
    const about = `${result.value} is version ${known} and version ${result.ver}: ${describeOperation(operation)}`;
    return [{ key, what: 'applied twice', about }];
  }
  return [];
}

/** What was acknowledged as appended is in the longest list that anybody saw later; no version of a compare-and-set register was given twice. */
function checkKept(key: string, history: readonly Operation[]): Violation[] {
  const writerOf = new Map<number, Operation>();
  const longest = new Set(longestList(history));
  for (const operation of history) {
    const { id, result } = operation;
    if (result === null) continue;
    if ('list' in result && operation.action.kind === 'append' && !longest.has(id)) {
      return [
        { key, what: 'lost', about: `${describeOperation(operation)} was acknowledged and is not in the longest list` },
      ];
    }
    if (!('ver' in result) || !result.written) continue;
    const other = writerOf.get(result.ver);
    writerOf.set(result.ver, operation);
    if (other === undefined) continue;
    const about = `${describeOperation(other)} and ${describeOperation(operation)} were both acknowledged, one of them is gone`;
    return [{ key, what: 'lost', about }];
  }
  return [];
}

function describe({ operation, states }: Unexplained<unknown, Event>, history: readonly Operation[]): string {
  const before = history
    .filter(({ answeredAt, calledAt }) => calledAt <= operation.answeredAt && answeredAt <= operation.answeredAt)
    .sort((a, b) => a.answeredAt - b.answeredAt)
    .slice(-SHOWN_BEFORE);
  const open = history.filter((o) => o.calledAt <= operation.answeredAt && o.answeredAt > operation.answeredAt);
  const held = states.slice(0, 4).map((state) => JSON.stringify(state));
  return [
    `no order of ${history.length} operations explains ${'id' in operation ? describeOperation(operation) : operation.erases};`,
    `before it the register held ${held.join(' or ')}; answered last:`,
    ...before.map((o) => `    ${describeOperation(o)}`),
    '  still open:',
    ...open.slice(0, SHOWN_BEFORE).map((o) => `    ${describeOperation(o)}`),
  ].join('\n');
}

function describeOperation({ id, key, action, calledAt, answeredAt, result }: Operation): string {
  const { kind, ...more } = action;
  const times = `${seconds(calledAt)}..${answeredAt === Infinity ? '' : seconds(answeredAt)}`;
  const text = Object.keys(more).length === 0 ? kind : `${kind} ${JSON.stringify(more)}`;
  return `[${times}] ${id} ${text} ${key} -> ${result === null ? '?' : JSON.stringify(result)}`;
}

function seconds(nanoseconds: number): string {
  return (nanoseconds / 1e9).toFixed(6);
}
