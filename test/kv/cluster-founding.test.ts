import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRecord } from '../../kv/cluster/record.ts';
import { World } from './kit/cluster-world.ts';

const BUCKET = 'PaxosKV';
const ORDERS = [
  ['n1', 'n2', 'n3'],
  ['n3', 'n1', 'n2'],
  ['n2', 'n3', 'n1'],
] as const;

test('any two of three founders, started in any order, found one cluster and its bucket, and the third fills its seat', () => {
  for (const [seed, [first, second, third]] of ORDERS.entries()) {
    const world = new World({ seed, lossRate: 0.05 });
    world.start(first, BUCKET);
    world.run(3000);
    assert.equal(world.config(first), null, 'one alone founds nothing');
    world.start(second, BUCKET);
    world.run(5000);
    assert.equal(world.config(first)?.M.length, 2);
    assert.equal(world.config(second, BUCKET)?.M.length, 2);
    world.start(third, BUCKET);
    world.run(8000);
    assert.equal(world.config(third)?.M.length, 3);
    assert.equal(world.config(third)?.e, 2);
    assert.equal(world.nodes.get(third)?.state?.record.active, true, 'the third merged and votes');
    assert.equal(world.config(first, BUCKET)?.M.length, 3);
    assert.deepEqual(world.conflicts(), []);
    assert.equal(world.clusters.size, 1);
  }
});

test('founders that are started together are members of the founding configuration together', () => {
  const world = new World({ seed: 7 });
  for (const name of ORDERS[0]) world.start(name, BUCKET);
  world.run(3000);
  assert.deepEqual(
    world.config('n1')?.M.map((m) => m.name),
    ['n1', 'n2', 'n3'],
  );
  assert.equal(world.config('n3', BUCKET)?.M.length, 3);
});

test('nodes with different founder lists refuse each other and both lists are shown', () => {
  const world = new World({ seed: 1, founders: (name) => (name === 'n1' ? ['n1', 'n2'] : ['n2', 'n3']) });
  world.start('n1');
  world.start('n2');
  world.run(3000);
  assert.equal(world.clusters.size, 0);
  const log = world.nodes.get('n1')?.log.join('\n') ?? '';
  assert.match(log, /\[n1, n2\]/);
  assert.match(log, /\[n2, n3\]/);
});

test('a whole cluster that restarts keeps its identity, and its bucket begins anew when all members are back, not before', () => {
  const world = new World({ seed: 3 });
  for (const name of ORDERS[0]) world.start(name, BUCKET);
  world.run(3000);
  const cluster = world.config('n1')?.cluster;
  for (const name of ORDERS[0]) world.crash(name);
  world.start('n1', BUCKET);
  world.start('n2', BUCKET);
  world.run(5000);
  assert.equal(world.config('n1', BUCKET)?.e, 1, 'n3 may hold what was chosen');
  world.start('n3', BUCKET);
  world.run(5000);
  const fresh = world.config('n1', BUCKET);
  assert.equal(fresh?.e, 2);
  assert.equal(fresh?.fresh, true);
  assert.deepEqual(
    fresh?.M.map((m) => m.boot),
    [2, 2, 2],
  );
  assert.equal(world.config('n2')?.cluster, cluster);
  assert.ok(world.lost.length > 0);
});

test('one member that restarted takes its seat again as the new boot', () => {
  const world = new World({ seed: 4 });
  for (const name of ORDERS[0]) world.start(name, BUCKET);
  world.run(3000);
  world.crash('n2');
  world.start('n2', BUCKET);
  world.run(5000);
  assert.equal(world.config('n2', BUCKET)?.e, 2);
  assert.equal(world.config('n1', BUCKET)?.M.find((m) => m.name === 'n2')?.boot, 2);
  assert.equal(world.config('n1')?.e, 1, 'on the chain of the cluster a restart changes nothing');
});

/** Starts, crashes and cuts at random, then says what became of it. */
function roughLife(seed: number, options: Partial<ConstructorParameters<typeof World>[0]>): World {
  const world = new World({ seed, lossRate: 0.1, ...options });
  const names = ORDERS[0];
  for (const name of names) world.start(name, BUCKET);
  for (let i = 0; i < 40; i++) {
    const name = names[Math.floor(world.random() * 3)] ?? 'n1';
    const other = names[Math.floor(world.random() * 3)] ?? 'n2';
    const dice = world.random();
    if (dice < 0.3) world.crash(name);
    else if (dice < 0.6 && world.nodes.get(name)?.state === null) world.start(name, BUCKET);
    else if (dice < 0.75 && name !== other) world.cut(name, other, true);
    else if (dice < 0.9 && name !== other) world.cut(name, other, false);
    world.run(100 + world.random() * 400);
  }
  return world;
}

test('through crashes, losses and partitions there is one cluster and one configuration per chain and epoch', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = roughLife(seed, {});
    assert.deepEqual(world.conflicts(), [], `seed ${seed}`);
    assert.ok(world.clusters.size <= 1, `seed ${seed}`);
    world.lossRate = 0;
    for (const a of ORDERS[0]) for (const b of ORDERS[0]) if (a < b) world.cut(a, b, false);
    for (const name of ORDERS[0]) if (world.nodes.get(name)?.state === null) world.start(name, BUCKET);
    world.run(10_000);
    for (const name of ORDERS[0]) assert.equal(world.config(name)?.M.length, 3, `seed ${seed}: ${name} settled`);
    assert.equal(world.clusters.size, 1, `seed ${seed}`);
  }
});

test('negative control: founders whose votes are not durable found two clusters', () => {
  const broken = { remember: () => null };
  let caught = 0;
  for (let seed = 1; seed <= 60; seed++) {
    const world = roughLife(seed, broken);
    if (world.clusters.size > 1 || world.conflicts().length > 0) caught += 1;
  }
  assert.ok(caught > 0, 'the checker sees a second cluster');
});

test('negative control: founders that are whoever is there found two clusters', () => {
  const pairs: Record<string, readonly string[]> = {
    n1: ['n1', 'n2'],
    n2: ['n1', 'n2'],
    n3: ['n3', 'n4'],
    n4: ['n3', 'n4'],
  };
  const halves = (founders: (name: string) => readonly string[]): World => {
    const world = new World({ seed: 1, founders });
    for (const name of Object.keys(pairs)) world.start(name);
    for (const a of ['n1', 'n2']) for (const b of ['n3', 'n4']) world.cut(a, b, true);
    world.run(5000);
    return world;
  };
  assert.equal(halves((name) => pairs[name] ?? []).clusters.size, 2);
  assert.equal(halves(() => ORDERS[0]).clusters.size, 1, 'a fixed list founds one');
});

test('negative control: a record that forgets the missing member lets two of three throw away what the third holds', () => {
  const world = new World({
    seed: 5,
    remember: (record) => {
      const configs =
        record.buckets[BUCKET]?.configs.map((c) => ({ ...c, M: c.M.filter((m) => m.name !== 'n3') })) ?? [];
      const vote = record.buckets[BUCKET]?.vote ?? createRecord('n', 'i').system.vote;
      return { ...record, buckets: { [BUCKET]: { configs, vote } } };
    },
  });
  for (const name of ORDERS[0]) world.start(name, BUCKET);
  world.run(3000);
  world.crash('n1');
  world.crash('n2');
  world.start('n1', BUCKET);
  world.start('n2', BUCKET);
  world.cut('n1', 'n3', true);
  world.cut('n2', 'n3', true);
  world.run(5000);
  assert.equal(world.config('n1', BUCKET)?.fresh, true);
});

test('of three founders of five seats two may restart: the one that is left gives its state to one after the other', () => {
  const names = ['n1', 'n2', 'n3', 'n4', 'n5'];
  const world = new World({ seed: 9, clusterSize: 5, founders: () => names });
  for (const name of ['n1', 'n2', 'n3']) world.start(name, BUCKET);
  world.run(3000);
  assert.equal(world.config('n1', BUCKET)?.M.length, 3);
  for (const name of ['n1', 'n2']) world.crash(name);
  for (const name of ['n1', 'n2']) world.start(name, BUCKET);
  world.run(10_000);
  const { M = [] } = world.config('n3', BUCKET) ?? {};
  assert.deepEqual(M.map((m) => `${m.name} ${m.boot}`).sort(), ['n1 2', 'n2 2', 'n3 1']);
  assert.deepEqual(world.lost, []);
});
