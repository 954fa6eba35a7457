/**
 * Operations and their outcomes as data, for callers on other threads than the bucket's: many in one message,
 *
 *   { run, Client, [Id, Kind, Key, Value, Extra, TimeoutMs, IsCancellable, ...] }      Extra: bind of a put, expectation of a swap
 *   { cancel, Client, [Id, ...] }
 *   { outcomes, [Id, Kind, Result, Cell, ...] }
 */
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple2, tuple3 } from '../../runtime/term/tuple.ts';
import { sameBallot } from '../paxos/ballot.ts';
import { swapChange, type Change, type Expected } from '../paxos/change.ts';
import type { Outcome } from '../paxos/decide.ts';
import { createChange, createPut, createRead, type Operation } from '../paxos/operation.ts';
import type { Bind } from '../paxos/messages.ts';
import { ballotTerm, bindTerm, cellTerm, readBallot, readBind, readCell } from './wire-fields.ts';

/** Between threads of one node there is no clock to compare with. */
const ANY_ROUND = Number.MAX_SAFE_INTEGER;

interface Asked {
  readonly key: string;
  readonly timeoutMs: number;
}

/** What any thread of the node can ask for. */
export type OperationRequest =
  | (Asked & { readonly kind: 'put'; readonly value: unknown; readonly bind: Bind | null })
  /** A put whose result says whether this very put created the key. */
  | (Asked & { readonly kind: 'claim'; readonly value: unknown; readonly bind: Bind | null })
  | (Asked & { readonly kind: 'get' })
  /** Stores the value if the cell is as expected; the result says whether it was, the outcome's cell is the present one. */
  | (Asked & { readonly kind: 'swap'; readonly value: unknown; readonly expected: Expected });

/** What only callers on the proposer's own thread can ask for: functions do not travel. */
export type LocalRequest = OperationRequest | (Asked & { readonly kind: 'change'; readonly change: Change });

/** `ended`: the proposer ended, and the operation did not take effect: its successor may be asked. */
export type Settled = Outcome | { readonly kind: 'ended' };

/** Gets the outcome of an operation, once. */
export type Settle = (settled: Settled) => void;

const RUN: Atom = nameAtom('$run');
const CANCEL: Atom = nameAtom('$cancel');
const OUTCOMES: Atom = nameAtom('$outcomes');
const RUN_SIZE = 7;

export function createOperationOf(request: LocalRequest, nowMs: number, settle: Settle): Operation {
  const deadlineMs = nowMs + request.timeoutMs;
  switch (request.kind) {
    case 'put':
      return createPut(request.key, request.value, request.bind, { deadlineMs, tag: settle });
    case 'claim':
      return createClaim(request.key, request.value, request.bind, deadlineMs, settle);
    case 'get':
      return createRead(request.key, { deadlineMs, tag: settle });
    case 'swap':
      return createChange(request.key, swapChange(request.expected, request.value), { deadlineMs, tag: settle });
    case 'change':
      return createChange(request.key, request.change, { deadlineMs, tag: settle });
  }
}

/** The version of the cell that answers a put is the ballot that created it: one of this operation, or somebody else's. */
function createClaim(key: string, value: unknown, bind: Bind | null, deadlineMs: number, settle: Settle): Operation {
  const tag: Settle = (settled) => {
    if (settled.kind !== 'ok' || settled.cell === null) return settle(settled);
    const { ver } = settled.cell;
    const isOwn = sameBallot(ver, operation.b) || operation.offers.some((offer) => sameBallot(ver, offer.b));
    settle({ ...settled, result: isOwn });
  };
  const operation = createPut(key, value, bind, { deadlineMs, tag });
  return operation;
}

export function runTerm(client: Pid, list: readonly unknown[]): unknown {
  return tuple3(RUN, client, list);
}

export function pushRun(list: unknown[], id: number, request: OperationRequest, isCancellable: boolean): void {
  const { kind, key, timeoutMs } = request;
  // Infinity is no number on the wire of OTP; a negative time is none here
  const wait = timeoutMs === Infinity ? -1 : Math.max(0, timeoutMs);
  if (kind === 'get') list.push(id, kind, key, null, null, wait, isCancellable);
  else if (kind === 'swap')
    list.push(id, kind, key, request.value, expectedTerm(request.expected), wait, isCancellable);
  else list.push(id, kind, key, request.value, bindTerm(request.bind), wait, isCancellable);
}

function expectedTerm(expected: Expected): unknown {
  return typeof expected === 'string' ? expected : ballotTerm(expected);
}

export function isRunTerm(term: unknown): term is readonly [Atom, Pid, readonly unknown[]] {
  return isTagged(term, RUN, 3);
}

export function readRuns(
  list: readonly unknown[],
  take: (id: number, request: OperationRequest, isCancellable: boolean) => void,
): void {
  for (let i = 0; i + RUN_SIZE <= list.length; i += RUN_SIZE) {
    take(list[i] as number, readRun(list, i), list[i + 6] === true);
  }
}

function readRun(list: readonly unknown[], i: number): OperationRequest {
  const kind = list[i + 1] as OperationRequest['kind'];
  const key = list[i + 2] as string;
  const value = list[i + 3];
  const extra = list[i + 4];
  const wait = list[i + 5] as number;
  const timeoutMs = wait < 0 ? Infinity : wait;
  if (kind === 'get') return { kind, key, timeoutMs };
  if (kind !== 'swap') return { kind, key, value, bind: readBind(extra, ANY_ROUND), timeoutMs };
  const expected = typeof extra === 'string' ? (extra as Expected) : readBallot(extra, ANY_ROUND);
  return { kind, key, value, expected, timeoutMs };
}

export function cancelTerm(client: Pid, ids: readonly number[]): unknown {
  return tuple3(CANCEL, client, ids);
}

export function isCancelTerm(term: unknown): term is readonly [Atom, Pid, readonly number[]] {
  return isTagged(term, CANCEL, 3);
}

export function outcomesTerm(list: readonly unknown[]): unknown {
  return tuple2(OUTCOMES, list);
}

export function pushOutcome(list: unknown[], id: number, outcome: Settled, withCell: boolean): void {
  if (outcome.kind === 'applied') list.push(id, outcome.kind, outcome.result, null);
  else if (outcome.kind !== 'ok') list.push(id, outcome.kind, null, null);
  else list.push(id, outcome.kind, outcome.result, withCell ? cellTerm(outcome.cell) : null);
}

export function isOutcomesTerm(term: unknown): term is readonly [Atom, readonly unknown[]] {
  return isTagged(term, OUTCOMES, 2);
}

export function readOutcomes(list: readonly unknown[], take: (id: number, outcome: Settled) => void): void {
  for (let i = 0; i + 3 < list.length; i += 4) {
    const kind = list[i + 1] as Settled['kind'];
    const cell = list[i + 3] === null ? null : readCell(list[i + 3], ANY_ROUND);
    const result = list[i + 2];
    if (kind === 'ok') take(list[i] as number, { kind, result, cell });
    else take(list[i] as number, kind === 'applied' ? { kind, result } : { kind });
  }
}
