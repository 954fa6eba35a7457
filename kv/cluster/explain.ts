/** What the cluster and its buckets wait for, in words for a person: names, and what would help. */
import { partitionsRefusal } from '../bucket/partitions.ts';
import type { Config, NodeName } from '../paxos/messages.ts';
import { quorumSize, sameIncarnation } from '../paxos/quorum.ts';
import { memberNamed, vacantSeats } from './config.ts';
import { helloOf, reachableFounders, reachableMembers, stateHolders } from './plan.ts';
import { chainOf, isSystemMember, newestOf } from './record.ts';
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
  const { name } = state.record;
  const connected = reachableMembers(state, own);
  const missing = own.M.map((m) => m.name).filter((member) => !connected.includes(member));
  if (connected.length < quorumSize(own.N)) {
    return `no quorum: ${connected.length} of ${own.N} nodes are connected, ${quorumSize(own.N)} are needed; start ${list(missing)}${also}`;
  }
  const listed = memberNamed(own, name);
  if (listed !== undefined && listed.id !== state.record.id) {
    return (
      `${name} lost its boot record, and its seat is held by the record it had: it works as a client; ` +
      'taking the seat again is not supported in this release'
    );
  }
  if (listed === undefined && vacantSeats(own) === 0)
    return `${name} is a client: all ${own.N} seats are taken by ${list(own.M.map((m) => m.name))}`;
  if (listed === undefined) return `${name} is about to take a seat`;
  if (!state.record.active) return `${name} took a seat and merges what was decided before`;
  return null;
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
  const connected = newest.M.filter((m) => isPresentMember(state, bucket, newest, m.name)).map((m) => m.name);
  const hasQuorum = connected.length >= quorumSize(newest.N);
  const forgot = explainAmnesia(state, own, newest, bucket, hasQuorum);
  if (!hasQuorum) {
    const missing = newest.M.map((m) => m.name).filter((name) => !connected.includes(name));
    return forgot ?? `bucket ${bucket} has no quorum: ${connected.length} of ${newest.N}, missing ${list(missing)}`;
  }
  if (forgot !== null) return forgot;
  if (!isSystemMember(state.record, own)) return null;
  if (memberNamed(newest, state.record.name) === undefined) {
    return vacantSeats(newest) > 0 ? `bucket ${bucket} is about to take a seat for ${state.record.name}` : null;
  }
  return here !== undefined && here.activeIn !== newest.e ? `bucket ${bucket} merges the state of other members` : null;
}

function explainAmnesia(
  state: ClusterState,
  own: Config,
  newest: Config,
  bucket: string,
  hasQuorum: boolean,
): string | null {
  const { name } = state.record;
  const listed = memberNamed(newest, name);
  const here = state.running.get(bucket);
  if (listed === undefined || here === undefined) return null;
  if (listed.id === state.record.id && listed.boot === here.boot) return null;
  const client =
    `${name} restarted and forgot bucket ${bucket} (boot ${here.boot}, its seat is of boot ${listed.boot}): ` +
    'it works as a client of the other members; ';
  if (hasQuorum) return `${client}taking the seat again is not supported in this release`;
  const holders = stateHolders(state, own, bucket);
  return (
    `${client}bucket ${bucket} waits for ${list(holders)}, which may hold values decided before the restart: start ${list(holders)}, or reset; ` +
    'taking the seat again is not supported in this release, when all members were stopped the bucket begins anew'
  );
}

function isPresentMember(state: ClusterState, bucket: string, config: Config, name: NodeName): boolean {
  const listed = memberNamed(config, name);
  if (listed === undefined) return false;
  if (name === state.record.name) {
    const here = state.running.get(bucket);
    return here !== undefined && sameIncarnation(listed, { name, id: state.record.id, boot: here.boot });
  }
  const hello = helloOf(state, name);
  const there = hello?.buckets[bucket];
  return hello !== null && there?.running === true && sameIncarnation(listed, { name, id: hello.id, boot: there.boot });
}

function list(names: readonly NodeName[]): string {
  if (names.length === 0) return 'nobody';
  if (names.length === 1) return names[0] as string;
  return `${names.slice(0, -1).join(', ')} and ${names.at(-1) ?? ''}`;
}
