/**
 * The boot record: what a node must remember so that a restart is never taken for a first start. Plain data; every
 * function returns a new record or the same one, and the caller makes a changed record durable before any reply
 * that follows from it leaves. It holds the chain of the cluster's configurations and of every bucket's, and one vote
 * per chain, in the register of the next configuration: `$c<e>` for the cluster, `$b/<bucket>/<e+1>` for a bucket.
 *
 * Votes are classic Paxos on a write-once register: never fast, no next ballot, no erasing.
 */
import { compareBallots, isZero, maxBallot, ZERO } from '../paxos/ballot.ts';
import type { Ballot, Config, Incarnation, NodeName, RecordId } from '../paxos/messages.ts';
import { stepRefusal, unsoundness } from './config.ts';

/** `$c`, or the name of a bucket (bucket names never begin with `$`). */
export type ChainName = string;
export const CLUSTER_CHAIN: ChainName = '$c';

export interface Vote {
  readonly p: Ballot;
  readonly ab: Ballot;
  readonly config: Config | null;
}

export interface Chain {
  /** Decided configurations in order, the newest last: the cluster's all, a bucket's at least those since the newest complete one. */
  readonly configs: readonly Config[];
  readonly vote: Vote;
  /**
   * Of a bucket: epoch of the newest configuration of which a quorum of members is known to have been active; nothing that was chosen is
   * anywhere but with members of it and of later ones. Absent: the first that is kept.
   */
  readonly complete?: number;
}

/** Configurations of a bucket that are kept for members that lag, besides those since the newest complete one. */
const KEPT_CONFIGS = 8;

export interface BootRecord {
  readonly version: 1;
  readonly name: NodeName;
  readonly id: RecordId;
  /** Counts bucket boots; a number is used once. */
  readonly boots: number;
  /** Boots up to this number were of another id that this record had. */
  readonly bootsBefore?: number;
  /** Present in the cluster's newest configuration and merged: its votes on buckets count. */
  readonly active: boolean;
  /** Was active in the epoch before the newest and has to merge, or has no seat any more: what it holds is for those who merge. */
  readonly sealed?: boolean;
  readonly system: Chain;
  readonly buckets: Readonly<Record<string, Chain>>;
}

export const NO_VOTE: Vote = { p: ZERO, ab: ZERO, config: null };
export const NO_CHAIN: Chain = { configs: [], vote: NO_VOTE };

export function createRecord(name: NodeName, id: RecordId): BootRecord {
  return { version: 1, name, id, boots: 0, active: false, system: NO_CHAIN, buckets: {} };
}

export function chainOf(record: BootRecord, name: ChainName): Chain {
  if (name === CLUSTER_CHAIN) return record.system;
  return Object.hasOwn(record.buckets, name) ? (record.buckets[name] ?? NO_CHAIN) : NO_CHAIN;
}

export function newestOf(chain: Chain): Config | null {
  return chain.configs.at(-1) ?? null;
}

/** The epoch of the newest decided configuration; 0 when there is none. */
export function epochOf(chain: Chain): number {
  return chain.configs.at(-1)?.e ?? 0;
}

/** The member that this record is in the system registers. */
export function systemMember(record: BootRecord): Incarnation {
  return { name: record.name, id: record.id, boot: 0 };
}

export function isSystemMember(record: BootRecord, config: Config): boolean {
  return config.M.some((m) => m.name === record.name && m.id === record.id);
}

/** The record that a configuration lists under a name. */
export function memberIdOf(config: Config, name: NodeName): RecordId | undefined {
  return config.M.find((m) => m.name === name)?.id;
}

export interface VoteRequest {
  readonly chain: ChainName;
  /** Epoch of the newest decided configuration that the request builds on: the register is the one of epoch + 1. */
  readonly e: number;
  readonly b: Ballot;
  /** Absent: Prepare. */
  readonly config?: Config;
}

export type VoteReply =
  | { readonly kind: 'promise'; readonly ab: Ballot; readonly config: Config | null; readonly active: boolean }
  | { readonly kind: 'accepted' }
  | { readonly kind: 'nack'; readonly p: Ballot }
  /** The register is decided: the asker is told the newer configurations. */
  | { readonly kind: 'decided' }
  /** The asker knows a configuration that this record has not recorded yet. */
  | { readonly kind: 'behind' }
  | { readonly kind: 'inactive' };

export interface Voted {
  readonly record: BootRecord;
  readonly reply: VoteReply;
}

/**
 * A vote on the next configuration of a chain. `mayVote` says that this record is an acceptor of the register: a
 * founder in `$c0`, a member of c(e) in `$c<e>`, an active member of the cluster's configuration for a bucket.
 */
export function voteOn(record: BootRecord, request: VoteRequest, mayVote: boolean): Voted {
  const chain = chainOf(record, request.chain);
  const known = epochOf(chain);
  if (request.e < known) return { record, reply: { kind: 'decided' } };
  if (request.e > known) return { record, reply: { kind: 'behind' } };
  if (request.chain !== CLUSTER_CHAIN && request.b.e !== epochOf(record.system)) {
    // votes on buckets are data under the cluster's epoch
    return { record, reply: { kind: request.b.e < epochOf(record.system) ? 'decided' : 'behind' } };
  }
  if (!mayVote) return { record, reply: { kind: 'inactive' } };
  const { vote } = chain;
  if (compareBallots(request.b, vote.p) < 0) return { record, reply: { kind: 'nack', p: vote.p } };
  if (request.config === undefined) {
    const next =
      compareBallots(request.b, vote.p) === 0 ? record : withVote(record, request.chain, { ...vote, p: request.b });
    return { record: next, reply: { kind: 'promise', ab: vote.ab, config: vote.config, active: record.active } };
  }
  const refusal = stepRefusal(newestOf(chain), request.config);
  if (refusal !== null) return { record, reply: { kind: 'inactive' } };
  const vote2: Vote = { p: maxBallot(vote.p, request.b), ab: request.b, config: request.config };
  return { record: withVote(record, request.chain, vote2), reply: { kind: 'accepted' } };
}

/**
 * Records a decided configuration that follows the newest one known; an older or skipped one changes nothing, and
 * neither does one that is not a step from it. Only a forced one, and a bucket's fresh one, may skip others: no state of anything older
 * counts any more, and a bucket's chain begins anew. Returns the same record when there was nothing to learn.
 */
export function recordDecided(record: BootRecord, name: ChainName, config: Config): BootRecord {
  const chain = chainOf(record, name);
  const newest = newestOf(chain);
  if (config.e <= epochOf(chain)) return record;
  const isNext = stepRefusal(newest, config) === null;
  const isSystem = name === CLUSTER_CHAIN;
  const isAnew = config.forced === true || (!isSystem && config.fresh === true);
  if (!isNext && !(isAnew && unsoundness(config) === null && config.cluster === (newest ?? config).cluster))
    return record;
  const next: Chain = isSystem
    ? { configs: [...chain.configs, config], vote: NO_VOTE }
    : isAnew
      ? { configs: [config], vote: NO_VOTE, complete: config.e }
      : { ...chain, configs: [...chain.configs, config], vote: NO_VOTE };
  const changed = withChain(record, name, next);
  return isSystem ? { ...changed, ...standingIn(record, config) } : changed;
}

/**
 * Records a whole chain as another record keeps it. Where the own one ends before theirs begins, a bucket's is taken over: those between
 * are known complete no more.
 */
export function recordChain(record: BootRecord, name: ChainName, theirs: Omit<Chain, 'vote'>): BootRecord {
  let next = record;
  for (const config of theirs.configs) next = recordDecided(next, name, config);
  if (name === CLUSTER_CHAIN) return next;
  const own = chainOf(next, name);
  const last = theirs.configs.at(-1)?.e ?? 0;
  if (last > epochOf(own)) {
    if (theirs.configs.some((config) => unsoundness(config) !== null)) return next;
    const { configs, complete } = theirs; // a Hello says more, which is not the record's
    return withChain(next, name, { configs, vote: NO_VOTE, ...(complete === undefined ? {} : { complete }) });
  }
  return theirs.complete === undefined ? next : recordComplete(next, name, theirs.complete);
}

/** Records that a quorum of the members of that configuration was seen active: older ones are dropped, except a few. */
export function recordComplete(record: BootRecord, bucket: string, e: number): BootRecord {
  const chain = chainOf(record, bucket);
  if (e <= completeSince(chain) || e > epochOf(chain)) return record;
  const first = Math.min(e, epochOf(chain) - KEPT_CONFIGS + 1);
  return withChain(record, bucket, { ...chain, configs: chain.configs.filter((c) => c.e >= first), complete: e });
}

/** Epoch of the oldest configuration whose members may hold what was chosen. */
export function completeSince(chain: Chain): number {
  return chain.complete ?? chain.configs[0]?.e ?? 0;
}

/** What adopting a cluster configuration does to the right to vote on buckets (a joiner has to merge first). */
function standingIn(record: BootRecord, config: Config): Pick<BootRecord, 'active' | 'sealed'> {
  const was = record.active;
  if (config.e === 1) return { active: isSystemMember(record, config), sealed: false };
  if (isSystemMember(record, config) && was && !config.mergeAll) return { active: true, sealed: false };
  return { active: false, sealed: was };
}

/** Was this record a member once, and is not any more? It needs another id before it may be a member again. */
export function isRetired(record: BootRecord): boolean {
  const newest = newestOf(record.system);
  if (newest === null || isSystemMember(record, newest)) return false;
  return record.system.configs.some((config) => isSystemMember(record, config));
}

/** Buckets that still count on the state of this record: members of theirs, since the newest complete configuration. */
export function bucketsThatList(record: BootRecord): readonly string[] {
  const listing = Object.entries(record.buckets).filter(([, chain]) => {
    const since = completeSince(chain);
    return chain.configs.some((c) => c.e >= since && c.M.some((m) => m.id === record.id));
  });
  return listing.map(([bucket]) => bucket).sort();
}

/** Takes the next number from the counter of boots. */
export function takeBoot(record: BootRecord): BootRecord {
  return { ...record, boots: record.boots + 1 };
}

/** What a sealed, active member hands to a joiner: the chains of the buckets with their votes. */
export type SystemSnapshot = Readonly<Record<string, Chain>>;

/**
 * A joiner's merge: the newest decided configurations of all snapshots, then the highest acceptance among the
 * snapshots that stand at them. The joiner becomes active.
 */
export function mergeSystem(record: BootRecord, snapshots: readonly SystemSnapshot[]): BootRecord {
  let merged = record;
  for (const name of new Set(snapshots.flatMap((s) => Object.keys(s)))) {
    const chains = snapshots.flatMap((s) => (s[name] === undefined ? [] : [s[name]]));
    for (const chain of [...chains].sort((a, b) => epochOf(a) - epochOf(b))) merged = recordChain(merged, name, chain);
    merged = withVote(merged, name, mergedVote(chainOf(merged, name), chains));
  }
  return { ...merged, active: true, sealed: false };
}

function mergedVote(own: Chain, others: readonly Chain[]): Vote {
  let vote = own.vote;
  for (const other of others) {
    if (epochOf(other) !== epochOf(own) || isZero(other.vote.ab)) continue;
    if (compareBallots(other.vote.ab, vote.ab) <= 0) continue;
    vote = { p: maxBallot(vote.p, other.vote.ab), ab: other.vote.ab, config: other.vote.config };
  }
  return vote;
}

function withVote(record: BootRecord, name: ChainName, vote: Vote): BootRecord {
  return withChain(record, name, { ...chainOf(record, name), vote });
}

function withChain(record: BootRecord, name: ChainName, chain: Chain): BootRecord {
  if (name === CLUSTER_CHAIN) return { ...record, system: chain };
  return { ...record, buckets: { ...record.buckets, [name]: chain } };
}
