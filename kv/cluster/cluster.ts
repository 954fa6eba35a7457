/** The cluster service of a node: its size, what it waits for, and when it has a quorum. */
import type { EventEmitter } from 'eventemitter3';
import { realEnv } from '../../runtime/env.ts';
import { BadArgumentError, QuorateError } from '../../runtime/errors.ts';
import { scheduler } from '../../runtime/node/default.ts';
import { runProcess } from '../../runtime/process/run.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { isTagged } from '../../runtime/term/tuple.ts';
import { CallError, type ChildSpec } from '../../supervisors/index.ts';
import { ClusterServer, type ClusterArgs, type ClusterNews } from './cluster-server.ts';
import { SEATS_MAX } from '../paxos/quorum.ts';
import type { Request } from './state.ts';
import type { ClusterStatus } from './status.ts';
import { clusterChild } from './cluster-tree.ts';
import { aborted } from '../errors.ts';
import { onAbort } from '../run-request.ts';
import { checkClusterOptions, type ClusterOptions } from './options.ts';
import { randomId } from './random-id.ts';
import { defaultStateDir, openRecordFile } from './record-file.ts';
import { createMemoryStorage } from './record-storage.ts';
import { CLUSTER_PROCESS } from './system-messages.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
/** How long a request of an operator is worked on, and how long its answer may be on the way. */
const REQUEST_MS = 60_000;
const ANSWER_MS = 5000;
const GEN_CAST: Atom = nameAtom('$gen_cast');

export interface RequestOptions {
  /** Default 60 s. */
  readonly timeoutMs?: number;
  /** Rejects with `aborted`; steps that were taken stay. */
  readonly signal?: AbortSignal;
}

export interface ClusterEvents {
  /** The quorum or the number of connected members changed. */
  quorum: [status: ClusterStatus];
  status: [status: ClusterStatus];
  /** All members of a bucket had lost their state, and it began anew. */
  dataLost: [bucket: string];
  log: [level: 'info' | 'error', text: string];
}

/** Follows the cluster's process of this node for as long as `self` lives, and emits what it says. */
export async function followCluster(self: Self, events: EventEmitter<ClusterEvents>): Promise<never> {
  let last: ClusterStatus | null = null;
  const onStatus = (status: ClusterStatus): void => {
    const isNew = last === null || last.hasQuorum !== status.hasQuorum || last.connected !== status.connected;
    last = status;
    events.emit('status', status);
    if (isNew) events.emit('quorum', status);
  };
  for (;;) {
    const server = self.whereis(CLUSTER);
    if (server === undefined) {
      await self.receive({ timeoutMs: 50, otherwise: null });
      continue;
    }
    const ref = self.monitor(server);
    const status = await watchCluster(self, server);
    if (status !== null) onStatus(status);
    while (status !== null) {
      const message = await self.receive();
      if (isTagged(message, GEN_CAST, 2)) emitNews(events, message[1] as ClusterNews, onStatus);
      else if (isTagged(message, DOWN, 5)) break;
    }
    self.demonitor(ref, { flush: true });
  }
}

const DOWN: Atom = nameAtom('DOWN');

/** Null when it has ended, or is too busy to answer: then it is asked again. */
async function watchCluster(self: Self, server: Pid): Promise<ClusterStatus | null> {
  try {
    return await ClusterServer.call(server, { kind: 'watchCluster', pid: self.pid }, { self });
  } catch (error) {
    if (error instanceof CallError) return null;
    throw error;
  }
}

function emitNews(events: EventEmitter<ClusterEvents>, news: ClusterNews, onStatus: (s: ClusterStatus) => void): void {
  switch (news.kind) {
    case 'status':
      return onStatus(news.status);
    case 'dataLost':
      return void events.emit('dataLost', news.bucket);
    case 'log':
      return void events.emit('log', news.level, news.text);
  }
}

async function status(): Promise<ClusterStatus> {
  return saidSo((self) => ClusterServer.call(CLUSTER, { kind: 'status' }, { self }));
}

async function request(wanted: Request, options: RequestOptions = {}): Promise<void> {
  const { timeoutMs = REQUEST_MS, signal } = options;
  if (signal?.aborted === true) throw aborted('not-applied');
  if (!Number.isFinite(timeoutMs) || timeoutMs < 0) {
    throw new BadArgumentError(`timeoutMs must be a number of milliseconds from 0, not ${String(timeoutMs)}`);
  }
  const token = randomId(realEnv);
  const call = { kind: 'request', request: wanted, timeoutMs, token } as const;
  const asked = saidSo((self) => ClusterServer.call(CLUSTER, call, { self, timeoutMs: timeoutMs + ANSWER_MS }));
  let unlisten: () => void = () => undefined;
  const isAborted = new Promise<null>((resolve) => (unlisten = onAbort(signal, () => resolve(null))));
  const answer = await Promise.race([asked, isAborted]).finally(unlisten);
  if (answer === null) {
    ClusterServer.cast(CLUSTER, { kind: 'withdraw', token });
    throw aborted('unknown');
  }
  if (!answer.ok) throw new QuorateError(answer.code, answer.message);
}

/** Asks from a process of its own: the caller may be one that waits for something else. */
async function saidSo<T>(ask: (self: Self) => Promise<T>): Promise<T> {
  try {
    return await runProcess(scheduler(), ask);
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'noproc') throw error;
    throw new QuorateError(
      'no_cluster',
      'no cluster service runs on this node: start it with startQuorate, or Cluster.childSpec in a supervisor',
    );
  }
}

/** @throws `badarg` */
function checkResize(clusterSize: number): void {
  if (Number.isInteger(clusterSize) && clusterSize >= 1 && clusterSize <= SEATS_MAX) return;
  throw new BadArgumentError(
    `resizeCluster: the size must be a whole number from 1 to ${SEATS_MAX}, not ${String(clusterSize)}`,
  );
}

export const Cluster: {
  /** The configured size: the number of seats, not the number of nodes that are connected. */
  clusterSize(): Promise<number>;
  /**
   * Changes the number of seats, one agreed step at a time; every bucket of this node follows each step before the next. To grow: resize, then
   * start the new node (a cluster of one needs the second node first). To shrink: stop a node, then resize; a vacant seat goes first, then
   * a member that is not connected. Resolves when cluster and buckets have that size. Rejects with `badarg`, `no_cluster`,
   * `resize_conflict` when another resize went the other way, `timeout` (after 60 s, or `timeoutMs`) saying what is awaited: steps that
   * were taken stay.
   */
  resizeCluster(clusterSize: number, options?: RequestOptions): Promise<void>;
  /**
   * Gives the seat of `leaving` to `joining`, a connected node without a seat: it merges what was decided before it votes, in the cluster and in
   * every bucket. `leaving` may be up, and is a client from then on, or be gone for good. If `leaving` is a founder that never took its seat, a
   * vacant one is given away. Rejects as `resizeCluster`, with `member_already` when `joining` has a seat, `no_member` when `leaving` has none.
   */
  replaceMember(leaving: string, joining: string, options?: RequestOptions): Promise<void>;
  /**
   * The last resort when too many members are lost: goes on with what `members`, all connected to this node, still hold. Values may be lost, or
   * be back. `cluster` is the cluster's id as `status()` shows it, to be typed in. Whoever else comes back joins as a new member. The reset
   * is logged, and stays in the cluster's configurations for ever (`status().resets`). Never use it while the other members may be alive
   * elsewhere. Rejects with `wrong_cluster`, `not_connected`, `badarg`, `no_cluster`.
   */
  forceReset(reset: { readonly cluster: string; readonly members: readonly string[] }): Promise<void>;
  /** How this node sees the cluster, and in words what is awaited and would help. Rejects with `no_cluster` when the service does not run. */
  status(): Promise<ClusterStatus>;
  /** The service as a child of a supervisor, for nodes that were not started by `startQuorate`. Exactly one per node. */
  childSpec(options?: ClusterOptions): ChildSpec;
} = {
  clusterSize: async () => (await status()).clusterSize,
  async resizeCluster(clusterSize, options) {
    checkResize(clusterSize);
    await request({ kind: 'resize', clusterSize }, options);
  },
  replaceMember: (leaving, joining, options) => request({ kind: 'replaceMember', leaving, joining }, options),
  forceReset: ({ cluster, members }) => request({ kind: 'force', cluster, members }),
  status,
  childSpec(options = {}) {
    const token = randomId(realEnv);
    const running: ClusterArgs['running'] = new Map();
    return {
      id: CLUSTER_PROCESS,
      start: async (self, ...extra) => {
        const checked = checkClusterOptions(self.nodeName.name, options);
        const { stateDir } = checked;
        const storage =
          stateDir === null
            ? createMemoryStorage()
            : await openRecordFile(stateDir ?? defaultStateDir(self.nodeName.name), token);
        const log = (_level: string, text: string): void =>
          void process.stderr.write(`${self.nodeName.name} ${text}\n`);
        const { start } = clusterChild({ options: checked, storage, env: realEnv, log, running });
        if (typeof start !== 'function') throw new QuorateError('badarg', 'the cluster child starts by a function');
        self.signal.addEventListener('abort', () => void storage.release());
        return start(self, ...extra);
      },
    };
  },
};
