import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { PaxosKV, type PutOptions, type Quorate, type StoreError } from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import { createPut } from '../../kv/paxos/operation.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { hasCode } from '../../runtime/errors.ts';
import { isDown } from '../../runtime/process/message.ts';
import { atom, nameAtom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { eventually, InsideCluster, settled } from './kit/cluster-inside.ts';

const NOT_FOUND = { ok: false, error: 'not_found' };
const cluster = new InsideCluster();
let nodes: readonly Quorate[] = [];
let count = 0;

before(async () => {
  nodes = await cluster.startSettled(1, 2, 3);
});
after(() => cluster.end());

/** On node 1, 2 or 3. */
function on<T>(number: number, fn: () => Promise<T>): Promise<T> {
  const { node } = nodes[number - 1] as Quorate;
  return node.run(fn);
}

function newKey(): string {
  count += 1;
  return `key ${count}`;
}

async function gone(key: unknown): Promise<void> {
  for (const number of [1, 2, 3]) {
    let last: unknown;
    await eventually(
      async () => {
        last = await on(number, () => PaxosKV.get(key));
        return JSON.stringify(last) === JSON.stringify(NOT_FOUND);
      },
      () => `node ${number} has ${JSON.stringify(last)}`,
    );
  }
}

async function put(key: unknown, value: unknown, options: PutOptions): Promise<void> {
  assert.deepEqual(await PaxosKV.put(key, value, options), { ok: true, value });
}

test('the first put wins, whoever puts, and everybody gets that value', async () => {
  const key = newKey();
  const answers = await Promise.all([1, 2, 3, 1, 2, 3].map((n, i) => on(n, () => PaxosKV.put(key, i))));
  const values = new Set(answers.map((a) => (a.ok ? a.value : a.error)));
  assert.equal(values.size, 1);
  for (const n of [1, 2, 3]) assert.deepEqual(await on(n, () => PaxosKV.get(key)), answers[0]);
});

test('many keys put at once from all nodes are all there', async () => {
  const puts = Array.from({ length: 600 }, (_, i) =>
    on(1 + (i % 3), () => PaxosKV.put(tuple(atom('many'), i % 200), i)),
  );
  await Promise.all(puts);
  for (let i = 0; i < 200; i += 17) {
    const [a, b] = await Promise.all([1, 2].map((n) => on(n, () => PaxosKV.get(tuple(atom('many'), i)))));
    assert.deepEqual(a, b);
    assert.equal(a?.ok === true && (a.value as number) % 200, i);
  }
});

test('keys and values are any terms, equal keys are one key, and nobody shares what was put', async () => {
  const key = newKey();
  const value = {
    list: [1, 'two', tuple(atom('three'), 3n)],
    map: new Map([[1, 2]]),
    nothing: null,
    bytes: new Uint8Array([1, 2]),
  };
  await put({ b: 1, a: key }, value, {});
  value.list.push('later');
  const found = await on(2, () => PaxosKV.get({ a: key, b: 1 }));
  assert.equal(found.ok && (found.value as typeof value).list.length, 3);
  assert.deepEqual(found.ok && (found.value as typeof value).map, new Map([[1, 2]]));
  if (found.ok) (found.value as typeof value).list.length = 0;
  const again = await on(2, () => PaxosKV.get({ a: key, b: 1 }));
  assert.equal(again.ok && (again.value as typeof value).list.length, 3);
});

test('a get of nothing says not_found, or the default', async () => {
  assert.deepEqual(await PaxosKV.get(newKey()), NOT_FOUND);
  assert.deepEqual(await PaxosKV.get(newKey(), { default: undefined }), { ok: true, value: undefined });
});

test('what cannot be stored is an invalid_value that names the place, and nothing is stored', async () => {
  const key = newKey();
  const refused = async (path: string, call: Promise<unknown>): Promise<void> => {
    const { ok, error, path: found } = (await call) as { ok: boolean; error: string; path: string };
    assert.deepEqual({ ok, error, found }, { ok: false, error: 'invalid_value', found: path });
  };
  await refused('value.users[1].socket', PaxosKV.put(key, { users: [1, { socket: () => 1 }] }));
  await refused('key', PaxosKV.put(Symbol('no'), 1));
  await refused('value', PaxosKV.put(key, 'x'.repeat(2 ** 20)));
  await refused('options.pid', PaxosKV.put(key, 1, { pid: 'n1' as unknown as Pid }));
  await refused('options.until', PaxosKV.put(key, 1, { until: Number.NaN }));
  await refused('options.untill', PaxosKV.put(key, 1, { untill: 1 } as PutOptions));
  await refused('options.noQuorum', PaxosKV.get(key, { noQuorum: 'maybe' as 'fail' }));
  await refused('options.node', PaxosKV.put(key, 1, { node: 'n'.repeat(256) }));
  await refused('options.key.at', PaxosKV.put(key, 1, { key: { at: () => 1 } }));
  await refused('options.bucket', PaxosKV.get(key, { bucket: 'b'.repeat(250) }));
  await refused('options.signal', PaxosKV.put(key, 1, { signal: 'now' as unknown as AbortSignal }));
  const { message } = (await PaxosKV.put(key, { users: [() => 1] })) as { message: string };
  assert.match(message, /a function at value\.users\[0\]/, 'the message names the same place');
  assert.deepEqual(await PaxosKV.get(key), NOT_FOUND);
});

test('a cell bound to what can be no node is erased, and ends no acceptor', async () => {
  const key = newKey();
  const acceptors = nodes.map(({ node }) => localBucket(node.name, 'PaxosKV')?.acceptor);
  const bind = { pid: null, node: 'n'.repeat(300), key: null, until: null };
  const outcome = await new Promise((tag) => {
    localBucket((nodes[0] as Quorate).node.name, 'PaxosKV')?.proposer?.run(
      createPut(canonicalKey(key), 1, bind, { tag }),
    );
  });
  assert.equal((outcome as Outcome).kind, 'ok');
  await eventually(async () => JSON.stringify(await PaxosKV.get(key)) === JSON.stringify(NOT_FOUND));
  const later = nodes.map(({ node }) => localBucket(node.name, 'PaxosKV')?.acceptor);
  assert.ok(acceptors.every((acceptor, i) => acceptor !== null && acceptor === later[i]));
});

test('a bucket that this node does not run rejects with no_bucket', async () => {
  await assert.rejects(PaxosKV.put(newKey(), 1, { bucket: 'Elsewhere' }), (e) => hasCode(e, 'no_bucket'));
});

test('a key lives as long as the process it is bound to, and its next life is a new one', async () => {
  const key = newKey();
  const owner = (nodes[1] as Quorate).node;
  const pid = owner.spawn(async (self) => void (await self.receive()));
  await put(key, 'first', { pid });
  const found = await on(3, () => PaxosKV.pid(key));
  assert.ok(found.ok && pid.equals(found.value));
  assert.deepEqual(await PaxosKV.node(key), NOT_FOUND, 'it is not bound to a node');
  owner.send(pid, 'end');
  await gone(key);
  await put(key, 'second', {});
  assert.deepEqual(await on(2, () => PaxosKV.get(key)), { ok: true, value: 'second' });
});

test('a key bound to a dead process is decided and erased at once', async () => {
  const key = newKey();
  const { node } = nodes[0] as Quorate;
  const pid = node.spawn(() => undefined);
  await eventually(() => !node.isAlive(pid));
  await put(key, 'short', { pid });
  await gone(key);
});

test('a key lives until a given time', async () => {
  const [key, past] = [newKey(), newKey()];
  const until = PaxosKV.now() + 400;
  await put(key, 1, { until });
  await put(past, 1, { until: PaxosKV.now() - 1000 });
  assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 1 });
  await gone(past);
  await gone(key);
  assert.ok(PaxosKV.now() >= until, 'not before its time');
});

test('a key goes with the key it is bound to, and so on down', async () => {
  const [parent, child, grandchild] = [newKey(), newKey(), newKey()];
  const { node } = nodes[0] as Quorate;
  const pid = node.spawn(async (self) => void (await self.receive()));
  await put(parent, 1, { pid });
  await put(child, 2, { key: parent });
  await put(grandchild, 3, { key: child });
  node.send(pid, 'end');
  for (const key of [parent, child, grandchild]) await gone(key);
  await put(child, 4, { key: newKey() });
  await gone(child);
});

test('a key lives as long as its node is connected', async () => {
  const key = newKey();
  await put(key, 1, { node: nameAtom(cluster.name(3)) });
  assert.deepEqual(await PaxosKV.node(key), { ok: true, value: nameAtom(cluster.name(3)) });
  assert.deepEqual(await on(3, () => PaxosKV.get(key)), { ok: true, value: 1 });
});

test('one broken connection erases nothing: it takes the observations of a majority', async () => {
  const key = newKey();
  const [a, b] = nodes as [Quorate, Quorate, Quorate];
  const pid = b.node.spawn(async (self) => void (await self.receive()));
  await put(key, 'stays', { pid });
  let hasSeen = false;
  await a.node.run(async (self) => {
    const isSeen = isDown(self.monitor(pid));
    await a.node.disconnect(cluster.name(2));
    hasSeen = nameAtom('noconnection') === (await self.receive(isSeen, { timeoutMs: 5000 })).reason;
  });
  assert.ok(hasSeen, 'node 1 saw the process go');
  await settled(...nodes);
  // longer than node 1 waits before it tries to erase
  const end = performance.now() + 400;
  while (performance.now() < end) {
    for (const n of [1, 2, 3]) assert.deepEqual(await on(n, () => PaxosKV.get(key)), { ok: true, value: 'stays' });
  }
  b.node.send(pid, 'end');
  await gone(key);
});

test('a key bound to a node that is not there is decided and erased at once', async () => {
  const key = newKey();
  await put(key, 1, { node: 'ghost@127.0.0.1' });
  await gone(key);
});

test('lifetimes combine: the first that ends takes the key', async () => {
  const key = newKey();
  const { node } = nodes[0] as Quorate;
  const pid = node.spawn(async (self) => void (await self.receive()));
  await put(key, 1, { pid, until: PaxosKV.now() + 3_600_000, node: nameAtom(cluster.name(2)) });
  node.send(pid, 'end');
  await gone(key);
});

test('keys lists the live keys of all members once, without those that were erased', async () => {
  const [kept, lost] = [tuple(atom('kept'), 1), newKey()];
  await put(kept, 1, {});
  await put(lost, 1, { until: 0 });
  await gone(lost);
  const keys = await on(2, () => PaxosKV.keys());
  assert.equal(keys.filter((key) => JSON.stringify(key) === JSON.stringify(kept)).length, 1);
  assert.ok(!keys.includes(lost));
  const strict = await PaxosKV.keys({ strict: true });
  assert.equal(strict.ok && strict.value.length, keys.length);
});

test('an aborted operation rejects and says whether it may have taken effect', async () => {
  const aborted = AbortSignal.abort();
  await assert.rejects(
    PaxosKV.put(newKey(), 1, { signal: aborted }),
    (e) => hasCode(e, 'aborted') && (e as StoreError).outcome === 'not-applied',
  );
  const controller = new AbortController();
  const put = PaxosKV.put(newKey(), 1, { signal: controller.signal });
  controller.abort();
  await assert.rejects(put, (e) => hasCode(e, 'aborted') && (e as StoreError).outcome === 'unknown');
});
