/**
 * The course of one attempt: Prepare with or without a fast value (or a plain read), the replies of a quorum, the decision, the Accept, and
 * how it ends: with an answer, or with a back-off before the next attempt. The invariants are those of `proposer.ts`, which brings replies,
 * time and connections here.
 */
import { floorAbove, ZERO } from './ballot.ts';
import { makeCell } from './change.ts';
import { countObservations, decide } from './decide.ts';
import { countBits, resetAttempt } from './operation.ts';
import { quorumSize } from './quorum.ts';
import { decideRead } from './read.ts';
import type { Outcome } from './decide.ts';
import type { Operation } from './operation.ts';
import type { Ballot, Cell, Chosen, Config, Key, RegisterRequest, Report } from './messages.ts';
import type { Prepared, Proposer, ProposerEffects } from './proposer-state.ts';

/** Rounds that a retry leaves out at most, as a power of two. */
const JUMP_MAX = 10;
/** How often the back-off doubles: enough for some dozens of proposers that want the same key at once. */
const DOUBLINGS_MAX = 6;

/** Begins the next attempt of an operation, or ends it for want of members. */
export function attempt(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const config = proposer.config;
  proposer.running.delete(operation.b.r);
  if (config === null || countBits(proposer.connected) < quorumSize(config.N)) {
    if (!operation.isExposed) return answer(proposer, operation, { kind: 'no_quorum' }, out);
    return backOff(proposer, operation, nowMs, out);
  }
  const isFirst = operation.attempts === 0;
  operation.attempts += 1;
  operation.wakeAtMs = nowMs + proposer.limits.attemptMs;
  const prepared = isFirst && operation.kind === 'change' ? takePrepared(proposer, operation.key) : null;
  const b = prepared === null ? nextBallot(proposer, config, operation.attempts) : prepared.next;
  resetAttempt(operation, config, b, nowMs);
  proposer.running.set(b.r, operation);
  if (prepared !== null) return changeAtOnce(proposer, operation, prepared.cell, nowMs, out);
  if (isFirst && operation.kind === 'read' && !operation.startsClassic) {
    operation.phase = 'reading';
    const message: RegisterRequest = { kind: 'read', e: config.e, key: operation.key, b };
    out.push({ kind: 'send', to: proposer.connected, message });
    return;
  }
  const all = (1 << config.M.length) - 1;
  if (isFirst && operation.kind === 'put' && (proposer.connected & all) === all) offerFast(operation);
  operation.phase = 'preparing';
  const message: RegisterRequest = { kind: 'prepare', e: config.e, key: operation.key, b, fast: operation.fastCell };
  out.push({ kind: 'send', to: proposer.connected, message });
}

/** A quorum has answered: take its time, and bound the wait for the others. */
function waitForSlowest(proposer: Proposer, operation: Operation, nowMs: number): void {
  const { slowMsMin, slowMsMax } = proposer.limits;
  proposer.roundTripMs += (nowMs - operation.sentAtMs - proposer.roundTripMs) / 8;
  operation.wakeAtMs = nowMs + Math.min(slowMsMax, Math.max(slowMsMin, 3 * proposer.roundTripMs));
}

/** How many members' answers to the present attempt may still come. */
function expectedCount(proposer: Proposer, operation: Operation): number {
  const silent = proposer.connected & ~operation.refused & ~operation.answered;
  return Math.max(0, countBits(silent) - operation.elsewhereCount);
}

export function answer(proposer: Proposer, operation: Operation, outcome: Outcome, out: ProposerEffects): void {
  const isUnwritten = operation.phase === 'preparing' && operation.kind !== 'collect';
  const isEmpty = outcome.kind === 'ok' && (outcome.cell === null || !outcome.cell.live);
  if (isUnwritten && isEmpty && proposer.limits.forgets) out.push({ kind: 'litter', key: operation.key });
  leave(proposer, operation);
  out.push({ kind: 'answer', operation, outcome });
}

/**
 * Retries jump ahead, further each time: whoever changes the key again and again raises the promised ballot while a Prepare is on its way, and
 * one that comes just above the last it heard of would never arrive in time.
 */
function nextBallot(proposer: Proposer, config: Config, attempts: number): Ballot {
  proposer.clock += attempts === 1 ? 1 : 2 ** Math.min(attempts, JUMP_MAX);
  return { e: config.e, r: proposer.clock, p: proposer.p };
}

/** Takes it out: a ballot is used once, whether its attempt succeeds or not. */
function takePrepared(proposer: Proposer, key: Key): Prepared | null {
  const prepared = proposer.cache.get(key);
  if (prepared === undefined) return null;
  proposer.cache.delete(key);
  return prepared;
}

function offerFast(operation: Operation): void {
  const { draft, result } = operation.change(null, operation.b);
  if (draft === null) return;
  operation.fastCell = makeCell(draft, null, operation.b);
  operation.offer = { b: operation.b, result };
  operation.isExposed = true;
}

/** A quorum promised this ballot with the Accept before: no Prepare. A kept cell is written, never just answered. */
function changeAtOnce(proposer: Proposer, operation: Operation, cell: Cell, nowMs: number, out: ProposerEffects): void {
  const { draft, result } = operation.change(cell, operation.b);
  const next = draft === null ? cell : makeCell(draft, cell, operation.b);
  operation.isPrepared = true;
  write(proposer, operation, next, draft !== null, { kind: 'ok', result, cell: next }, nowMs, out);
}

export function onPromise(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const config = operation.config as Config;
  const fast = operation.fastCell;
  if (fast !== null && operation.okCount === config.M.length) {
    const message: Chosen = { kind: 'chosen', e: config.e, key: operation.key, b: operation.b, fast: true };
    out.push({ kind: 'hint', message });
    const { result } = operation.change(null, operation.b);
    return answer(proposer, operation, { kind: 'ok', result, cell: fast }, out);
  }
  if (operation.phase !== 'preparing') return;
  if (operation.answeredCount === quorumSize(config.N)) waitForSlowest(proposer, operation, nowMs);
  decideWhenDue(proposer, operation, nowMs, out);
}

function decideWhenDue(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  if (operation.answeredCount < quorumSize((operation.config as Config).N)) return;
  if (!worthWaiting(proposer, operation)) carryOut(proposer, operation, nowMs, out);
}

/** After each reply to a plain read: answer if they agree; when no more are to come, a classic attempt. */
export function onState(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const config = operation.config as Config;
  const decision = decideRead(operation.states, config);
  if (decision.kind === 'done') {
    const result = operation.change(decision.cell, operation.b).result;
    return answer(proposer, operation, { kind: 'ok', result, cell: decision.cell }, out);
  }
  if (operation.answeredCount < quorumSize(config.N)) return;
  if (expectedCount(proposer, operation) === 0) return attempt(proposer, operation, nowMs, out);
  if (operation.answeredCount === quorumSize(config.N)) waitForSlowest(proposer, operation, nowMs);
}

/** Whether the members that have not answered could still save a round trip, or complete the evidence. */
function worthWaiting(proposer: Proposer, operation: Operation): boolean {
  const rest = expectedCount(proposer, operation);
  if (rest === 0) return false;
  const config = operation.config as Config;
  if (operation.fastCell !== null) {
    return operation.okCount === operation.answeredCount && operation.okCount + rest === config.M.length;
  }
  return operation.kind === 'erase' && countObservations(operation.ver, operation.promises) < quorumSize(config.N);
}

function carryOut(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const config = operation.config as Config;
  const decision = decide(operation, promisesOf(operation), config);
  if (decision.kind === 'done') answer(proposer, operation, decision.outcome, out);
  else write(proposer, operation, decision.cell, decision.own, decision.outcome, nowMs, out);
}

/** What the members that answered hold: those that took the fast cell hold that. */
function promisesOf({ promises, okCount, fastCell, b }: Operation): readonly Report[] {
  if (okCount === 0) return promises;
  const taken: Report = { ab: b, fast: true, cell: fastCell, chosen: false, ae: b.e, fl: ZERO, seen: [] };
  return [...promises, ...Array.from({ length: okCount }, () => taken)];
}

function write(
  proposer: Proposer,
  operation: Operation,
  cell: Cell,
  own: boolean,
  outcome: Outcome,
  nowMs: number,
  out: ProposerEffects,
): void {
  const config = operation.config as Config;
  const { b, key } = operation;
  operation.phase = 'accepting';
  operation.refused = 0;
  operation.elsewhereCount = 0;
  operation.cell = cell;
  operation.outcome = outcome;
  operation.wakeAtMs = nowMs + proposer.limits.attemptMs;
  if (own) {
    operation.offer = { b, result: outcome.kind === 'ok' ? outcome.result : undefined };
    operation.isExposed = true;
  }
  operation.next = operation.kind === 'change' ? nextBallot(proposer, config, 1) : null;
  const message: RegisterRequest = { kind: 'accept', e: config.e, key, b, cell, next: operation.next };
  out.push({ kind: 'send', to: proposer.connected, message });
}

export function onAccepted(proposer: Proposer, operation: Operation, out: ProposerEffects): void {
  const config = operation.config as Config;
  const { key, b, cell, next } = operation;
  if (operation.phase === 'accepting' && operation.acceptedCount >= quorumSize(config.N)) {
    out.push({ kind: 'hint', message: { kind: 'chosen', e: config.e, key, b, fast: false } });
    if (next !== null) rememberPrepared(proposer, key, { next, cell: cell as Cell });
    answer(proposer, operation, operation.outcome as Outcome, out);
    if (!proposer.limits.forgets || next !== null || (cell as Cell).live) return;
    operation.phase = 'collecting';
    proposer.running.set(b.r, operation);
  }
  if (operation.phase === 'collecting' && operation.acceptedCount === config.M.length) {
    leave(proposer, operation);
    out.push({ kind: 'hint', message: { kind: 'forget', e: config.e, key, b, floor: floorAbove(b) } });
  }
}

/** A member will not vote for this attempt: it nacked, or cannot vote in this epoch. */
export function onRefused(
  proposer: Proposer,
  operation: Operation,
  bit: number,
  isNack: boolean,
  nowMs: number,
  out: ProposerEffects,
): void {
  if (isNack && proposer.limits.deliversOnce && (operation.refused & bit) === 0) operation.nackCount += 1;
  operation.refused |= bit;
  // Somebody else prepared the key meanwhile: the ordinary way, at once.
  if (isNack && operation.isPrepared && operation.phase === 'accepting') {
    keepOffer(operation);
    return attempt(proposer, operation, nowMs, out);
  }
  onFewer(proposer, operation, nowMs, out);
}

/** Fewer members can still answer: go on with what is there, or end the attempt when it cannot succeed. */
export function onFewer(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const { phase } = operation;
  if (phase !== 'reading' && phase !== 'preparing' && phase !== 'accepting') return;
  const voted = phase === 'accepting' ? operation.accepted : operation.answered;
  const reachable = countBits(voted | (proposer.connected & ~operation.refused)) - operation.elsewhereCount;
  if (reachable < quorumSize((operation.config as Config).N)) return backOff(proposer, operation, nowMs, out);
  if (phase === 'preparing') decideWhenDue(proposer, operation, nowMs, out);
  if (phase === 'reading') onState(proposer, operation, nowMs, out);
}

export function wake(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const { phase } = operation;
  if (phase === 'collecting') return leave(proposer, operation);
  if (phase === 'waiting' || phase === 'reading') return attempt(proposer, operation, nowMs, out);
  const hasQuorum = operation.answeredCount >= quorumSize((operation.config as Config).N);
  if (phase === 'preparing' && hasQuorum) return carryOut(proposer, operation, nowMs, out);
  backOff(proposer, operation, nowMs, out);
}

/** Ends the attempt without an answer; the next one follows after a random time. */
function backOff(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  const { backOffMsMax, slowMsMin } = proposer.limits;
  const baseMs = Math.max(proposer.roundTripMs, slowMsMin);
  // The loser of a fast collision waits until the winner's cell has been accepted, so as to find it.
  const lostFast = operation.fastCell !== null && operation.refused !== 0;
  const leastMs = lostFast ? baseMs : 0;
  const mostMs = lostFast
    ? 2 * baseMs
    : Math.min(backOffMsMax, baseMs * 2 ** Math.min(operation.attempts, DOUBLINGS_MAX));
  keepOffer(operation);
  operation.phase = 'waiting';
  operation.wakeAtMs = nowMs + mostMs;
  proposer.running.set(operation.b.r, operation);
  out.push({ kind: 'backOff', operation, leastMs, mostMs });
}

/**
 * The ballot at which an own change was offered is kept for good: its cell may still be accepted anywhere. Except when every member refused
 * it: their promises and floors only grow, and the transport brings no second copy of what they took before. Otherwise the first put of a
 * node whose clock is behind a floor could not tell what became of it.
 */
export function keepOffer(operation: Operation): void {
  const isDead = operation.phase === 'preparing' && operation.nackCount === operation.config?.M.length;
  if (operation.offer !== null && !isDead) operation.offers = [...operation.offers, operation.offer];
  operation.offer = null;
}

export function leave(proposer: Proposer, operation: Operation): void {
  proposer.running.delete(operation.b.r);
  operation.phase = 'ended';
}

function rememberPrepared(proposer: Proposer, key: Key, prepared: Prepared): void {
  const { cache, limits } = proposer;
  if (cache.size >= limits.cachedKeysMax) {
    const oldest = cache.keys().next();
    if (oldest.done !== true) cache.delete(oldest.value);
  }
  cache.set(key, prepared);
}
