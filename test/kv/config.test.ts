import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foundConfig, nextConfig, stepBetween, stepRefusal, type ConfigStep } from '../../kv/cluster/config.ts';
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
    ['drops a member and adds two', { ...three, M: [member(1), member(4), member(5)] }],
    ['changes two members', { ...three, M: [member(1), member(4), member(3)] }],
    ['wrong r', { ...three, r: 1 }],
    ['follows another one', { ...three, prev: found(3, 1, 3) }],
    ['more seats', { ...three, N: 5, r: 1 }],
  ];
  for (const [what, config] of wrong) assert.notEqual(stepRefusal(two, config), null, what);
});

test('a replacement keeps the seats and the place, and merges from as many as meet every quorum', () => {
  const three = found(3, 1, 2, 3);
  const next = nextConfig(three, { kind: 'replace', member: member(2, 5) });
  assert.deepEqual(next.M, [member(1), member(2, 5), member(3)]);
  assert.deepEqual([next.N, next.r, next.uniform, next.mergeAll], [3, 2, false, false]);
  const two = nextConfig(found(3, 1, 2), { kind: 'replace', member: member(2, 5) });
  assert.deepEqual([two.r, two.uniform], [1, true], 'both founders hold all that was chosen, so one is enough');
});

test('another node can take the seat of one that leaves', () => {
  const three = found(3, 1, 2, 3);
  const next = nextConfig(three, { kind: 'replace', member: member(9), leaving: 'n1' });
  assert.deepEqual(next.M, [member(9), member(2), member(3)]);
  assert.equal(stepRefusal(three, next), null);
});

test('a vacated seat stays, and all merge when a bare quorum is left', () => {
  const three = found(3, 1, 2, 3);
  const two = nextConfig(three, { kind: 'vacate', name: 'n3' });
  assert.deepEqual([two.N, two.M, two.mergeAll, two.uniform, two.r], [3, [member(1), member(2)], true, true, 1]);
  const four = nextConfig(found(5, 1, 2, 3, 4, 5), { kind: 'vacate', name: 'n5' });
  assert.deepEqual(
    [four.mergeAll, four.uniform, four.r],
    [false, false, 3],
    'what three of five chose is at two of these at least',
  );
  assert.throws(
    () => nextConfig(two, { kind: 'vacate', name: 'n2' }),
    (e) => hasCode(e, 'bad_step'),
  );
});

test('one seat more comes with the newcomer, or vacant when the members are a quorum of it', () => {
  const three = found(3, 1, 2, 3);
  const four = nextConfig(three, { kind: 'grow', member: member(4) });
  assert.deepEqual([four.N, four.M.length, four.r, four.mergeAll], [4, 4, 2, false]);
  const vacant = nextConfig(three, { kind: 'grow', member: null });
  assert.deepEqual([vacant.N, vacant.M.length, vacant.r], [4, 3, 2]);
  assert.throws(
    () => nextConfig(found(3, 1, 2), { kind: 'grow', member: null }),
    (e) => hasCode(e, 'bad_step'),
    'two are no quorum of four',
  );
});

test('one seat fewer takes a vacant one or a member, and all merge', () => {
  const three = found(3, 1, 2, 3);
  const two = nextConfig(three, { kind: 'shrink', name: 'n3' });
  assert.deepEqual([two.N, two.M, two.mergeAll, two.r], [2, [member(1), member(2)], true, 1]);
  const vacantGone = nextConfig(found(3, 1, 2), { kind: 'shrink', name: null });
  assert.deepEqual([vacantGone.N, vacantGone.M.length, vacantGone.mergeAll], [2, 2, true]);
  const one = nextConfig(two, { kind: 'shrink', name: 'n1' });
  assert.deepEqual([one.N, one.M, one.r], [1, [member(2)], 1]);
  assert.throws(
    () => nextConfig(one, { kind: 'shrink', name: 'n2' }),
    (e) => hasCode(e, 'bad_step'),
  );
  assert.throws(
    () => nextConfig(three, { kind: 'shrink', name: null }),
    (e) => hasCode(e, 'bad_step'),
  );
});

test('a forced configuration is newer than anything the lost members may have decided, and has seats that its members can fill a quorum of', () => {
  const five = found(5, 1, 2, 3, 4, 5);
  const forced = nextConfig(five, { kind: 'force', members: [member(1), member(2)] });
  assert.deepEqual([forced.N, forced.r, forced.forced, forced.mergeAll], [3, 1, true, true]);
  const decidedByTheLost = nextConfig(nextConfig(five, { kind: 'vacate', name: 'n1' }), { kind: 'vacate', name: 'n2' });
  assert.ok(forced.e > decidedByTheLost.e + 1000);
  assert.equal(stepRefusal(five, forced), null);
  const after = nextConfig(forced, { kind: 'fill', member: member(3, 2) });
  assert.deepEqual([after.forced, after.e], [undefined, forced.e + 1]);
});

test('every step is recognised, and refused when it is not what the step makes', () => {
  const three = found(3, 1, 2, 3);
  const two = found(3, 1, 2);
  const steps: [Config, ConfigStep][] = [
    [two, { kind: 'fill', member: member(3) }],
    [three, { kind: 'replace', member: member(3, 2) }],
    [three, { kind: 'replace', member: member(4), leaving: 'n2' }],
    [three, { kind: 'vacate', name: 'n2' }],
    [three, { kind: 'grow', member: member(4) }],
    [three, { kind: 'grow', member: null }],
    [three, { kind: 'shrink', name: 'n2' }],
    [two, { kind: 'shrink', name: null }],
    [three, { kind: 'fresh', members: [member(1, 4), member(3, 4)] }],
    [three, { kind: 'force', members: [member(1)] }],
  ];
  for (const [prev, step] of steps) {
    const next = nextConfig(prev, step);
    assert.equal(stepRefusal(prev, next), null, step.kind);
    assert.equal(stepBetween(prev, next)?.kind, step.kind);
    const wrong: [string, Config][] = [
      ['another r', { ...next, r: next.r + 1 }],
      ['another uniform', { ...next, uniform: !next.uniform, r: next.r }],
      ['another mergeAll', { ...next, mergeAll: !next.mergeAll }],
      ['another epoch', { ...next, e: prev.e + 2 }],
      ['two seats more', { ...next, N: next.N + 2 }],
      ['another predecessor', { ...next, prev: { ...prev, N: 4 } }],
      ['no predecessor', { ...next, prev: null }],
      ['another bucket', { ...next, bucket: 'Other' }],
    ];
    for (const [what, config] of wrong) assert.notEqual(stepRefusal(prev, config), null, `${step.kind}: ${what}`);
  }
});

test('a boot is not replaced by an older one of the same record, nor by itself', () => {
  const config = nextConfig(found(3, 1, 2, 3), { kind: 'replace', member: member(3, 4) });
  for (const boot of [3, 4]) {
    assert.throws(
      () => nextConfig(config, { kind: 'replace', member: member(3, boot) }),
      (e) => hasCode(e, 'bad_step'),
    );
  }
  const older: Config = {
    ...nextConfig(config, { kind: 'replace', member: member(3, 9) }),
    M: [member(1), member(2), member(3, 2)],
  };
  assert.notEqual(stepRefusal(config, older), null);
});

test('two changes at once are refused', () => {
  const three = found(3, 1, 2, 3);
  const next = nextConfig(three, { kind: 'replace', member: member(3, 2) });
  const wrong: [string, Config][] = [
    ['two replaced', { ...next, M: [member(1), member(2, 2), member(3, 2)] }],
    ['replaced and grown', { ...next, N: 4, M: [...next.M, member(4)] }],
    ['replaced and shrunk', { ...next, N: 2, M: [member(1), member(3, 2)], r: 1 }],
    ['in another order', { ...next, M: [member(2), member(1), member(3, 2)] }],
    ['nothing changed', { ...next, M: three.M }],
  ];
  for (const [what, config] of wrong) assert.notEqual(stepRefusal(three, config), null, what);
});
