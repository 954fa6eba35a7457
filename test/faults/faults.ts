/**
 * What goes wrong, drawn from the seed while the run goes on. Never more than the store promises to survive: as many nodes may have forgotten at once as a
 * minority is; one of those may be killed again, also while it recovers. Nodes that are paused or cut off have forgotten nothing, so any number of
 * them may be.
 */
import type { Random } from '../sim/random.ts';
import type { FaultCluster } from './cluster.ts';
import type { Breakage, Network } from './network.ts';

export const FAULT_KINDS = ['kill', 'restart', 'stop', 'resize', 'link', 'netns'] as const;
export type FaultKind = (typeof FAULT_KINDS)[number];

export interface Fault extends Breakage {
  readonly kind: FaultKind;
  readonly durationMs: number;
}

const DURATION_MS: Readonly<Record<FaultKind, readonly [number, number]>> = {
  kill: [100, 2_500],
  restart: [100, 2_000],
  stop: [100, 4_000],
  resize: [500, 4_000],
  link: [200, 5_000],
  netns: [200, 5_000],
};

/** A fault of a random kind, or null when none of that kind may be now. */
export function drawFault(
  random: Random,
  kinds: readonly FaultKind[],
  cluster: FaultCluster,
  network: Network,
): Fault | null {
  const kind = random.pick(kinds);
  const [least, most] = DURATION_MS[kind];
  const durationMs = random.between(least, most);
  const { running } = cluster;
  if (running.length === 0) return null;
  const victim = random.pick(running);
  switch (kind) {
    case 'kill':
    case 'restart':
      // the node that leaves again by itself is not started again by somebody else
      if (victim === cluster.spare || !cluster.mayForget(victim)) return null;
      return { kind, durationMs, ...(kind === 'kill' ? kill(cluster, victim) : restart(cluster, victim)) };
    case 'stop':
      return { kind, durationMs, ...pause(cluster, victim) };
    case 'resize':
      if (cluster.isResizing || !cluster.mayForget(cluster.spare)) return null;
      return { kind, durationMs, ...resize(cluster) };
    case 'link':
    case 'netns':
      return { kind, durationMs, ...network.draw(random, cluster.numbers) };
  }
}

function kill(cluster: FaultCluster, victim: number): Breakage {
  return {
    text: `SIGKILL of ${victim}`,
    begin: () => cluster.kill(victim),
    end: () => startAgain(cluster, victim),
  };
}

function restart(cluster: FaultCluster, victim: number): Breakage {
  return {
    text: `stop and start of ${victim}`,
    begin: async () => void (await cluster.stop(victim)),
    end: () => startAgain(cluster, victim),
  };
}

async function startAgain(cluster: FaultCluster, victim: number): Promise<void> {
  await cluster.start(victim);
  await cluster.load(victim);
}

function resize(cluster: FaultCluster): Breakage {
  return {
    text: `growing to ${cluster.numbers.length + 1} nodes`,
    begin: () => cluster.grow(),
    end: () => cluster.shrink(),
  };
}

function pause(cluster: FaultCluster, victim: number): Breakage {
  return {
    text: `SIGSTOP of ${victim}`,
    begin: () => Promise.resolve(cluster.pause(victim)),
    end: () => Promise.resolve(cluster.resume(victim)),
  };
}
