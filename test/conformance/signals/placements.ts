/**
 * Where the agents live. `thread`: all on the one thread of a node. `threads`: each on a worker thread of its own, the driver on another. `nodes`: each
 * node an operating system process of ours. `otp`: n1 ours, the others of Erlang. `otp-driver`: the other way round (`oracle.ts`).
 */
import type { LocalNode } from '../../../runtime/index.ts';
import { clusterNames, type Cluster } from './cluster.ts';
import { Driver } from './driver.ts';
import { startMember } from './member.ts';
import { freePort } from '../../kit/ports.ts';
import { createErlangPeers, Peers, startOurPeer } from './peers.ts';
import type { Scenario, Trace } from './scenario.ts';

export const PLACEMENTS = ['thread', 'threads', 'nodes', 'otp', 'otp-driver'] as const;
export type Placement = (typeof PLACEMENTS)[number];

/** As many as the largest scenarios have agents. */
const THREADS = 5;
/** Of a node that is an operating system process. */
export const PEER_THREADS = 2;

/** Whether a placement can run it at all; one of several nodes needs several. */
export function canRun(placement: Placement, scenario: Scenario): boolean {
  return placement === 'nodes' || placement === 'otp' || appliesTo(placement, scenario);
}

/** Whether it shows something about the placement. */
export function appliesTo(placement: Placement, scenario: Scenario): boolean {
  return (placement === 'thread' || placement === 'threads') === (scenario.nodes.length === 1);
}

export interface Runner {
  run(scenario: Scenario): Promise<Trace>;
  stop(): Promise<void>;
}

/** @param oracle the folder of the kit's Erlang sources; for `otp` only */
export async function startRunner(placement: Exclude<Placement, 'otp-driver'>, oracle: string): Promise<Runner> {
  const { nodeName, nameOf } = clusterNames(String(process.pid));
  const cookie = `conf${process.pid}`;
  const epmdPort = await freePort();
  const erlang = placement === 'otp' ? createErlangPeers(oracle) : null;
  const peers = new Peers(erlang?.start ?? startOurPeer);
  const threads = placement === 'thread' ? 0 : placement === 'threads' ? THREADS : PEER_THREADS;
  const node: LocalNode = await startMember({ name: nodeName('n1').name, cookie, threads, epmdPort });
  const cluster: Cluster = {
    node,
    isExact: placement !== 'otp',
    get running() {
      return peers.names;
    },
    nodeName,
    start: (name) => Promise.resolve(peers.start(name, { name: nodeName(name).name, cookie, epmdPort })),
    kill: (name) => peers.kill(name),
  };
  return {
    run: (scenario) => node.run((self) => new Driver(self, cluster, scenario, nameOf).run()),
    async stop() {
      await peers.killAll();
      await node.stop();
      erlang?.cleanUp();
    },
  };
}
