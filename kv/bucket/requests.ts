/**
 * Operations and their outcomes as data, for callers on other threads than the bucket's: many in one message,
 *
 *   { run, Client, [Id, 'put' | 'get', Key, Value, Bind, TimeoutMs, ...] }
 *   { outcomes, [Id, Kind, Result, Cell, ...] }
 */
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple2, tuple3 } from '../../runtime/term/tuple.ts';
import type { Outcome } from '../paxos/decide.ts';
import { createPut, createRead, type Operation } from '../paxos/operation.ts';
import type { Bind } from '../paxos/messages.ts';
import { bindTerm, cellTerm, readBind, readCell } from './wire-fields.ts';

/** Between threads of one node there is no clock to compare with. */
const ANY_ROUND = Number.MAX_SAFE_INTEGER;

export type OperationRequest =
  | {
      readonly kind: 'put';
      readonly key: string;
      readonly value: unknown;
      readonly bind: Bind | null;
      readonly timeoutMs: number;
    }
  | { readonly kind: 'get'; readonly key: string; readonly timeoutMs: number };

/** Gets the outcome of an operation, once. */
export type Settle = (outcome: Outcome) => void;

const RUN: Atom = nameAtom('$run');
const OUTCOMES: Atom = nameAtom('$outcomes');

export function createOperationOf(request: OperationRequest, nowMs: number, settle: Settle): Operation {
  const settings = { deadlineMs: nowMs + request.timeoutMs, tag: settle };
  return request.kind === 'put'
    ? createPut(request.key, request.value, request.bind, settings)
    : createRead(request.key, settings);
}

export function runTerm(client: Pid, list: readonly unknown[]): unknown {
  return tuple3(RUN, client, list);
}

export function pushRun(list: unknown[], id: number, request: OperationRequest): void {
  const { kind, key, timeoutMs } = request;
  // Infinity is no number on the wire of OTP; a negative time is none here
  const wait = timeoutMs === Infinity ? -1 : timeoutMs;
  if (kind === 'put') list.push(id, kind, key, request.value, bindTerm(request.bind), wait);
  else list.push(id, kind, key, null, null, wait);
}

export function isRunTerm(term: unknown): term is readonly [Atom, Pid, readonly unknown[]] {
  return isTagged(term, RUN, 3);
}

export function readRuns(list: readonly unknown[], take: (id: number, request: OperationRequest) => void): void {
  for (let i = 0; i + 5 < list.length; i += 6) {
    const key = list[i + 2] as string;
    const wait = list[i + 5] as number;
    const timeoutMs = wait < 0 ? Infinity : wait;
    const request: OperationRequest =
      list[i + 1] === 'put'
        ? { kind: 'put', key, value: list[i + 3], bind: readBind(list[i + 4], ANY_ROUND), timeoutMs }
        : { kind: 'get', key, timeoutMs };
    take(list[i] as number, request);
  }
}

export function outcomesTerm(list: readonly unknown[]): unknown {
  return tuple2(OUTCOMES, list);
}

export function pushOutcome(list: unknown[], id: number, outcome: Outcome, withCell: boolean): void {
  if (outcome.kind !== 'ok') list.push(id, outcome.kind, null, null);
  else if (withCell) list.push(id, outcome.kind, null, cellTerm(outcome.cell));
  else list.push(id, outcome.kind, outcome.result, null);
}

export function isOutcomesTerm(term: unknown): term is readonly [Atom, readonly unknown[]] {
  return isTagged(term, OUTCOMES, 2);
}

export function readOutcomes(list: readonly unknown[], take: (id: number, outcome: Outcome) => void): void {
  for (let i = 0; i + 3 < list.length; i += 4) {
    const kind = list[i + 1] as Outcome['kind'];
    const cell = list[i + 3] === null ? null : readCell(list[i + 3], ANY_ROUND);
    take(list[i] as number, kind === 'ok' ? { kind, result: list[i + 2], cell } : { kind });
  }
}
