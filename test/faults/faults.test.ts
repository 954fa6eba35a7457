import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { Random } from '../sim/random.ts';
import { checkHistory } from './check.ts';
import { FaultCluster } from './cluster.ts';
import { now, readHistory } from './history.ts';
import { whyNoNamespaces } from './namespaces.ts';
import { ProxyNetwork } from './proxies.ts';
import { longestGapMs, run, type RunOptions, type RunReport } from './run.ts';

const LOAD = { clients: 3, pauseMs: 10, timeoutMs: 3_000, cheat: 'none' } as const;
const NO_FAULTS: Omit<RunOptions, 'durationMs' | 'progress'> = {
  seed: 1,
  nodes: 3,
  faults: [],
  clients: 3,
  cheat: 'none',
  signal: new AbortController().signal,
};

function summary({ operations, failures, longestGapMs: gapMs, faults }: RunReport): string {
  return JSON.stringify({ faults, operations, failures, gapMs });
}

test('one of three nodes killed under load: the others go on after a short gap, nothing acknowledged is lost', async (t) => {
  const network = await ProxyNetwork.open(FaultCluster.numbersOf(3), new Random(1));
  const cluster = await FaultCluster.create(network, {
    nodes: 3,
    threads: 1,
    netTicktimeMs: 60_000,
    seed: 1,
    load: LOAD,
  });
  try {
    await Promise.all([1, 2, 3].map((number) => cluster.start(number)));
    await cluster.settle(30_000);
    await Promise.all([1, 2, 3].map((number) => cluster.load(number)));
    await delay(1_500);
    const killedAt = now();
    await cluster.kill(3);
    await delay(2_500);
    const until = now();
    await cluster.halt();
    const { operations } = readHistory(await cluster.histories());
    await cluster.readAll([...new Set(operations.map(({ key }) => key))]);
    const history = readHistory(await cluster.histories());
    const gaps = ['1.', '2.'].map((prefix) =>
      longestGapMs(
        history.operations.filter(({ id }) => id.startsWith(prefix)),
        killedAt,
        until,
      ),
    );
    t.diagnostic(`longest time without an answer on the other two nodes: ${gaps.join(' ms and ')} ms`);
    assert.deepEqual(checkHistory(history.operations), []);
    assert.ok(Math.max(...gaps) < 2_000, `gaps of ${gaps.join(' and ')} ms`);
  } finally {
    await cluster.end();
  }
});

test('nodes killed, stopped and paused, connections broken, slow and one-way under load: every history is linearizable', async (t) => {
  const lines: string[] = [];
  const report = await run({
    ...NO_FAULTS,
    seed: 5,
    durationMs: 15_000,
    faults: ['kill', 'restart', 'stop', 'link'],
    progress: (line) => lines.push(line),
  });
  t.diagnostic(summary(report));
  assert.deepEqual([report.violations, report.troubles], [[], []], lines.join('\n'));
  assert.deepEqual(Object.keys(report.faults).sort(), ['kill', 'link', 'restart', 'stop']);
});

test('packets that vanish between network namespaces under load: every history is linearizable', async (t) => {
  const obstacle = whyNoNamespaces();
  if (obstacle !== null) return t.skip(obstacle);
  const report = await run({ ...NO_FAULTS, seed: 2, durationMs: 3_000, faults: ['netns'], progress: () => undefined });
  t.diagnostic(summary(report));
  assert.deepEqual([report.violations, report.troubles], [[], []]);
});

for (const cheat of ['stale-reads', 'lost-writes', 'double-appends'] as const) {
  test(`a client between store and history that cheats is found out: ${cheat}`, async () => {
    const report = await run({ ...NO_FAULTS, durationMs: 1_000, cheat, progress: () => undefined });
    assert.ok(report.violations.some(({ what }) => what === 'not linearizable'));
    assert.deepEqual(report.troubles, []);
  });
}
