/**
 * Which part of a bucket has a key. A bucket with n partitions is n sets of registers, each with an acceptor, a proposer and a learner of its
 * own; their number is agreed when the bucket is founded and never changes, or a key would be looked for where it is not.
 */
import { hashText } from '../paxos/hash.ts';
import type { Config, Key } from '../paxos/messages.ts';

/** Registered processes and threads set no small limit; this one keeps a mistyped number from starting thousands of processes. */
export const PARTITIONS_MAX = 256;

export function partitionOf(key: Key, partitions: number): number {
  return partitions === 1 ? 0 : hashText(key) % partitions;
}

/** Why a node that runs the bucket with so many partitions cannot take part, or null. */
export function partitionsRefusal(config: Config | null, partitions: number): string | null {
  const agreed = config?.partitions ?? partitions;
  if (agreed === partitions) return null;
  const bucket = config?.bucket ?? '';
  return (
    `bucket ${bucket} was founded with ${agreed} partitions, this node runs it with ${partitions}: ` +
    `stop it and start it with partitions: ${agreed}`
  );
}
