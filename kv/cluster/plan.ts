/**
 * What this node could propose now, and which configuration it would be. Pure functions of the state: the core asks again after every
 * input and drops a round whose plan is gone. On the cluster's chain: a founder the founding, a joiner its own seat, and whoever was asked to
 * resize or to replace that; buckets are in `bucket-plan.ts`.
 */
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize } from '../paxos/quorum.ts';
import { FOUNDING_DELAY_MS, planForBucket } from './bucket-plan.ts';
import { ConfigStepError, foundConfig, memberNamed, nextConfig, vacantSeats, type ConfigStep } from './config.ts';
import { connectedHellos, helloOf, reachableFounders, reachableMembers } from './evidence.ts';
import { CLUSTER_CHAIN, chainOf, isRetired, isSystemMember, newestOf, systemMember } from './record.ts';
import { requestedStep } from './requests.ts';
import type { ClusterState, Plan, Round } from './state.ts';

const TURN_MS = 150;

export function plansFor(state: ClusterState): readonly Plan[] {
  const own = newestOf(state.record.system);
  if (own === null) return mayFoundNow(state) ? [foundingPlan(state)] : [];
  if (reachableMembers(state, own).length < quorumSize(own.N)) return [];
  const plans: Plan[] = [];
  const step = clusterStep(state, own);
  if (step !== null) plans.push({ chain: CLUSTER_CHAIN, step, delayMs: 0 });
  if (!isSystemMember(state.record, own) || !state.record.active) return plans;
  for (const bucket of state.running.keys()) {
    const plan = planForBucket(state, own, bucket);
    if (plan !== null) plans.push(plan);
  }
  return plans;
}

function foundingPlan(state: ClusterState): Plan {
  const turn = reachableFounders(state).filter((name) => name < state.record.name).length;
  return { chain: CLUSTER_CHAIN, step: { kind: 'found', members: [] }, delayMs: FOUNDING_DELAY_MS + turn * TURN_MS };
}

function mayFoundNow(state: ClusterState): boolean {
  const { founders, clusterSize } = state.settings;
  if (!state.mayFound || !founders.includes(state.record.name)) return false;
  if (connectedHellos(state).some((h) => h.configs.length > 0)) return false;
  const needed = quorumSize(clusterSize);
  if (founders.length === 1) return connectedHellos(state).length + 1 >= needed;
  return reachableFounders(state).length >= Math.max(needed, quorumSize(founders.length));
}

/** This node's own seat, else what it was asked for. Null also when a quorum of what would follow is not in reach. */
function clusterStep(state: ClusterState, own: Config): ConfigStep | null {
  const step = ownSeat(state, own) ?? requestedStep(state, own);
  if (step === null) return null;
  try {
    const next = nextConfig(own, step);
    const me = next.M.some((m) => m.name === state.record.name && m.id === state.record.id) ? state.record.name : null;
    const reachable = new Set([...reachableMembers(state, next), ...(me === null ? [] : [me])]);
    return reachable.size >= quorumSize(next.N) ? step : null;
  } catch (error) {
    if (error instanceof ConfigStepError) return null;
    throw error;
  }
}

function ownSeat(state: ClusterState, own: Config): ConfigStep | null {
  const { record } = state;
  if (state.isStopping || isSystemMember(record, own) || isRetired(record)) return null;
  const member = systemMember(record);
  if (memberNamed(own, record.name) !== undefined) return { kind: 'replace', member };
  const kept = keptSeats(state);
  return vacantSeats(own) > (kept.includes(record.name) ? 0 : kept.length) ? { kind: 'fill', member } : null;
}

/** Founders that never had a seat: one is kept for each, unless an operator gave it away. */
export function keptSeats(state: ClusterState): readonly NodeName[] {
  const { configs } = state.record.system;
  if (configs.some((c) => c.forced === true)) return [];
  return state.settings.founders.filter((name) => !configs.some((c) => memberNamed(c, name) !== undefined));
}

/** The nodes whose votes decide the plan's register, as far as they are here or connected, and how many are needed. */
export function electorate(
  state: ClusterState,
  plan: Plan,
): { readonly voters: readonly NodeName[]; readonly quorum: number } {
  const own = newestOf(state.record.system);
  if (own === null) {
    return { voters: reachableFounders(state), quorum: quorumSize(state.settings.founders.length) };
  }
  const members = reachableMembers(state, own);
  if (plan.chain === CLUSTER_CHAIN) return { voters: members, quorum: quorumSize(own.N) };
  const active = members.filter((name) => name === state.record.name || helloOf(state, name)?.active === true);
  return { voters: active, quorum: quorumSize(own.N) };
}

/** What this node proposes when no earlier vote binds it; null when the promises, or what is known by now, do not allow the step. */
export function proposal(state: ClusterState, round: Round, newId: () => string): Config | null {
  const { chain, step: begun } = round.plan;
  const own = newestOf(state.record.system);
  if (own === null) return foundingProposal(state, round, newId);
  const step = plansFor(state).find((plan) => plan.chain === chain)?.step;
  if (step?.kind !== begun.kind) return null;
  if (chain === CLUSTER_CHAIN) {
    const active = [...round.promises.values()].filter((p) => p.active).length;
    return active < own.r || step.kind === 'found' ? null : nextConfig(own, step);
  }
  const base = newestOf(chainOf(state.record, chain));
  const partitions = state.running.get(chain)?.partitions ?? 1;
  if (step.kind === 'found') {
    const { members } = step;
    return foundConfig({ cluster: own.cluster, clusterSize: own.N, members, bucket: chain, partitions });
  }
  return base === null ? null : nextConfig(base, step);
}

function foundingProposal(state: ClusterState, round: Round, newId: () => string): Config | null {
  const { founders, clusterSize } = state.settings;
  const blank = connectedHellos(state).filter((h) => h.configs.length === 0);
  const joined: Incarnation[] =
    founders.length === 1
      ? [systemMember(state.record), ...blank.map((h) => ({ name: h.name, id: h.id, boot: 0 }))]
      : [...round.promises].map(([name, { id }]) => ({ name, id, boot: 0 }));
  const members = joined.sort((a, b) => (a.name < b.name ? -1 : 1));
  const kept = members.slice(0, clusterSize);
  if (kept.length < quorumSize(clusterSize)) return null;
  return foundConfig({ cluster: newId(), clusterSize, members: kept });
}
