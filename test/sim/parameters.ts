/**
 * What a run is like. All of it is numbers, so that a failing run can be made smaller by lowering them (cli/shrink.ts);
 * a scenario gives some, the seed draws the others.
 */
import type { Random } from './random.ts';

export interface Parameters {
  /** Seats at the founding, and how many of them are filled then. */
  readonly members: number;
  readonly filled: number;
  /** Nodes beside the founders: they hold proposers, and may get a seat later. */
  readonly surplus: number;
  readonly keys: number;
  /** Single operations of any kind, at random times from random nodes. */
  readonly operations: number;
  /** Clients that loop: read, change, write back what they read; each this many times. */
  readonly clients: number;
  readonly rounds: number;
  /** Nodes from which clients propose; 0: all. `outside` 1: nodes that are no members at the beginning come first. */
  readonly proposers: number;
  readonly outside: number;
  /** Faults happen in [0, faultsMs); then everything heals. */
  readonly faultsMs: number;
  readonly loss: number;
  readonly duplication: number;
  /** Share of messages that are held up for a long time. */
  readonly straggling: number;
  readonly delayMsMax: number;
  readonly stragglingMsMax: number;
  readonly partitions: number;
  /** Proposers that start anew, durable members that restart, members that lose all they had. */
  readonly crashes: number;
  readonly restarts: number;
  readonly amnesia: number;
  /** All nodes lose their state at once; what comes after starts empty. */
  readonly blackouts: number;
  /** Steps of the membership, between these numbers of seats; `flux` 1: only seats more and seats fewer, in turn. */
  readonly steps: number;
  readonly seatsMin: number;
  readonly seatsMax: number;
  readonly flux: number;
  /** Steps and losses of state also when too few members are left to go on: then progress is not asked for. */
  readonly reckless: number;
  /** Weights of single operations. */
  readonly puts: number;
  readonly changes: number;
  readonly reads: number;
  /** Share of puts that are bound to something that ends. */
  readonly bound: number;
  /** Share of members that are durable. */
  readonly durable: number;
  readonly forgets: number;
  /** Error of the rates of the nodes' clocks, and how far apart their system times are. */
  readonly rateError: number;
  readonly skewMs: number;
  /** Acceptor and proposer of a node share one clock of rounds. */
  readonly sharedClock: number;
  /** How many changes a cell remembers. */
  readonly history: number;
}

/** A calm run of three members. */
export const CALM: Parameters = {
  members: 3,
  filled: 3,
  surplus: 0,
  keys: 1,
  operations: 0,
  clients: 0,
  rounds: 0,
  proposers: 0,
  outside: 0,
  faultsMs: 400,
  loss: 0,
  duplication: 0,
  straggling: 0,
  delayMsMax: 5,
  stragglingMsMax: 100,
  partitions: 0,
  crashes: 0,
  restarts: 0,
  amnesia: 0,
  blackouts: 0,
  steps: 0,
  seatsMin: 1,
  seatsMax: 5,
  flux: 0,
  reckless: 0,
  puts: 1,
  changes: 1,
  reads: 1,
  bound: 0,
  durable: 0,
  forgets: 0,
  rateError: 0,
  skewMs: 0,
  sharedClock: 1,
  history: 16,
};

/** One configuration, any faults: one seed is gentle, the next loses every third message. */
export function drawOneConfiguration(random: Random): Parameters {
  const isCalm = random.chance(0.2);
  const some = (most: number): number => (isCalm || random.chance(0.3) ? 0 : rounded(random.between(0, most)));
  const count = (most: number): number => (isCalm ? 0 : random.below(most));
  const members = random.pick([1, 2, 3, 3, 3, 3, 3, 3, 4, 5]);
  const [puts, changes, reads] = random.pick([
    [3, 2, 3],
    [1, 0, 1],
    [1, 3, 1],
    [4, 1, 2],
    [1, 1, 4],
  ] as const);
  return {
    ...CALM,
    members,
    filled: members,
    surplus: random.below(2),
    keys: random.pick([1, 1, 2, 3]),
    operations: 6 + random.below(26),
    faultsMs: Math.round(random.between(150, 700)),
    loss: some(0.3),
    duplication: some(0.2),
    straggling: some(0.25),
    delayMsMax: random.pick([2, 5, 15]),
    stragglingMsMax: random.pick([50, 200, 500]),
    partitions: count(4),
    crashes: count(3),
    restarts: count(2),
    puts,
    changes,
    reads,
    bound: random.pick([0, 0.5, 1]),
    durable: random.pick([0, 0, 0.5, 1]),
    forgets: Number(random.chance(0.6)),
    sharedClock: Number(random.chance(0.5)),
    history: random.pick([16, 16, 16, 16, 2, 1]),
  };
}

/** The same with a membership that changes meanwhile, and members that lose their state. */
export function drawEverything(random: Random): Parameters {
  const one = drawOneConfiguration(random);
  const isReckless = random.chance(0.15);
  const most = random.pick([3, 4, 5]);
  const founders = random.pick([1, 2, 3, 3, 3, 4].filter((seats) => seats <= most));
  return {
    ...one,
    members: founders,
    filled: random.chance(0.8) ? founders : Math.floor(founders / 2) + 1,
    surplus: 1 + random.below(3),
    operations: 8 + random.below(30),
    clients: random.pick([0, 0, 1, 3]),
    rounds: 4 + random.below(8),
    faultsMs: Math.round(random.between(250, 1200)),
    outside: Number(random.chance(0.2)),
    amnesia: random.pick([0, 0, 1, 3]),
    blackouts: Number(random.chance(0.06)),
    steps: random.pick([0, 2, 5, 12]),
    seatsMin: random.pick([1, 1, 2, 3].filter((seats) => seats <= most)),
    seatsMax: most,
    flux: Number(random.chance(0.2)),
    reckless: Number(isReckless),
    rateError: random.pick([0, 0, 0.05, 0.3]),
    skewMs: random.pick([0, 0, 30, 300]),
  };
}

function rounded(value: number): number {
  return Math.round(value * 100) / 100;
}

/** Whether these can be run at all: shrinking tries also what makes no sense. */
export function isSensible(p: Parameters): boolean {
  const quorum = Math.floor(p.members / 2) + 1;
  return (
    p.members >= 1 &&
    p.members <= 7 &&
    p.filled >= quorum &&
    p.filled <= p.members &&
    p.keys >= 1 &&
    p.seatsMin >= 1 &&
    p.seatsMax >= p.seatsMin &&
    p.history >= 1 &&
    p.puts + p.changes + p.reads > 0
  );
}

/** What differs from a calm run. */
export function describeParameters(parameters: Parameters): string {
  const names = Object.keys(CALM) as (keyof Parameters)[];
  const told = names.filter((name) => name === 'members' || parameters[name] !== CALM[name]);
  return told.map((name) => `${name} ${parameters[name]}`).join(', ');
}
