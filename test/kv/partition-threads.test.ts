/** A bucket whose partitions are on different threads of each of three node programs. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../kit/wait.ts';
import { ClusterProgram, type NodeProgram } from './kit/cluster-program.ts';

const PARTITIONS = 3;
const KEYS = 300;

async function withThreads(fn: (nodes: [NodeProgram, NodeProgram, NodeProgram]) => Promise<void>): Promise<void> {
  const cluster = await ClusterProgram.create({
    threads: 3,
    buckets: [{ bucket: 'PaxosKV', partitions: PARTITIONS }],
  });
  try {
    const nodes = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await Promise.all(nodes.map((node) => node.ask('ready', 20_000)));
    await settled(nodes);
    await fn(nodes as [NodeProgram, NodeProgram, NodeProgram]);
  } finally {
    await cluster.end();
  }
}

async function settled(nodes: readonly NodeProgram[]): Promise<void> {
  const waits = async (): Promise<readonly string[]> => {
    const all = await Promise.all(nodes.map((node) => node.status()));
    return all.flatMap((status) => (status.connected === 3 ? status.waits : ['not connected', ...status.waits]));
  };
  await until(
    async () => (await waits()).length === 0,
    async () => (await waits()).join('; '),
    20_000,
  );
}

async function assertAllThere(node: NodeProgram): Promise<void> {
  assert.equal(((await node.ask('keys')) as unknown[]).length, KEYS);
  for (let i = 0; i < KEYS; i += 7) assert.deepEqual(await node.ask('get', `k${i}`), { ok: true, value: i });
}

function threadsOf(node: NodeProgram): Promise<number[]> {
  const names = ['PaxosKV.Acceptor', 'PaxosKV.Acceptor.1', 'PaxosKV.Acceptor.2'];
  return Promise.all(names.map((name) => node.ask('threadOf', name) as Promise<number>));
}

test('partitions run on different threads, and are reached from all of them and from all nodes', async () => {
  await withThreads(async ([a, b]) => {
    assert.deepEqual((await threadsOf(a)).sort(), [1, 2, 3]);
    await a.ask('load', 'k', KEYS, 32);
    await assertAllThere(b);
  });
});

async function survivesLossOf(pick: (threads: readonly number[]) => number | undefined): Promise<void> {
  await withThreads(async ([a, b, c]) => {
    await a.ask('load', 'k', KEYS, 32);
    const epochOf = async (): Promise<number> =>
      (await b.status()).buckets.find(({ bucket }) => bucket === 'PaxosKV')?.epoch ?? 0;
    const before = await epochOf();
    await a.ask('killThread', pick(await threadsOf(a)));
    await assertAllThere(b);
    await until(
      async () => (await epochOf()) > before,
      () => `node 1 did not come back as a new member: ${a.stderr}`,
      20_000,
    );
    await settled([a, b, c]);
    assert.ok((await threadsOf(a)).every((one) => one > 0));
    await b.kill();
    await until(
      async () => JSON.stringify(await c.ask('put', 'after', 1)) === '{"ok":true,"value":1}',
      () => 'the two that are left decide nothing',
    );
    for (let i = 0; i < KEYS; i += 7) assert.deepEqual(await c.ask('get', `k${i}`), { ok: true, value: i });
    for (let i = 0; i < KEYS; i += 7) assert.deepEqual(await a.ask('get', `k${i}`), { ok: true, value: i });
  });
}

test('a thread that dies with one partition: the others go on, the bucket comes back as a new boot and recovers', async () => {
  await survivesLossOf((threads) => threads.find((thread) => thread !== 1));
});

test('the system thread dies: partitions on other threads end with it, and the bucket comes back and recovers', async () => {
  await survivesLossOf(() => 1);
});
