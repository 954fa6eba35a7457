/** How a node sees its cluster, as plain data for people and programs: configurations, what each member does, and what is waited for. */
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize } from '../paxos/quorum.ts';
import { connectedHellos, helloOf, isGone, presentMembers, votingMembers } from './evidence.ts';
import { countCluster, explainBucket, explainCluster, type ClusterCounts } from './explain.ts';
import { memberNamed } from './config.ts';
import { chainOf, newestOf } from './record.ts';
import type { ClusterState } from './state.ts';

export interface MemberStatus {
  readonly name: NodeName;
  /**
   * `active`: it votes. `merging`: it has its seat and takes over what was decided before. `missing`: not connected; of its state nothing is known.
   * `restarted`: it answers from a later start and has lost what this member held.
   */
  readonly state: 'active' | 'merging' | 'missing' | 'restarted';
}

export interface ConfigStatus {
  readonly epoch: number;
  readonly seats: number;
  /** How many members have to agree. */
  readonly quorum: number;
  readonly members: readonly MemberStatus[];
}

export interface BucketStatus extends ConfigStatus {
  readonly bucket: string;
}

export interface ClusterStatus extends ClusterCounts {
  readonly node: NodeName;
  readonly cluster: string | null;
  /** Names of the configuration's members. */
  readonly members: readonly NodeName[];
  /** In words: what this node's cluster and buckets wait for. Empty when all is well. */
  readonly waits: readonly string[];
  /** The cluster's configuration; null while none is known. */
  readonly configuration: ConfigStatus | null;
  /** Connected nodes without a seat, this one included. */
  readonly clients: readonly NodeName[];
  /** Buckets that were founded, as this node knows them. */
  readonly buckets: readonly BucketStatus[];
  /** Every reset by force, for ever: since then values may be missing, or be back. */
  readonly resets: readonly { readonly epoch: number; readonly members: readonly NodeName[] }[];
}

export function statusOf(state: ClusterState): ClusterStatus {
  const { record } = state;
  const own = newestOf(record.system);
  const running = own === null ? [] : [...state.running.keys()];
  const waits = [explainCluster(state), ...running.map((bucket) => explainBucket(state, bucket))];
  const here = [record.name, ...connectedHellos(state).map((h) => h.name)].sort();
  return {
    ...countCluster(state),
    node: record.name,
    cluster: own?.cluster ?? null,
    members: own?.M.map((m) => m.name) ?? [],
    waits: waits.filter((text): text is string => text !== null),
    configuration: own === null ? null : configStatus(own, (m) => systemStateOf(state, m)),
    clients: own === null ? [] : here.filter((name) => memberNamed(own, name) === undefined),
    buckets: own === null ? [] : bucketStatuses(state, own),
    resets: record.system.configs
      .filter((c) => c.forced === true)
      .map((c) => ({ epoch: c.e, members: c.M.map((m) => m.name) })),
  };
}

function bucketStatuses(state: ClusterState, own: Config): BucketStatus[] {
  const statuses: BucketStatus[] = [];
  for (const bucket of Object.keys(state.record.buckets).sort()) {
    const newest = newestOf(chainOf(state.record, bucket));
    if (newest === null) continue;
    const present = presentMembers(state, bucket, newest);
    const voting = votingMembers(state, bucket, newest);
    const stateOf = (m: Incarnation): MemberStatus['state'] => {
      if (voting.includes(m)) return 'active';
      if (present.includes(m)) return 'merging';
      return isGone(state, own, bucket, m) ? 'restarted' : 'missing';
    };
    statuses.push({ bucket, ...configStatus(newest, stateOf) });
  }
  return statuses;
}

function configStatus(config: Config, stateOf: (m: Incarnation) => MemberStatus['state']): ConfigStatus {
  const members = config.M.map((m) => ({ name: m.name, state: stateOf(m) }));
  return { epoch: config.e, seats: config.N, quorum: quorumSize(config.N), members };
}

/** Members of the cluster are boot records: `restarted` is one that lost its record. */
function systemStateOf(state: ClusterState, member: Incarnation): MemberStatus['state'] {
  const { record } = state;
  const now = member.name === record.name ? record : helloOf(state, member.name);
  if (now === null) return 'missing';
  if (now.id !== member.id) return 'restarted';
  return now.active ? 'active' : 'merging';
}
