import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { removeRecord } from '../../kv/index.ts';
import { join } from 'node:path';
import { until } from '../kit/wait.ts';
import { ClusterProgram, type NodeProgram } from './kit/cluster-program.ts';

const READY_MS = 15_000;
const NOT_FOUND = { ok: false, error: 'not_found' };
const NO_QUORUM = { ok: false, error: 'no_quorum' };

async function withCluster(fn: (cluster: ClusterProgram) => Promise<void>, options: object = {}): Promise<void> {
  const cluster = await ClusterProgram.create(options);
  try {
    await fn(cluster);
  } finally {
    await cluster.end();
  }
}

async function ready(...nodes: NodeProgram[]): Promise<void> {
  await Promise.all(nodes.map((node) => node.ask('ready', READY_MS)));
}

/** Nothing is awaited any more: every node has its seats and has merged. */
async function settled(...nodes: NodeProgram[]): Promise<void> {
  const waits = async (): Promise<readonly string[]> =>
    (await Promise.all(nodes.map((n) => n.status()))).flatMap((s) => s.waits);
  await until(
    async () => (await waits()).length === 0,
    async () => (await waits()).join('\n'),
    READY_MS,
  );
}

async function found(node: NodeProgram, key: string, expected: unknown): Promise<void> {
  let last: unknown;
  const check = async (): Promise<boolean> => {
    last = await node.ask('get', key);
    return JSON.stringify(last) === JSON.stringify(expected);
  };
  await until(check, () => `get ${key} says ${JSON.stringify(last)}`);
}

for (const [first, second, third] of [
  [1, 2, 3],
  [3, 1, 2],
  [2, 3, 1],
] as const) {
  test(`nodes ${first} and ${second} reach a quorum, node ${third} fills its seat, and all agree`, async () => {
    await withCluster(async (cluster) => {
      const a = await cluster.start(first);
      assert.deepEqual(await a.ask('put', 'early', 1), NO_QUORUM);
      const b = await cluster.start(second);
      await ready(a, b);
      assert.deepEqual(await a.ask('put', 'apple', 1), { ok: true, value: 1 });
      assert.deepEqual(await b.ask('put', 'apple', 2), { ok: true, value: 1 }, 'the second put gets the first value');
      const c = await cluster.start(third);
      await ready(c);
      await settled(a, b, c);
      assert.equal((await a.status()).connected, 3);
      for (const node of [a, b, c]) assert.deepEqual(await node.ask('get', 'apple'), { ok: true, value: 1 });
      await a.kill();
      await found(c, 'apple', { ok: true, value: 1 });
      assert.deepEqual(await c.ask('get', 'early'), NOT_FOUND);
    });
  });
}

test('a key bound to a process is gone on every node after the process ended, and can be put again', async () => {
  await withCluster(async (cluster) => {
    const nodes = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(...nodes);
    await settled(...nodes);
    const [a, b, c] = nodes as [NodeProgram, NodeProgram, NodeProgram];
    assert.deepEqual(await b.ask('bind', 'session', 'of b'), { ok: true, value: 'of b' });
    assert.deepEqual(await c.ask('get', 'session'), { ok: true, value: 'of b' });
    assert.match(String(await a.ask('pid', 'session')), /n2@127\.0\.0\.1/);
    await b.ask('unbind', 'session');
    for (const node of nodes) await found(node, 'session', NOT_FOUND);
    assert.deepEqual(await c.ask('put', 'session', 'of c'), { ok: true, value: 'of c' });
    assert.deepEqual(await a.ask('get', 'session'), { ok: true, value: 'of c' });
    assert.deepEqual(await a.ask('keys'), ['session']);
  });
});

test('with one node killed the store answers, and keys bound to its processes go; with two killed it says no_quorum', async () => {
  await withCluster(async (cluster) => {
    const [a, b, c] = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(a, b, c);
    await settled(a, b, c);
    await a.ask('put', 'kept', 'yes');
    await c.ask('bind', 'bound', 'to a process of c');
    await c.kill();
    assert.deepEqual(await a.ask('get', 'kept'), { ok: true, value: 'yes' });
    assert.deepEqual(await b.ask('put', 'later', 2), { ok: true, value: 2 });
    for (const node of [a, b]) await found(node, 'bound', NOT_FOUND);
    await b.kill();
    await until(
      async () => !(await a.status()).hasQuorum,
      () => 'the quorum is still there',
    );
    assert.deepEqual(await a.ask('get', 'kept'), NO_QUORUM);
    assert.deepEqual(await a.ask('put', 'kept', 'no'), NO_QUORUM);
    await assert.rejects(a.ask('put', 'kept', 'no', { noQuorum: 'fail' }), (e) => hasCode(e, 'no_quorum'));
    assert.deepEqual(await a.ask('keys'), []);
    assert.match((await a.status()).waits.join(), /n2@127\.0\.0\.1 and n3@127\.0\.0\.1/);
  });
});

test('a cluster that was stopped whole starts again empty when all are back, and not before', async () => {
  await withCluster(async (cluster) => {
    let nodes = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(...nodes);
    await settled(...nodes);
    const before = await nodes[0]?.status();
    await nodes[0]?.ask('put', 'apple', 1);
    for (const node of nodes) await node.stop();
    const [a, b] = [await cluster.start(1), await cluster.start(2)];
    await until(
      async () => (await a.status()).hasQuorum,
      () => 'no quorum of the cluster',
    );
    assert.deepEqual(await a.ask('get', 'apple'), NO_QUORUM, 'node 3 may hold what was decided');
    assert.match((await a.status()).waits.join(), /waits for n3@127\.0\.0\.1, which may hold values/);
    nodes = [a, b, await cluster.start(3)];
    await ready(...nodes);
    await settled(...nodes);
    assert.deepEqual(await b.ask('get', 'apple'), NOT_FOUND);
    assert.deepEqual(await b.ask('put', 'apple', 2), { ok: true, value: 2 });
    assert.equal((await a.status()).cluster, before?.cluster, 'it is the same cluster');
  });
});

test('a node that is killed and started again by the same command recovers and votes: another is killed, and no value is lost', async () => {
  await withCluster(async (cluster) => {
    const [a, b] = [await cluster.start(1), await cluster.start(2)];
    let c = await cluster.start(3);
    await ready(a, b, c);
    await settled(a, b, c);
    await a.ask('load', 'k', 300, 32);
    await c.kill();
    await a.ask('put', 'while it was down', 'yes');
    c = await cluster.start(3);
    await ready(c);
    await settled(a, b, c);
    const status = await c.status();
    assert.deepEqual(
      status.buckets.find(({ bucket }) => bucket === 'PaxosKV')?.members.map(({ state }) => state),
      ['active', 'active', 'active'],
    );
    await b.kill();
    assert.deepEqual(await c.ask('put', 'pear', 2), { ok: true, value: 2 });
    assert.deepEqual(await c.ask('get', 'while it was down'), { ok: true, value: 'yes' });
    for (let i = 0; i < 300; i += 7) assert.deepEqual(await c.ask('get', `k${i}`), { ok: true, value: i });
  });
});

test('a state folder in use refuses a second node, and a reset removes what a stopped node remembers', async () => {
  await withCluster(async (cluster) => {
    const a = await cluster.start(1);
    const folder = join(cluster.folder, '1');
    await assert.rejects(removeRecord(folder), (e) => hasCode(e, 'state_in_use'));
    await a.stop();
    assert.equal(await removeRecord(folder), true);
    assert.equal(await removeRecord(folder), false);
  });
});

test('a node whose system thread is killed forgets its buckets, merges and votes again, and its callers are served', async () => {
  await withCluster(async (cluster) => {
    const [a, b, c] = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(a, b, c);
    await settled(a, b, c);
    await a.ask('put', 'apple', 1);
    const epoch = async (): Promise<number> =>
      (await b.status()).buckets.find(({ bucket }) => bucket === 'PaxosKV')?.epoch ?? 0;
    const before = await epoch();
    await a.ask('killThread');
    await until(
      async () => (await epoch()) > before,
      () => `node 1 did not come back as a new member: ${a.stderr}`,
    );
    await ready(a, b, c);
    await settled(a, b, c);
    await b.kill();
    for (const node of [a, c]) assert.deepEqual(await node.ask('get', 'apple'), { ok: true, value: 1 });
    assert.deepEqual(await a.ask('put', 'pear', 2), { ok: true, value: 2 });
  });
});

test('a bucket that the application starts runs on its own thread, and works across nodes', async () => {
  await withCluster(async (cluster) => {
    const nodes = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(...nodes);
    await Promise.all(nodes.map((node) => node.ask('startBucket', 'Mine')));
    await Promise.all(nodes.map((node) => node.ask('ready', READY_MS, 'Mine')));
    const [a, b, c] = nodes as [NodeProgram, NodeProgram, NodeProgram];
    assert.deepEqual(await a.ask('put', 'key', 'mine', { bucket: 'Mine' }), { ok: true, value: 'mine' });
    assert.deepEqual(await b.ask('get', 'key', { bucket: 'Mine' }), { ok: true, value: 'mine' });
    assert.deepEqual(await c.ask('get', 'key'), NOT_FOUND, 'the default bucket has its own keys');
  });
});

test('everything works the same with the store on the thread of the caller', async () => {
  await withCluster(
    async (cluster) => {
      const nodes = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
      await ready(...nodes);
      await settled(...nodes);
      await Promise.all(nodes.map((node, i) => node.ask('load', `k${i}-`, 300, 32)));
      const [a, b] = nodes as [NodeProgram, NodeProgram];
      for (let i = 0; i < 300; i += 50) assert.deepEqual(await b.ask('get', `k0-${i}`), { ok: true, value: i });
      assert.equal(((await a.ask('keys')) as unknown[]).length, 900);
    },
    { threads: 0 },
  );
});

test('programs join and leave a cluster of 3, 4, 5, 4 and 3 seats under load, one is killed at the end, and every acknowledged key is there', async () => {
  await withCluster(async (cluster) => {
    const [a, b, c] = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(a, b, c);
    await settled(a, b, c);
    for (const node of [a, b]) await node.ask('putUntilTold', node === a ? 'a' : 'b');
    const join = [cluster.name(1)];
    await a.ask('resize', 4);
    const d = await cluster.start(4, { join, founders: [1, 2, 3].map((n) => cluster.name(n)) });
    await settled(a, b, c, d);
    await d.ask('resize', 5);
    const e = await cluster.start(5, { join, founders: [1, 2, 3].map((n) => cluster.name(n)) });
    await settled(a, b, c, d, e);
    await c.stop();
    await a.ask('resize', 4);
    await d.stop();
    await e.ask('resize', 3);
    await settled(a, b, e);
    const keys = (await Promise.all([a, b].map((node) => node.ask('told')))).flat() as string[];
    assert.ok(keys.length > 100, `${keys.length} keys were acknowledged`);
    assert.deepEqual(
      (await e.status()).members.toSorted(),
      [1, 2, 5].map((n) => cluster.name(n)),
    );
    await a.kill();
    for (const key of keys) assert.deepEqual(await e.ask('get', key), { ok: true, value: Number(key.slice(1)) }, key);
  });
});

test('a node that is stopped by its program gives its seat back before it ends, and the two that stay go on without the third', async () => {
  await withCluster(async (cluster) => {
    const [a, b, c] = [await cluster.start(1), await cluster.start(2), await cluster.start(3)];
    await ready(a, b, c);
    await settled(a, b, c);
    await a.ask('load', 'k', 200, 16);
    await b.stop();
    const bucket = (await a.status()).buckets.find((one) => one.bucket === 'PaxosKV');
    assert.deepEqual(
      bucket?.members.map((m) => m.name).toSorted(),
      [1, 3].map((n) => cluster.name(n)),
    );
    await settled(a, c);
    await c.kill();
    const again = await cluster.start(3);
    await settled(a, again);
    for (let i = 0; i < 200; i += 7) assert.deepEqual(await again.ask('get', `k${i}`), { ok: true, value: i });
  });
});
