/** A cluster of three nodes, each an OS process of its own, for load: this process is the first node, the others are forked. */
import { realEnv } from '../../runtime/index.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { startQuorate, type Quorate } from '../../kv/index.ts';
import { forkPeer } from './fork-peer.ts';

const MEMBERS = 3;
const READY_TIMEOUT_MS = 20_000;

export interface Cluster {
  readonly quorate: Quorate;
  stop(): Promise<void>;
}

/** `threads` on all nodes: 0 puts the program on the thread that owns the sockets and the bucket, 1 on another. */
export async function startCluster(threads: number): Promise<Cluster> {
  const epmd = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  const args = [String(epmd.port), String(threads)];
  const [quorate, ...peers] = await Promise.all([
    startMember(1, epmd.port, threads),
    forkPeer('cluster-member.js', ['2', ...args]),
    forkPeer('cluster-member.js', ['3', ...args]),
  ]);
  await allSeated(quorate);
  return {
    quorate,
    async stop() {
      for (const peer of peers) peer.stop();
      await quorate.stop();
      await epmd.close();
    },
  };
}

/** Member `number` of three; resolves when more than half are connected. */
export async function startMember(number: number, epmdPort: number, threads: number): Promise<Quorate> {
  const quorate = await startQuorate({
    name: `bench${number}@127.0.0.1`,
    cookie: 'bench',
    threads,
    implicitSelf: false,
    epmd: { port: epmdPort, embedded: false },
    stateDir: null,
    bootstrap: 'new',
    logger: null,
  });
  await quorate.waitForQuorum({ timeoutMs: READY_TIMEOUT_MS });
  return quorate;
}

/** All three are connected, and none of them waits for anything. */
function allSeated(quorate: Quorate): Promise<void> {
  const isSeated = (): boolean => quorate.status?.connected === MEMBERS && quorate.status.waits.length === 0;
  return new Promise((resolve, reject) => {
    const waits = (): string => quorate.status?.waits.join('; ') ?? 'no status';
    const timer = setTimeout(() => reject(new Error(`the cluster is not complete: ${waits()}`)), READY_TIMEOUT_MS);
    const check = (): void => {
      if (!isSeated()) return;
      clearTimeout(timer);
      quorate.off('status', check);
      resolve();
    };
    quorate.on('status', check);
    check();
  });
}
