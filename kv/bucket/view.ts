/**
 * What the cluster's process tells a bucket's processes, and what they tell it. These messages stay on the node.
 */
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';

/** The bucket as the cluster's process sees it now; sent to every subscriber whenever it changes. */
export interface BucketView {
  readonly bucket: string;
  /** This node's bucket boot; null while the bucket does not run here. */
  readonly me: Incarnation | null;
  /** Decided configurations, oldest first. */
  readonly configs: readonly Config[];
  /** Boots that are connected now, each as its own node told, this node's among them. */
  readonly present: readonly Incarnation[];
  /**
   * This boot must be given up for a new one: it was `removed` and nobody needs its state any more, or its merge is `hopeless` and, unless it
   * holds something already, it only blocks the others.
   */
  readonly renew: 'removed' | 'hopeless' | null;
  /** In words: what the bucket waits for on this node; null when it works. */
  readonly waits: string | null;
}

/** Casts to the cluster's process. */
export type ClusterCast =
  | {
      readonly kind: 'bucketActive';
      readonly bucket: string;
      readonly boot: number;
      readonly partition: number;
      readonly e: number;
    }
  | { readonly kind: 'learned'; readonly bucket: string; readonly config: Config }
  /** The request that was made with this token is not wanted any more. */
  | { readonly kind: 'withdraw'; readonly token: string }
  /** A message that could not be read; logged once. */
  | { readonly kind: 'misunderstood'; readonly text: string };

/** Names of a bucket's processes: partition 0 has the plain ones, so that a bucket without partitions does. */
export function acceptorName(bucket: string, partition = 0): string {
  return partition === 0 ? `${bucket}.Acceptor` : `${bucket}.Acceptor.${partition}`;
}

export function proposerName(bucket: string, partition = 0): string {
  return partition === 0 ? `${bucket}.Proposer` : `${bucket}.Proposer.${partition}`;
}

export function learnerName(bucket: string, partition = 0): string {
  return partition === 0 ? `${bucket}.Learner` : `${bucket}.Learner.${partition}`;
}

export function isPresent(view: BucketView, name: NodeName): boolean {
  return view.present.some((member) => member.name === name);
}
