/**
 * What the cluster process of one node knows: its record, the other nodes as they described themselves on the present connection, the
 * buckets that run here and the rounds it proposes. Changed only by `core.ts`; the record only by replacing it, so that the caller sees
 * that it must be made durable.
 */
import type { Ballot, Config, Incarnation, NodeName } from '../paxos/messages.ts';
import type { ConfigStep } from './config.ts';
import type { Hello, RunningBucket, Settings } from './hello.ts';
import type { BootRecord, ChainName, SystemSnapshot } from './record.ts';
import type { SystemMessage } from './system-messages.ts';

export interface Peer {
  readonly name: NodeName;
  /** Its Hello on the present connection; null while it is not connected or has not said it. */
  hello: Hello | null;
  /** What this node last told it about itself: a Hello may wait long for a connection, and be stale when it arrives. */
  told: string;
  /** Why nothing is done with it. */
  refusal: string | null;
}

/** What to propose on a chain. */
export interface Plan {
  readonly chain: ChainName;
  /** The members of the cluster's founding are known only after the promises. */
  readonly step: ConfigStep | { readonly kind: 'found'; readonly members: readonly Incarnation[] };
  /** How long the plan has to stand first: others may have more reason, or an earlier turn. */
  readonly delayMs: number;
}

/** What an operator, or a part of this node, asked for. */
export type Request =
  | { readonly kind: 'resize'; readonly clusterSize: number }
  | { readonly kind: 'replaceMember'; readonly leaving: NodeName; readonly joining: NodeName }
  | { readonly kind: 'force'; readonly cluster: string; readonly members: readonly NodeName[] }
  /** The bucket, or (null) this node, is about to stop: its seats are given up where that is possible. */
  | { readonly kind: 'leave'; readonly bucket: string | null };

export interface OpenRequest {
  readonly id: number;
  readonly request: Request;
  /** When it is given up. */
  readonly until: number;
  /** Seats that were seen last: another resize may move them away. */
  seats: number | null;
}

export type RequestAnswer =
  { readonly ok: true } | { readonly ok: false; readonly code: string; readonly message: string };

/** An attempt to decide the next configuration of a chain. */
export interface Round {
  readonly plan: Plan;
  /** Epoch of the configuration it builds on. */
  readonly e: number;
  readonly b: Ballot;
  readonly voters: readonly NodeName[];
  readonly quorum: number;
  readonly promises: Map<
    NodeName,
    { readonly ab: Ballot; readonly config: Config | null; readonly active: boolean; readonly id: string }
  >;
  readonly refusals: Set<NodeName>;
  readonly accepts: Set<NodeName>;
  /** Somebody promised more, or stands elsewhere: this attempt cannot win. */
  refused: boolean;
  /** Set when the second phase began. */
  value: Config | null;
  /** No longer waits for more promises than a quorum after this. */
  readonly graceUntil: number;
  readonly deadline: number;
}

/** A plan that waits for its turn: the nodes that could take it up do so one after the other. */
export interface Pending {
  readonly plan: Plan;
  readonly since: number;
  /** Not before this, after a failed attempt. */
  retryAt: number;
  attempts: number;
}

export interface ClusterState {
  record: BootRecord;
  readonly settings: Settings;
  /** May promise and propose in `$c0`; false for a node that was told to join. */
  readonly mayFound: boolean;
  readonly proposer: number;
  round: number;
  readonly peers: Map<NodeName, Peer>;
  readonly running: Map<string, RunningBucket>;
  /**
   * Buckets whose acceptor lived on while this process and what it knew was lost, as with another thread: until it says its boot
   * nobody may take it for one that ended.
   */
  readonly unannounced: Set<string>;
  /** This node is about to stop: it takes no seats and gives up its own in every bucket. */
  isStopping: boolean;
  /** Buckets that are about to stop here. */
  readonly leaving: Set<string>;
  readonly requests: OpenRequest[];
  readonly rounds: Map<ChainName, Round>;
  readonly pending: Map<ChainName, Pending>;
  /** Snapshots that a joiner of the newest cluster configuration has got. */
  readonly snapshots: Map<NodeName, SystemSnapshot>;
  snapshotsAskedAt: number;
  /** When each name was last tried while it was not connected. */
  readonly triedAt: Map<NodeName, number>;
}

export type ClusterInput =
  | { readonly kind: 'message'; readonly from: NodeName; readonly message: SystemMessage }
  | { readonly kind: 'down'; readonly name: NodeName }
  /** A bucket started here: with empty tables (`boot` null: it gets a number), or it still has those of `boot`. */
  | { readonly kind: 'bucketUp'; readonly bucket: string; readonly partitions: number; readonly boot: number | null }
  /** The bucket's acceptor votes in that epoch (0: it does not). */
  | {
      readonly kind: 'bucketActive';
      readonly bucket: string;
      readonly boot: number;
      readonly partition: number;
      readonly e: number;
    }
  | { readonly kind: 'bucketDown'; readonly bucket: string; readonly boot: number }
  /** A bucket heard of a decided configuration on its own. */
  | { readonly kind: 'learned'; readonly bucket: string; readonly config: Config }
  /** `until`: when to give up. The answer is an effect with the same id. */
  | { readonly kind: 'request'; readonly id: number; readonly request: Request; readonly until: number }
  /** Whoever asked does not want it any more; steps that were taken stay. */
  | { readonly kind: 'withdraw'; readonly id: number }
  | { readonly kind: 'tick' };

export type ClusterEffect =
  | { readonly kind: 'send'; readonly to: NodeName; readonly message: SystemMessage }
  /** The bucket has this boot from now on. */
  | { readonly kind: 'boot'; readonly bucket: string; readonly boot: number }
  | { readonly kind: 'log'; readonly level: 'info' | 'error'; readonly text: string }
  | { readonly kind: 'answer'; readonly id: number; readonly answer: RequestAnswer }
  /** All state of the bucket was lost with its members; it begins anew, empty. */
  | { readonly kind: 'dataLost'; readonly bucket: string; readonly config: Config };

export interface StepContext {
  /** Milliseconds on a clock that never goes back. */
  readonly now: number;
  random(): number;
  /** A random identity for a new cluster. */
  newId(): string;
}
