import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { CASPaxos, PaxosKV, Versions, type Quorate } from '../../kv/index.ts';
import { atom } from '../../runtime/term/atom.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { InsideCluster } from './kit/cluster-inside.ts';

const NOT_FOUND = { ok: false, error: 'not_found' };
const cluster = new InsideCluster();
let nodes: readonly Quorate[] = [];
let count = 0;

before(async () => {
  nodes = await cluster.startSettled(1, 2, 3);
});
after(() => cluster.end());

function on<T>(number: number, fn: () => Promise<T>): Promise<T> {
  return (nodes[number - 1] as Quorate).node.run(fn);
}

function newKey(): string {
  count += 1;
  return `key ${count}`;
}

test('every version of a key is an instance of its own, and write-once', async () => {
  const key = newKey();
  assert.deepEqual(await Versions.set(key, 1, 'a'), { ok: true, value: 'a' });
  assert.deepEqual(await on(2, () => Versions.set(key, 1, 'b')), { ok: true, value: 'a' });
  assert.deepEqual(await on(2, () => Versions.set(key, 2, 'b')), { ok: true, value: 'b' });
  assert.deepEqual(await on(3, () => Versions.get(key, 1)), { ok: true, value: 'a' });
  assert.deepEqual(await on(3, () => Versions.get(key, 2)), { ok: true, value: 'b' });
  assert.deepEqual(await Versions.get(key, 3), NOT_FOUND);
  assert.deepEqual(await PaxosKV.get(key), NOT_FOUND, 'the key without a version is another one');
});

test('append takes the next version by itself, and latest finds it', async () => {
  const key = newKey();
  assert.deepEqual(await Versions.latest(key), NOT_FOUND);
  assert.deepEqual(await Versions.append(key, 'a'), { ok: true, value: { ver: 1, value: 'a' } });
  assert.deepEqual(await on(2, () => Versions.append(key, 'b')), { ok: true, value: { ver: 2, value: 'b' } });
  for (const n of [1, 2, 3]) {
    assert.deepEqual(await on(n, () => Versions.latest(key)), { ok: true, value: { ver: 2, value: 'b' } });
  }
  await Versions.set(key, 40, 'far');
  assert.deepEqual(await on(3, () => Versions.latest(key)), { ok: true, value: { ver: 40, value: 'far' } });
  assert.deepEqual(await on(2, () => Versions.append(key, 'c')), { ok: true, value: { ver: 41, value: 'c' } });
});

test('those who append the same value at once get a version each', async () => {
  const key = newKey();
  const all = await Promise.all(
    Array.from({ length: 9 }, (_, i) => on(1 + (i % 3), () => Versions.append(key, 'same'))),
  );
  const versions = all.map((one) => (one.ok ? one.value.ver : 0));
  assert.equal(new Set(versions).size, 9);
  const latest = await Versions.latest(key);
  assert.equal(latest.ok && latest.value.ver, Math.max(...versions));
});

test('a version that was announced and never written is no version: latest skips it', async () => {
  const key = newKey();
  await Versions.append(key, 'a');
  const head = tuple(atom('$versions'), key);
  // as a writer that ended between the two steps
  await CASPaxos.changeQuery<{ done: number; open: number[] }>(
    head,
    (present) => ({ done: present?.done ?? -1, open: [...(present?.open ?? []), 2, 3] }),
    () => null,
  );
  assert.deepEqual(await on(2, () => Versions.latest(key)), { ok: true, value: { ver: 1, value: 'a' } });
  assert.deepEqual(await Versions.append(key, 'b'), { ok: true, value: { ver: 4, value: 'b' } });
  assert.deepEqual(await on(3, () => Versions.latest(key)), { ok: true, value: { ver: 4, value: 'b' } });
});

test('a version that somebody else set first is not taken for the own append', async () => {
  const key = newKey();
  await PaxosKV.put(tuple(atom('$version'), key, 1), 'theirs');
  assert.deepEqual(await Versions.append(key, 'theirs'), { ok: true, value: { ver: 2, value: 'theirs' } });
});

test('many who write once each do not make the register of versions long', async () => {
  const key = newKey();
  for (let ver = 1; ver <= 30; ver++) await on(1 + (ver % 3), () => Versions.set(key, ver, ver));
  const head = await PaxosKV.get<{ open: number[] }>(tuple(atom('$versions'), key));
  assert.ok(head.ok && head.value.open.length <= 9);
});

test('bad versions, keys and values are an invalid_value that names them', async () => {
  const path = async (call: Promise<unknown>): Promise<unknown> => ((await call) as { path?: string }).path;
  for (const ver of [-1, 1.5, Number.NaN, '1' as never]) {
    assert.equal(await path(Versions.set('key', ver, 1)), 'ver');
    assert.equal(await path(Versions.get('key', ver)), 'ver');
  }
  assert.equal(await path(Versions.append(Symbol('no'), 1)), 'key');
  assert.equal(await path(Versions.append('key', () => 1)), 'value');
  assert.equal(await path(Versions.latest('key', { until: 1 } as object)), 'options.until');
});
