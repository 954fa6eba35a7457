import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, LocalNode, type Self } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import type { Placement } from '../../runtime/index.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 10_000 };

async function threadsOf(self: Self, howMany: number, thread?: Placement): Promise<number[]> {
  const options = thread === undefined ? {} : { thread };
  const pids = await Promise.all(Array.from({ length: howMany }, () => self.spawn(placed, 'waitFor', [], options)));
  return pids.map(pidThread);
}

function counts(threads: readonly number[]): Record<number, number> {
  const found: Record<number, number> = {};
  for (const thread of threads) found[thread] = (found[thread] ?? 0) + 1;
  return found;
}

test('placed on the caller by default, in turn, or on a given thread', async (t) => {
  const node = await LocalNode.start({ threads: 3 });
  t.after(() => node.stop());
  await node.run(async (self) => {
    assert.deepEqual(counts(await threadsOf(self, 4)), { 0: 4 });
    assert.deepEqual(await threadsOf(self, 6, 'roundRobin'), [1, 2, 3, 1, 2, 3]);
    assert.deepEqual(counts(await threadsOf(self, 4, 2)), { 2: 4 });
    assert.deepEqual(counts(await threadsOf(self, 2, 'caller')), { 0: 2 });
  });
});

test('the node says where, unless the spawn does', async (t) => {
  for (const [placement, expected] of [
    ['roundRobin', { 1: 2, 2: 2 }],
    [2, { 2: 4 }],
  ] as const) {
    const node = await LocalNode.start({ threads: 2, placement });
    t.after(() => node.stop());
    await node.run(async (self) => {
      assert.deepEqual(counts(await threadsOf(self, 4)), expected);
      assert.deepEqual(counts(await threadsOf(self, 4, 1)), { 1: 4 });
    });
  }
});

test('the least loaded thread is neither the fullest nor one that is stuck', async (t) => {
  const node = await LocalNode.start({ threads: 3, longScheduleMs: 100 });
  t.after(() => node.stop());
  const stuck = new Promise<void>((resolve) => {
    node.on('longSchedule', ({ thread, ended }) => thread === 3 && !ended && resolve());
  });
  await node.run(async (self) => {
    await threadsOf(self, 30, 1);
    const blocker = await self.spawn(placed, 'loopForEver', [self.pid], { thread: 3 });
    await self.receive((message) => message === atom('looping'), PATIENCE);
    await stuck;
    assert.deepEqual(counts(await threadsOf(self, 10, 'leastLoaded')), { 2: 10 });
    node.killThread(pidThread(blocker));
  });
});

test('a burst of placements between two looks at the load is spread evenly', async (t) => {
  const node = await LocalNode.start({ threads: 2, longScheduleMs: 60_000 });
  t.after(() => node.stop());
  await node.run(async (self) => {
    assert.deepEqual(counts(await threadsOf(self, 20, 'leastLoaded')), { 1: 10, 2: 10 });
  });
});
