/**
 * The cluster of one node as a step machine: an input goes in, the state changes, effects come out. No clock, no I/O. The caller makes the
 * record durable when it changed (`state.record` is another object) and only then carries the effects out: a vote, and
 * everything that follows from it, leaves after it was written.
 *
 * Liveness rests on `tick`: lost messages are asked for again, rounds that got stuck are dropped and tried later at random.
 */
import {
  bucketsThatList,
  chainOf,
  CLUSTER_CHAIN,
  completeSince,
  epochOf,
  isRetired,
  newestOf,
  recordChain,
  recordComplete,
  recordDecided,
  takeBoot,
} from './record.ts';
import type { BootRecord } from './record.ts';
import type { Config, NodeName } from '../paxos/messages.ts';
import { helloRefusal, sizeDifference, type Hello, type RunningBucket, type Settings } from './hello.ts';
import { answerSnapshot, joinStep, takeSnapshot } from './join.ts';
import { hasVotingQuorum, ownHello } from './evidence.ts';
import { openRequest, settleRequests, withdrawRequest } from './requests.ts';
import { advanceRounds, answerVote, dropRound, takeVote } from './rounds.ts';
import type { ClusterEffect, ClusterInput, ClusterState, Peer, StepContext } from './state.ts';
import type { SystemMessage } from './system-messages.ts';

/** How often a node that is known but not connected is tried. */
const RETRY_CONNECT_MS = 500;

export interface ClusterOptions {
  readonly record: BootRecord;
  readonly settings: Settings;
  readonly mayFound: boolean;
  /** Nodes to say Hello to, besides the founders. */
  readonly join: readonly NodeName[];
  /** Buckets that run here already: this process was restarted. */
  readonly running?: ReadonlyMap<string, RunningBucket>;
  /** Buckets that seem to run here although this process has not heard of their boots yet. */
  readonly unannounced?: ReadonlySet<string>;
  /** A random 53-bit number, new at every start of the process. */
  readonly proposer: number;
}

export function createCluster(options: ClusterOptions): ClusterState {
  const state: ClusterState = {
    record: options.record,
    settings: options.settings,
    mayFound: options.mayFound,
    proposer: options.proposer,
    round: 0,
    peers: new Map(),
    running: new Map(options.running ?? []),
    unannounced: new Set(options.unannounced ?? []),
    isStopping: false,
    leaving: new Set(),
    requests: [],
    rounds: new Map(),
    pending: new Map(),
    snapshots: new Map(),
    snapshotsAskedAt: 0,
    triedAt: new Map(),
  };
  for (const name of [...options.settings.founders, ...options.join]) knowPeer(state, name);
  for (const config of options.record.system.configs) for (const member of config.M) knowPeer(state, member.name);
  return state;
}

export function stepCluster(state: ClusterState, input: ClusterInput, context: StepContext): ClusterEffect[] {
  const effects: ClusterEffect[] = [];
  switch (input.kind) {
    case 'message':
      onMessage(state, input.from, input.message, effects);
      break;
    case 'down':
      onDown(state, input.name);
      break;
    case 'bucketUp':
      onBucketUp(state, input, effects);
      break;
    case 'bucketActive': {
      const here = state.running.get(input.bucket);
      if (here?.boot === input.boot) state.running.set(input.bucket, withVotes(here, input.partition, input.e));
      break;
    }
    case 'bucketDown':
      if (state.running.get(input.bucket)?.boot === input.boot) state.running.delete(input.bucket);
      break;
    case 'learned':
      learn(state, input.bucket, [input.config], effects);
      break;
    case 'request':
      openRequest(state, input, context, effects, learn);
      break;
    case 'withdraw':
      withdrawRequest(state, input.id);
      break;
    case 'tick':
      connectMore(state, context, effects);
      break;
  }
  renewRecord(state, context);
  joinStep(state, context, effects);
  advanceRounds(state, context, effects, learn);
  noteComplete(state);
  settleRequests(state, context, effects);
  tellChanges(state, effects);
  return effects;
}

function onMessage(state: ClusterState, from: NodeName, message: SystemMessage, effects: ClusterEffect[]): void {
  if (message.kind === 'hello') return onHello(state, from, message.hello, message.ask, effects);
  const peer = knowPeer(state, from);
  if (peer.hello === null) {
    return sayHello(state, peer, true, effects);
  }
  if (peer.refusal !== null) return;
  switch (message.kind) {
    case 'vote':
      return answerVote(state, from, message, effects, learn);
    case 'voted':
      return takeVote(state, from, message);
    case 'snapshotAsk':
      learn(state, CLUSTER_CHAIN, [message.config], effects);
      return answerSnapshot(state, from, message, effects);
    case 'snapshotGiven':
      return takeSnapshot(state, from, message);
  }
}

function onHello(state: ClusterState, from: NodeName, hello: Hello, ask: boolean, effects: ClusterEffect[]): void {
  const peer = knowPeer(state, from);
  const before = peer.refusal;
  const wasBlank = newestOf(state.record.system) === null;
  peer.hello = hello;
  peer.refusal = helloRefusal(state.record, state.settings, hello);
  if (peer.refusal !== null && peer.refusal !== before)
    effects.push({ kind: 'log', level: 'error', text: peer.refusal });
  if (peer.refusal === null) {
    learn(state, CLUSTER_CHAIN, hello.configs, effects);
    for (const [bucket, there] of Object.entries(hello.buckets)) {
      learn(state, bucket, there.configs, effects);
      state.record = recordChain(state.record, bucket, there);
    }
    for (const name of hello.knows) if (name !== state.record.name) knowPeer(state, name);
  }
  if (wasBlank && newestOf(state.record.system) !== null) {
    const difference = sizeDifference(state.record, state.settings);
    if (difference !== null) effects.push({ kind: 'log', level: 'info', text: difference });
  }
  if (ask) sayHello(state, peer, false, effects);
}

function onDown(state: ClusterState, name: NodeName): void {
  const peer = state.peers.get(name);
  if (peer === undefined) return;
  peer.hello = null;
  peer.told = '';
  peer.refusal = null;
  state.triedAt.delete(name);
  for (const round of [...state.rounds.values()]) {
    if (round.voters.includes(name) && round.voters.length - 1 < round.quorum) dropRound(state, round);
  }
}

function onBucketUp(state: ClusterState, input: ClusterInput & { kind: 'bucketUp' }, effects: ClusterEffect[]): void {
  let { boot } = input;
  if (boot !== null && boot <= (state.record.bootsBefore ?? 0)) return; // of a record that this node gave up: it has to come as a new one
  if (boot === null) {
    state.record = takeBoot(state.record);
    boot = state.record.boots;
  }
  state.unannounced.delete(input.bucket);
  state.leaving.delete(input.bucket);
  // every partition says this, and again when the cluster's process is back
  const here = state.running.get(input.bucket);
  if (here?.boot !== boot)
    state.running.set(input.bucket, { boot, partitions: input.partitions, activeIn: 0, votesIn: [] });
  effects.push({ kind: 'boot', bucket: input.bucket, boot });
}

/** A member votes when all its partitions do. */
function withVotes(here: RunningBucket, partition: number, e: number): RunningBucket {
  const votesIn = Array.from({ length: here.partitions }, (_, i) => (i === partition ? e : (here.votesIn[i] ?? 0)));
  return { ...here, votesIn, activeIn: votesIn.every((one) => one === e) ? e : 0 };
}

/** Records decided configurations, in order. What that means for rounds and Hellos is seen at the end of the step. */
function learn(state: ClusterState, chain: string, configs: readonly Config[], effects: ClusterEffect[]): void {
  for (const config of configs) {
    const known = newestOf(chainOf(state.record, chain));
    const next = recordDecided(state.record, chain, config);
    if (next === state.record) continue;
    state.record = next;
    if (chain === CLUSTER_CHAIN) {
      state.snapshots.clear();
      state.snapshotsAskedAt = 0;
      refuseStrangers(state, effects);
      for (const member of config.M) knowPeer(state, member.name);
    } else if (config.forced) {
      effects.push({ kind: 'log', level: 'error', text: forcedText(config) });
    } else if (config.fresh && known !== null) {
      effects.push({ kind: 'dataLost', bucket: chain, config });
    }
  }
}

function forcedText(config: Config): string {
  const names = config.M.map((m) => m.name).join(', ');
  const what = config.bucket === undefined ? 'the cluster' : `bucket ${config.bucket}`;
  return `${what} was reset by force: it goes on with what ${names} hold, in epoch ${config.e}; values may be lost or be back`;
}

/**
 * A record that lost its seat takes another id before it may ask for one again: nobody must take it for the member that it was. Not while a
 * bucket's chain lists it, as a newer record of its name would prove its state to be lost.
 */
function renewRecord(state: ClusterState, context: StepContext): void {
  const { record } = state;
  if (!isRetired(record) || bucketsThatList(record).length > 0) return;
  state.record = {
    ...record,
    id: `${context.newId()}${context.newId()}`,
    active: false,
    sealed: false,
    bootsBefore: record.boots,
  };
  // their tables are of boots of the old record: they are dropped, and each bucket asks for a boot again
  state.running.clear();
}

/** A quorum of a bucket's members was seen active in its newest configuration. */
function noteComplete(state: ClusterState): void {
  for (const [bucket, chain] of Object.entries(state.record.buckets)) {
    const newest = newestOf(chain);
    if (newest === null || completeSince(chain) === newest.e || !hasVotingQuorum(state, bucket, newest)) continue;
    state.record = recordComplete(state.record, bucket, epochOf(chain));
  }
}

/** With a configuration of its own a node may find that some it talks to are of another cluster. */
function refuseStrangers(state: ClusterState, effects: ClusterEffect[]): void {
  for (const peer of state.peers.values()) {
    if (peer.hello === null) continue;
    const refusal = helloRefusal(state.record, state.settings, peer.hello);
    if (refusal !== null && refusal !== peer.refusal) effects.push({ kind: 'log', level: 'error', text: refusal });
    peer.refusal = refusal;
  }
}

function knowPeer(state: ClusterState, name: NodeName): Peer {
  const known = state.peers.get(name);
  if (known !== undefined) return known;
  const peer: Peer = { name, hello: null, told: '', refusal: null };
  if (name !== state.record.name) state.peers.set(name, peer);
  return peer;
}

function connectMore(state: ClusterState, context: StepContext, effects: ClusterEffect[]): void {
  for (const peer of state.peers.values()) {
    if (peer.hello !== null) continue;
    const triedAt = state.triedAt.get(peer.name);
    if (triedAt !== undefined && context.now - triedAt < RETRY_CONNECT_MS) continue;
    state.triedAt.set(peer.name, context.now);
    sayHello(state, peer, true, effects);
  }
}

/** Everybody connected hears of a change: a decided configuration, a boot, the right to vote. */
function tellChanges(state: ClusterState, effects: ClusterEffect[]): void {
  const summary = summaryOf(state);
  // by peer: what was said before the peer was connected may have waited, and things have changed since
  for (const peer of state.peers.values())
    if (peer.hello !== null && peer.told !== summary) sayHello(state, peer, false, effects);
}

function sayHello(state: ClusterState, peer: Peer, ask: boolean, effects: ClusterEffect[]): void {
  peer.told = summaryOf(state);
  effects.push({ kind: 'send', to: peer.name, message: { kind: 'hello', hello: ownHello(state), ask } });
}

function summaryOf(state: ClusterState): string {
  const { record } = state;
  const buckets = Object.entries(record.buckets).map(([bucket, chain]) => [
    bucket,
    epochOf(chain),
    completeSince(chain),
  ]);
  const leaving = [state.isStopping, ...state.leaving];
  return JSON.stringify([record.id, epochOf(record.system), record.active, buckets, [...state.running], leaving]);
}
