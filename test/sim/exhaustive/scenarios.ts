/** The scopes that are searched: who does what on how many members, and how often each operation may try. */
import { foundConfig, nextConfig } from '../../../kv/cluster/config.ts';
import { incarnation, memberName } from './model.ts';
import type { ConfigStep } from '../../../kv/cluster/config.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Replacement } from '../cores.ts';
import type { OperationPlan, PrefixStep, Scenario, Variant } from './scenario.ts';

function founded(members: number, seats: number = members): Config {
  return foundConfig({
    cluster: 'search',
    clusterSize: seats,
    members: Array.from({ length: members }, (_, m) => incarnation(m)),
  });
}

/** The configurations that these steps make, one after the other. */
function chain(first: Config, ...steps: readonly ConfigStep[]): readonly Config[] {
  const configs = [first];
  for (const step of steps) configs.push(nextConfig(configs[configs.length - 1] as Config, step));
  return configs;
}

const fill = (m: number): ConfigStep => ({ kind: 'fill', member: incarnation(m) });
const replace = (leaving: number, m: number): ConfigStep => {
  return { kind: 'replace', member: incarnation(m), leaving: memberName(leaving) };
};
const vacate = (m: number): ConfigStep => ({ kind: 'vacate', name: memberName(m) });
const grow = (m: number | null): ConfigStep => ({ kind: 'grow', member: m === null ? null : incarnation(m) });
const shrink = (m: number | null): ConfigStep => ({ kind: 'shrink', name: m === null ? null : memberName(m) });

type Draft = Omit<OperationPlan, 'rounds' | 'p'> & { readonly draws: number };

/** One variant per order of the operations' ballots: each draws its rounds in order, all others' may lie between. */
function everyOrder(drafts: readonly Draft[], rest: Omit<Variant, 'operations' | 'name'>): Variant[] {
  const orders: number[][] = [];
  const left = drafts.map(({ draws }) => draws);
  const order: number[] = [];
  const extend = (): void => {
    if (left.every((count) => count === 0)) orders.push([...order]);
    left.forEach((count, slot) => {
      if (count === 0) return;
      left[slot] = count - 1;
      order.push(slot);
      extend();
      order.pop();
      left[slot] = count;
    });
  };
  extend();
  return orders.map((slots) => {
    const operations = drafts.map(({ draws: _, ...plan }, slot): OperationPlan => {
      return { ...plan, p: slot + 1, rounds: [slots.flatMap((other, i) => (other === slot ? [i + 1] : []))] };
    });
    return { ...rest, name: slots.join(''), operations };
  });
}


type Kind = OperationPlan['kind'];

function op(kind: Kind, p: number, rounds: readonly number[], more: Partial<OperationPlan> = {}): OperationPlan {
  return { kind, p, rounds: [rounds], ...more };
}

/** Rounds per epoch. */
function epochs(kind: Kind, p: number, rounds: readonly (readonly number[])[], more: Partial<OperationPlan> = {}): OperationPlan {
  return { kind, p, rounds, ...more };
}

function only(operations: readonly OperationPlan[], rest: Partial<Variant> = {}): readonly Variant[] {
  return [{ name: 'one', configs: [founded(3)], operations, ...rest }];
}

function history(kept: number): readonly Replacement[] {
  return [{ module: 'change', from: 'HISTORY_MAX = 16', to: `HISTORY_MAX = ${kept}` }];
}

const put2: Draft = { kind: 'put', draws: 2 };
const change1: Draft = { kind: 'change', draws: 2 };


const ALL3 = [0, 1, 2];
const mortal = { mortal: true };
/** Created at all members, and its end observed by all. */
const putAndEnded: readonly PrefixStep[] = [
  { operation: 0, members: ALL3 },
  { does: 'observe', members: ALL3 },
];

export const SCENARIOS: readonly Scenario[] = [
  {
    name: 'put-put',
    about: 'two puts of a fresh key, two attempts each',
    isQuick: true,
    variants: everyOrder([put2, put2], { configs: [founded(3)] }).filter(({ name }) => name.startsWith('0')),
  },
  {
    name: 'put-read',
    about: 'a put, and a read with its classic attempt',
    isQuick: true,
    variants: everyOrder([{ kind: 'put', draws: 1 }, { kind: 'read', draws: 2 }], { configs: [founded(3)] }),
  },
  {
    name: 'put-read-read',
    about: 'a put and two plain reads, one after the other',
    isQuick: true,
    variants: only([op('put', 1, [1]), op('read', 2, [2]), op('read', 3, [3], { after: [1] })]),
  },
  {
    name: 'classic-read-read',
    about: 'a put that is accepted by one member so far, and two reads',
    isQuick: true,
    variants: only([op('put', 1, [1, 4], { classic: true }), op('read', 2, [2]), op('read', 3, [3])], {
      prefix: [
        { operation: 0, members: ALL3, steps: 1 },
        { operation: 0, members: [0], steps: 1 },
      ],
    }),
  },
  {
    name: 'erase-read-read',
    about: 'an erase whose tombstone is accepted by one member so far, and two reads',
    isQuick: true,
    variants: only(
      [op('put', 1, [1], mortal), op('erase', 2, [2]), op('read', 3, [3, 5]), op('read', 4, [4, 6], { after: [2] })],
      {
        prefix: [
          ...putAndEnded,
          { operation: 1, members: ALL3, steps: 1 },
          { operation: 1, members: [0], steps: 1 },
        ],
      },
    ),
  },
  {
    name: 'put-change',
    about: 'a put with two attempts, and a change',
    isQuick: true,
    variants: everyOrder([put2, change1], { configs: [founded(3)] }),
  },
  {
    name: 'change-retry',
    about: 'one change with three attempts, and a read',
    isQuick: true,
    variants: only([op('change', 1, [1, 2, 3, 4, 5, 6]), op('read', 2, [7])]),
  },
  {
    name: 'change-change',
    about: 'two changes, the one with two attempts',
    isQuick: true,
    variants: only([op('change', 1, [1, 2, 5, 6]), op('change', 2, [3, 4])]),
  },
  {
    name: 'put-extend-read',
    about: 'a put at some members, a change of what is there with two attempts, and a read',
    isQuick: true,
    variants: only([op('put', 1, [1]), op('extend', 2, [2, 3, 4, 5]), op('read', 3, [6], { classic: true })]),
  },
  {
    name: 'next-ballot',
    about: 'two changes of one proposer, the second at the ballot prepared by the first, and a put',
    isQuick: true,
    variants: only([op('change', 1, [1, 4]), op('change', 1, [5]), op('put', 2, [2], { classic: true })]),
  },
  {
    name: 'put-erase-retry',
    about: 'a put with two attempts, and its erase',
    isQuick: true,
    variants: only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])]),
  },
  {
    name: 'put-erase-retry-k1',
    about: 'the same, with one ballot of history',
    isQuick: true,
    variants: only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])], { settings: history(1) }),
  },
  {
    name: 'put-erase-put',
    about: 'a put, its erase, and another put',
    isQuick: true,
    variants: only([op('put', 1, [1], mortal), op('erase', 2, [2]), op('put', 3, [3])], { prefix: putAndEnded }),
  },
  {
    name: 'put-erase-forget',
    about: 'a put with two attempts, its erase, and forgetting',
    isQuick: true,
    variants: only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])], { forgets: true }),
  },
  {
    name: 'put-erase-forget-put',
    about: 'x',
    isQuick: true,
    variants: only([op('put', 1, [1], mortal), op('erase', 2, [2]), op('change', 3, [3, 4])], { forgets: true, prefix: putAndEnded }),
  },
  {
    name: 'forget-promised',
    about: 'all members hold a tombstone and may forget it, while two puts begin',
    isQuick: true,
    variants: only([op('collect', 1, [1]), op('put', 2, [3], { classic: true }), op('put', 3, [2])], {
      forgets: true,
      prefix: [{ operation: 0, members: ALL3 }],
    }),
  },
  {
    name: 'two-lives',
    about: 'x',
    isQuick: true,
    variants: only(
      [op('collect', 1, [1]), op('put', 2, [2], mortal), op('erase', 3, [3]), op('read', 4, [4], { classic: true })],
      {
        forgets: true,
        prefix: [
          { operation: 0, members: ALL3 },
          { operation: 1, members: ALL3 },
          { does: 'observe', members: ALL3 },
        ],
      },
    ),
  },
  {
    name: 'late-end',
    about: 'the end of a life that was erased and forgotten is told late, to members that hold the next one',
    isQuick: true,
    variants: only(
      [
        op('put', 1, [1], mortal),
        op('erase', 2, [2]),
        op('put', 3, [3], { bound: true }),
        op('erase', 4, [4]),
        op('read', 5, [5], { after: [2] }),
      ],
      {
        forgets: true,
        prefix: [...putAndEnded, { operation: 1, members: ALL3 }, { operation: 1, members: ALL3, does: 'hints' }],
      },
    ),
  },
  {
    name: 'fast-put-reads',
    about: 'a put whose fast value is late, while another is created, erased and forgotten',
    isQuick: true,
    variants: only([op('put', 1, [9, 10], { after: [] }), op('put', 2, [1], mortal), op('erase', 3, [2])], {
      forgets: true,
      prefix: [
        { operation: 1, members: ALL3 },
        { does: 'observe', members: ALL3 },
      ],
    }),
  },
  {
    name: 'four-members',
    about: 'four members hold a tombstone and may forget it, while a put begins and a read follows',
    isQuick: true,
    variants: only([op('collect', 1, [1]), op('put', 2, [2]), op('read', 3, [3], { after: [1], classic: true })], {
      configs: [founded(4)],
      forgets: true,
      prefix: [{ operation: 0, members: [0, 1, 2, 3] }],
    }),
  },
  {
    name: 'put-erase',
    about: 'a put and its erase',
    isQuick: true,
    variants: only([op('put', 1, [1], mortal), op('erase', 2, [2])]),
  },
  {
    name: 'replace-put-put',
    about: 'a put in the epoch in which a member is replaced, and one in the next',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], []], { classic: true }), epochs('put', 2, [[], [1]], { classic: true })], {
      configs: chain(founded(3), replace(0, 3)),
    }),
  },
  {
    name: 'replace-fast-read',
    about: 'x',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], [2]]), epochs('read', 2, [[], [1, 3]])], {
      configs: chain(founded(3), replace(0, 3)),
    }),
  },
  {
    name: 'low-rounds',
    about: 'two puts in an epoch with lower rounds than the one before',
    isQuick: true,
    variants: only(
      [epochs('put', 1, [[9], []], { classic: true }), epochs('put', 2, [[], [1]], { classic: true }), epochs('read', 3, [[], [10]], { classic: true })],
      {
        configs: chain(founded(3), replace(0, 3)),
        prefix: [
          { operation: 0, members: [0, 2], steps: 1 },
          { operation: 0, members: [2], steps: 1 },
        ],
      },
    ),
  },
  {
    name: 'low-floors',
    about: 'a put is retried after its erase and forgetting in a later epoch with lower rounds',
    isQuick: true,
    variants: only([epochs('put', 1, [[9], [3]], mortal), epochs('erase', 2, [[], [1]])], {
      configs: chain(founded(2, 3), fill(2)),
      forgets: true,
      prefix: [
        { operation: 0, members: [0, 1], steps: 1 },
        { does: 'adopt', epoch: 2, members: [0, 1, 2] },
        { does: 'observe', members: [0, 1, 2] },
      ],
    }),
  },
  {
    name: 'inherited-read',
    about: 'two puts are accepted by one member each; a joiner inherits the lower one; two reads',
    isQuick: true,
    variants: only(
      [
        epochs('put', 1, [[1], []], { classic: true }),
        epochs('put', 2, [[2], []], { classic: true }),
        epochs('read', 3, [[], [1]]),
        epochs('read', 4, [[], [2]], { after: [2], classic: true }),
      ],
      {
        configs: chain(founded(3), replace(0, 3)),
        prefix: [
          { operation: 0, members: ALL3, steps: 1 },
          { operation: 1, members: [0, 2], steps: 1 },
          { operation: 0, members: [1], steps: 1 },
          { operation: 1, members: [2], steps: 1 },
        ],
      },
    ),
  },
  {
    name: 'vacate-fill',
    about: 'a value at two of three, a seat vacated and filled by another',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], [], []], { classic: true }), epochs('read', 2, [[], [1], [1]], { classic: true })], {
      configs: chain(founded(3), vacate(0), fill(3)),
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  },
  {
    name: 'three-two-one',
    about: 'a value at two of three, and two decreases',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], [], []], { classic: true }), epochs('read', 2, [[], [1], [1]], { classic: true })], {
      configs: chain(founded(3), shrink(0), shrink(1)),
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  },
  {
    name: 'skipped-decrease',
    about: 'x',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], [], [], []], { classic: true }), epochs('read', 2, [[], [], [], [1]], { classic: true })], {
      configs: chain(founded(3), shrink(2), shrink(0), replace(1, 3)),
      prefix: [{ operation: 0, members: [0, 2] }],
    }),
  },
  {
    name: 'grow-replace',
    about: 'x',
    isQuick: true,
    variants: only([epochs('put', 1, [[1], [], [], []], { classic: true }), epochs('read', 2, [[], [], [], [1]], { classic: true })], {
      configs: chain(founded(3), grow(null), fill(3), replace(0, 4)),
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  },
  {
    name: 'refusals',
    about: 'a put that hears refusals, and its erase, on one member',
    isQuick: true,
    variants: only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])], { configs: [founded(1)], nacks: true }),
  },
];
