/** Membership of the cluster and of a bucket on the step machines, under losses, reordering, partitions, crashes and clean stops. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BUCKET, MemberWorld, type LeftOut } from './kit/member-world.ts';

const NAMES = ['n1', 'n2', 'n3', 'n4', 'n5'];

/** A cluster of three that restarts, stops, is cut, and is resized to 4 and 5 and back, while keys are written. */
function life(seed: number, leftOut: LeftOut | null = null, rough = true): MemberWorld {
  const world = new MemberWorld({ seed, lossRate: rough ? 0.05 : 0, tickMs: 25 }, leftOut);
  for (const name of NAMES.slice(0, 3)) world.startNode(name);
  world.run(2000);
  for (let i = 0; i < 60; i++) {
    for (const name of NAMES) world.write(name);
    act(world, rough);
    world.run(50 + world.random() * 300);
    world.check();
  }
  return world;
}

function pick<T>(world: MemberWorld, list: readonly T[]): T {
  return list[Math.floor(world.random() * list.length)] as T;
}

function act(world: MemberWorld, rough: boolean): void {
  const [name, other] = [pick(world, NAMES), pick(world, NAMES)];
  const isUp = world.nodes.get(name)?.state != null;
  const dice = world.random();
  // without this limit most runs would soon have lost all state, and show nothing any more
  const isSparing = world.canSpare(name) || (rough && world.random() < 0.03);
  if (dice < 0.25 && !isUp) world.startNode(name);
  else if (dice < 0.35 && isSparing) world.crash(name);
  else if (dice < 0.45 && isUp && isSparing) world.ask(name, { kind: 'leave', bucket: null }, 1000);
  else if (dice < 0.52 && rough && name !== other) world.cut(name, other, true);
  else if (dice < 0.8 && name !== other) world.cut(name, other, false);
  else if (dice < 0.9) world.ask(name, { kind: 'resize', clusterSize: 3 + Math.floor(world.random() * 3) }, 3000);
  else if (name !== other)
    world.ask(pick(world, NAMES), { kind: 'replaceMember', leaving: name, joining: other }, 2000);
  for (const [stopping, { state }] of world.nodes) {
    if (state?.isStopping && !state.requests.some(({ request }) => request.kind === 'leave')) world.crash(stopping);
  }
}

function heal(world: MemberWorld): void {
  world.lossRate = 0;
  for (const a of NAMES) for (const b of NAMES) if (a < b) world.cut(a, b, false);
  for (const name of NAMES) {
    const state = world.nodes.get(name)?.state;
    if (state?.isStopping) world.crash(name);
    if (world.nodes.get(name)?.state == null) world.startNode(name);
  }
  world.run(12_000);
}

test('through restarts, clean stops, partitions, resizes and replacements there is one configuration per epoch and no acknowledged value is lost', () => {
  let [acknowledged, epochs] = [0, 0];
  for (let seed = 1; seed <= 30; seed++) {
    const world = life(seed);
    assert.deepEqual(world.conflicts(), [], `seed ${seed}`);
    heal(world);
    world.check();
    assert.deepEqual(world.violations, [], `seed ${seed}`);
    assert.equal(world.clusters.size, 1, `seed ${seed}`);
    acknowledged += world.acknowledged.size;
    epochs += world.config('n1', BUCKET)?.e ?? 0;
  }
  assert.ok(acknowledged > 1000, `${acknowledged} acknowledged keys were checked`);
  assert.ok(epochs > 150, `${epochs} steps were taken`);
});

test('where one node at a time restarts or stops, everything settles again, and all that was acknowledged is there', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const world = life(seed, null, false);
    heal(world);
    world.check();
    assert.deepEqual(world.violations, [], `seed ${seed}`);
    assert.deepEqual(world.lost, [], `seed ${seed}: nothing began anew`);
    const config = world.config('n1', BUCKET);
    const own = world.config('n1');
    assert.ok(world.isSettled(NAMES), `seed ${seed}: settled`);
    assert.equal(config?.N, own?.N, `seed ${seed}: the bucket followed the cluster`);
    assert.equal(config?.M.length, config?.N, `seed ${seed}: every seat is taken`);
  }
});

for (const leftOut of ['merge', 'enough states', 'merge of all', 'new boot'] as const) {
  test(`negative control: without ${leftOut} an acknowledged value is lost`, () => {
    for (let seed = 1; seed <= 200; seed++) if (life(seed, leftOut).violations.length > 0) return;
    assert.fail('not caught in 400 runs');
  });
}

test('a joiner whose merge nobody can serve any more takes a new boot, so that it does not block the others from beginning anew', () => {
  const world = new MemberWorld({ seed: 3, tickMs: 5 });
  world.startNode('n1');
  world.startNode('n2');
  world.run(2000);
  world.write('n1');
  world.startNode('n3');
  for (let i = 0; i < 400 && world.config('n3', BUCKET)?.e !== 2; i++) world.run(5);
  const joined = world.config('n3', BUCKET)?.M.find((m) => m.name === 'n3')?.boot ?? 0;
  assert.equal(world.sites.get('n3')?.acceptor.active, false, 'it has its seat and has not merged');
  for (const name of ['n1', 'n2']) world.crash(name);
  for (const name of ['n1', 'n2']) world.startNode(name);
  world.run(6000);
  const fresh = world.config('n3', BUCKET);
  assert.equal(fresh?.M.length, 3);
  assert.ok((fresh?.M.find((m) => m.name === 'n3')?.boot ?? 0) > joined);
  assert.ok(world.lost.length > 0 && world.isSettled(['n1', 'n2', 'n3']));
});

test('a member that is removed while it lives hands over what it holds, takes a new boot, and later a new record', () => {
  const world = new MemberWorld({ seed: 5 });
  for (const name of ['n1', 'n2', 'n3', 'n4']) world.startNode(name);
  world.run(3000);
  for (let i = 0; i < 20; i++) world.write('n1');
  world.run(200);
  const id = world.nodes.get('n1')?.state?.record.id;
  world.ask('n2', { kind: 'replaceMember', leaving: 'n1', joining: 'n4' });
  world.run(3000);
  assert.deepEqual(
    world.config('n2', BUCKET)?.M.map((m) => m.name),
    ['n4', 'n2', 'n3'],
  );
  assert.notEqual(world.nodes.get('n1')?.state?.record.id, id, 'nobody takes it for the member that it was');
  world.ask('n2', { kind: 'resize', clusterSize: 4 });
  world.run(3000);
  assert.equal(world.config('n1', BUCKET)?.M.length, 4);
  world.check();
  assert.deepEqual([world.violations, world.acknowledged.size], [[], 20]);
  assert.deepEqual(world.answers, ['ok', 'ok']);
});

test('another resize that goes the other way ends the first with a conflict, and a request that is too late says what it waited for', () => {
  const world = new MemberWorld({ seed: 6 });
  for (const name of ['n1', 'n2', 'n3']) world.startNode(name);
  world.run(3000);
  world.crash('n3');
  world.ask('n1', { kind: 'resize', clusterSize: 4 }, 5000);
  world.run(400);
  world.ask('n2', { kind: 'resize', clusterSize: 2 }, 3000);
  world.run(4000);
  assert.equal(world.config('n1')?.N, 2);
  world.ask('n1', { kind: 'resize', clusterSize: 1 }, 500);
  world.run(1000);
  assert.deepEqual(world.answers, ['resize_conflict', 'ok', 'timeout']);
});
