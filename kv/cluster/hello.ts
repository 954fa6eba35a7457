/**
 * What nodes tell each other about themselves: at every connect, in answer, and again whenever it changes. A Hello is the whole truth of
 * the sender about itself - its record, the configurations it knows to be decided and its bucket boots - so a lost one is repaired by
 * the next, and it doubles as the broadcast of a decided configuration.
 */
import type { Config, NodeName, RecordId } from '../paxos/messages.ts';
import { describeConfig } from './config.ts';
import { completeSince, newestOf, type BootRecord, type Chain } from './record.ts';

export interface BucketHello {
  /** The present boot; when the bucket does not run there: the next, unused number. */
  readonly boot: number;
  readonly running: boolean;
  /** It votes: a member of the newest configuration that has merged. */
  readonly active: boolean;
  /** It runs and is about to stop: its seat may be given away. */
  readonly leaving: boolean;
  readonly partitions: number;
  /** Decided configurations as in the record. */
  readonly configs: readonly Config[];
  /** Epoch of the newest one that is known complete; 0: none is known. */
  readonly complete: number;
}

export interface Hello {
  readonly name: NodeName;
  readonly id: RecordId;
  readonly founders: readonly NodeName[];
  readonly clusterSize: number;
  readonly active: boolean;
  readonly configs: readonly Config[];
  readonly buckets: Readonly<Record<string, BucketHello>>;
  /** Other nodes that the sender talks to, so that it is enough to know one. */
  readonly knows: readonly NodeName[];
}

/** A bucket that runs on this node. */
export interface RunningBucket {
  readonly boot: number;
  readonly partitions: number;
  /** The epoch in which the acceptors of all its partitions vote; 0 while they do not. */
  readonly activeIn: number;
  /** The same by partition; none for those that have said nothing yet. */
  readonly votesIn: readonly number[];
}

export interface Settings {
  readonly founders: readonly NodeName[];
  readonly clusterSize: number;
}

export function describeSelf(
  record: BootRecord,
  settings: Settings,
  here: {
    readonly running: ReadonlyMap<string, RunningBucket>;
    readonly unannounced: ReadonlySet<string>;
    readonly leaving: ReadonlySet<string>;
    readonly isStopping: boolean;
  },
  knows: readonly NodeName[],
): Hello {
  const buckets: Record<string, BucketHello> = {};
  const { running, unannounced, leaving, isStopping } = here;
  for (const bucket of new Set([...Object.keys(record.buckets), ...running.keys()])) {
    if (unannounced.has(bucket)) continue;
    const present = running.get(bucket);
    const chain: Chain | undefined = Object.hasOwn(record.buckets, bucket) ? record.buckets[bucket] : undefined;
    buckets[bucket] = {
      boot: present?.boot ?? record.boots + 1,
      running: present !== undefined,
      active: present !== undefined && present.activeIn > 0 && present.activeIn === chain?.configs.at(-1)?.e,
      leaving: present !== undefined && (isStopping || leaving.has(bucket)),
      partitions: present?.partitions ?? 1,
      configs: chain?.configs ?? [],
      complete: chain === undefined ? 0 : completeSince(chain),
    };
  }
  return {
    name: record.name,
    id: record.id,
    founders: settings.founders,
    clusterSize: settings.clusterSize,
    active: record.active,
    configs: record.system.configs,
    buckets,
    knows,
  };
}

/**
 * Why two nodes must not work together, or null. Two nodes without a configuration need the same founders and cluster size, because two
 * lists could found two clusters; where one has a configuration that one counts; two configurations must be of one cluster.
 */
export function helloRefusal(record: BootRecord, settings: Settings, peer: Hello): string | null {
  const own = newestOf(record.system);
  const theirs = peer.configs.at(-1) ?? null;
  if (own !== null && theirs !== null) {
    if (own.cluster === theirs.cluster) return null;
    return (
      `${peer.name} belongs to another cluster: this node to ${own.cluster} (${describeConfig(own)}), ` +
      `${peer.name} to ${theirs.cluster} (${describeConfig(theirs)}); give one of them another cookie, or reset it`
    );
  }
  if (own !== null || theirs !== null) return null;
  const same =
    peer.clusterSize === settings.clusterSize &&
    [...peer.founders].sort().join('\n') === [...settings.founders].sort().join('\n');
  if (same) return null;
  return (
    `${peer.name} was started with other founders: this node has [${settings.founders.join(', ')}] for a cluster of ${settings.clusterSize}, ` +
    `${peer.name} has [${peer.founders.join(', ')}] for a cluster of ${peer.clusterSize}; start both with the same list`
  );
}

/** A differing size between nodes that do work together: only worth a line in the log. */
export function sizeDifference(record: BootRecord, settings: Settings): string | null {
  const own = newestOf(record.system);
  if (own === null || own.N === settings.clusterSize) return null;
  return `this node was started for a cluster of ${settings.clusterSize}, the cluster's configuration has ${own.N} seats, and that counts`;
}
