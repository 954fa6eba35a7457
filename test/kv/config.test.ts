import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foundConfig, nextConfig, stepRefusal } from '../../kv/cluster/config.ts';
import type { Config, Incarnation } from '../../kv/paxos/messages.ts';
import { hasCode } from '../../runtime/errors.ts';

function member(number: number, boot = 0): Incarnation {
  return { name: `n${number}`, id: `id${number}`, boot };
}

function found(clusterSize: number, ...numbers: number[]): Config {
  return foundConfig({ cluster: 'c', clusterSize, members: numbers.map((n) => member(n)) });
}

test('a founding needs a quorum of the seats and no more members than seats', () => {
  assert.throws(
    () => found(3, 1),
    (e) => hasCode(e, 'bad_step'),
  );
  assert.throws(
    () => found(3, 1, 2, 3, 4),
    (e) => hasCode(e, 'bad_step'),
  );
  assert.throws(
    () => found(3, 1, 1),
    (e) => hasCode(e, 'bad_step'),
  );
  assert.equal(stepRefusal(null, found(3, 1, 2)), null);
});

test('r counts the sealed members that meet every quorum, and fewer are needed while a configuration is uniform', () => {
  const two = found(3, 1, 2);
  assert.deepEqual([two.r, two.uniform], [1, true], 'of two founders one may restart');
  const three = nextConfig(two, { kind: 'fill', member: member(3) });
  assert.deepEqual([three.r, three.uniform], [2, true], 'what was chosen by two of two is at both');
  assert.equal(found(3, 1, 2, 3).r, 2);
  const four = nextConfig(found(5, 1, 2, 3), { kind: 'fill', member: member(4) });
  assert.deepEqual([four.r, four.uniform], [2, true]);
  const five = nextConfig(four, { kind: 'fill', member: member(5) });
  assert.deepEqual([five.r, five.uniform], [3, false], 'three of four chose, so one may have missed it');
});

test('a fill adds one member to a vacant seat and keeps the others', () => {
  const next = nextConfig(found(3, 1, 2), { kind: 'fill', member: member(3) });
  assert.deepEqual(
    next.M.map((m) => m.name),
    ['n1', 'n2', 'n3'],
  );
  assert.equal(next.e, 2);
  assert.throws(
    () => nextConfig(next, { kind: 'fill', member: member(4) }),
    (e) => hasCode(e, 'bad_step'),
  );
  assert.throws(
    () => nextConfig(found(3, 1, 2), { kind: 'fill', member: member(2, 5) }),
    (e) => hasCode(e, 'bad_step'),
  );
});

test('a fresh configuration is uniform and forgets that its predecessor was fresh only when it is followed', () => {
  const fresh = nextConfig(found(3, 1, 2, 3), { kind: 'fresh', members: [member(1, 2), member(2, 2)] });
  assert.deepEqual([fresh.fresh, fresh.r, fresh.uniform, fresh.e], [true, 1, true, 2]);
  const filled = nextConfig(fresh, { kind: 'fill', member: member(3, 2) });
  assert.equal(filled.fresh, undefined);
  assert.equal(filled.prev?.fresh, true);
  assert.equal(filled.prev?.prev, null, 'prev travels without its own prev');
});

test('only a configuration one step away from the decided one may follow it', () => {
  const two = found(3, 1, 2);
  const three = nextConfig(two, { kind: 'fill', member: member(3) });
  assert.equal(stepRefusal(two, three), null);
  const wrong: [string, Config][] = [
    ['skips an epoch', { ...three, e: 3 }],
    ['another cluster', { ...three, cluster: 'd' }],
    ['drops a member', { ...three, M: [member(1), member(3)], r: 1 }],
    ['changes two members', { ...three, M: [member(1), member(4), member(3)] }],
    ['wrong r', { ...three, r: 1 }],
    ['follows another one', { ...three, prev: found(3, 1, 3) }],
    ['more seats', { ...three, N: 5, r: 1 }],
  ];
  for (const [what, config] of wrong) assert.notEqual(stepRefusal(two, config), null, what);
});

test('steps that are later work are refused with a reason', () => {
  const config = found(3, 1, 2, 3);
  for (const step of [
    { kind: 'replace', member: member(3, 2) },
    { kind: 'vacate', name: 'n3' },
    { kind: 'grow', member: null },
    { kind: 'shrink', name: null },
  ] as const) {
    assert.throws(
      () => nextConfig(config, step),
      (e) => hasCode(e, 'not_supported'),
    );
  }
});
