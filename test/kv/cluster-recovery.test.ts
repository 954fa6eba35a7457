import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket, Cluster, PaxosKV, type BucketStatus, type Quorate } from '../../kv/index.ts';
import { hasCode } from '../../runtime/errors.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { Supervisor } from '../../supervisors/index.ts';
import { eventually, settled, withInside, type InsideCluster } from './kit/cluster-inside.ts';

const NO_QUORUM = { ok: false, error: 'no_quorum' };
const KEYS = Array.from({ length: 120 }, (_, i) => `key ${i}`);

async function startBucket({ node }: Quorate, bucket: string, partitions = 1): Promise<Pid> {
  return node.run(async (self) => {
    const pid = await Bucket.startLink({ bucket, partitions }, { self });
    self.unlink(pid);
    return pid;
  });
}

async function stopBucket({ node }: Quorate, pid: Pid): Promise<void> {
  await node.run((self) => Supervisor.stop(pid, Exit.shutdown, { self }));
}

function bucketOf(quorate: Quorate, bucket: string): BucketStatus | undefined {
  return quorate.status?.buckets.find((one) => one.bucket === bucket);
}

async function putAll({ node }: Quorate, bucket: string): Promise<void> {
  for (const key of KEYS) await node.run(() => PaxosKV.put(key, key, { bucket }));
}

async function expectAll({ node }: Quorate, bucket: string): Promise<void> {
  for (const key of KEYS) {
    assert.deepEqual(await node.run(() => PaxosKV.get(key, { bucket })), { ok: true, value: key }, key);
  }
}

async function startedThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  return (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
}

for (const partitions of [1, 3]) {
  test(`a bucket of ${partitions} partitions stopped on one node gives up its seat, and started again merges before it votes`, async () => {
    await withInside(async (cluster) => {
      const nodes = await startedThree(cluster);
      const [a, b, c] = nodes;
      const pids = await Promise.all(nodes.map((node) => startBucket(node, 'Mine', partitions)));
      await settled(a, b, c);
      await PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 });
      await stopBucket(c, pids[2] as Pid);
      await eventually(() => bucketOf(a, 'Mine')?.members.length === 2);
      await settled(a, b);
      await putAll(a, 'Mine');
      await startBucket(c, 'Mine', partitions);
      await settled(a, b, c);
      await stopBucket(b, pids[1] as Pid);
      await settled(a, c);
      await expectAll(c, 'Mine');
      assert.deepEqual(await PaxosKV.put('of another bucket', 1), { ok: true, value: 1 });
    });
  });
}

test('a bucket killed on one node, all its partitions at once, is back as a new boot with everything', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedThree(cluster);
    const [a, b, c] = nodes;
    await Promise.all(nodes.map((node) => startBucket(node, 'Mine', 3)));
    await settled(a, b, c);
    await putAll(a, 'Mine');
    const before = bucketOf(b, 'Mine')?.epoch ?? 0;
    const acceptor = c.node.whereis('Mine.Acceptor.1');
    assert.ok(isPid(acceptor));
    const pid = c.node.whereis('Mine');
    assert.ok(isPid(pid));
    await c.node.run((self) => self.exit(pid, Exit.kill));
    await eventually(() => c.node.whereis('Mine') === undefined);
    await startBucket(c, 'Mine', 3);
    await eventually(() => (bucketOf(b, 'Mine')?.epoch ?? 0) > before);
    await settled(a, b, c);
    await a.stop();
    await expectAll(c, 'Mine');
  });
});

test('two of three restart at once: the third alone cannot tell what was decided, says so, and a reset by force keeps what it holds', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    await putAll(a, 'PaxosKV');
    await Promise.all([a, b].map((node) => cluster.crash(node)));
    const [a2, b2] = [await cluster.start(1), await cluster.start(2)];
    await eventually(() => c.status?.hasQuorum === true);
    const words =
      /n1@\S+ and n2@\S+ restarted and forgot bucket PaxosKV, and n3@\S+ alone cannot tell what was decided, 2 members are/;
    await eventually(() => c.status?.waits.some((text) => words.test(text)) === true);
    assert.deepEqual(await c.node.run(() => PaxosKV.get('key 1')), NO_QUORUM);
    const members = [1, 2, 3].map((n) => cluster.name(n));
    const forced = (id: string | null | undefined): Promise<void> =>
      c.node.run(() => Cluster.forceReset({ cluster: id ?? '', members }));
    await assert.rejects(forced('another'), (e) => hasCode(e, 'wrong_cluster'));
    await forced(c.status?.cluster);
    await settled(a2, b2, c);
    await expectAll(a2, 'PaxosKV');
    assert.deepEqual(
      c.status?.resets.map((one) => one.members),
      [members],
    );
    assert.ok(cluster.log.some((line) => line.includes('was reset by force')));
    await c.stop();
    await expectAll(b2, 'PaxosKV');
  });
});

test('three of five are lost for good: a reset by force goes on with the two, whose configuration has room for a third', async () => {
  await withInside(async (cluster) => {
    const options = { clusterSize: 5 };
    const nodes = await Promise.all([1, 2, 3, 4, 5].map((n) => cluster.start(n, options)));
    await settled(...nodes);
    const [a, b] = nodes as [Quorate, Quorate];
    await putAll(a, 'PaxosKV');
    for (const node of nodes.slice(2)) await cluster.crash(node);
    await eventually(() => a.status?.hasQuorum === false);
    const members = [cluster.name(1), cluster.name(2)];
    await assert.rejects(
      a.node.run(() =>
        Cluster.forceReset({ cluster: a.status?.cluster ?? '', members: [...members, cluster.name(4)] }),
      ),
      (e) => hasCode(e, 'not_connected'),
    );
    await a.node.run(() => Cluster.forceReset({ cluster: a.status?.cluster ?? '', members }));
    await settled(a, b);
    assert.equal(await a.node.run(() => Cluster.clusterSize()), 3);
    await expectAll(b, 'PaxosKV');
    const d = await cluster.start(4, options);
    await settled(a, b, d);
    assert.equal(a.status?.connected, 3);
    await a.stop();
    await expectAll(d, 'PaxosKV');
  });
});

test('a whole cluster that was stopped cleanly begins anew when the last members are back', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    await putAll(a, 'PaxosKV');
    await a.stop();
    await b.stop();
    await c.stop();
    const again = [await cluster.start(2), await cluster.start(3)] as const;
    await settled(...again);
    assert.deepEqual(await again[0].node.run(() => PaxosKV.get('key 1')), { ok: false, error: 'not_found' });
  });
});
