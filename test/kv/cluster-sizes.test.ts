import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Cluster, PaxosKV, type QuorateOptions } from '../../kv/index.ts';
import { hasCode } from '../../runtime/errors.ts';
import { eventually, settled, withInside } from './kit/cluster-inside.ts';

const NO_QUORUM = { ok: false, error: 'no_quorum' };

test('a cluster of one needs nobody else', async () => {
  await withInside(async (cluster) => {
    const node = await cluster.start(1, { clusterSize: 1 });
    await PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 5000 });
    await assert.rejects(
      PaxosKV.waitForBucket({ timeoutMs: 5000 } as never),
      (e) => hasCode(e, 'invalid_value') && /waitForBucket: .*bucket/.test(String(e)),
    );
    await settled(node);
    assert.deepEqual(await PaxosKV.put('key', 1), { ok: true, value: 1 });
    assert.deepEqual(await PaxosKV.put('key', 2), { ok: true, value: 1 });
    assert.equal(await Cluster.clusterSize(), 1);
  });
});

test('three of five found, the others fill their seats with what was decided, and any three go on', async () => {
  await withInside(async (cluster) => {
    const five: Partial<QuorateOptions> = { clusterSize: 5 };
    const [a, b, c] = await Promise.all([1, 2, 3].map((n) => cluster.start(n, five)));
    await PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 5000 });
    for (let i = 0; i < 300; i++) await PaxosKV.put(`key ${i}`, i);
    const [d, e] = await Promise.all([4, 5].map((n) => cluster.start(n, five)));
    assert.ok(a && b && c && d && e);
    await settled(a, b, c, d, e);
    assert.equal(a.status?.connected, 5);
    await b.stop();
    await c.stop();
    await eventually(() => a.status?.connected === 3);
    for (let i = 0; i < 300; i += 7) {
      assert.deepEqual(await d.node.run(() => PaxosKV.get(`key ${i}`)), { ok: true, value: i });
      assert.deepEqual(await e.node.run(() => PaxosKV.put(`key ${i}`, 'other')), { ok: true, value: i });
    }
    await d.stop();
    await eventually(() => a.status?.hasQuorum === false);
    assert.deepEqual(await PaxosKV.get('key 1'), NO_QUORUM);
  });
});

test('a designated founder founds with the nodes that said hello, and a surplus node is a client', async () => {
  await withInside(async (cluster) => {
    const options: Partial<QuorateOptions> = { founders: [cluster.name(2)] };
    const nodes = await Promise.all([1, 2, 3].map((n) => cluster.start(n, options)));
    await settled(...nodes);
    const surplus = await cluster.start(7, options);
    await eventually(() => surplus.status?.waits.some((text) => text.includes('all 3 seats are taken')) === true);
    assert.deepEqual(await surplus.node.run(() => PaxosKV.put('key', 'from outside')), {
      ok: true,
      value: 'from outside',
    });
    assert.deepEqual(await PaxosKV.get('key'), { ok: true, value: 'from outside' });
  });
});

test('options that could not work are refused before anything starts', async () => {
  await withInside(async (cluster) => {
    const refused = (options: Partial<QuorateOptions>, words: RegExp): Promise<void> =>
      assert.rejects(cluster.start(1, options), (e) => hasCode(e, 'badarg') && words.test(String(e)));
    await refused({ clusterSize: 0 }, /clusterSize/);
    await refused({ founders: ['n1@127.0.0.1', 'n1@127.0.0.1'] }, /twice/);
    await refused({ clusterSize: 5, founders: ['n1@127.0.0.1', 'n2@127.0.0.1'] }, /at least 3/);
    await refused({ name: 'one@127.0.0.1' }, /give them, or end the names in numbers/);
    await refused({ threads: 1 }, /threads: 0/);
    await refused({ founders: 'n1@127.0.0.1' as never }, /founders must be an array of node names/);
    await refused({ join: 'n2@127.0.0.1' as never }, /join must be an array of node names/);
    await refused({ name: undefined as never }, /name must be the name of a node like n1@127.0.0.1, not undefined/);
    await refused({ clusterSise: 1 } as never, /there is no option clusterSise; there are name, cookie, clusterSize/);
    await refused({ port: 4000 } as never, /there is no option port; it is listen: { port }/);
  });
});

test('nodes with other founders are refused, and the error shows both lists', async () => {
  await withInside(async (cluster) => {
    const a = await cluster.start(1, { founders: [cluster.name(1), cluster.name(2)] });
    await cluster.start(2, { founders: [cluster.name(2), cluster.name(3)] });
    await eventually(() => cluster.log.some((line) => line.includes('other founders')));
    const line = cluster.log.find((text) => text.includes('other founders')) ?? '';
    assert.match(line, /\[n1@127\.0\.0\.1, n2@127\.0\.0\.1\]/);
    assert.match(line, /\[n2@127\.0\.0\.1, n3@127\.0\.0\.1\]/);
    assert.equal(a.status?.hasQuorum, false);
    assert.deepEqual(await PaxosKV.put('key', 1), NO_QUORUM);
  });
});
