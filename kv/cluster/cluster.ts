/** The cluster service of a node: its size, what it waits for, and when it has a quorum. */
import type { EventEmitter } from 'eventemitter3';
import { realEnv } from '../../runtime/env.ts';
import { QuorateError } from '../../runtime/errors.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { isTagged } from '../../runtime/term/tuple.ts';
import { CallError, type ChildSpec } from '../../supervisors/index.ts';
import { ClusterServer, type ClusterArgs, type ClusterNews } from './cluster-server.ts';
import type { ClusterStatus } from './status.ts';
import { clusterChild } from './cluster-tree.ts';
import { checkClusterOptions, type ClusterOptions } from './options.ts';
import { randomId } from './random-id.ts';
import { defaultStateDir, openRecordFile } from './record-file.ts';
import { createMemoryStorage } from './record-storage.ts';
import { CLUSTER_PROCESS } from './system-messages.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
const GEN_CAST: Atom = nameAtom('$gen_cast');

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
    onStatus(await ClusterServer.call(server, { kind: 'watchCluster', pid: self.pid }, { self }));
    for (;;) {
      const message = await self.receive();
      if (isTagged(message, GEN_CAST, 2)) emitNews(events, message[1] as ClusterNews, onStatus);
      else if (isTagged(message, DOWN, 5)) break;
    }
    self.demonitor(ref, { flush: true });
  }
}

const DOWN: Atom = nameAtom('DOWN');

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

/** How this node sees the cluster, and in words what is awaited. Rejects with `no_cluster` when the service does not run. */
async function status(): Promise<ClusterStatus> {
  try {
    return await ClusterServer.call(CLUSTER, { kind: 'status' });
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'noproc') throw error;
    throw new QuorateError(
      'no_cluster',
      'no cluster service runs on this node: start it with startQuorate, or Cluster.childSpec in a supervisor',
    );
  }
}

export const Cluster: {
  /** The configured size: the number of seats, not the number of nodes that are connected. */
  clusterSize(): Promise<number>;
  /** Later work: always rejects with `not_supported`. */
  resizeCluster(clusterSize: number): Promise<never>;
  status(): Promise<ClusterStatus>;
  /** The service as a child of a supervisor, for nodes that were not started by `startQuorate`. Exactly one per node. */
  childSpec(options?: ClusterOptions): ChildSpec;
} = {
  clusterSize: async () => (await status()).clusterSize,
  resizeCluster(clusterSize) {
    const message = `cannot resize the cluster to ${clusterSize}: changing the number of seats is not supported in this release`;
    return Promise.reject(new QuorateError('not_supported', message));
  },
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
