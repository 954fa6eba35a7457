/** A bucket as its processes on this node have to see it. */
import type { BucketView } from '../bucket/view.ts';
import type { Incarnation } from '../paxos/messages.ts';
import { explainBucket } from './explain.ts';
import { connectedHellos } from './plan.ts';
import { chainOf } from './record.ts';
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
  return { bucket, me, configs: chainOf(state.record, bucket).configs, present, waits: explainBucket(state, bucket) };
}
