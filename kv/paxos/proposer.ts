/**
 * The proposer of one node for one set of registers: runs operations as state machines (register protocol,
 * section 5). Replies, time, connections and configurations go in, effects come out. What they do to an operation is in `attempt.ts`.
 *
 * - A ballot is used by one attempt. `p` is new at every start of a proposer; the clock only grows.
 * - A fast cell goes only with the first attempt of a put, and only while all members are connected.
 * - The decision is taken once per ballot; later promises only count towards "all took the fast value".
 * - A reply counts once per member, and only while the very incarnation that the configuration lists is connected.
 * - An attempt that ends unanswered after it offered an own change leaves that ballot in `offers`, for good, in any epoch.
 * - `no_quorum` is answered only by operations whose own change never left this proposer.
 *
 * The shell delivers `send` to the given places (the own acceptor included), may delay and batch hints, draws a
 * uniform random point of a `backOff`'s interval into `operation.wakeAtMs`, and calls `stepTime` every
 * millisecond or so while operations run.
 */
import {
  answer,
  attempt,
  keepOffer,
  leave,
  onAccepted,
  onFewer,
  onPromise,
  onRefused,
  onState,
  wake,
} from './attempt.ts';
import { sameBallot } from './ballot.ts';
import { UNKNOWN } from './decide.ts';
import type { Behind, Config, OldEpoch, RegisterReply } from './messages.ts';
import type { Operation } from './operation.ts';
import { PROPOSER_LIMITS } from './proposer-state.ts';
import type { Proposer, ProposerEffects, ProposerLimits } from './proposer-state.ts';

export function createProposer(p: number, limits: ProposerLimits = PROPOSER_LIMITS): Proposer {
  return {
    p,
    limits,
    clock: 0,
    config: null,
    connected: 0,
    roundTripMs: 1,
    running: new Map(),
    cache: new Map(),
  };
}

export function startOperation(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  attempt(proposer, operation, nowMs, out);
}

/** Ends an operation that its caller gave up: `unknown` when its change may take effect, else `no_quorum`. */
export function cancelOperation(proposer: Proposer, operation: Operation, out: ProposerEffects): void {
  if (operation.phase === 'collecting') leave(proposer, operation);
  if (operation.phase === 'ended') return;
  answer(proposer, operation, operation.isExposed ? UNKNOWN : { kind: 'no_quorum' }, out);
}

/** A member's clock, heard with whatever it replied, also to attempts that are over. */
export function stepClock(proposer: Proposer, clock: number): void {
  if (clock > proposer.clock) proposer.clock = clock;
}

export function stepReply(proposer: Proposer, reply: RegisterReply, nowMs: number, out: ProposerEffects): void {
  stepClock(proposer, reply.clock);
  // What is said about epochs matters also when the operation has been answered by others meanwhile.
  if (reply.kind === 'oldEpoch' || reply.kind === 'behind') return onOtherEpoch(proposer, reply, nowMs, out);
  const operation = proposer.running.get(reply.b.r);
  if (operation === undefined || !sameBallot(operation.b, reply.b)) return;
  const config = operation.config as Config;
  if (reply.kind === 'inactive' && reply.from < 0) return onElsewhere(proposer, operation, nowMs, out);
  if (reply.from < 0 || reply.from >= config.M.length || (proposer.connected & (1 << reply.from)) === 0) return;
  const bit = 1 << reply.from;
  switch (reply.kind) {
    case 'promise':
      if (reply.e !== config.e || (operation.answered & bit) !== 0) return;
      operation.answered |= bit;
      operation.answeredCount += 1;
      if (operation.phase === 'preparing') operation.promises = [...operation.promises, reply];
      return onPromise(proposer, operation, nowMs, out);
    case 'taken':
      if (reply.e !== config.e || operation.fastCell === null || (operation.answered & bit) !== 0) return;
      operation.answered |= bit;
      operation.answeredCount += 1;
      operation.okCount += 1;
      return onPromise(proposer, operation, nowMs, out);
    case 'accepted':
      if (reply.e !== config.e || (operation.accepted & bit) !== 0) return;
      operation.accepted |= bit;
      operation.acceptedCount += 1;
      return onAccepted(proposer, operation, out);
    case 'state':
      if (reply.e !== config.e || operation.phase !== 'reading' || (operation.answered & bit) !== 0) return;
      operation.answered |= bit;
      operation.answeredCount += 1;
      operation.states = [...operation.states, reply];
      return onState(proposer, operation, nowMs, out);
    case 'nack':
      if (reply.e !== config.e) return;
      proposer.clock = Math.max(proposer.clock, reply.p.r, reply.floor.r);
      return onRefused(proposer, operation, bit, true, nowMs, out);
    case 'inactive':
      if (reply.e !== config.e) return;
      return onRefused(proposer, operation, bit, false, nowMs, out);
  }
}

function onOtherEpoch(proposer: Proposer, reply: OldEpoch | Behind, nowMs: number, out: ProposerEffects): void {
  const e = proposer.config === null ? 0 : proposer.config.e;
  if (reply.kind === 'oldEpoch') {
    if (reply.config.e > e) out.push({ kind: 'adopt', config: reply.config });
    return;
  }
  if (reply.e < e) out.push({ kind: 'teach', e: reply.e });
  const operation = proposer.running.get(reply.b.r);
  if (operation !== undefined && sameBallot(operation.b, reply.b)) onElsewhere(proposer, operation, nowMs, out);
}

/** A member that stands elsewhere has no place here that it could name: it is only counted as one less to wait for. */
function onElsewhere(proposer: Proposer, operation: Operation, nowMs: number, out: ProposerEffects): void {
  operation.elsewhereCount += 1;
  onFewer(proposer, operation, nowMs, out);
}

/** Wakes what is due: waits that are over, attempts that took too long, back-offs, deadlines. */
export function stepTime(proposer: Proposer, nowMs: number, out: ProposerEffects): void {
  for (const operation of proposer.running.values()) {
    if (nowMs >= operation.deadlineMs) cancelOperation(proposer, operation, out);
    else if (nowMs >= operation.wakeAtMs) wake(proposer, operation, nowMs, out);
  }
}

/** A member's connection came up (with a Hello that showed the very incarnation) or broke. */
export function stepConnected(
  proposer: Proposer,
  place: number,
  isConnected: boolean,
  nowMs: number,
  out: ProposerEffects,
): void {
  if (isConnected) proposer.connected |= 1 << place;
  else proposer.connected &= ~(1 << place);
  if (isConnected) return;
  for (const operation of Array.from(proposer.running.values())) onFewer(proposer, operation, nowMs, out);
}

/** The configuration was adopted: attempts under the old one are void, their offers are not. */
export function stepConfig(
  proposer: Proposer,
  config: Config,
  connected: number,
  nowMs: number,
  out: ProposerEffects,
): void {
  proposer.config = config;
  proposer.connected = connected;
  proposer.cache.clear();
  for (const operation of Array.from(proposer.running.values())) {
    if (operation.phase === 'waiting') continue;
    if (operation.phase === 'collecting') {
      leave(proposer, operation);
      continue;
    }
    keepOffer(operation);
    attempt(proposer, operation, nowMs, out);
  }
}
