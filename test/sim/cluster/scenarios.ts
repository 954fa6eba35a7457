/** The simulations of whole clusters, by what happens to them. */
import type { Scenario } from '../scenario.ts';
import { replacementsOf } from './controls.ts';
import type { Spec } from './parameters.ts';
import { drawPlan, knobsOf } from './plan.ts';
import { runCluster } from './run.ts';
import { loadSystem, type System } from './system.ts';

const loaded: Map<string, Promise<System>> = new Map();

/** The compiled library, or a copy with a control's rule switched off. Loaded once. */
function loadFor(off: string | undefined): Promise<System> {
  const name = off ?? '';
  let system = loaded.get(name);
  if (system === undefined) loaded.set(name, (system = loadSystem(replacementsOf(off))));
  return system;
}

/** `load` gives the program that is simulated. */
export function createClusterScenario(
  name: string,
  about: string,
  spec: Spec,
  load: (off: string | undefined) => Promise<System> = loadFor,
): Scenario {
  return {
    name: `cluster/${name}`,
    about,
    oneIn: spec.isLong === true ? 8 : 4,
    run: async (seed, options) => runCluster(await load(options.off), spec, seed, options),
    knobs: (seed) => knobsOf(drawPlan(seed, spec, {})),
  };
}

export const CLUSTER_SCENARIOS: readonly Scenario[] = [
  createClusterScenario('founding', 'whole nodes that start in any order over bad connections, and found one cluster', {
    startsMs: 3000,
    faultsFromStart: true,
    busyMs: [500, 4000],
    operations: [5, 20],
    faults: { break: [0, 4], partition: [0, 2], slow: [0, 2], freeze: [0, 2], crash: [0, 4] },
  }),
  createClusterScenario(
    'founders',
    'whole nodes that crash and start again while they found a cluster, with slow disks',
    {
      startsMs: 300,
      faultsFromStart: true,
      busyMs: [300, 1500],
      operations: [2, 8],
      saveMs: [[1, 60]],
      faults: { crash: [2, 8], break: [0, 2], partition: [0, 2] },
      faultMsMax: 150,
    },
  ),
  createClusterScenario('shuffling', 'whole nodes; answers take different times', {
    operations: [20, 80],
    faults: { slow: [0, 4] },
  }),
  createClusterScenario('losing', 'whole nodes; connections break and lose what was under way', {
    faults: { break: [2, 12], slow: [0, 3] },
  }),
  createClusterScenario(
    'partitioning',
    'whole nodes; the network falls apart, one way and both ways, noticed and not',
    {
      faults: { partition: [1, 4], break: [0, 3], freeze: [0, 2] },
    },
  ),
  createClusterScenario('restarts', 'whole nodes that crash, stop and start again, with what they had saved', {
    busyMs: [1000, 5000],
    faults: { crash: [1, 5], stop: [0, 3], killBucket: [0, 2], kill: [0, 2], break: [0, 3], freeze: [0, 1] },
  }),
  createClusterScenario('blackout', 'whole nodes that all lose their memory at once: the bucket begins anew, empty', {
    busyMs: [1000, 4000],
    faults: { blackout: [1, 2], break: [0, 2], partition: [0, 1], kill: [0, 1] },
  }),
  createClusterScenario('membership', 'whole nodes that get and lose seats: growing, shrinking, one for another', {
    isLong: true,
    surplus: [1, 2],
    busyMs: [1000, 5000],
    faults: { grow: [0, 2], shrink: [0, 2], replace: [0, 3], break: [0, 3], slow: [0, 1] },
  }),
  createClusterScenario('lifetimes', 'whole nodes; keys bound to processes, nodes, keys and times', {
    bound: [0.5, 1],
    busyMs: [500, 4000],
    faults: { break: [0, 3], partition: [0, 1], nodeSplit: [0, 2], skew: [0, 2], kill: [0, 2] },
  }),
  createClusterScenario(
    'flux',
    'whole nodes that get and lose seats while others crash, are cut off, and stand still',
    {
      isLong: true,
      surplus: [1, 2],
      busyMs: [1000, 5000],
      bound: [0, 0.5],
      faults: {
        grow: [0, 2],
        shrink: [0, 2],
        replace: [0, 3],
        break: [0, 3],
        crash: [0, 3],
        killBucket: [0, 1],
        partition: [0, 1],
        freeze: [0, 1],
        kill: [0, 1],
      },
    },
  ),
  createClusterScenario('everything', 'whole nodes; all faults at once, parameters drawn from the seed', {
    isLong: true,
    surplus: [0, 1],
    startsMs: 500,
    busyMs: [500, 5000],
    operations: [5, 60],
    bound: [0, 0.5, 1],
    faults: {
      break: [0, 6],
      partition: [0, 2],
      nodeSplit: [0, 1],
      slow: [0, 2],
      crash: [0, 3],
      stop: [0, 2],
      freeze: [0, 2],
      kill: [0, 2],
      killBucket: [0, 1],
      skew: [0, 2],
      grow: [0, 1],
      shrink: [0, 1],
      replace: [0, 1],
    },
  }),
];
