/** The simulations of the pure cores: acceptor, proposer, state transfer, below what TCP promises. */
import { findControl } from './controls/index.ts';
import { UsageError } from './cli/options.ts';
import { loadCores } from './cores.ts';
import { CALM, drawEverything, drawOneConfiguration, isSensible } from './parameters.ts';
import { streamOf } from './random.ts';
import { World } from './world.ts';
import type { Control } from './controls/control.ts';
import type { Cores, Replacement } from './cores.ts';
import type { Parameters } from './parameters.ts';
import type { Random } from './random.ts';
import type { Knobs, Scenario, ScenarioOptions, ScenarioReport } from './scenario.ts';

const loaded = new Map<string, Promise<Cores>>();

/** The compiled cores, or a copy with these changes. Loaded once. */
function coresWith(replacements: readonly Replacement[]): Promise<Cores> {
  const name = JSON.stringify(replacements);
  let cores = loaded.get(name);
  if (cores === undefined) loaded.set(name, (cores = loadCores(replacements)));
  return cores;
}

/** How many changes a cell remembers is a constant of the cores. */
function rememberOnly(history: number): readonly Replacement[] {
  if (history === CALM.history) return [];
  return [{ module: 'change', from: 'HISTORY_MAX = 16', to: `HISTORY_MAX = ${history}` }];
}

const QUORUM_OF_ONE: readonly Replacement[] = [
  { module: 'quorum', from: 'return Math.floor(seats / 2) + 1', to: 'return 1' },
];

interface Shape {
  readonly name: string;
  readonly about: string;
  readonly mustFail?: true;
  readonly always?: readonly Replacement[];
  draw(random: Random): Parameters;
}

function parametersOf(shape: Shape, seed: number, knobs: Knobs): Parameters {
  const drawn: Record<string, number> = { ...shape.draw(streamOf(seed, 'parameters')) };
  for (const name of Object.keys(drawn)) drawn[name] = knobs[name] ?? (drawn[name] as number);
  return drawn as unknown as Parameters;
}

/** What makes a run simpler when there is less of it. Lowering the others only makes another run of it. */
const SHRINKABLE = [
  ...(['members', 'surplus', 'keys', 'operations', 'clients', 'rounds', 'faultsMs', 'loss', 'duplication'] as const),
  ...([
    'straggling',
    'delayMsMax',
    'stragglingMsMax',
    'partitions',
    'crashes',
    'restarts',
    'amnesia',
    'blackouts',
  ] as const),
  ...(['steps', 'bound', 'durable', 'forgets', 'rateError', 'skewMs', 'outside'] as const),
] satisfies readonly (keyof Parameters)[];

/** Parameters, and every planned thing by its number. */
function knobsOf(shape: Shape, seed: number): Knobs {
  const parameters = parametersOf(shape, seed, {});
  const knobs: Record<string, number> = {};
  const planned = {
    op: parameters.operations,
    client: parameters.clients,
    partition: parameters.partitions,
    crash: parameters.crashes,
    restart: parameters.restarts,
    amnesia: parameters.amnesia,
    blackout: parameters.blackouts,
    step: parameters.steps,
  };
  for (const [name, count] of Object.entries(planned)) for (let i = 0; i < count; i++) knobs[`${name}${i}`] = 1;
  return { ...knobs, ...Object.fromEntries(SHRINKABLE.map((name) => [name, parameters[name]])) };
}

function controlNamed(name: string): Control {
  const control = findControl(name);
  if (control === undefined) throw new UsageError(`no control is called '${name}'; --controls lists them`);
  if (control.test === undefined) return control;
  throw new UsageError(`'${name}' is not a rule of the cores: test/${control.test} switches it off`);
}

async function runShape(shape: Shape, seed: number, options: ScenarioOptions): Promise<ScenarioReport> {
  const { print, knobs = {}, off } = options;
  const parameters = parametersOf(shape, seed, knobs);
  if (!isSensible(parameters)) {
    return { violation: null, parameters: 'no sense', counts: {}, events: 0, digest: '' };
  }
  const control = off === undefined ? undefined : controlNamed(off);
  const switched = control?.replacements ?? [];
  const remembers = switched.some(({ module }) => module === 'change') ? [] : rememberOnly(parameters.history);
  const replacements = [...remembers, ...(shape.always ?? []), ...switched];
  const cores = await coresWith(replacements);
  return new World(cores, seed, { parameters, knobs, print, off: control?.shell ?? [] }).run();
}

function scenario(shape: Shape): Scenario {
  return {
    name: shape.name,
    about: shape.about,
    ...(shape.mustFail ? { mustFail: true } : {}),
    run: (seed, options) => runShape(shape, seed, options),
    knobs: (seed) => knobsOf(shape, seed),
  };
}

/** Gryadka's tests are named after clients, proposers and keys: c2p1k2. Each client loops: read, change, write back. */
function looping(
  name: string,
  about: string,
  faults: (random: Random) => Partial<Parameters>,
  more: Partial<Shape> = {},
): Scenario {
  const [, clients, proposers, keys] = /c(\d)p(\d)k(\d)/.exec(name) ?? [];
  const draw = (random: Random): Parameters => ({
    ...CALM,
    clients: Number(clients),
    proposers: Number(proposers),
    keys: Number(keys),
    rounds: 15,
    delayMsMax: 5,
    ...faults(random),
  });
  return scenario({ name, about, draw, ...more });
}

const shuffled = (random: Random): Partial<Parameters> => ({
  straggling: random.pick([0, 0.1, 0.3]),
  stragglingMsMax: 60,
  delayMsMax: random.pick([3, 10, 25]),
});
const lossy = (random: Random): Partial<Parameters> => ({ ...shuffled(random), loss: random.pick([0.05, 0.15, 0.3]) });
const parted = (random: Random): Partial<Parameters> => ({ ...shuffled(random), partitions: 1 + random.below(4) });

export const CORE_SCENARIOS: readonly Scenario[] = [
  looping('shuffling/c1p1k1', 'messages overtake each other: one client, one proposer, one key', shuffled),
  looping('shuffling/c1p2k2', 'one client at two proposers, two keys', shuffled),
  looping('shuffling/c2p1k2', 'two clients at one proposer, two keys', shuffled),
  looping('shuffling/c2p2k1', 'two clients at two proposers, one key', shuffled),
  looping('losing/c1p1k1', 'messages are lost: one client, one proposer, one key', lossy),
  looping('losing/c2p2k1.i', 'three acceptors with quorums of one', lossy, { mustFail: true, always: QUORUM_OF_ONE }),
  looping('losing/c2p2k2', 'two clients at two proposers, two keys', lossy),
  looping('losing/c6p2k2', 'six clients at two proposers, two keys', lossy),
  looping('partitioning/c1p1k1', 'links break in both or one direction: one client, one proposer, one key', parted),
  looping('partitioning/c2p2k2', 'two clients at two proposers, two keys', parted),
  looping('membership/c2p2k2.a3.a4', 'a fourth acceptor joins three', (random) => ({
    ...lossy(random),
    surplus: 1,
    steps: 1,
    flux: 1,
    seatsMin: 3,
    seatsMax: 4,
  })),
  looping('membership/c2p2k2.flux', 'acceptors join and leave all the time, three to four and back', (random) => ({
    ...lossy(random),
    surplus: 2,
    steps: 12,
    flux: 1,
    seatsMin: 3,
    seatsMax: 4,
    faultsMs: 800,
    rounds: 25,
  })),
  looping('membership/c2p2k2.outside', 'the same, and the proposers are no members', (random) => ({
    ...parted(random),
    surplus: 2,
    outside: 1,
    steps: 8,
    seatsMin: 2,
    seatsMax: 4,
    faultsMs: 800,
  })),
  looping('duplicating/c2p2k2', 'messages arrive twice, and late', (random) => ({
    ...shuffled(random),
    duplication: random.pick([0.1, 0.3, 0.6]),
    straggling: 0.2,
    stragglingMsMax: 300,
  })),
  looping('skewed/c3p3k2', 'clocks run at different rates and are far apart', (random) => ({
    ...lossy(random),
    rateError: random.pick([0.05, 0.3, 0.6]),
    skewMs: 500,
    operations: 15,
    bound: 0.7,
  })),
  looping('amnesia/c2p3k2', 'members lose all they had and come back by replacement', (random) => ({
    ...lossy(random),
    surplus: random.below(2),
    amnesia: 4,
    steps: random.below(3),
    faultsMs: 900,
  })),
  looping('amnesia/c2p4k2.all', 'all members lose all they had, and start anew and empty', (random) => ({
    ...shuffled(random),
    surplus: 1,
    loss: random.pick([0, 0.2]),
    blackouts: 1,
    operations: 10,
    faultsMs: 600,
  })),
  looping('five/c3p5k2', 'five members under loss and partitions', (random) => ({
    ...lossy(random),
    members: 5,
    filled: 5,
    partitions: 2,
    operations: 8,
  })),
  scenario({
    name: 'lifetimes',
    about: 'keys bound to processes, nodes, times and other keys, which end; erased keys are forgotten',
    draw: (random) => ({
      ...drawOneConfiguration(random),
      keys: 3,
      bound: 1,
      operations: 30,
      faultsMs: 900,
      skewMs: random.pick([0, 30]),
      forgets: Number(random.chance(0.8)),
    }),
  }),
  scenario({
    name: 'forgetting',
    about: 'one key lives and dies again and again, with old messages about',
    draw: (random) => ({
      ...drawOneConfiguration(random),
      members: 3,
      filled: 3,
      keys: 1,
      operations: 30,
      puts: 3,
      changes: 1,
      reads: 2,
      bound: 1,
      forgets: 1,
      straggling: 0.2,
      stragglingMsMax: 400,
      faultsMs: 900,
    }),
  }),
  scenario({
    name: 'one-configuration',
    about: 'all faults at once on members that stay, parameters drawn from the seed',
    draw: drawOneConfiguration,
  }),
  scenario({
    name: 'everything',
    about: 'all of the above at once, parameters drawn from the seed',
    draw: drawEverything,
  }),
];
