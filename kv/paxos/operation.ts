/**
 * One operation on one key, as the proposer holds it: what it wants, and how far its present attempt is.
 *
 * Members are counted by bits (bit i: place i in M), so a reply costs a few instructions and one member counts
 * once. Only attempt.ts and proposer.ts change the fields under "progress".
 */
import { ZERO } from './ballot.ts';
import { eraseChange, putChange, readChange } from './change.ts';
import type { Change } from './change.ts';
import type { Offer, OperationKind, Outcome } from './decide.ts';
import type { Ballot, Bind, Cell, Config, Holding, Key, Promised } from './messages.ts';

/** `collecting`: answered, but it stays until all members have accepted its tombstone. */
export type Phase = 'new' | 'reading' | 'preparing' | 'accepting' | 'waiting' | 'collecting' | 'ended';

export interface Operation {
  readonly kind: OperationKind;
  readonly key: Key;
  readonly change: Change;
  /** The incarnation to erase. */
  readonly ver: Ballot | null;
  /** When the caller stops waiting: Infinity for never. In the shell's monotonic milliseconds. */
  readonly deadlineMs: number;
  /** A read that skips the plain read and runs a classic attempt at once. */
  readonly startsClassic: boolean;
  /** The shell's own: who waits for the answer. */
  readonly tag: unknown;

  // Progress
  phase: Phase;
  config: Config | null;
  /** Ballot of the present attempt, or id of the present plain read. */
  b: Ballot;
  attempts: number;
  offers: readonly Offer[];
  /** Its own change was handed to the transport at least once: it may take effect. */
  isExposed: boolean;
  /** This attempt offers an own change, with this result. */
  offer: Offer | null;
  fastCell: Cell | null;
  /** The members that promised for this ballot (or answered the plain read), and what they said. */
  answered: number;
  answeredCount: number;
  promises: readonly Promised[];
  states: readonly Holding[];
  okCount: number;
  /** Started with the Accept, at a ballot that was promised with the change before. */
  isPrepared: boolean;
  /** The members whose vote is not to be expected: nacked, or inactive in this epoch. */
  refused: number;
  /** How many members refused this ballot, and so will never accept anything at it. */
  nackCount: number;
  /** Answers of members that stand at another epoch. Says only how long to wait: it may count a member twice. */
  elsewhereCount: number;
  accepted: number;
  acceptedCount: number;
  /** What is being written, the ballot promised with it, and the answer once it is chosen. */
  cell: Cell | null;
  next: Ballot | null;
  outcome: Outcome | null;
  sentAtMs: number;
  wakeAtMs: number;
}

export interface OperationSettings {
  readonly deadlineMs?: number;
  readonly startsClassic?: boolean;
  readonly tag?: unknown;
}

/** Write-once put: the answer's result is the value that is there. */
export function createPut(key: Key, value: unknown, bind: Bind | null, settings: OperationSettings = {}): Operation {
  return createOperation('put', key, putChange(value, bind), null, settings);
}

export function createChange(key: Key, change: Change, settings: OperationSettings = {}): Operation {
  return createOperation('change', key, change, null, settings);
}

/** The answer's cell is what was read: nothing is there when it is null or not live. */
export function createRead(key: Key, settings: OperationSettings = {}): Operation {
  return createOperation('read', key, readChange, null, settings);
}

/** Erases the incarnation `ver` if a majority observed the end of what it is bound to, else gives up. */
export function createErase(key: Key, ver: Ballot, settings: OperationSettings = {}): Operation {
  return createOperation('erase', key, eraseChange(ver), ver, settings);
}

/** Writes a tombstone over what is not live; when all members accepted it the key is forgotten. */
export function createCollect(key: Key, settings: OperationSettings = {}): Operation {
  return createOperation('collect', key, readChange, null, settings);
}

/** A classic read that gets all members to hold what is chosen, so that they know it: for what a proposer left half-done. */
export function createSettle(key: Key, settings: OperationSettings = {}): Operation {
  return createOperation('settle', key, readChange, null, settings);
}
const NONE: readonly never[] = [];

function createOperation(
  kind: OperationKind,
  key: Key,
  change: Change,
  ver: Ballot | null,
  settings: OperationSettings,
): Operation {
  return {
    kind,
    key,
    change,
    ver,
    deadlineMs: settings.deadlineMs ?? Infinity,
    startsClassic: settings.startsClassic ?? false,
    tag: settings.tag,
    phase: 'new',
    config: null,
    b: ZERO,
    attempts: 0,
    offers: NONE,
    isExposed: false,
    offer: null,
    fastCell: null,
    answered: 0,
    answeredCount: 0,
    promises: NONE,
    states: NONE,
    okCount: 0,
    isPrepared: false,
    refused: 0,
    nackCount: 0,
    elsewhereCount: 0,
    accepted: 0,
    acceptedCount: 0,
    cell: null,
    next: null,
    outcome: null,
    sentAtMs: 0,
    wakeAtMs: Infinity,
  };
}

/** Makes ready for a new attempt, or plain read, at `b`. */
export function resetAttempt(operation: Operation, config: Config, b: Ballot, nowMs: number): void {
  operation.config = config;
  operation.b = b;
  operation.offer = null;
  operation.fastCell = null;
  operation.answered = 0;
  operation.answeredCount = 0;
  operation.promises = NONE;
  operation.states = NONE;
  operation.okCount = 0;
  operation.isPrepared = false;
  operation.refused = 0;
  operation.nackCount = 0;
  operation.elsewhereCount = 0;
  operation.accepted = 0;
  operation.acceptedCount = 0;
  operation.cell = null;
  operation.next = null;
  operation.outcome = null;
  operation.sentAtMs = nowMs;
}

export function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}
