/** What a run is like, drawn from its seed: one seed may be gentle, the next loses every third message. */
import type { Random } from './random.ts';

export interface Parameters {
  readonly members: number;
  readonly keys: number;
  readonly operations: number;
  /** Faults happen in [0, faultsMs); then everything heals. */
  readonly faultsMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** Share of messages that are held up for a long time. */
  readonly straggling: number;
  readonly delayMsMax: number;
  readonly stragglingMsMax: number;
  readonly partitions: number;
  readonly crashes: number;
  /** Weights of put, change, read. */
  readonly weights: readonly [number, number, number];
  /** Share of puts that are bound to something that ends. */
  readonly bound: number;
  readonly durable: number;
  readonly forgets: boolean;
}

export function drawParameters(random: Random): Parameters {
  const isCalm = random.chance(0.2);
  const some = (most: number): number => (isCalm || random.chance(0.3) ? 0 : random.between(0, most));
  return {
    members: random.pick([1, 2, 3, 3, 3, 3, 3, 3, 4, 5]),
    keys: random.pick([1, 1, 2, 3]),
    operations: 6 + random.below(26),
    faultsMs: random.between(150, 700),
    loss: some(0.3),
    duplication: some(0.2),
    straggling: some(0.25),
    delayMsMax: random.pick([2, 5, 15]),
    stragglingMsMax: random.pick([50, 200, 500]),
    partitions: isCalm ? 0 : random.below(4),
    crashes: isCalm ? 0 : random.below(3),
    weights: random.pick([
      [3, 2, 3],
      [1, 0, 1],
      [1, 3, 1],
      [4, 1, 2],
      [1, 1, 4],
    ] as const),
    bound: random.pick([0, 0.5, 1]),
    durable: random.pick([0, 0, 0.5, 1]),
    forgets: random.chance(0.6),
  };
}

export function describeParameters(p: Parameters): string {
  const share = (x: number): string => x.toFixed(2);
  return (
    `members ${p.members}, keys ${p.keys}, operations ${p.operations} (put:change:read ${p.weights.join(':')}), ` +
    `bound ${share(p.bound)}, durable ${share(p.durable)}, ${p.forgets ? 'forgetting' : 'no forgetting'}; ` +
    `${Math.round(p.faultsMs)} ms of faults: loss ${share(p.loss)}, duplication ${share(p.duplication)}, ` +
    `delay <= ${p.delayMsMax} ms, straggling ${share(p.straggling)} <= ${p.stragglingMsMax} ms, ` +
    `partitions ${p.partitions}, proposer crashes ${p.crashes}`
  );
}
