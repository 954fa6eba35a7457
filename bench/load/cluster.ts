/** A cluster of nodes, each an OS process of its own, for load: this process is the first node, the others are forked. */
import { nameAtom } from '../../runtime/term/atom.ts';
import { realEnv, tuple } from '../../runtime/index.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { PaxosKV, startQuorate, type Quorate } from '../../kv/index.ts';
import { forkPeer } from './fork-peer.ts';

const READY_TIMEOUT_MS = 20_000;
const RIVAL = nameAtom('rival');

export interface ClusterShape {
  readonly members: number;
  /** On all nodes: 0 puts the program on the thread that owns the sockets and the bucket, 1 on another. */
  readonly threads: number;
}

export interface Cluster {
  readonly quorate: Quorate;
  /** Has the second node put a value of its own under that key, at about the same time. */
  contend(key: string): void;
  stop(): Promise<void>;
}

export async function startCluster(shape: ClusterShape): Promise<Cluster> {
  const epmd = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  const { members, threads } = shape;
  const others = Array.from({ length: members - 1 }, (_, i) => i + 2);
  const args = [epmd.port, threads, members].map(String);
  const [quorate, ...peers] = await Promise.all([
    startMember(1, epmd.port, shape),
    ...others.map((number) => forkPeer('cluster-member.js', [String(number), ...args])),
  ]);
  await allSeated(quorate, members);
  const rival = tuple(RIVAL, nameAtom(memberName(2)));
  return {
    quorate,
    contend: (key) => quorate.node.send(rival, key),
    async stop() {
      for (const peer of peers) peer.stop();
      await quorate.stop();
      await epmd.close();
    },
  };
}

/** A member of the cluster; resolves when more than half are connected. */
export async function startMember(number: number, epmdPort: number, shape: ClusterShape): Promise<Quorate> {
  const quorate = await startQuorate({
    name: memberName(number),
    cookie: 'bench',
    threads: shape.threads,
    clusterSize: shape.members,
    implicitSelf: false,
    epmd: { port: epmdPort, embedded: false },
    stateDir: null,
    bootstrap: 'new',
    logger: null,
  });
  quorate.node.register(
    RIVAL,
    quorate.node.spawn(async (self) => {
      for (;;) void PaxosKV.put((await self.receive()) as string, number);
    }),
  );
  await quorate.waitForQuorum({ timeoutMs: READY_TIMEOUT_MS });
  return quorate;
}

function memberName(number: number): string {
  return `bench${number}@127.0.0.1`;
}

/** All are connected, and none of them waits for anything. */
function allSeated(quorate: Quorate, members: number): Promise<void> {
  const isSeated = (): boolean => quorate.status?.connected === members && quorate.status.waits.length === 0;
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
