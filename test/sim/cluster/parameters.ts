/** What a run is like: chosen by its scenario and drawn from its seed. */
import type { Random } from '../random.ts';

export interface Parameters {
  readonly machines: number;
  /** Seats at the founding. */
  readonly clusterSize: number;
  readonly sizeVaries: boolean;
  /** Machines are started within this time. */
  readonly startsMs: number;
  /** Faults begin with the first start, not only when the cluster has settled. */
  readonly faultsFromStart: boolean;
  /** Operations and faults are planned within this time; then everything heals. */
  readonly busyMs: number;
  readonly operations: number;
  readonly keys: number;
  /** Share of puts among operations, of changes among the others, and of puts that are bound to something. */
  readonly puts: number;
  readonly changes: number;
  readonly bound: number;
  /** How many of each. */
  readonly faults: Readonly<Record<FaultKind, number>>;
  readonly faultMsMax: number;
  readonly latencyMs: readonly [least: number, most: number];
  readonly saveMs: readonly [least: number, most: number];
  readonly netTicktimeMs: number;
  /** How far the clocks of the machines are off at most. */
  readonly skewMs: number;
}

/** What befalls a cluster, and what operators ask of it. */
const FAULT_KINDS = [
  'break',
  'partition',
  'slow',
  'crash',
  'blackout',
  'stop',
  'freeze',
  'kill',
  'killBucket',
  'skew',
  'nodeSplit',
  'grow',
  'shrink',
  'replace',
] as const;

export type FaultKind = (typeof FAULT_KINDS)[number];

/** What a scenario says of its runs; the rest is drawn. A pair is a range. */
export interface Spec {
  /** Runs take several times as long as others. */
  readonly isLong?: true;
  readonly sizes?: readonly number[];
  /** More machines than seats. */
  readonly surplus?: readonly [least: number, most: number];
  readonly faults?: Partial<Record<FaultKind, readonly [least: number, most: number]>>;
  readonly startsMs?: number;
  readonly faultsFromStart?: boolean;
  readonly busyMs?: readonly [least: number, most: number];
  readonly operations?: readonly [least: number, most: number];
  readonly keys?: readonly number[];
  readonly puts?: readonly number[];
  readonly changes?: readonly number[];
  readonly bound?: readonly number[];
  readonly saveMs?: readonly (readonly [least: number, most: number])[];
  /** Faults last no longer. */
  readonly faultMsMax?: number;
}

const SAVE_MS = [
  [0.05, 1],
  [1, 20],
] as const;

export function drawParameters(random: Random, spec: Spec): Parameters {
  const size = random.pick(spec.sizes ?? [3, 3, 5]);
  const whole = ([least, most]: readonly [number, number]): number => least + random.below(most - least + 1);
  const counts = FAULT_KINDS.map((kind) => [kind, whole(spec.faults?.[kind] ?? [0, 0])]);
  const surplus = whole(spec.surplus ?? [0, 0]);
  return {
    machines: size + surplus,
    clusterSize: size,
    sizeVaries: ['grow', 'shrink'].some((kind) => kind in (spec.faults ?? {})),
    startsMs: spec.startsMs ?? 100,
    faultsFromStart: spec.faultsFromStart ?? false,
    busyMs: random.between(...(spec.busyMs ?? [300, 2500])),
    operations: whole(spec.operations ?? [10, 50]),
    keys: random.pick(spec.keys ?? [1, 2, 3]),
    puts: random.pick(spec.puts ?? [0.3, 0.5, 0.7]),
    changes: random.pick(spec.changes ?? [0, 0.5, 0.8]),
    bound: random.pick(spec.bound ?? [0]),
    faults: Object.fromEntries(counts) as Record<FaultKind, number>,
    latencyMs: random.pick([
      [0.05, 0.5],
      [0.1, 3],
      [1, 15],
    ] as const),
    saveMs: random.pick(spec.saveMs ?? SAVE_MS),
    faultMsMax: spec.faultMsMax ?? Infinity,
    netTicktimeMs: random.pick([1000, 2000, 4000]),
    skewMs: random.pick([0, 50, 5000]),
  };
}

export function describeParameters(p: Parameters): string {
  const faults = Object.entries(p.faults)
    .filter(([, count]) => count > 0)
    .map(([kind, count]) => `${count} ${kind}`)
    .join(', ');
  return (
    `${p.machines} machines, ${p.operations} operations on ${p.keys} keys in ${Math.round(p.busyMs)} ms ` +
    `(puts ${p.puts}, changes ${p.changes}, bound ${p.bound}); faults: ${faults || 'none'}; latency ${p.latencyMs.join('-')} ms, ` +
    `disk ${p.saveMs.join('-')} ms, tick time ${p.netTicktimeMs} ms, clocks off by up to ${p.skewMs} ms`
  );
}
