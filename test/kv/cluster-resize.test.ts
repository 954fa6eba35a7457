import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, createMemoryStorage, PaxosKV, type Quorate, type RecordStorage } from '../../kv/index.ts';
import { hasCode } from '../../runtime/errors.ts';
import { eventually, settled, withInside } from './kit/cluster-inside.ts';

const NO_QUORUM = { ok: false, error: 'no_quorum' };
const NOT_FOUND = { ok: false, error: 'not_found' };

async function resize(node: Quorate, clusterSize: number, timeoutMs = 15_000): Promise<void> {
  await node.node.run(() => Cluster.resizeCluster(clusterSize, { timeoutMs }));
}

function epochOf(node: Quorate): number {
  return node.status?.buckets.find(({ bucket }) => bucket === 'PaxosKV')?.epoch ?? 0;
}

/** Puts keys one after the other until it is told to stop; resolves with the keys that were acknowledged. */
function load(node: Quorate, prefix: string): { stop(): Promise<string[]> } {
  const acknowledged: string[] = [];
  let isOver = false;
  const done = (async () => {
    for (let i = 0; !isOver; i++) {
      const key = `${prefix}${i}`;
      const result = await node.node.run(() => PaxosKV.put(key, key)).catch(() => null);
      if (result?.ok === true) acknowledged.push(key);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  return {
    async stop() {
      isOver = true;
      await done;
      return acknowledged;
    },
  };
}

async function expectAll(node: Quorate, keys: readonly string[]): Promise<void> {
  for (const key of keys) {
    assert.deepEqual(await node.node.run(() => PaxosKV.get(key)), { ok: true, value: key }, key);
  }
}

test('a cluster grows from 3 to 4 to 5 and shrinks back to 3 under load, and every acknowledged value is still there', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    const loads = [load(a, 'a'), load(b, 'b')];
    await resize(a, 4);
    const d = await cluster.start(4, { join: [cluster.name(1)] });
    await settled(a, b, c, d);
    await resize(b, 5);
    const e = await cluster.start(5, { join: [cluster.name(2)] });
    await settled(a, b, c, d, e);
    assert.deepEqual([a.status?.clusterSize, a.status?.connected], [5, 5]);
    await e.stop();
    await resize(c, 4);
    await d.stop();
    await resize(a, 3);
    await settled(a, b, c);
    const keys = (await Promise.all(loads.map((one) => one.stop()))).flat();
    assert.equal(a.status?.clusterSize, 3);
    assert.ok(keys.length > 50, `${keys.length} keys`);
    await c.stop();
    await expectAll(a, keys);
    await expectAll(b, keys);
  });
});

test('a cluster of one grows when the second node is there, and shrinks to one again', async () => {
  await withInside(async (cluster) => {
    const a = await cluster.start(1, { clusterSize: 1 });
    await PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 5000 });
    await PaxosKV.put('key', 'key');
    await assert.rejects(resize(a, 2, 300), (e) => hasCode(e, 'timeout') && /start the new node first/.test(String(e)));
    const b = await cluster.start(2, { clusterSize: 1, founders: [cluster.name(1)], join: [cluster.name(1)] });
    await eventually(() => b.status?.waits.some((text) => text.includes('is a client')) === true);
    await resize(a, 2);
    await settled(a, b);
    assert.deepEqual(await b.node.run(() => PaxosKV.get('key')), { ok: true, value: 'key' });
    await a.stop();
    await eventually(() => b.status?.hasQuorum === false);
    assert.deepEqual(await b.node.run(() => PaxosKV.get('key')), NO_QUORUM, 'a value may be at the other alone');
  });
});

test('a stopped member gives up its seat in the buckets, and one that comes back takes it again', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    await PaxosKV.put('key', 'key');
    await c.stop();
    await settled(a, b);
    const bucket = a.status?.buckets.find((one) => one.bucket === 'PaxosKV');
    assert.deepEqual(
      bucket?.members.map((m) => m.name),
      [cluster.name(1), cluster.name(2)],
    );
    assert.deepEqual(
      a.status?.members,
      [1, 2, 3].map((n) => cluster.name(n)),
      'its record keeps its seat in the cluster',
    );
    const again = await cluster.start(3);
    await settled(a, b, again);
    await a.stop();
    await settled(b, again);
    assert.deepEqual(await again.node.run(() => PaxosKV.get('key')), { ok: true, value: 'key' });
  });
});

test('shrinking waits for a node to stop, says so, and never goes below what keeps a quorum', async () => {
  await withInside(async (cluster) => {
    const [a, , c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    await assert.rejects(
      resize(a, 2, 300),
      (e) => hasCode(e, 'timeout') && /all 3 are connected; stop/.test(String(e)),
    );
    await assert.rejects(resize(a, 0), (e) => hasCode(e, 'badarg'));
    const aborting = new AbortController();
    const resizing = a.node.run(() => Cluster.resizeCluster(2, { signal: aborting.signal }));
    await eventually(() => a.status?.waits.some((text) => text.includes('resizing to 2')) === true);
    aborting.abort();
    await assert.rejects(resizing, (e) => hasCode(e, 'aborted'));
    await eventually(() => a.status?.waits.length === 0);
    await c.stop();
    await resize(a, 2);
    assert.equal(await a.node.run(() => Cluster.clusterSize()), 2);
    await assert.rejects(resize(a, 1, 300), (e) => hasCode(e, 'timeout'));
  });
});

test('a surplus node takes the seat of a member that leaves: it merges before it votes, and the other becomes a client', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    const running = load(b, 'k');
    const x = await cluster.start(7, { founders: [1, 2, 3].map((n) => cluster.name(n)) });
    await eventually(() => x.status?.waits.some((text) => text.includes('all 3 seats are taken')) === true);
    assert.deepEqual(await x.node.run(() => PaxosKV.put('from a client', 1)), { ok: true, value: 1 });
    await b.node.run(() => Cluster.replaceMember(cluster.name(1), cluster.name(7)));
    await settled(b, c, x);
    await eventually(() => a.status?.waits.some((text) => text.includes('is a client')) === true);
    assert.deepEqual(await a.node.run(() => PaxosKV.put('of the former member', 2)), { ok: true, value: 2 });
    const keys = await running.stop();
    await a.stop();
    await c.stop();
    await expectAll(x, keys);
    assert.deepEqual(await x.node.run(() => PaxosKV.get('of the former member')), { ok: true, value: 2 });
  });
});

test('a founder that never came can be replaced by another node, and a member that is gone too', async () => {
  await withInside(async (cluster) => {
    const founders = [1, 2, 3].map((n) => cluster.name(n));
    const [a, b] = await cluster.startSettled(1, 2);
    assert.ok(a && b);
    const x = await cluster.start(7, { founders });
    await eventually(() => x.status?.waits.some((text) => text.includes('kept for the founder')) === true);
    await a.node.run(() => Cluster.replaceMember(cluster.name(3), cluster.name(7)));
    await settled(a, b, x);
    await PaxosKV.put('key', 'key');
    const y = await cluster.start(8, { founders });
    await b.stop();
    await a.node.run(() => Cluster.replaceMember(cluster.name(2), cluster.name(8)));
    await settled(a, x, y);
    await a.stop();
    assert.deepEqual(await y.node.run(() => PaxosKV.get('key')), { ok: true, value: 'key' });
    const refused = (leaving: number, joining: number, code: string): Promise<void> =>
      assert.rejects(
        x.node.run(() => Cluster.replaceMember(cluster.name(leaving), cluster.name(joining))),
        (e) => hasCode(e, code),
      );
    await refused(1, 7, 'member_already');
    await refused(9, 11, 'no_member');
  });
});

test('a node whose seat went while it was stopped starts again, although its record is renewed in the middle of that, and has a seat again', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    const memory = createMemoryStorage();
    const save: RecordStorage['save'] = async (record) => {
      await new Promise((resolve) => setTimeout(resolve, 20));
      await memory.save(record);
    };
    const names = [1, 2, 3].map((n) => cluster.name(n));
    const ids: (string | undefined)[] = [];
    for (let turn = 0; turn < 2; turn++) {
      await resize(a, 4);
      const d = await cluster.start(4, { join: names, founders: names, storage: { ...memory, save } });
      await settled(a, b, c, d);
      await d.stop();
      await resize(a, 3);
      ids.push((await memory.load())?.id);
    }
    assert.equal(new Set(ids).size, 2, 'nobody takes it for the member that it was');
  });
});

test('a member that was replaced can have a seat again, as another', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    await PaxosKV.put('key', 'key');
    const x = await cluster.start(7, { founders: [1, 2, 3].map((n) => cluster.name(n)) });
    await eventually(() => x.status?.waits.some((text) => text.includes('is a client')) === true);
    await b.node.run(() => Cluster.replaceMember(cluster.name(1), cluster.name(7)));
    await settled(b, c, x);
    const before = epochOf(b);
    await resize(b, 4);
    await settled(a, b, c, x);
    await eventually(() => a.status?.connected === 4 && epochOf(b) > before);
    await b.stop();
    assert.deepEqual(await a.node.run(() => PaxosKV.get('key')), { ok: true, value: 'key' });
  });
});

test('a lost boot record is replaced by the new one of the same name', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
    await PaxosKV.put('key', 'key');
    await c.stop();
    cluster.loseRecord(3);
    const again = await cluster.start(3);
    await settled(a, b, again);
    assert.equal(a.status?.configuration?.epoch, 2);
    await a.stop();
    assert.deepEqual(await again.node.run(() => PaxosKV.get('key')), { ok: true, value: 'key' });
    assert.deepEqual(await again.node.run(() => PaxosKV.get('other')), NOT_FOUND);
  });
});
