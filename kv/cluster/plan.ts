/**
 * What this node could propose now, and which configuration it would be. Pure functions of the state: the core asks again after every
 * input and drops a round whose plan is gone. Who may propose: a founder the founding, the joiner itself the fill of a vacant seat, any
 * node that runs a bucket the bucket's founding and its fresh start.
 */
import { partitionsRefusal } from '../bucket/partitions.ts';
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize, sameIncarnation } from '../paxos/quorum.ts';
import { foundConfig, memberNamed, nextConfig, vacantSeats } from './config.ts';
import { describeSelf, type Hello } from './hello.ts';
import { CLUSTER_CHAIN, chainOf, isSystemMember, newestOf, systemMember } from './record.ts';
import type { ClusterState, Plan, Round } from './state.ts';

/** The Hello of a node that is connected and fits, or null. */
export function helloOf(state: ClusterState, name: NodeName): Hello | null {
  const peer = state.peers.get(name);
  return peer === undefined || peer.refusal !== null ? null : peer.hello;
}

/** The Hello of this node as it stands. */
export function ownHello(state: ClusterState): Hello {
  const known = [...state.peers.values()].filter((p) => p.hello !== null).map((p) => p.name);
  return describeSelf(state.record, state.settings, state, known);
}

/** Every connected node that fits, without this one. */
export function connectedHellos(state: ClusterState): readonly Hello[] {
  return [...state.peers.values()].flatMap((p) => (p.hello !== null && p.refusal === null ? [p.hello] : []));
}

/** Members of the cluster's configuration that are here or connected, with the record that is listed. */
export function reachableMembers(state: ClusterState, config: Config): readonly NodeName[] {
  return config.M.filter((m) =>
    m.name === state.record.name ? m.id === state.record.id : helloOf(state, m.name)?.id === m.id,
  ).map((m) => m.name);
}

/** Founders without a configuration that are here or connected. */
export function reachableFounders(state: ClusterState): readonly NodeName[] {
  const { founders } = state.settings;
  return founders.filter((name) => name === state.record.name || helloOf(state, name)?.configs.length === 0);
}

export function plansFor(state: ClusterState): readonly Plan[] {
  const own = newestOf(state.record.system);
  if (own === null) return mayFoundNow(state) ? [{ kind: 'found', chain: CLUSTER_CHAIN }] : [];
  if (reachableMembers(state, own).length < quorumSize(own.N)) return [];
  if (!isSystemMember(state.record, own)) return mayFill(state, own) ? [{ kind: 'fill', chain: CLUSTER_CHAIN }] : [];
  if (!state.record.active) return [];
  const plans: Plan[] = [];
  for (const bucket of state.running.keys()) {
    const plan = planForBucket(state, own, bucket);
    if (plan !== null) plans.push(plan);
  }
  return plans;
}

function mayFoundNow(state: ClusterState): boolean {
  const { founders, clusterSize } = state.settings;
  if (!state.mayFound || !founders.includes(state.record.name)) return false;
  if (connectedHellos(state).some((h) => h.configs.length > 0)) return false;
  const needed = quorumSize(clusterSize);
  if (founders.length === 1) return connectedHellos(state).length + 1 >= needed;
  return reachableFounders(state).length >= Math.max(needed, quorumSize(founders.length));
}

/** A seat is kept for every founder that has none yet; others may take what is left. */
function mayFill(state: ClusterState, config: Config): boolean {
  if (memberNamed(config, state.record.name) !== undefined) return false;
  const { founders } = state.settings;
  const kept = founders.filter((name) => memberNamed(config, name) === undefined).length;
  return vacantSeats(config) > (founders.includes(state.record.name) ? 0 : kept);
}

function planForBucket(state: ClusterState, own: Config, bucket: string): Plan | null {
  const chain = chainOf(state.record, bucket);
  const newest = newestOf(chain);
  const runners = bucketRunners(state, own, bucket);
  const q = quorumSize(own.N);
  const here = state.running.get(bucket);
  if (here !== undefined && partitionsRefusal(newest, here.partitions) !== null) return null;
  if (newest === null) return runners.length >= q ? { kind: 'found', chain: bucket } : null;
  if (newest.M.some((m) => runners.some((r) => sameIncarnation(r, m)) && m.name === state.record.name)) return null;
  if (everyStateIsGone(state, own, bucket))
    return runners.length >= quorumSize(newest.N) ? { kind: 'fresh', chain: bucket } : null;
  if (memberNamed(newest, state.record.name) !== undefined || vacantSeats(newest) === 0) return null;
  const voting = newest.M.filter((m) => isVotingMember(state, bucket, m)).length;
  return voting >= newest.r && voting + 1 >= quorumSize(newest.N) ? { kind: 'fill', chain: bucket } : null;
}

/** Bucket boots on connected members of the cluster where the bucket runs, this node's among them, in order of names. */
export function bucketRunners(state: ClusterState, own: Config, bucket: string): readonly Incarnation[] {
  const here = state.running.get(bucket);
  const runners: Incarnation[] = [];
  for (const { name, id } of own.M) {
    if (name === state.record.name) {
      if (here !== undefined && id === state.record.id) runners.push({ name, id, boot: here.boot });
      continue;
    }
    const hello = helloOf(state, name);
    const there = hello?.id === id ? hello.buckets[bucket] : undefined;
    if (there?.running === true && there.partitions === here?.partitions) runners.push({ name, id, boot: there.boot });
  }
  return runners.sort((a, b) => (a.name < b.name ? -1 : 1));
}

function isVotingMember(state: ClusterState, bucket: string, member: Incarnation): boolean {
  const hello = helloOf(state, member.name);
  const there = hello?.id === member.id ? hello.buckets[bucket] : undefined;
  return there !== undefined && there.running && there.active && there.boot === member.boot;
}

/**
 * True when every name of the bucket's configurations, back to the founding or fresh one that the chain begins with, has
 * answered for itself from a newer boot: then nobody has any state of them, and only then a fresh start loses nothing more.
 */
export function everyStateIsGone(state: ClusterState, own: Config, bucket: string): boolean {
  return stateHolders(state, own, bucket).length === 0;
}

/** Members that hold state of the bucket's present chain, or may: they have not answered from a newer boot. */
export function stateHolders(state: ClusterState, own: Config, bucket: string): readonly NodeName[] {
  const holders = new Set<NodeName>();
  for (const config of chainOf(state.record, bucket).configs) {
    for (const member of config.M) if (!isGone(state, own, bucket, member)) holders.add(member.name);
  }
  return [...holders].sort();
}

function isGone(state: ClusterState, own: Config, bucket: string, member: Incarnation): boolean {
  const now = presentBoot(state, bucket, member.name);
  if (now === null) return false;
  if (now.id === member.id) return now.boot > member.boot;
  return own.M.some((m) => m.id === now.id) && !own.M.some((m) => m.id === member.id);
}

function presentBoot(state: ClusterState, bucket: string, name: NodeName): { id: string; boot: number } | null {
  if (name === state.record.name) {
    if (state.unannounced.has(bucket)) return null;
    return { id: state.record.id, boot: state.running.get(bucket)?.boot ?? state.record.boots + 1 };
  }
  const hello = helloOf(state, name);
  const there = hello?.buckets[bucket];
  return hello === null || there === undefined ? null : { id: hello.id, boot: there.boot };
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

/** This node's place in the order in which the nodes that could take the plan up do so. */
export function turnOf(state: ClusterState, plan: Plan): number {
  if (plan.kind === 'fill') return 0;
  const own = newestOf(state.record.system);
  const names = own === null ? reachableFounders(state) : bucketRunners(state, own, plan.chain).map((m) => m.name);
  return names.filter((name) => name < state.record.name).length;
}

/** Would a bucket's first or fresh configuration have more members if a connected member of the cluster had time to start it? */
export function isWorthWaiting(state: ClusterState, plan: Plan): boolean {
  const own = newestOf(state.record.system);
  if (own === null || plan.chain === CLUSTER_CHAIN) return false;
  return bucketRunners(state, own, plan.chain).length < reachableMembers(state, own).length;
}

/** What this node proposes when no earlier vote binds it; null when the promises do not allow the step. */
export function proposal(state: ClusterState, round: Round, newId: () => string): Config | null {
  const { plan } = round;
  const own = newestOf(state.record.system);
  if (own === null) return foundingProposal(state, round, newId);
  if (plan.chain === CLUSTER_CHAIN) {
    const active = [...round.promises.values()].filter((p) => p.active).length;
    return active < own.r ? null : nextConfig(own, { kind: 'fill', member: systemMember(state.record) });
  }
  const base = newestOf(chainOf(state.record, plan.chain));
  const here = state.running.get(plan.chain);
  if (here === undefined) return null;
  const members = bucketRunners(state, own, plan.chain).slice(0, own.N);
  if (base === null) {
    return foundConfig({
      cluster: own.cluster,
      clusterSize: own.N,
      members,
      bucket: plan.chain,
      partitions: here.partitions,
    });
  }
  if (plan.kind === 'fresh') return nextConfig(base, { kind: 'fresh', members });
  return nextConfig(base, { kind: 'fill', member: { ...systemMember(state.record), boot: here.boot } });
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
