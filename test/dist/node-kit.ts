/** Nodes for tests: a distribution that writes down what happens to it. */
import { completeSignal } from '../../runtime/codec/control.ts';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { createResolveDirectory } from '../../runtime/dist/directory.ts';
import type { NodeDirectory } from '../../runtime/dist/directory.ts';
import { startDistribution } from '../../runtime/dist/distribution.ts';
import type { Distribution, DistributionOptions, PeerInfo } from '../../runtime/dist/distribution-types.ts';
import { realEnv } from '../../runtime/env.ts';
import type { QuorateError } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Atom } from '../../runtime/term/atom.ts';
import { makePid } from '../../runtime/term/pid.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Signal } from '../../runtime/term/signal.ts';
import { MemoryNetwork } from '../../runtime/transport/memory.ts';
import type { Address } from '../../runtime/transport/transport.ts';
import { VirtualEnv } from './virtual-env.ts';

export interface TestNode {
  readonly name: Atom;
  readonly dist: Distribution;
  /** `up n@h`, `down n@h reason`, `unreachable n@h reason`, `error code`, in order. */
  readonly events: string[];
  readonly peers: PeerInfo[];
  readonly signals: Signal[];
  /** The messages of `send` and `sendName` signals. */
  readonly messages: unknown[];
  pid(count: number): Pid;
}

export type TestNodeOptions = Partial<DistributionOptions> & { readonly directory: NodeDirectory };

export async function startTestNode(name: string, options: TestNodeOptions): Promise<TestNode> {
  const events: string[] = [];
  const peers: PeerInfo[] = [];
  const signals: Signal[] = [];
  const messages: unknown[] = [];
  const dist = await startDistribution({
    cookie: 'C',
    listen: { host: '127.0.0.1', port: 0 },
    env: realEnv,
    onUnreachable: (node, reason) => events.push(`unreachable ${node.name} ${reason}`),
    onError: (error: QuorateError) => events.push(`error ${error.code}`),
    ...options,
    name: nameAtom(name),
    onUp: (peer) => {
      events.push(`up ${peer.node.name}`);
      peers.push(peer);
      options.onUp?.(peer);
    },
    onDown: (peer, reason) => {
      events.push(`down ${peer.node.name} ${reason}`);
      options.onDown?.(peer, reason);
    },
    onSignal: (peer, pending, payload) => {
      const signal = completeSignal(pending, payload === null ? undefined : new TermReader(payload).term());
      signals.push(signal);
      if ('message' in signal) messages.push(signal.message);
      options.onSignal?.(peer, pending, payload);
    },
  });
  const pid = (count: number): Pid => makePid(nameAtom(name), dist.creation, 0, count);
  return { name: nameAtom(name), dist, events, peers, signals, messages, pid };
}

/** Sends `message` from process 1 of `source` (or `sender`) to the name `in` at `target`. */
export function sendText(source: TestNode, target: TestNode | Atom, message: unknown, sender = 1): boolean {
  const node = 'dist' in target ? target.name : target;
  return source.dist.send(node, { kind: 'sendName', from: source.pid(sender), name: nameAtom('in'), message });
}

/** A cluster in one process with virtual time. */
export class MemoryWorld {
  readonly env: VirtualEnv;
  readonly network: MemoryNetwork;
  readonly addresses: Map<string, Address> = new Map();
  readonly directory: NodeDirectory = createResolveDirectory((name) => this.addresses.get(name) ?? null);
  /** Added to the time that bytes take. */
  latencyMs: () => number;

  constructor(seed: number = 1, chunkBytesMax: number = Number.MAX_SAFE_INTEGER) {
    this.latencyMs = () => 0;
    this.env = new VirtualEnv(seed);
    this.network = new MemoryNetwork({ env: this.env, latencyMs: () => this.latencyMs(), chunkBytesMax });
  }

  async start(name: string, options: Partial<DistributionOptions> = {}): Promise<TestNode> {
    const transport = this.network.transport();
    const node = await startTestNode(name, { env: this.env, transport, directory: this.directory, ...options });
    this.addresses.set(name, { host: '127.0.0.1', port: node.dist.port });
    return node;
  }
}
