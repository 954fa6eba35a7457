/**
 * Partitions of buckets that run on this thread: callers here reach their proposers by a plain call instead of a message. By node, since
 * several nodes may live in one thread.
 */
import type { Atom } from '../../runtime/term/atom.ts';
import type { Key } from '../paxos/messages.ts';
import { partitionOf } from './partitions.ts';
import type { BucketShared } from './table.ts';

interface Here {
  readonly partitions: number;
  readonly shared: (BucketShared | undefined)[];
}

const here: WeakMap<Atom, Map<string, Here>> = new WeakMap();

export function keepLocal(node: Atom, shared: BucketShared): void {
  const { bucket, partition, partitions } = shared;
  let buckets = here.get(node);
  if (buckets === undefined) here.set(node, (buckets = new Map()));
  let known = buckets.get(bucket);
  if (known?.partitions !== partitions) buckets.set(bucket, (known = { partitions, shared: [] }));
  known.shared[partition] = shared;
}

export function dropLocal(node: Atom, shared: BucketShared): void {
  const buckets = here.get(node);
  const known = buckets?.get(shared.bucket);
  if (known?.shared[shared.partition] !== shared) return;
  known.shared[shared.partition] = undefined;
  if (known.shared.every((one) => one === undefined)) buckets?.delete(shared.bucket);
}

/** The partition of a bucket that has a key, if it runs on this thread. */
export function localOf(node: Atom, bucket: string, key: Key): BucketShared | undefined {
  const known = here.get(node)?.get(bucket);
  return known?.shared[partitionOf(key, known.partitions)];
}

export function localBucket(node: Atom, bucket: string, partition = 0): BucketShared | undefined {
  return here.get(node)?.get(bucket)?.shared[partition];
}
