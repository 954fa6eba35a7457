/** The scopes that are searched in one configuration: who does what on how many members, and how often each operation may try. */
import { createdAndEnded, everyOrder, count, founded, history, only, op } from './builders.ts';
import { EPOCH_SCENARIOS } from './epoch-scenarios.ts';
import { LONG_SCENARIOS } from './long-scenarios.ts';
import type { Scenario, Variant } from './scenario.ts';

const three = count(3);
const mortal = { mortal: true };

function quick(name: string, about: string, variants: readonly Variant[]): Scenario {
  return { name, about, isQuick: true, variants };
}

const CREATING: readonly Scenario[] = [
  quick(
    'put-put',
    'two puts of a fresh key, the first with two attempts',
    everyOrder(
      [
        { kind: 'put', draws: 2 },
        { kind: 'put', draws: 1 },
      ],
      { first: founded(3) },
    ),
  ),
  quick(
    'few-members',
    'two puts with two attempts each, on one member and on two',
    [1, 2].flatMap((members) =>
      everyOrder(
        [
          { kind: 'put', draws: 2 },
          { kind: 'put', draws: 2 },
        ],
        { first: founded(members) },
      ).map((variant) => ({ ...variant, name: `${members}-${variant.name}` })),
    ),
  ),
  quick(
    'put-read',
    'a put, and a read with its classic attempt',
    everyOrder(
      [
        { kind: 'put', draws: 1 },
        { kind: 'read', draws: 2 },
      ],
      { first: founded(3) },
    ),
  ),
  quick(
    'put-read-read',
    'a put and two plain reads, one after the other; members may learn what is chosen',
    only([op('put', 1, [1]), op('read', 2, [2]), op('read', 3, [3], { after: [1] })], { hints: true }),
  ),
  quick(
    'classic-read-read',
    'a put that one member has accepted so far, and two reads',
    only([op('put', 1, [1], { classic: true }), op('read', 2, [2]), op('read', 3, [3])], {
      prefix: [
        { operation: 0, members: three, steps: 1 },
        { operation: 0, members: [0], steps: 1 },
      ],
    }),
  ),
];

const SETTLING: readonly Scenario[] = [
  quick(
    'settle-read',
    'a put that one member has accepted so far, a settling read, and a read',
    only([op('put', 1, [1], { classic: true }), op('settle', 2, [2]), op('read', 3, [3])], {
      prefix: [
        { operation: 0, members: three, steps: 1 },
        { operation: 0, members: [0], steps: 1 },
      ],
    }),
  ),
  quick(
    'settle-erase',
    'a put that all members took, its erase and forgetting, and a settling read',
    only([op('put', 1, [1], mortal), op('erase', 2, [2, 4]), op('settle', 3, [3])], {
      forgets: true,
      prefix: createdAndEnded(three),
    }),
  ),
];

const CHANGING: readonly Scenario[] = [
  quick(
    'put-change',
    'a put and a change',
    everyOrder(
      [
        { kind: 'put', draws: 1 },
        { kind: 'change', draws: 2 },
      ],
      { first: founded(3) },
    ),
  ),
  quick('change-retry', 'one change with two attempts', only([op('change', 1, [1, 2, 3, 4])])),
  quick(
    'change-change',
    'two changes, the first with two attempts',
    only([op('change', 1, [1, 2, 5, 6]), op('change', 2, [3, 4])]),
  ),
  quick(
    'extend-read',
    'a put at two members, a change of what is there that begins again, and a read',
    only([op('put', 1, [1]), op('extend', 2, [2, 3, 4]), op('read', 3, [6], { classic: true })], {
      prefix: [{ operation: 0, members: [0, 1], steps: 1 }],
    }),
  ),
  quick(
    'next-ballot',
    'two changes of one proposer, the second at the ballot that the first prepared, and a put',
    only([op('change', 1, [1, 4]), op('change', 1, [5]), op('put', 2, [2], { classic: true })]),
  ),
];

const ENDING: readonly Scenario[] = [
  quick('put-erase', 'a put and its erase', only([op('put', 1, [1], mortal), op('erase', 2, [2])])),
  quick(
    'erase-put',
    'an erase with two attempts, and another put with two',
    only([op('put', 1, [1], mortal), op('erase', 2, [2, 5]), op('put', 3, [3, 4])], { prefix: createdAndEnded(three) }),
  ),
  quick(
    'erase-read-read',
    'an erase whose tombstone one member has accepted so far, and two reads',
    only(
      [op('put', 1, [1], mortal), op('erase', 2, [2]), op('read', 3, [3, 5]), op('read', 4, [4, 6], { after: [2] })],
      {
        prefix: [
          ...createdAndEnded(three),
          { operation: 1, members: three, steps: 1 },
          { operation: 1, members: [0], steps: 1 },
        ],
      },
    ),
  ),
  quick(
    'erase-retry',
    'a put that all members took without its knowing, its erase, and its second attempt',
    only([op('put', 1, [1, 4], mortal), op('erase', 2, [2])], {
      prefix: [
        { operation: 0, members: three, steps: 1 },
        { does: 'observe', members: three },
      ],
    }),
  ),
  quick(
    'erase-retry-short-history',
    'the same, with one ballot of history and with two',
    [1, 2].flatMap((kept) =>
      only([op('put', 1, [1, 4], mortal), op('erase', 2, [2])], {
        name: `K${kept}`,
        settings: history(kept),
        prefix: [
          { operation: 0, members: three, steps: 1 },
          { does: 'observe', members: three },
        ],
      }),
    ),
  ),
];

const FORGETTING: readonly Scenario[] = [
  quick(
    'forget-retry',
    'a put that all members took without its knowing, its erase and forgetting, and its second attempt',
    only([op('put', 1, [1, 4], mortal), op('erase', 2, [2])], {
      forgets: true,
      prefix: [
        { operation: 0, members: three, steps: 1 },
        { does: 'observe', members: three },
      ],
    }),
  ),
  quick(
    'erase-forget-change',
    'an erase and forgetting, and a change',
    only([op('put', 1, [1], mortal), op('erase', 2, [2]), op('change', 3, [3, 4])], {
      forgets: true,
      prefix: createdAndEnded(three),
    }),
  ),
  quick(
    'forget-promised',
    'all members hold a tombstone and may forget it, while two puts begin',
    only([op('collect', 1, [1]), op('put', 2, [3], { classic: true }), op('put', 3, [2])], {
      forgets: true,
      prefix: [{ operation: 0, members: three }],
    }),
  ),
  quick(
    'two-lives',
    'the forgetting of one life is late, while the next is erased and read',
    only(
      [op('collect', 1, [1]), op('put', 2, [2], mortal), op('erase', 3, [3]), op('read', 4, [4], { classic: true })],
      {
        forgets: true,
        prefix: [
          { operation: 0, members: three },
          { operation: 1, members: three },
          { does: 'observe', members: three },
        ],
      },
    ),
  ),
  quick(
    'late-end',
    'the end of a life that was erased and forgotten is told late, to members that hold the next one',
    only(
      [
        op('put', 1, [1], mortal),
        op('erase', 2, [2]),
        op('put', 3, [3], { bound: true }),
        op('erase', 4, [4]),
        op('read', 5, [5], { after: [2] }),
      ],
      {
        forgets: true,
        prefix: [
          ...createdAndEnded(three),
          { operation: 1, members: three },
          { operation: 1, members: three, does: 'hints' },
        ],
      },
    ),
  ),
  quick(
    'late-fast-value',
    'a put whose fast value is late, while another put is erased and forgotten',
    only([op('put', 1, [9, 10]), op('put', 2, [1], mortal), op('erase', 3, [2])], {
      forgets: true,
      prefix: [
        { operation: 1, members: three },
        { does: 'observe', members: three },
      ],
    }),
  ),
  quick(
    'forget-read',
    'a value that all members know to be chosen, its erase and forgetting, and a plain read after the erase',
    only([op('put', 1, [1], { ...mortal, classic: true }), op('erase', 2, [2]), op('read', 3, [3], { after: [1] })], {
      forgets: true,
      hints: true,
      prefix: [
        { operation: 0, members: three },
        { operation: 0, members: three, does: 'hints' },
        { does: 'observe', members: three },
      ],
    }),
  ),
  quick(
    'refusals',
    'a put that hears refusals, where requests arrive once, its erase and forgetting, on one member and on two',
    [1, 2].flatMap((members) =>
      only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])], {
        name: String(members),
        first: founded(members),
        forgets: true,
        nacks: true,
        once: true,
      }),
    ),
  ),
  quick(
    'four-members',
    'four members hold a tombstone and may forget it, while a put begins and a read follows',
    only([op('collect', 1, [1]), op('put', 2, [2]), op('read', 3, [3], { after: [1], classic: true })], {
      first: founded(4),
      forgets: true,
      prefix: [{ operation: 0, members: count(4) }],
    }),
  ),
];

export const SCENARIOS: readonly Scenario[] = [
  ...CREATING,
  ...SETTLING,
  ...CHANGING,
  ...ENDING,
  ...FORGETTING,
  ...EPOCH_SCENARIOS,
  ...LONG_SCENARIOS,
];

/** Those of that name, or `quick`, `long` or `all` of them. */
export function findScenarios(name: string): readonly Scenario[] {
  if (name === 'all') return SCENARIOS;
  if (name === 'quick' || name === 'long') return SCENARIOS.filter(({ isQuick }) => isQuick === (name === 'quick'));
  return SCENARIOS.filter((scenario) => scenario.name === name);
}
