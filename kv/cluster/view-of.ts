/** A bucket as its processes on this node have to see it. */
import type { BucketView } from '../bucket/view.ts';
import type { Incarnation } from '../paxos/messages.ts';
import { explainBucket } from './explain.ts';
import { connectedHellos, isComplete, isGone, isLeaving, isRemoved } from './evidence.ts';
import { hasMember } from './config.ts';
import { chainOf, newestOf } from './record.ts';
import type { ClusterState } from './state.ts';

export function viewOf(state: ClusterState, bucket: string): BucketView {
  const { name, id } = state.record;
  const here = state.running.get(bucket);
  const me: Incarnation | null = here === undefined ? null : { name, id, boot: here.boot };
  const present: Incarnation[] = me === null ? [] : [me];
  for (const hello of connectedHellos(state)) {
    const there = hello.buckets[bucket];
    if (there?.running === true) present.push({ name: hello.name, id: hello.id, boot: there.boot });
  }
  const { configs } = chainOf(state.record, bucket);
  return { bucket, me, configs, present, renew: renewal(state, bucket, me), waits: explainBucket(state, bucket) };
}

/** Why the bucket's boot on this node has to be given up for a new one. */
function renewal(state: ClusterState, bucket: string, me: Incarnation | null): BucketView['renew'] {
  const own = newestOf(state.record.system);
  const newest = newestOf(chainOf(state.record, bucket));
  if (me === null || own === null || newest === null) return null;
  if (isRemoved(state, bucket, me)) {
    // what it holds is for those who merge because of its removal
    return isComplete(state, bucket) && !isLeaving(state, bucket) ? 'removed' : null;
  }
  const { prev } = newest;
  const votesIn = state.running.get(bucket)?.votesIn ?? [];
  if (prev === null || newest.fresh || newest.forced || !hasMember(newest, me) || votesIn.includes(newest.e))
    return null;
  return prev.M.filter((m) => m.name !== me.name && !isGone(state, own, bucket, m)).length < prev.r ? 'hopeless' : null;
}
