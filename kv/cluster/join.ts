/**
 * A node that took a seat in the cluster's configuration merges the system registers from r sealed members of the configuration before,
 * and only then votes on buckets.
 */
import type { NodeName } from '../paxos/messages.ts';
import type { Config } from '../paxos/messages.ts';
import { epochOf, isSystemMember, memberIdOf, mergeSystem, newestOf, type BootRecord } from './record.ts';
import type { ClusterEffect, ClusterState, StepContext } from './state.ts';
import type { SnapshotAsk, SnapshotGiven } from './system-messages.ts';
import { helloOf } from './evidence.ts';

const ASK_AGAIN_MS = 500;

/** Asks for the snapshots that are missing, and merges when there are enough. */
export function joinStep(state: ClusterState, context: StepContext, effects: ClusterEffect[]): void {
  const own = newestOf(state.record.system);
  if (own === null || own.prev === null || state.record.active || !isSystemMember(state.record, own)) return;
  const { from, need } = sourcesOf(own, own.prev);
  if (state.snapshots.size + (mayServe(state.record, own) ? 1 : 0) >= need) {
    state.record = mergeSystem(state.record, [...state.snapshots.values()]);
    state.snapshots.clear();
    return;
  }
  if (state.snapshotsAskedAt !== 0 && context.now - state.snapshotsAskedAt < ASK_AGAIN_MS) return;
  state.snapshotsAskedAt = context.now;
  for (const { name, id } of from.M) {
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
  const { e } = message.config;
  if (epochOf(record.system) !== e || !mayServe(record, message.config)) return;
  effects.push({
    kind: 'send',
    to: from,
    message: { kind: 'snapshotGiven', e, id: record.id, buckets: record.buckets },
  });
}

/** A forced configuration goes on with what its own members hold; otherwise enough of those before it tell what was chosen. */
function sourcesOf(config: Config, prev: Config): { readonly from: Config; readonly need: number } {
  return config.forced ? { from: config, need: config.M.length } : { from: prev, need: prev.r };
}

/** Sealed members of the former epoch that were active in it. What they learned to be decided since takes nothing from what they hold. */
function mayServe(record: BootRecord, config: Config): boolean {
  if (config.forced) return isSystemMember(record, config);
  if (config.prev === null || !isSystemMember(record, config.prev)) return false;
  return record.active || record.sealed === true;
}

export function takeSnapshot(state: ClusterState, from: NodeName, message: SnapshotGiven): void {
  const own = newestOf(state.record.system);
  if (own === null || own.prev === null || own.e !== message.e || state.record.active) return;
  if (memberIdOf(sourcesOf(own, own.prev).from, from) === message.id) state.snapshots.set(from, message.buckets);
}
