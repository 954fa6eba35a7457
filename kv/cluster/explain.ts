/** What the cluster and its buckets wait for, in words for a person: names, and what would help. */
import { partitionsRefusal } from '../bucket/partitions.ts';
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize } from '../paxos/quorum.ts';
import { hasMember, memberNamed, resetsOf, vacantSeats } from './config.ts';
import {
  everyStateIsGone,
  isGone,
  isRemoved,
  ownBoot,
  presentMembers,
  reachableFounders,
  reachableMembers,
  stateHolders,
  votingMembers,
} from './evidence.ts';
import { keptSeats } from './plan.ts';
import { explainRequest } from './requests.ts';
import { bucketsThatList, chainOf, isRetired, isSystemMember, newestOf } from './record.ts';
import type { ClusterState } from './state.ts';

export interface ClusterCounts {
  readonly hasQuorum: boolean;
  /** Members of the configuration that are connected, this node included. */
  readonly connected: number;
  readonly clusterSize: number;
}

export function countCluster(state: ClusterState): ClusterCounts {
  const own = newestOf(state.record.system);
  const clusterSize = own?.N ?? state.settings.clusterSize;
  if (own === null) return { hasQuorum: false, connected: 1, clusterSize };
  const connected = reachableMembers(state, own).length;
  return { hasQuorum: connected >= quorumSize(clusterSize), connected, clusterSize };
}

/** What the cluster waits for on this node; null when nothing is missing. */
export function explainCluster(state: ClusterState): string | null {
  const own = newestOf(state.record.system);
  const refused = [...state.peers.values()].flatMap((p) => (p.refusal === null ? [] : [p.refusal]));
  const also = refused.length === 0 ? '' : `; refused: ${refused.join('; ')}`;
  if (own === null) return explainFounding(state) + also;
  const connected = reachableMembers(state, own);
  const missing = own.M.map((m) => m.name)
    .filter((member) => !connected.includes(member))
    .sort();
  if (connected.length < quorumSize(own.N)) {
    return (
      `no quorum: ${connected.length} of ${own.N} nodes are connected, ${quorumSize(own.N)} are needed; start ${list(missing)}` +
      `, or, if they are lost for good, reset the cluster by force (quorate force-reset)${also}`
    );
  }
  const open = state.requests.find(({ request }) => request.kind !== 'leave');
  return open === undefined ? explainSeat(state, own) : explainRequest(state, open.request);
}

function explainSeat(state: ClusterState, own: Config): string | null {
  const { record } = state;
  const { name } = record;
  if (isSystemMember(record, own)) {
    return record.active ? null : `${name} took a seat and merges what was decided before`;
  }
  const listed = memberNamed(own, name);
  if (listed !== undefined) return `${name} lost its boot record and is about to take its seat again`;
  if (vacantSeats(own) === 0) {
    return `${name} is a client: all ${own.N} seats are taken by ${list(own.M.map((m) => m.name))}`;
  }
  const kept = keptSeats(state).filter((founder) => founder !== name);
  if (!keptSeats(state).includes(name) && kept.length >= vacantSeats(own)) {
    return `${name} is a client: the vacant seat is kept for the founder ${list(kept)}; start it, or give its seat away with Cluster.replaceMember`;
  }
  if (!isRetired(record)) return `${name} is about to take a seat`;
  const buckets = bucketsThatList(record);
  return (
    `${name} gave up its seat; it can take one again when bucket ${list(buckets)} has followed, which lists it as a member: ` +
    `a quorum of nodes has to run that, or, where nobody will again, reset the record of ${name} (quorate reset)`
  );
}

function explainFounding(state: ClusterState): string {
  const { founders, clusterSize } = state.settings;
  const { name } = state.record;
  const here = reachableFounders(state);
  if (!founders.includes(name) || !state.mayFound)
    return `${name} waits for a node of the cluster: none of ${list(founders)} answers yet`;
  const missing = founders.filter((founder) => !here.includes(founder));
  return `no cluster yet: ${here.length} of ${founders.length} founders are here, ${quorumSize(clusterSize)} are needed; start ${list(missing)}`;
}

/** What a bucket waits for on this node; null when it works. */
export function explainBucket(state: ClusterState, bucket: string): string | null {
  const own = newestOf(state.record.system);
  if (own === null) return explainCluster(state);
  const newest = newestOf(chainOf(state.record, bucket));
  if (newest === null)
    return `bucket ${bucket} is not founded: ${quorumSize(own.N)} nodes of the cluster have to run it`;
  const here = state.running.get(bucket);
  const refusal = here === undefined ? null : partitionsRefusal(newest, here.partitions);
  if (refusal !== null) return refusal;
  if (resetsOf(newest) < resetsOf(own)) return `bucket ${bucket} is about to go on with what the survivors hold`;
  return explainQuorum(state, own, bucket, newest) ?? explainOwnSeat(state, own, bucket, newest);
}

/** Too few members that vote, or from which others could merge. */
function explainQuorum(state: ClusterState, own: Config, bucket: string, newest: Config): string | null {
  const q = quorumSize(newest.N);
  const present = presentMembers(state, bucket, newest);
  const forgot = newest.M.filter((m) => isGone(state, own, bucket, m)).map((m) => m.name);
  const voting = votingMembers(state, bucket, newest);
  const canMerge = forgot.length === 0 || voting.length >= newest.r;
  if (present.length >= q && canMerge) return null;
  if (canMerge) {
    const missing = newest.M.filter((m) => !present.includes(m))
      .map((m) => m.name)
      .sort();
    return `bucket ${bucket} has no quorum: ${present.length} of ${newest.N}, missing ${list(missing)}`;
  }
  if (everyStateIsGone(state, own, bucket)) {
    return `bucket ${bucket} was lost by all its members: it begins anew, empty, when ${q} nodes run it`;
  }
  const holders = stateHolders(state, own, bucket);
  const away = holders.filter((name) => !present.some((m) => m.name === name));
  const lost = `${list(forgot)} restarted and forgot bucket ${bucket}`;
  if (away.length > 0) {
    return (
      `${lost}: it waits for ${list(away)}, which may hold values decided before the restart: ` +
      `start ${list(away)}, or give up what only ${list(away)} may hold with a reset by force (quorate force-reset)`
    );
  }
  return (
    `${lost}, and ${list(holders)} alone cannot tell what was decided, ${newest.r} members are needed for that: ` +
    `reset by force (quorate force-reset) to go on with what is left there, or stop ${list(holders)} too to begin empty`
  );
}

function explainOwnSeat(state: ClusterState, own: Config, bucket: string, newest: Config): string | null {
  const me = ownBoot(state, bucket);
  if (me === null || !isSystemMember(state.record, own)) return null;
  if (!hasMember(newest, me)) return explainSeatless(state, bucket, newest, me);
  return state.running.get(bucket)?.activeIn === newest.e ? null : `bucket ${bucket} merges the state of other members`;
}

function explainSeatless(state: ClusterState, bucket: string, newest: Config, me: Incarnation): string | null {
  if (isRemoved(state, bucket, me)) return `bucket ${bucket} gave up its seat on ${me.name}`;
  if (memberNamed(newest, me.name) !== undefined) {
    return `${me.name} restarted and forgot bucket ${bucket}: it works as a client until it has its seat again and has merged`;
  }
  return vacantSeats(newest) > 0 ? `bucket ${bucket} is about to take a seat for ${me.name}` : null;
}

export function list(names: readonly NodeName[]): string {
  if (names.length === 0) return 'nobody';
  if (names.length === 1) return names[0] as string;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
