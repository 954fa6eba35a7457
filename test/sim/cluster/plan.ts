/**
 * What is going to happen in a run, drawn as a whole before it begins: so that one planned thing can be left out (a knob) and all others stay as
 * they are.
 */
import { Random } from '../random.ts';
import type { Knobs } from '../scenario.ts';
import { drawParameters, type FaultKind, type Parameters, type Spec } from './parameters.ts';

export interface PlannedOperation {
  readonly atMs: number;
  readonly place: number;
  readonly kind: 'put' | 'get' | 'change' | 'extend';
  readonly key: number;
  readonly id: number;
  readonly bind: readonly BindKind[];
  /** The key that the key is bound to. */
  readonly otherKey: number;
  /** When the process that the key is bound to ends, after the call; null: it goes on till the end. */
  readonly ownerEndsMs: number | null;
  readonly untilMs: number;
  readonly timeoutMs: number;
  readonly isPatient: boolean;
}

export type BindKind = 'pid' | 'node' | 'key' | 'until';

export interface PlannedFault {
  readonly atMs: number;
  readonly kind: FaultKind;
  readonly a: number;
  readonly b: number;
  /** Bits of machines on one side. */
  readonly side: number;
  readonly isOneWay: boolean;
  readonly isTold: boolean;
  readonly forMs: number;
  /** Between 0 and 1, for whatever else the fault has to decide. */
  readonly roll: number;
}

export interface Plan {
  readonly parameters: Parameters;
  readonly startsMs: readonly number[];
  readonly operations: readonly PlannedOperation[];
  readonly faults: readonly PlannedFault[];
}

export function drawPlan(seed: number, spec: Spec, knobs: Knobs): Plan {
  const random = new Random(seed);
  const parameters = drawParameters(random, spec);
  const startsMs = Array.from({ length: parameters.machines }, () => random.between(0, parameters.startsMs));
  const operations = Array.from({ length: parameters.operations }, (_, i) => drawOperation(random, parameters, i));
  const faults = Object.entries(parameters.faults).flatMap(([kind, count]) =>
    Array.from({ length: count }, () => drawFault(random, parameters, kind as FaultKind)),
  );
  return {
    parameters,
    startsMs,
    operations: operations.filter((_, i) => knobs[`op${i + 1}`] !== 0),
    faults: faults.filter((_, i) => knobs[`fault${i + 1}`] !== 0),
  };
}

/** Every planned thing can be left out. */
export function knobsOf(plan: Plan): Knobs {
  const knobs: Record<string, number> = {};
  for (const [i] of plan.operations.entries()) knobs[`op${i + 1}`] = 1;
  for (const [i] of plan.faults.entries()) knobs[`fault${i + 1}`] = 1;
  return knobs;
}

function drawOperation(random: Random, parameters: Parameters, index: number): PlannedOperation {
  const { busyMs, machines, keys, puts, changes, bound } = parameters;
  const isPut = random.chance(puts);
  return {
    atMs: random.between(0, busyMs * 0.95),
    place: random.below(machines),
    kind: isPut ? 'put' : random.chance(changes) ? random.pick(['change', 'change', 'extend'] as const) : 'get',
    key: random.below(keys),
    id: index + 1,
    bind: isPut && random.chance(bound) ? drawBind(random) : [],
    otherKey: random.below(keys),
    ownerEndsMs: random.chance(0.8) ? random.between(0, busyMs * 0.5) : null,
    untilMs: random.between(-100, busyMs),
    timeoutMs: random.chance(0.2) ? random.between(5, 200) : 10_000,
    isPatient: random.chance(0.2),
  };
}

function drawBind(random: Random): readonly BindKind[] {
  const first = random.pick(['pid', 'pid', 'node', 'key', 'until'] as const);
  const second = random.pick(['pid', 'node', 'key', 'until'] as const);
  return random.chance(0.25) && first !== second ? [first, second] : [first];
}

function drawFault(random: Random, { busyMs, machines, faultMsMax }: Parameters, kind: FaultKind): PlannedFault {
  const a = random.below(machines);
  return {
    atMs: random.between(0, busyMs),
    kind,
    a,
    b: (a + 1 + random.below(machines - 1)) % machines,
    side: random.below(2 ** machines),
    isOneWay: random.chance(0.3),
    isTold: random.chance(0.6),
    forMs: Math.min(faultMsMax, random.chance(0.2) ? random.between(1000, 6000) : random.between(5, 800)),
    roll: random.unit(),
  };
}
