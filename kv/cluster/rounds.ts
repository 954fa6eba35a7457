/**
 * Rounds on the system registers: both sides of classic Paxos on a write-once register, the acceptors being boot records. The value
 * that a register answers is a configuration: what an earlier vote holds, else the proposer's own. Only a decided one is adopted.
 */
import type { Config, NodeName } from '../paxos/messages.ts';
import { compareBallots, isZero, sameBallot, ZERO } from '../paxos/ballot.ts';
import { ownHello } from './evidence.ts';
import { electorate, plansFor, proposal } from './plan.ts';
import { CLUSTER_CHAIN, chainOf, epochOf, isSystemMember, memberIdOf, newestOf, voteOn } from './record.ts';
import type { VoteReply, VoteRequest } from './record.ts';
import type { ClusterEffect, ClusterState, Pending, Plan, Round, StepContext } from './state.ts';
import type { VotedMessage, VoteMessage } from './system-messages.ts';

const TURN_MS = 150;
const GRACE_MS = 100;
const ROUND_MS = 1500;
const BACK_OFF_MAX_MS = 2000;

export type Learn = (state: ClusterState, chain: string, configs: readonly Config[], effects: ClusterEffect[]) => void;

/** Starts rounds whose turn has come, moves those that have their promises or votes, drops those that are pointless. */
export function advanceRounds(state: ClusterState, context: StepContext, effects: ClusterEffect[], learn: Learn): void {
  for (;;) {
    const decided = [...state.rounds.values()].find(
      (round) => round.value !== null && round.accepts.size >= round.quorum,
    );
    if (decided?.value) {
      state.rounds.delete(decided.plan.chain);
      state.pending.delete(decided.plan.chain);
      learn(state, decided.plan.chain, [decided.value], effects);
    }
    const plans = plansFor(state);
    dropPointless(state, plans, context);
    for (const plan of plans) startWhenDue(state, plan, context, effects);
    for (const round of [...state.rounds.values()]) goOn(state, round, context, effects);
    if (decided === undefined) return;
  }
}

function dropPointless(state: ClusterState, plans: readonly Plan[], context: StepContext): void {
  for (const [chain, pending] of state.pending) {
    if (!plans.some((plan) => plan.chain === chain && plan.step.kind === pending.plan.step.kind))
      state.pending.delete(chain);
  }
  for (const round of [...state.rounds.values()]) {
    const { chain } = round.plan;
    const stale = epochOf(chainOf(state.record, chain)) !== round.e || epochOf(state.record.system) !== round.b.e;
    const planned = plans.some((plan) => plan.chain === chain);
    if (stale || !planned) state.rounds.delete(chain);
    else if (context.now >= round.deadline) retryLater(state, round, context);
  }
}

/** An attempt failed: the next one comes after a random time, longer each time. */
function retryLater(state: ClusterState, round: Round, context: StepContext): void {
  dropRound(state, round);
  const pending = state.pending.get(round.plan.chain);
  if (pending === undefined) return;
  pending.attempts += 1;
  pending.retryAt =
    context.now + TURN_MS / 3 + context.random() * Math.min(BACK_OFF_MAX_MS, TURN_MS * 2 ** pending.attempts);
}

export function dropRound(state: ClusterState, round: Round): void {
  if (state.rounds.get(round.plan.chain) === round) state.rounds.delete(round.plan.chain);
}

function startWhenDue(state: ClusterState, plan: Plan, context: StepContext, effects: ClusterEffect[]): void {
  const pending = pendingFor(state, plan, context);
  const dueAt = Math.max(pending.since + plan.delayMs, pending.retryAt);
  if (state.rounds.has(plan.chain) || context.now < dueAt) return;
  const { voters, quorum } = electorate(state, plan);
  if (voters.length < quorum) return;
  state.round += 1;
  const round: Round = {
    plan,
    e: epochOf(chainOf(state.record, plan.chain)),
    // $c<e> by its own number, buckets under the cluster's epoch: the same number
    b: { e: epochOf(state.record.system), r: state.round, p: state.proposer },
    voters,
    quorum,
    promises: new Map(),
    refusals: new Set(),
    refused: false,
    accepts: new Set(),
    value: null,
    graceUntil: context.now + GRACE_MS,
    deadline: context.now + ROUND_MS,
  };
  state.rounds.set(plan.chain, round);
  sendVotes(state, round, effects);
}

function pendingFor(state: ClusterState, plan: Plan, context: StepContext): Pending {
  const known = state.pending.get(plan.chain);
  if (known !== undefined) return known;
  const pending: Pending = { plan, since: context.now, retryAt: 0, attempts: 0 };
  state.pending.set(plan.chain, pending);
  return pending;
}

/** Prepare, or Accept when the round has its value, to every voter; the own record votes at once. */
function sendVotes(state: ClusterState, round: Round, effects: ClusterEffect[]): void {
  const { chain } = round.plan;
  const base = newestOf(chainOf(state.record, chain));
  const message: VoteMessage = { kind: 'vote', chain, e: round.e, b: round.b, base, config: round.value };
  for (const name of round.voters) {
    if (name !== state.record.name) effects.push({ kind: 'send', to: name, message });
    else count(state, round, name, state.record.id, vote(state, message));
  }
}

function goOn(state: ClusterState, round: Round, context: StepContext, effects: ClusterEffect[]): void {
  if (state.rounds.get(round.plan.chain) !== round) return;
  if (round.refused) return retryLater(state, round, context);
  if (round.value !== null || round.promises.size < round.quorum) return;
  const heard = round.promises.size + round.refusals.size;
  if (heard < round.voters.length && context.now < round.graceUntil) return;
  round.value = boundValue(round) ?? proposal(state, round, context.newId);
  if (round.value === null) return retryLater(state, round, context);
  sendVotes(state, round, effects);
}

/** The vote with the highest ballot among the promises: it may be decided already. */
function boundValue(round: Round): Config | null {
  let ab = ZERO;
  let value: Config | null = null;
  for (const promise of round.promises.values()) {
    if (isZero(promise.ab) || compareBallots(promise.ab, ab) <= 0) continue;
    ab = promise.ab;
    value = promise.config;
  }
  return value;
}

function count(state: ClusterState, round: Round, name: NodeName, id: string, reply: VoteReply): void {
  switch (reply.kind) {
    case 'promise':
      if (round.value === null)
        round.promises.set(name, { ab: reply.ab, config: reply.config, active: reply.active, id });
      break;
    case 'accepted':
      if (round.value !== null) round.accepts.add(name);
      break;
    case 'nack':
      state.round = Math.max(state.round, reply.p.r);
      round.refused = true;
      break;
    case 'inactive':
      round.refusals.add(name);
      break;
    case 'decided':
    case 'behind':
      round.refused = true;
      break;
  }
}

/** Is this record an acceptor of the register that follows the chain's newest configuration? */
function mayVote(state: ClusterState, chain: string): boolean {
  const { record, settings } = state;
  const own = newestOf(record.system);
  if (own === null) return chain === CLUSTER_CHAIN && state.mayFound && settings.founders.includes(record.name);
  if (!isSystemMember(record, own)) return false;
  return chain === CLUSTER_CHAIN || record.active;
}

function vote(state: ClusterState, message: VoteMessage): VoteReply {
  const { chain, e, b } = message;
  const request: VoteRequest = message.config === null ? { chain, e, b } : { chain, e, b, config: message.config };
  const voted = voteOn(state.record, request, mayVote(state, chain));
  state.record = voted.record;
  state.round = Math.max(state.round, b.r);
  return voted.reply;
}

export function answerVote(
  state: ClusterState,
  from: NodeName,
  message: VoteMessage,
  effects: ClusterEffect[],
  learn: Learn,
): void {
  if (message.base !== null) learn(state, message.chain, [message.base], effects);
  const reply = vote(state, message);
  if (reply.kind === 'decided' || reply.kind === 'behind') {
    effects.push({
      kind: 'send',
      to: from,
      message: { kind: 'hello', hello: ownHello(state), ask: reply.kind === 'behind' },
    });
  }
  const { chain, e, b } = message;
  effects.push({ kind: 'send', to: from, message: { kind: 'voted', chain, e, b, id: state.record.id, reply } });
}

export function takeVote(state: ClusterState, from: NodeName, message: VotedMessage): void {
  const round = state.rounds.get(message.chain);
  if (round === undefined || round.e !== message.e || !sameBallot(round.b, message.b)) return;
  if (!round.voters.includes(from)) return;
  const own = newestOf(state.record.system);
  if (own !== null && memberIdOf(own, from) !== message.id) return;
  count(state, round, from, message.id, message.reply);
}
