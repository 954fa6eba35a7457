/**
 * Buckets that run on this thread: callers here reach the proposer by a plain call instead of a message. By node, since several nodes may
 * live in one thread.
 */
import type { Atom } from '../../runtime/term/atom.ts';
import type { BucketShared } from './table.ts';

const shared: WeakMap<Atom, Map<string, BucketShared>> = new WeakMap();

export function keepLocal(node: Atom, bucket: BucketShared): void {
  const known = shared.get(node);
  if (known === undefined) shared.set(node, new Map([[bucket.bucket, bucket]]));
  else known.set(bucket.bucket, bucket);
}

export function dropLocal(node: Atom, bucket: BucketShared): void {
  const known = shared.get(node);
  if (known?.get(bucket.bucket) === bucket) known.delete(bucket.bucket);
}

export function localBucket(node: Atom, bucket: string): BucketShared | undefined {
  return shared.get(node)?.get(bucket);
}
