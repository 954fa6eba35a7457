/**
 * The part of a node that belongs to the cluster, as one process tree on the node's system thread: a root process that holds the boot record's lock, and under
 * it a supervisor of the cluster's process and the buckets. The root answers when the tree stands, or with the error that kept it from it.
 */
import { realEnv, type Env } from '../../runtime/env.ts';
import { QuorateError } from '../../runtime/errors.ts';
import { isExit } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { describeTerm } from '../../runtime/term/describe.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple, tuple2 } from '../../runtime/term/tuple.ts';
import { StartError, Supervisor, type ChildSpec, type SupervisorInit } from '../../supervisors/index.ts';
import { Bucket, type BucketOptions } from '../bucket/bucket.ts';
import { LEAVE_MS } from '../bucket/seat-server.ts';
import { ClusterServer, type ClusterArgs } from './cluster-server.ts';
import type { CheckedClusterOptions } from './options.ts';
import { defaultStateDir, openRecordFile } from './record-file.ts';
import { createMemoryStorage, type RecordStorage } from './record-storage.ts';
import { CLUSTER_PROCESS } from './system-messages.ts';

export const CLUSTER_STARTED: Atom = nameAtom('$clusterStarted');
export const CLUSTER_FAILED: Atom = nameAtom('$clusterFailed');
const STOP: Atom = nameAtom('$clusterStop');
const STOPPED: Atom = nameAtom('$clusterStopped');
/** Trees stand, and are gone, in far less; these keep a program from waiting for ever for what went wrong. */
const START_MS = 60_000;
const STOP_MS = 30_000;
/** How much longer the root is waited for. */
const ROOT_MS = 15_000;
export const ROOT_START_MS: number = START_MS + ROOT_MS;

export type BucketSpec = Pick<BucketOptions, 'bucket' | 'partitions'>;

export interface TreeOptions {
  readonly options: CheckedClusterOptions;
  readonly buckets: readonly BucketSpec[];
  /** Names the holder of the record's lock, so that a replaced thread of the same node may have it. */
  readonly lockToken: string;
  /** Log lines go to stderr from here; otherwise only to watchers. */
  readonly isLogging: boolean;
}

export interface LocalParts {
  readonly env?: Env;
  readonly storage?: RecordStorage;
}

/** Body of the root process. `starter` gets `{$clusterStarted, Root}` or `{$clusterFailed, Code, Message}`. */
export async function runClusterRoot(
  self: Self,
  starter: Pid,
  tree: TreeOptions,
  parts: LocalParts = {},
): Promise<void> {
  self.trapExit(true);
  let storage: RecordStorage | null = null;
  let supervisor: Pid;
  try {
    storage = parts.storage ?? (await openStorage(self, tree));
    supervisor = await startTree(self, tree, storage, parts.env ?? realEnv);
  } catch (error) {
    await storage?.release();
    const { code, message } = innermost(error);
    self.send(starter, tuple(CLUSTER_FAILED, code, message));
    return;
  }
  self.send(starter, tuple2(CLUSTER_STARTED, self.pid));
  const isEnd = isExit(supervisor);
  const isStop = (message: unknown): message is readonly unknown[] => isTagged(message, STOP, 2) || isEnd(message);
  const message = await self.receive(isStop);
  if (!isEnd(message)) {
    await leave(self);
    await endTree(self, supervisor);
  }
  await storage.release();
  if (isEnd(message)) self.exit(message.reason);
  const asker = message[1];
  if (isPid(asker)) self.send(asker, STOPPED);
}

/** All buckets give up their seats together; one after the other they would take longer. */
async function leave(self: Self): Promise<void> {
  const server = self.whereis(nameAtom(CLUSTER_PROCESS));
  if (server === undefined) return;
  const request = { kind: 'leave', bucket: null } as const;
  try {
    const call = { kind: 'request', request, timeoutMs: LEAVE_MS } as const;
    await ClusterServer.call(server, call, { self, timeoutMs: 2 * LEAVE_MS });
  } catch {
    // it ended meanwhile: then there is nobody to agree with, and the node stops without it
  }
}

/** However it ends, the record is released after it. */
async function endTree(self: Self, supervisor: Pid): Promise<void> {
  try {
    await Supervisor.stop(supervisor, Exit.shutdown, { self, timeoutMs: STOP_MS });
  } catch {
    self.exit(supervisor, Exit.kill);
  }
}

/** Ends the tree and releases the record; resolves when it is done, or takes too long: the node's end is the end of both. */
export async function stopClusterRoot(self: Self, root: Pid): Promise<void> {
  const ref = self.monitor(root);
  self.send(root, tuple2(STOP, self.pid));
  const isOver = (message: unknown): message is unknown => message === STOPPED || isTagged(message, DOWN, 5);
  await self.receive(isOver, { timeoutMs: STOP_MS + ROOT_MS, otherwise: null });
  self.demonitor(ref, { flush: true });
}

const DOWN: Atom = nameAtom('DOWN');

async function openStorage(self: Self, tree: TreeOptions): Promise<RecordStorage> {
  const { stateDir } = tree.options;
  if (stateDir === null) return createMemoryStorage();
  return openRecordFile(stateDir ?? defaultStateDir(self.nodeName.name), tree.lockToken);
}

async function startTree(self: Self, tree: TreeOptions, storage: RecordStorage, env: Env): Promise<Pid> {
  const log: ClusterArgs['log'] = (_level, text) => {
    if (tree.isLogging) process.stderr.write(`${self.nodeName.name} ${text}\n`);
  };
  const cluster = clusterChild({ options: tree.options, storage, env, log, running: new Map() });
  const buckets = tree.buckets.map((bucket) => Bucket.childSpec({ ...bucket, env }));
  const init: SupervisorInit = { strategy: 'oneForOne', intensity: 5, children: [cluster, ...buckets] };
  try {
    return await Supervisor.startLink(init, { self, timeoutMs: START_MS });
  } catch (error) {
    if (!(error instanceof StartError) || error.code !== 'timeout') throw error;
    throw new QuorateError('timeout', explainLateStart(self, tree, storage));
  }
}

/** What was begun last is what the start waited for. */
function explainLateStart(self: Self, tree: TreeOptions, storage: RecordStorage): string {
  const begun = tree.buckets.filter(({ bucket }) => self.whereis(nameAtom(bucket)) !== undefined).at(-1);
  const what = begun === undefined ? 'the cluster service' : `bucket ${begun.bucket}`;
  return (
    `the store of ${self.nodeName.name} has not started within ${START_MS} ms: it waited for ${what}; ` +
    `see whether the boot record in ${storage.place} can be read and written`
  );
}

export function clusterChild(args: ClusterArgs): ChildSpec {
  return { id: CLUSTER_PROCESS, start: (self) => ClusterServer.startLink(args, { self, name: CLUSTER_PROCESS }) };
}

/** The error of ours that a failed start carries inside, else what is known of the failure. */
function innermost(error: unknown): { readonly code: string; readonly message: string } {
  const { code, message, reason } = error as {
    readonly code?: unknown;
    readonly message?: unknown;
    readonly reason?: unknown;
  };
  const found = findError(reason) as (Error & { readonly code?: unknown }) | null;
  if (found !== null)
    return { code: typeof found.code === 'string' ? found.code : 'start_failed', message: found.message };
  const text = reason === undefined ? String(message) : describeTerm(reason);
  return { code: typeof code === 'string' ? code : 'start_failed', message: text };
}

function findError(term: unknown): Error | null {
  if (term instanceof Error) return term;
  if (!Array.isArray(term)) return null;
  for (const element of term as unknown[]) {
    const found = findError(element);
    if (found !== null) return found;
  }
  return null;
}
