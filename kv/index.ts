/**
 * The store: keys that a cluster of nodes agrees on, with Paxos per key and no leader. Write-once keys (`PaxosKV`), their versions (`Versions`),
 * and registers that change (`CASPaxos`, `Lww`, `Cas`).
 *
 * What is promised: a put answers what the cluster chose, which is the first value; everybody gets that same value until a lifetime of the key
 * ends; an erased key never comes back as it was; with q = floor(N/2) + 1 members connected operations go on, with fewer they are refused,
 * and never two answers. A change of a register is made once or not at all, and nobody writes between what it saw and what it wrote.
 * What is not: data survives only while a quorum of members does (it is in memory); `pid:`, `node:`, `key:` and `until:` end a key when a majority
 * observed the end, a little later than it was; nothing across keys.
 *
 * A member that restarted has forgotten its values and takes them over from the others before it votes again; a node that is stopped gives up its
 * seats; `Cluster` resizes, replaces members, and says in words what is waited for.
 */
export type { ChangeFunction } from './apply-change.ts';
export { Bucket } from './bucket/bucket.ts';
export type { BucketOptions } from './bucket/bucket.ts';
export { CASPaxos } from './cas-paxos.ts';
export type { QueryFunction } from './cas-paxos.ts';
export { Cluster } from './cluster/cluster.ts';
export type { ClusterEvents, RequestOptions } from './cluster/cluster.ts';
export type { BucketStatus, ClusterStatus, ConfigStatus, MemberStatus } from './cluster/status.ts';
export type { ClusterOptions } from './cluster/options.ts';
export { defaultStateDir, removeRecord } from './cluster/record-file.ts';
export { createMemoryStorage } from './cluster/record-storage.ts';
export type { RecordStorage } from './cluster/record-storage.ts';
export type { ReplicaStatus } from './instance-status.ts';
export { StateError, StoreError, VersionConflictError } from './errors.ts';
export type { OutcomeOfFailure, Versioned } from './errors.ts';
export type { Invalid } from './key.ts';
export { DEFAULT_BUCKET } from './kv-options.ts';
export type {
  CommonOptions,
  GetOptions,
  KeysOptions,
  PutOptions,
  StatusOptions,
  WaitOptions,
  WatchOptions,
} from './kv-options.ts';
export { PauseUntil } from './pause-until.ts';
export { PaxosKV } from './paxos-kv.ts';
export type { ChangeResult, Found, GetResult, KeysResult, NoQuorum, NotFound, PutResult, Refused } from './results.ts';
export { Cas, Lww } from './registers.ts';
export { PaxosRoles } from './roles.ts';
export type { InstanceStatus, NotEnough, Phase1Result, Phase2Result } from './roles.ts';
export { Versions } from './versions.ts';
export type { Version } from './versions.ts';
export { waitForBucket } from './wait-for-bucket.ts';
export type { WatchEvent } from './watch/watch.ts';
export type { GapReason } from './bucket/learner.ts';
export { startQuorate } from './quorate.ts';
export type { Logger, Quorate, QuorateOptions } from './quorate.ts';
