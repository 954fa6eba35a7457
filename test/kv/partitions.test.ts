/** Buckets with partitions: keys are spread over several triples of processes, and everything else stays as it is. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PaxosKV, type Quorate } from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import { partitionOf } from '../../kv/bucket/partitions.ts';
import { isOutcomesTerm, pushRun, readOutcomes, runTerm } from '../../kv/bucket/requests.ts';
import type { Ballot, RegisterRequest } from '../../kv/paxos/messages.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { hasCode } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { eventually, settled, withInside, type InsideCluster } from './kit/cluster-inside.ts';

const PARTS = 4;
const MANY = { bucket: 'Many' };
const NOT_FOUND = { ok: false, error: 'not_found' };

async function startedThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  const options = { buckets: [{ bucket: 'Many', partitions: PARTS }] };
  const nodes = await Promise.all([1, 2, 3].map((number) => cluster.start(number, options)));
  await settled(...nodes);
  await PaxosKV.waitForBucket('Many', { timeoutMs: 5000 });
  return nodes as [Quorate, Quorate, Quorate];
}

/** Keys `${prefix}0`, ... of which each partition has at least one. */
function keysOf(prefix: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${prefix}${i}`);
}

function keyIn(partition: number, prefix: string): string {
  const found = keysOf(prefix, 1000).find((key) => partitionOf(canonicalKey(key), PARTS) === partition);
  assert.ok(found !== undefined);
  return found;
}

function bootOf(quorate: Quorate, partition: number): number {
  return localBucket(quorate.node.name, 'Many', partition)?.acceptor?.acceptor.me.boot ?? 0;
}

async function isGone(key: string): Promise<boolean> {
  return JSON.stringify(await PaxosKV.get(key, MANY)) === JSON.stringify(NOT_FOUND);
}

test('every partition has registered processes of its own, and holds the keys that are its', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const keys = keysOf('k', 40);
    for (const key of keys) assert.deepEqual(await PaxosKV.put(key, key, MANY), { ok: true, value: key });
    for (let partition = 0; partition < PARTS; partition++) {
      const suffix = partition === 0 ? '' : `.${partition}`;
      for (const role of ['Acceptor', 'Proposer', 'Learner'])
        assert.ok(a.node.whereis(`Many.${role}${suffix}`) !== undefined);
      const held = [...(localBucket(a.node.name, 'Many', partition)?.acceptor?.acceptor.keys.keys() ?? [])];
      const own = keys.filter((key) => partitionOf(canonicalKey(key), PARTS) === partition);
      assert.ok(own.length > 0, `partition ${partition} has keys`);
      assert.ok(own.every((key) => held.includes(canonicalKey(key))));
    }
    assert.deepEqual((await PaxosKV.keys(MANY)).sort(), keys.sort());
    assert.deepEqual(await PaxosKV.get('k1', MANY), { ok: true, value: 'k1' });
  });
});

test('a key bound to a key of another partition goes with it, and so on down', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const pid = a.node.spawn(async (self) => void (await self.receive()));
    const [root, middle, leaf] = [keyIn(0, 'root'), keyIn(1, 'middle'), keyIn(2, 'leaf')];
    await PaxosKV.put(root, 1, { ...MANY, pid });
    await PaxosKV.put(middle, 2, { ...MANY, key: root });
    await PaxosKV.put(leaf, 3, { ...MANY, key: middle });
    assert.deepEqual(await PaxosKV.get(leaf, MANY), { ok: true, value: 3 });
    a.node.send(pid, 'end');
    for (const key of [root, middle, leaf]) await eventually(() => isGone(key));
  });
});

test('keys of another partition go with their key also when acceptors were replaced meanwhile, and when it had gone before', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedThree(cluster);
    const [a] = nodes;
    const pid = a.node.spawn(async (self) => void (await self.receive()));
    const [root, leaf, late] = [keyIn(0, 'root'), keyIn(1, 'leaf'), keyIn(1, 'late')];
    await PaxosKV.put(root, 1, { ...MANY, pid });
    await PaxosKV.put(leaf, 2, { ...MANY, key: root });
    for (const { node } of nodes) {
      const before = node.whereis('Many.Acceptor') as Pid;
      await node.run((self) => self.exit(before, Exit.kill));
      await eventually(() => node.whereis('Many.Acceptor')?.equals(before) === false);
    }
    a.node.send(pid, 'end');
    for (const key of [root, leaf]) await eventually(() => isGone(key));
    assert.deepEqual(await PaxosKV.put(late, 3, { ...MANY, key: root }), { ok: true, value: 3 });
    await eventually(() => isGone(late));
  });
});

test('a caller on another thread that asks the wrong partition is told so, and does not wait', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const key = canonicalKey(keyIn(1, 'k'));
    const answers = await a.node.run(async (self) => {
      const list: unknown[] = [];
      for (const isCancellable of [false, true])
        pushRun(list, list.length, { kind: 'get', key, timeoutMs: Infinity }, isCancellable);
      self.send(nameAtom('Many.Proposer'), runTerm(self.pid, list));
      const kinds: string[] = [];
      const message: unknown = await self.receive({ timeoutMs: 5000, otherwise: null });
      if (isOutcomesTerm(message)) readOutcomes(message[1], (_id, { kind }) => kinds.push(kind));
      return kinds;
    });
    assert.deepEqual(answers, ['ended', 'ended']);
  });
});

test('a node that runs the bucket with another number of partitions does not take part, and says why', async () => {
  await withInside(async (cluster) => {
    const two = { buckets: [{ bucket: 'Many', partitions: 2 }] };
    const [a] = await Promise.all([cluster.start(1, two), cluster.start(2, two)]);
    await PaxosKV.waitForBucket('Many', { timeoutMs: 5000 });
    await PaxosKV.put('key', 'there', MANY);
    const three = { buckets: [{ bucket: 'Many', partitions: 3 }] };
    const c = await cluster.start(3, three);
    await eventually(() => cluster.log.some((line) => /3: .*founded with 2 partitions.*partitions: 2/.test(line)));
    assert.deepEqual(await c.node.run(() => PaxosKV.get('key', MANY)), { ok: false, error: 'no_quorum' });
    await c.stop();
    await assert.rejects(cluster.start(3, three), (e) => hasCode(e, 'partitions_differ'), 'now it knows beforehand');
    assert.deepEqual(await a.node.run(() => PaxosKV.get('key', MANY)), { ok: true, value: 'there' });
  });
});

test('a killed acceptor of one partition goes on with its table', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const key = keyIn(3, 'key');
    await PaxosKV.put(key, 1, MANY);
    const boot = bootOf(a, 3);
    const pid = a.node.whereis('Many.Acceptor.3') as Pid;
    await a.node.run((self) => self.exit(pid, Exit.kill));
    await eventually(() => a.node.whereis('Many.Acceptor.3')?.equals(pid) === false && bootOf(a, 3) > 0);
    assert.equal(bootOf(a, 3), boot);
    assert.equal(localBucket(a.node.name, 'Many', 3)?.acceptor?.acceptor.keys.has(canonicalKey(key)), true);
  });
});

test('a step that throws in one partition is a new boot for all of them', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const key = keyIn(1, 'key');
    await PaxosKV.put(key, 1, MANY);
    const before = bootOf(a, 0);
    const engine = localBucket(a.node.name, 'Many', 2)?.acceptor;
    assert.ok(engine);
    const { e, clock } = engine.acceptor;
    const b: Ballot = { e, r: clock + 1, p: 1 };
    const broken = { kind: 'accept', e, key: 'broken', b, cell: undefined, next: null };
    engine.local(broken as unknown as RegisterRequest);
    await eventually(() => Array.from({ length: PARTS }, (_, i) => bootOf(a, i)).every((boot) => boot > before));
    assert.equal(new Set(Array.from({ length: PARTS }, (_, i) => bootOf(a, i))).size, 1);
    assert.deepEqual(await PaxosKV.get(key, MANY), { ok: true, value: 1 }, 'the others answer');
  });
});
