/** The scopes that are searched over several configurations, decided in order and each at any time. */
import { across, count, fill, founded, fresh, grow, only, replace, shrink, vacate } from './builders.ts';
import type { Scenario, Variant } from './scenario.ts';

const three = count(3);
const classic = { classic: true };

function quick(name: string, about: string, variants: readonly Variant[]): Scenario {
  return { name, about, isQuick: true, variants };
}

const REPLACED = { first: founded(3), steps: [replace(0, 3)] };

export const EPOCH_SCENARIOS: readonly Scenario[] = [
  quick(
    'replace',
    'a put in the epoch in which a member is replaced, and one in the next',
    only([across('put', 1, [[1], []], classic), across('put', 2, [[], [1]], classic)], { ...REPLACED }),
  ),
  quick(
    'replace-retry',
    'a put goes on in the epoch after a member was replaced, and a read follows it',
    only([across('put', 1, [[1], [2]]), across('read', 2, [[], [1]], { ...classic, after: [0] })], {
      ...REPLACED,
    }),
  ),
  quick(
    'fill',
    'two of three found the cluster, the third seat is filled, while two put',
    only([across('put', 1, [[1], []]), across('put', 2, [[], [1]])], { first: founded(2, 3), steps: [fill(2)] }),
  ),
  quick(
    'low-rounds',
    'a put and a read in an epoch with lower rounds than the one before, in which one member accepted a value',
    only(
      [
        across('put', 1, [[9], []], classic),
        across('put', 2, [[], [1]], classic),
        across('read', 3, [[], [10]], classic),
      ],
      {
        ...REPLACED,
        prefix: [
          { operation: 0, members: [0, 2], steps: 1 },
          { operation: 0, members: [2], steps: 1 },
        ],
      },
    ),
  ),
  quick(
    'low-floors',
    'a put is retried after its erase and forgetting in a later epoch with lower rounds',
    only([across('put', 1, [[9], [3]], { mortal: true }), across('erase', 2, [[], [1]])], {
      first: founded(2, 3),
      steps: [fill(2)],
      forgets: true,
      prefix: [
        { operation: 0, members: count(2), steps: 1 },
        { does: 'adopt', epoch: 2, members: three },
        { does: 'observe', members: three },
      ],
    }),
  ),
  quick(
    'inherited-read',
    'two puts are accepted by one member each, a joiner inherits the lower one, two reads',
    only(
      [
        across('put', 1, [[1], []], classic),
        across('put', 2, [[2], []], classic),
        across('read', 3, [[], [1]]),
        across('read', 4, [[], [2]], { ...classic, after: [2] }),
      ],
      {
        ...REPLACED,
        prefix: [
          { operation: 0, members: three, steps: 1 },
          { operation: 1, members: [0, 2], steps: 1 },
          { operation: 0, members: [1], steps: 1 },
          { operation: 1, members: [2], steps: 1 },
        ],
      },
    ),
  ),
  quick(
    'vacate-fill',
    'a value at two of three, the seat of one vacated and filled by another',
    only([across('put', 1, [[1], [], []], classic), across('read', 2, [[], [1], [1]], classic)], {
      first: founded(3),
      steps: [vacate(0), fill(3)],
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  ),
  quick(
    'three-two-one',
    'a value at two of three, and two decreases',
    only([across('put', 1, [[1], [], []], classic), across('read', 2, [[], [1], [1]], classic)], {
      first: founded(3),
      steps: [shrink(0), shrink(1)],
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  ),
  quick(
    'skipped-decrease',
    'a value at two of three, two decreases and a replacement, which members may sleep through',
    only([across('put', 1, [[1], [], [], []], classic), across('read', 2, [[], [], [], [1]], classic)], {
      first: founded(3),
      steps: [shrink(2), shrink(0), replace(1, 3)],
      prefix: [{ operation: 0, members: [0, 2] }],
    }),
  ),
  quick(
    'grow-replace',
    'a value at two of three, a fourth seat, filled, and a replacement',
    only([across('put', 1, [[1], [], [], []], classic), across('read', 2, [[], [], [], [1]], classic)], {
      first: founded(3),
      steps: [grow(null), fill(3), replace(0, 4)],
      prefix: [{ operation: 0, members: [0, 1] }],
    }),
  ),
  quick(
    'fresh-retry',
    'a value is lost with all members, a new cluster begins, and the put that made it is retried',
    only([across('put', 1, [[1], [1, 2]])], {
      first: founded(1),
      steps: [fresh(1)],
      prefix: [{ operation: 0, members: [0], steps: 1 }],
    }),
  ),
];
