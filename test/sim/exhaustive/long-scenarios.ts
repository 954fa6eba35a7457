/** Larger scopes, on demand: some are searched whole within minutes, others as far as memory and time allow. */
import { across, count, everyOrder, founded, grow, history, only, op, replace, shrink } from './builders.ts';
import type { Draft } from './builders.ts';
import type { Scenario, Variant } from './scenario.ts';

const mortal = { mortal: true };
const put2: Draft = { kind: 'put', draws: 2 };
const read2: Draft = { kind: 'read', draws: 2 };
const change2: Draft = { kind: 'change', draws: 4 };

function long(name: string, about: string, variants: readonly Variant[]): Scenario {
  return { name, about, isQuick: false, variants };
}

export const LONG_SCENARIOS: readonly Scenario[] = [
  long('put-put-2', 'two puts, two attempts each', everyOrder([put2, put2], { first: founded(3) })),
  long(
    'put-put-hints',
    'the same, and members may learn what is chosen',
    everyOrder([put2, put2], { first: founded(3), hints: true }),
  ),
  long(
    'put-put-refusals',
    'two puts that hear refusals, the first with two attempts',
    everyOrder([put2, { kind: 'put', draws: 1 }], { first: founded(3), nacks: true }),
  ),
  long('put-read-2', 'a put with two attempts, and a read', everyOrder([put2, read2], { first: founded(3) })),
  long(
    'three-puts',
    'three puts, one attempt each',
    everyOrder(
      [
        { kind: 'put', draws: 1 },
        { kind: 'put', draws: 1 },
        { kind: 'put', draws: 1 },
      ],
      { first: founded(3) },
    ),
  ),
  long(
    'put-read-read-2',
    'a put and two reads, each with its classic attempt',
    only([op('put', 1, [1]), op('read', 2, [2, 4]), op('read', 3, [3, 5])]),
  ),
  long(
    'change-retries',
    'one change with three attempts, and a read',
    only([op('change', 1, [1, 2, 3, 4, 5, 6]), op('read', 2, [7])]),
  ),
  long('change-change-2', 'two changes, two attempts each', everyOrder([change2, change2], { first: founded(3) })),
  long(
    'change-change-k1',
    'the same with one ballot of history',
    only([op('change', 1, [1, 2, 5, 6]), op('change', 2, [3, 4, 7, 8])], { settings: history(1) }),
  ),
  long(
    'put-extend-read',
    'a put, a change of what is there with two attempts, and a read',
    only([op('put', 1, [1]), op('extend', 2, [2, 3, 4, 5]), op('read', 3, [6], { classic: true })]),
  ),
  long(
    'next-ballots',
    'three changes of one proposer, each at the ballot that the one before prepared, and a change of another',
    only([op('change', 1, [1, 4]), op('change', 1, [5, 8]), op('change', 1, [9]), op('change', 2, [2, 3, 6, 7])]),
  ),
  long(
    'put-erase-retry',
    'a put with two attempts, and its erase',
    only([op('put', 1, [1, 5], mortal), op('erase', 2, [3])]),
  ),
  long(
    'put-erase-retry-2',
    'a put with two attempts, and its erase with two, every order of ballots',
    everyOrder(
      [
        { ...put2, mortal: true },
        { kind: 'erase', draws: 2 },
      ],
      { first: founded(3) },
    ),
  ),
  long(
    'put-erase-put',
    'a put with two attempts, its erase, and another put',
    only([op('put', 1, [1, 5], mortal), op('erase', 2, [2]), op('put', 3, [3])]),
  ),
  long(
    'put-erase-forget',
    'a put with two attempts, its erase, and forgetting, every order of ballots',
    everyOrder(
      [
        { ...put2, mortal: true },
        { kind: 'erase', draws: 1 },
      ],
      { first: founded(3), forgets: true },
    ),
  ),
  long(
    'put-erase-collect-put',
    'a put with two attempts, its erase, a collector, and a late put',
    only([op('put', 1, [1, 6], mortal), op('erase', 2, [2]), op('collect', 3, [3]), op('put', 4, [5])], {
      forgets: true,
    }),
  ),
  long(
    'forget-put-read',
    'a value that all members know to be chosen, its erase and forgetting, another put, and two plain reads',
    only(
      [
        op('put', 1, [1], { ...mortal, classic: true }),
        op('erase', 2, [2]),
        op('put', 3, [3]),
        op('read', 4, [4]),
        op('read', 5, [5], { after: [3] }),
      ],
      {
        forgets: true,
        hints: true,
        prefix: [
          { operation: 0, members: count(3) },
          { operation: 0, members: count(3), does: 'hints' },
          { does: 'observe', members: count(3) },
        ],
      },
    ),
  ),
  long(
    'put-erase-read',
    'a put, its erase and two reads',
    only([op('put', 1, [1], mortal), op('erase', 2, [2]), op('read', 3, [3, 5]), op('read', 4, [4])]),
  ),
  long(
    'four-members-puts',
    'two puts on four members',
    everyOrder([put2, { kind: 'put', draws: 1 }], { first: founded(4) }),
  ),
  long(
    'five-members-puts',
    'two puts on five members, one attempt each',
    everyOrder(
      [
        { kind: 'put', draws: 1 },
        { kind: 'put', draws: 1 },
      ],
      { first: founded(5) },
    ),
  ),
  long(
    'replace-puts',
    'a put that goes on in the epoch after a member was replaced, and another there',
    only([across('put', 1, [[1], [2]]), across('put', 2, [[], [1, 3]])], { first: founded(3), steps: [replace(0, 3)] }),
  ),
  long(
    'replace-read',
    'a put that goes on in the epoch after a member was replaced, and a read there',
    only([across('put', 1, [[1], [2]]), across('read', 2, [[], [1, 3]])], {
      first: founded(3),
      steps: [replace(0, 3)],
    }),
  ),
  long(
    'replace-erase',
    'a put, and its erase and forgetting in the epoch after a member was replaced',
    only([across('put', 1, [[1], [3]], mortal), across('erase', 2, [[], [1]])], {
      first: founded(3),
      steps: [replace(0, 3)],
      forgets: true,
      prefix: [{ operation: 0, members: count(3), steps: 1 }],
    }),
  ),
  long(
    'three-two-one-puts',
    'two decreases, and a put in each epoch',
    only(
      [
        across('put', 1, [[1], [], []], { classic: true }),
        across('put', 2, [[], [1], [1]]),
        across('read', 3, [[], [], [2]]),
      ],
      {
        first: founded(3),
        steps: [shrink(0), shrink(1)],
      },
    ),
  ),
  long(
    'grow-puts',
    'a member more, and two puts',
    only([across('put', 1, [[1], [1]]), across('put', 2, [[], [2]], { classic: true })], {
      first: founded(3),
      steps: [grow(3)],
    }),
  ),
];
