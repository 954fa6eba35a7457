/**
 * A node that took a seat in the cluster's configuration merges the system registers from r sealed members of the configuration before,
 * and only then votes on buckets.
 */
import type { NodeName } from '../paxos/messages.ts';
import { epochOf, isSystemMember, memberIdOf, mergeSystem, newestOf } from './record.ts';
import type { ClusterEffect, ClusterState, StepContext } from './state.ts';
import type { SnapshotAsk, SnapshotGiven } from './system-messages.ts';
import { helloOf } from './plan.ts';

const ASK_AGAIN_MS = 500;

/** Asks for the snapshots that are missing, and merges when there are enough. */
export function joinStep(state: ClusterState, context: StepContext, effects: ClusterEffect[]): void {
  const own = newestOf(state.record.system);
  if (own === null || own.prev === null || state.record.active || !isSystemMember(state.record, own)) return;
  if (state.snapshots.size >= own.prev.r) {
    state.record = mergeSystem(state.record, [...state.snapshots.values()]);
    state.snapshots.clear();
    return;
  }
  if (state.snapshotsAskedAt !== 0 && context.now - state.snapshotsAskedAt < ASK_AGAIN_MS) return;
  state.snapshotsAskedAt = context.now;
  for (const { name, id } of own.prev.M) {
    if (helloOf(state, name)?.id !== id || state.snapshots.has(name)) continue;
    effects.push({ kind: 'send', to: name, message: { kind: 'snapshotAsk', config: own } });
  }
}

/** Only a record that stands at the asked configuration - sealed for the one before - and voted in that one answers. */
export function answerSnapshot(
  state: ClusterState,
  from: NodeName,
  message: SnapshotAsk,
  effects: ClusterEffect[],
): void {
  const { record } = state;
  const { prev, e } = message.config;
  if (epochOf(record.system) !== e || prev === null || !record.active || !isSystemMember(record, prev)) return;
  effects.push({
    kind: 'send',
    to: from,
    message: { kind: 'snapshotGiven', e, id: record.id, buckets: record.buckets },
  });
}

export function takeSnapshot(state: ClusterState, from: NodeName, message: SnapshotGiven): void {
  const own = newestOf(state.record.system);
  if (own === null || own.prev === null || own.e !== message.e || state.record.active) return;
  if (memberIdOf(own.prev, from) === message.id) state.snapshots.set(from, message.buckets);
}
