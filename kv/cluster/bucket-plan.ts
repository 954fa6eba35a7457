/**
 * What this node could propose now for a bucket, and whether it may: founding, fresh start, and the steps by which a bucket follows
 * restarts, clean stops and the configuration of the cluster. Pure functions of the state.
 *
 * - A step is offered only when `r` members vote in the present configuration: offered earlier it is still safe, but may block for good, as
 *   nobody would be left to merge from. And when a quorum of the new one is in reach, or the step brings one nearer.
 * - A joiner proposes its own seat, a node that stops gives up its own; everything else is for the members in turn.
 */
import { partitionsRefusal } from '../bucket/partitions.ts';
import type { Config, Incarnation, NodeName } from '../paxos/messages.ts';
import { quorumSize } from '../paxos/quorum.ts';
import {
  ConfigStepError,
  hasMember,
  memberNamed,
  nextConfig,
  resetsOf,
  vacantSeats,
  type ConfigStep,
} from './config.ts';
import {
  bucketRunners,
  bucketThere,
  everyStateIsGone,
  isLeaving,
  isRemoved,
  ownBoot,
  presentMembers,
  reachableMembers,
  votingMembers,
} from './evidence.ts';
import { chainOf, newestOf } from './record.ts';
import type { ClusterState, Plan } from './state.ts';

/** A founding waits a little, so that nodes that are started together are founders together. */
export const FOUNDING_DELAY_MS = 60;
/** ... and longer for a node that is connected and has not started the bucket yet. */
const PATIENCE_MS = 500;
const TURN_MS = 150;
/** A node that takes or gives up its own seat goes first. */
const OTHERS_MS = 300;
/** A bucket that is just being restarted on a node keeps its seat. */
const NOT_RUNNING_MS = 1500;

/** The plan for a bucket that runs here; null when there is nothing to do, or nothing that could be done. */
export function planForBucket(state: ClusterState, own: Config, bucket: string): Plan | null {
  const newest = newestOf(chainOf(state.record, bucket));
  const here = state.running.get(bucket);
  if (here !== undefined && partitionsRefusal(newest, here.partitions) !== null) return null;
  const runners = bucketRunners(state, own, bucket);
  const turn = runners.filter((m) => m.name < state.record.name).length * TURN_MS;
  const isWorthWaiting = runners.length < reachableMembers(state, own).length;
  const delayMs = (isWorthWaiting ? PATIENCE_MS : FOUNDING_DELAY_MS) + turn;
  const members = runners.slice(0, own.N);
  if (newest === null) {
    return members.length >= quorumSize(own.N) ? { chain: bucket, step: { kind: 'found', members }, delayMs } : null;
  }
  if (resetsOf(newest) < resetsOf(own)) {
    return members.length > 0 ? { chain: bucket, step: { kind: 'force', members }, delayMs } : null;
  }
  if (everyStateIsGone(state, own, bucket)) {
    const fresh = runners.slice(0, newest.N);
    return fresh.length >= quorumSize(newest.N)
      ? { chain: bucket, step: { kind: 'fresh', members: fresh }, delayMs }
      : null;
  }
  for (const { step, afterMs } of wishes(state, own, bucket, newest)) {
    const isOwn = afterMs === 0;
    if (isOfferable(state, bucket, newest, step)) return { chain: bucket, step, delayMs: isOwn ? 0 : afterMs + turn };
  }
  return null;
}

function isOfferable(state: ClusterState, bucket: string, newest: Config, step: ConfigStep): boolean {
  if (votingMembers(state, bucket, newest).length < newest.r) return false;
  try {
    const next = nextConfig(newest, step);
    const present = presentMembers(state, bucket, next).length;
    // while uniform, fewer than a quorum may hold everything: then seats are filled one by one until there is a quorum again
    return present >= quorumSize(next.N) || present > presentMembers(state, bucket, newest).length;
  } catch (error) {
    if (error instanceof ConfigStepError) return false;
    throw error;
  }
}

interface Wish {
  readonly step: ConfigStep;
  /** 0: this node's own affair, at once. */
  readonly afterMs: number;
}

function wishes(state: ClusterState, own: Config, bucket: string, newest: Config): readonly Wish[] {
  const ours = ownWish(state, own, bucket, newest);
  return [...(ours === null ? [] : [ours]), ...commonWishes(state, own, bucket, newest)];
}

/** This node's own seat: taken when it has none, given up when it stops. */
function ownWish(state: ClusterState, own: Config, bucket: string, newest: Config): Wish | null {
  const me = ownBoot(state, bucket);
  if (me === null) return null;
  if (hasMember(newest, me)) {
    return isLeaving(state, bucket) ? { step: { kind: 'vacate', name: me.name }, afterMs: 0 } : null;
  }
  if (!hasRecord(own, me) || isLeaving(state, bucket) || isRemoved(state, bucket, me)) return null;
  if (memberNamed(newest, me.name) !== undefined) return { step: { kind: 'replace', member: me }, afterMs: 0 };
  const [departed] = newest.M.filter((m) => !hasRecord(own, m));
  if (departed !== undefined && newest.N <= own.N) {
    return { step: { kind: 'replace', member: me, leaving: departed.name }, afterMs: 0 };
  }
  if (newest.M.length < Math.min(newest.N, own.N)) return { step: { kind: 'fill', member: me }, afterMs: 0 };
  return newest.N < own.N && newest.M.length < quorumSize(newest.N + 1)
    ? { step: { kind: 'grow', member: me }, afterMs: 0 }
    : null;
}

/** What any member may propose: the bucket follows the cluster, and gives up seats of those that do not need them. */
function commonWishes(state: ClusterState, own: Config, bucket: string, newest: Config): readonly Wish[] {
  const wished: Wish[] = [];
  const departed = newest.M.filter((m) => !hasRecord(own, m)).map((m) => m.name);
  if (newest.N > own.N) {
    const names: readonly (NodeName | null)[] = vacantSeats(newest) > 0 ? [null] : departed;
    for (const name of names) wished.push({ step: { kind: 'shrink', name }, afterMs: TURN_MS });
  }
  if (newest.N < own.N) wished.push({ step: { kind: 'grow', member: null }, afterMs: TURN_MS });
  for (const name of departed) wished.push({ step: { kind: 'vacate', name }, afterMs: OTHERS_MS });
  for (const member of newest.M) {
    const there = bucketThere(state, bucket, member);
    if (there === undefined) continue;
    const step: ConfigStep = { kind: 'vacate', name: member.name };
    if (there.leaving) wished.push({ step, afterMs: OTHERS_MS });
    else if (!there.running && there.boot > member.boot) wished.push({ step, afterMs: NOT_RUNNING_MS });
  }
  return wished;
}

function hasRecord(own: Config, member: Incarnation): boolean {
  return own.M.some((m) => m.name === member.name && m.id === member.id);
}
