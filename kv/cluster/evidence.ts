/**
 * What this node knows of the others: who is connected, which bucket boots run where, which members vote, and whose state is gone. Only what
 * a node said of itself on the present connection counts; a node that is not connected is known for nothing.
 */
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize, sameIncarnation } from '../paxos/quorum.ts';
import { hasMember, memberNamed } from './config.ts';
import { describeSelf, type BucketHello, type Hello } from './hello.ts';
import { chainOf, completeSince, newestOf } from './record.ts';
import type { ClusterState } from './state.ts';

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

/** Nodes that are here or connected and have no seat, as the members that they would be. */
export function newcomers(state: ClusterState, config: Config): readonly Incarnation[] {
  const { name, id } = state.record;
  const here = [{ name, id, boot: 0 }, ...connectedHellos(state).map((h) => ({ name: h.name, id: h.id, boot: 0 }))];
  return here.filter((m) => memberNamed(config, m.name) === undefined).sort(byName);
}

/** Bucket boots on connected members of the cluster where the bucket runs and stays, this node's among them, in order of names. */
export function bucketRunners(state: ClusterState, own: Config, bucket: string): readonly Incarnation[] {
  const here = state.running.get(bucket);
  const runners: Incarnation[] = [];
  for (const { name, id } of own.M) {
    if (name === state.record.name) {
      if (here !== undefined && id === state.record.id && !isLeaving(state, bucket))
        runners.push({ name, id, boot: here.boot });
      continue;
    }
    const there = bucketThere(state, bucket, { name, id });
    if (there?.running === true && !there.leaving && there.partitions === here?.partitions)
      runners.push({ name, id, boot: there.boot });
  }
  return runners.sort(byName);
}

/** This node's boot of the bucket, or null while it does not run here. */
export function ownBoot(state: ClusterState, bucket: string): Incarnation | null {
  const here = state.running.get(bucket);
  return here === undefined ? null : { name: state.record.name, id: state.record.id, boot: here.boot };
}

/** The bucket, or all of this node, is about to stop. */
export function isLeaving(state: ClusterState, bucket: string): boolean {
  return state.isStopping || state.leaving.has(bucket);
}

/** Members of a bucket's configuration that are here or connected: the very boots that it lists. */
export function presentMembers(state: ClusterState, bucket: string, config: Config): readonly Incarnation[] {
  const me = ownBoot(state, bucket);
  return config.M.filter((m) => {
    if (m.name === state.record.name) return me !== null && sameIncarnation(m, me);
    const there = bucketThere(state, bucket, m);
    return there?.running === true && there.boot === m.boot;
  });
}

/** Those of them that vote in that very configuration. */
export function votingMembers(state: ClusterState, bucket: string, config: Config): readonly Incarnation[] {
  return presentMembers(state, bucket, config).filter((m) => {
    if (m.name === state.record.name) return state.running.get(bucket)?.activeIn === config.e;
    const there = bucketThere(state, bucket, m);
    return there?.active === true && there.configs.at(-1)?.e === config.e;
  });
}

/** Is the newest configuration of the bucket known to be complete: a quorum of its members was seen active? */
export function isComplete(state: ClusterState, bucket: string): boolean {
  const chain = chainOf(state.record, bucket);
  return newestOf(chain)?.e === completeSince(chain);
}

/** Does the quorum of the configuration vote now? */
export function hasVotingQuorum(state: ClusterState, bucket: string, config: Config): boolean {
  return votingMembers(state, bucket, config).length >= quorumSize(config.N);
}

/** A boot that had a seat and has none any more; it never gets one again. */
export function isRemoved(state: ClusterState, bucket: string, boot: Incarnation): boolean {
  const { configs } = chainOf(state.record, bucket);
  const newest = configs.at(-1);
  if (newest === undefined || hasMember(newest, boot)) return false;
  return configs.some((c) => hasMember(c, boot) || (c.prev !== null && hasMember(c.prev, boot)));
}

/**
 * True when every name of the bucket's configurations, back to the newest complete one, has answered for itself from a newer boot: then
 * nobody has any state of them, and only then a fresh start loses nothing more.
 */
export function everyStateIsGone(state: ClusterState, own: Config, bucket: string): boolean {
  return stateHolders(state, own, bucket).length === 0;
}

/** Members that hold state of the bucket's present chain, or may: they have not answered from a newer boot. */
export function stateHolders(state: ClusterState, own: Config, bucket: string): readonly NodeName[] {
  const holders = new Set<NodeName>();
  const chain = chainOf(state.record, bucket);
  const since = completeSince(chain);
  for (const config of chain.configs) {
    if (config.e < since) continue;
    for (const member of config.M) if (!isGone(state, own, bucket, member)) holders.add(member.name);
  }
  return [...holders].sort();
}

/** Has the member's node answered from a newer boot? Then the state of this one is lost. */
export function isGone(state: ClusterState, own: Config, bucket: string, member: Incarnation): boolean {
  const now = presentBoot(state, bucket, member.name);
  if (now === null) return false;
  if (now.id === member.id) return now.boot > member.boot;
  return own.M.some((m) => m.id === now.id) && !own.M.some((m) => m.id === member.id);
}

/** The bucket boot with which a node answers now, the next unused one while the bucket does not run there; null: it does not answer. */
function presentBoot(state: ClusterState, bucket: string, name: NodeName): { id: string; boot: number } | null {
  if (name === state.record.name) {
    if (state.unannounced.has(bucket)) return null;
    return { id: state.record.id, boot: state.running.get(bucket)?.boot ?? state.record.boots + 1 };
  }
  const hello = helloOf(state, name);
  const there = hello?.buckets[bucket];
  return hello === null || there === undefined ? null : { id: hello.id, boot: there.boot };
}

/** What a node says of the bucket, if it is the record of that member. */
export function bucketThere(
  state: ClusterState,
  bucket: string,
  { name, id }: { readonly name: NodeName; readonly id: string },
): BucketHello | undefined {
  const hello = helloOf(state, name);
  return hello?.id === id && Object.hasOwn(hello.buckets, bucket) ? hello.buckets[bucket] : undefined;
}

function byName(a: { readonly name: string }, b: { readonly name: string }): number {
  return a.name < b.name ? -1 : 1;
}
