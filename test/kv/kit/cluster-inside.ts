/** A cluster of nodes in one thread over the memory transport, with boot records in memory that survive a node's stop. */
import {
  createMemoryStorage,
  startQuorate,
  type Quorate,
  type QuorateOptions,
  type RecordStorage,
} from '../../../kv/index.ts';
import { realEnv } from '../../../runtime/env.ts';
import { Exit } from '../../../runtime/term/exit-reason.ts';
import { MemoryNetwork } from '../../../runtime/transport/memory.ts';
import { until } from '../../kit/wait.ts';

export { until as eventually };

export class InsideCluster {
  readonly #network: MemoryNetwork = new MemoryNetwork({ env: realEnv });
  readonly #storages: Map<number, RecordStorage> = new Map();
  readonly #nodes: Map<number, Quorate> = new Map();
  readonly log: string[] = [];

  async start(number: number, options: Partial<QuorateOptions> = {}): Promise<Quorate> {
    const storage = this.#storages.get(number) ?? createMemoryStorage();
    this.#storages.set(number, storage);
    const quorate = await startQuorate({
      name: this.name(number),
      cookie: 'inside',
      threads: 0,
      transport: this.#network.transport(),
      storage,
      logger: (_level, text) => void this.log.push(`${number}: ${text}`),
      ...options,
    });
    this.#nodes.set(number, quorate);
    return quorate;
  }

  /** Starts nodes and waits until nothing is awaited. */
  async startSettled(...numbers: number[]): Promise<Quorate[]> {
    const nodes = await Promise.all(numbers.map((number) => this.start(number)));
    await settled(...nodes);
    return nodes;
  }

  /** Ends a node as a kill of its program would: nothing is said to the others, and nothing is given up. */
  async crash(quorate: Quorate): Promise<void> {
    quorate.node.scheduler.stop(Exit.kill);
    await quorate.node.stop();
  }

  /** The next start of that node begins with a new boot record. */
  loseRecord(number: number): void {
    this.#storages.delete(number);
  }

  name(number: number): string {
    return `n${number}@127.0.0.1`;
  }

  async end(): Promise<void> {
    await Promise.all([...this.#nodes.values()].map((node) => node.stop()));
  }
}

export async function withInside(fn: (cluster: InsideCluster) => Promise<void>): Promise<void> {
  const cluster = new InsideCluster();
  try {
    await fn(cluster);
  } finally {
    await cluster.end();
  }
}

/** Resolves when every node has its seats, has merged, and sees all the others. */
export async function settled(...nodes: Quorate[]): Promise<void> {
  const isSettled = (): boolean =>
    nodes.every(({ status }) => status !== null && status.hasQuorum && status.waits.length === 0);
  await until(isSettled, () => JSON.stringify(nodes.map((n) => n.status)));
}
