/** Registers that change: CASPaxos, last write wins, compare and set; on the bucket's thread and by swaps from another one. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  Cas,
  CASPaxos,
  Lww,
  PaxosKV,
  type Quorate,
  type StoreError,
  type VersionConflictError,
} from '../../kv/index.ts';
import { dropLocal, keepLocal, localBucket } from '../../kv/bucket/local.ts';
import type { ProposerEngine } from '../../kv/bucket/proposer-engine.ts';
import type { BucketShared } from '../../kv/bucket/table.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import { hasCode } from '../../runtime/errors.ts';
import type { Atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { eventually, InsideCluster } from './kit/cluster-inside.ts';

const cluster = new InsideCluster();
let nodes: readonly Quorate[] = [];
let count = 0;
const ways: readonly ('here' | 'elsewhere')[] = ['here', 'elsewhere'];

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

const add = (value: number | null): number => (value ?? 0) + 1;
const same = <T>(value: T): T => value;

const known: Map<Atom, BucketShared> = new Map();

function sharedOf(name: Atom): BucketShared {
  const shared = known.get(name) ?? (localBucket(name, 'PaxosKV') as BucketShared);
  known.set(name, shared);
  return shared;
}

/** Runs `fn` as on a thread that does not run the bucket: the way by a plain call is hidden. */
async function going<T>(way: 'here' | 'elsewhere', fn: () => Promise<T>): Promise<T> {
  if (way === 'here') return fn();
  for (const { node } of nodes) dropLocal(node.name, sharedOf(node.name));
  try {
    return await fn();
  } finally {
    for (const { node } of nodes) keepLocal(node.name, sharedOf(node.name));
  }
}

for (const way of ways) {
  test(`a change gets the present value, null at first, and its query the new one (${way})`, async () => {
    const key = newKey();
    await going(way, async () => {
      assert.deepEqual(await CASPaxos.changeQuery<number>(key, add, same), { ok: true, value: 1 });
      const double = await on(2, () => CASPaxos.changeQuery<number, string>(key, add, (value) => `now ${value}`));
      assert.deepEqual(double, { ok: true, value: 'now 2' });
      assert.deepEqual(await on(3, () => CASPaxos.changeQuery(key, same, same)), { ok: true, value: 2 });
    });
    assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 2 });
  });

  test(`changes made at once on all nodes are made once each, and each is told its own result (${way})`, async () => {
    const key = newKey();
    const results = await going(way, () =>
      Promise.allSettled(
        Array.from({ length: 30 }, (_, i) => on(1 + (i % 3), () => CASPaxos.changeQuery<number>(key, add, same))),
      ),
    );
    const told = results.flatMap((r) => (r.status === 'fulfilled' && r.value.ok ? [r.value.value] : []));
    const unknown = results.filter((r) => r.status === 'rejected' && hasCode(r.reason, 'unknown')).length;
    assert.equal(new Set(told).size, told.length, 'no result twice');
    assert.equal(told.length + unknown, 30);
    const last = await PaxosKV.get<number>(key);
    assert.ok(
      last.ok && last.value >= told.length && last.value <= 30,
      `${told.length} told, at ${JSON.stringify(last)}`,
    );
    assert.ok(told.length >= 10, `${unknown} slept through more changes than a cell remembers`);
  });

  test(`changes are made once each while proposers are killed under them (${way})`, async () => {
    const key = newKey();
    let isOver = false;
    const results: (number | 'unknown')[] = [];
    const clients = [1, 2, 3].map(async (n) => {
      while (!isOver) {
        const made = on(n, () => CASPaxos.changeQuery<number>(key, add, same, { timeoutMs: 5000 }));
        const result = await made.catch((error: unknown) => {
          assert.ok(hasCode(error, 'unknown'), String(error));
          return 'unknown' as const;
        });
        if (result === 'unknown') results.push(result);
        else results.push(result.ok ? Number(result.value) : assert.fail('there is a quorum all the time'));
      }
    });
    await going(way, async () => {
      for (const { node } of nodes) {
        const before = node.whereis('PaxosKV.Proposer');
        await node.run((self) => self.exit(before ?? self.pid, Exit.kill));
        await eventually(() => node.whereis('PaxosKV.Proposer')?.key !== before?.key);
        const count = results.length;
        await eventually(() => results.length > count + 10);
      }
      isOver = true;
      await Promise.all(clients);
    });
    const told = results.filter((one) => one !== 'unknown');
    assert.equal(new Set(told).size, told.length, 'no change twice');
    const last = await PaxosKV.get<number>(key);
    assert.ok(last.ok && last.value >= told.length && last.value <= results.length);
  });

  test(`what a change throws rejects as it is, and nothing is written (${way})`, async () => {
    const [key, fresh] = [newKey(), newKey()];
    const thrown = new RangeError('no');
    const refuse = (): never => {
      throw thrown;
    };
    await PaxosKV.put(key, 'kept');
    await going(way, async () => {
      await assert.rejects(CASPaxos.changeQuery(key, refuse, same), (error) => error === thrown);
      await assert.rejects(CASPaxos.changeQuery(fresh, refuse, same), (error) => error === thrown);
    });
    assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 'kept' });
    assert.deepEqual(await PaxosKV.get(fresh), { ok: false, error: 'not_found' });
  });

  test(`a change cannot reach the stored value: it gets a copy, and what it gives is copied (${way})`, async () => {
    const key = newKey();
    const kept: string[] = ['a'];
    await going(way, async () => {
      await CASPaxos.changeQuery<string[]>(key, () => kept, same);
      kept.push('later');
      const seen = await CASPaxos.changeQuery<string[]>(key, same, (list) => list);
      assert.ok(seen.ok && seen.value);
      seen.value.push('mine');
      // a list changed in place and given back is a change
      const inPlace = (list: string[] | null): string[] => (list?.push('b'), list ?? []);
      await CASPaxos.changeQuery<string[]>(key, inPlace, same);
    });
    assert.deepEqual(await PaxosKV.get(key), { ok: true, value: ['a', 'b'] });
  });

  test(`null leaves nothing as it is, and is stored over a value; undefined and promises are refused (${way})`, async () => {
    const [key, fresh] = [newKey(), newKey()];
    await going(way, async () => {
      assert.deepEqual(await CASPaxos.changeQuery(fresh, same, same), { ok: true, value: null });
      assert.deepEqual(await PaxosKV.get(fresh), { ok: false, error: 'not_found' }, 'a read creates nothing');
      await CASPaxos.changeQuery(key, () => 1, same);
      for (const bad of [() => undefined as unknown as null, () => Promise.resolve(2), () => () => 2]) {
        const refused = await CASPaxos.changeQuery<unknown>(key, bad, same);
        assert.equal(!refused.ok && refused.error === 'invalid_value' && refused.path, 'change()');
      }
      const deep = await CASPaxos.changeQuery<unknown>(key, () => ({ a: [Symbol('no')] }), same);
      assert.equal(!deep.ok && deep.error === 'invalid_value' && deep.path, 'change().a[0]');
      assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 1 });
      assert.deepEqual(await CASPaxos.changeQuery<number>(key, () => null, same), { ok: true, value: null });
      assert.deepEqual(await PaxosKV.get(key), { ok: true, value: null });
      await PaxosKV.put(newKey(), undefined);
    });
    const nothing = newKey();
    await PaxosKV.put(nothing, undefined);
    assert.deepEqual(await CASPaxos.changeQuery(nothing, same, same), { ok: true, value: undefined });
  });

  test(`a key that was put keeps its life when it is changed: it ends with what it was bound to (${way})`, async () => {
    const key = newKey();
    const owner = (nodes[0] as Quorate).node;
    const pid = owner.spawn(async (self) => void (await self.receive()));
    await PaxosKV.put(key, 1, { pid });
    const acceptor = sharedOf(owner.name).acceptor?.acceptor;
    const versions = (): Set<number> =>
      new Set(
        [...(acceptor?.keys.values() ?? [])]
          .filter(({ cell }) => cell?.bind?.pid?.equals(pid))
          .map(({ cell }) => cell?.ver.r ?? 0),
      );
    const created = versions();
    await going(way, () => on(2, () => CASPaxos.changeQuery<number>(key, add, same)));
    assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 2 });
    assert.ok(created.size === 1 && [...versions()][0] === [...created][0], 'the same version');
    const found = await PaxosKV.pid(key);
    assert.ok(found.ok && pid.equals(found.value));
    owner.send(pid, 'end');
    await eventually(async () => !(await PaxosKV.get(key)).ok);
    assert.deepEqual(await going(way, () => CASPaxos.changeQuery<number>(key, add, same)), { ok: true, value: 1 });
  });

  test(`the last write wins, and every write is answered with its value (${way})`, async () => {
    const key = newKey();
    await going(way, async () => {
      assert.deepEqual(await Lww.read(key), { ok: true, value: null });
      assert.deepEqual(await Lww.write(key, 'a'), { ok: true, value: 'a' });
      assert.deepEqual(await on(2, () => Lww.write(key, { b: 1 })), { ok: true, value: { b: 1 } });
      assert.deepEqual(await on(3, () => Lww.read(key)), { ok: true, value: { b: 1 } });
    });
  });

  test(`compare and set writes only over the version it knows, and says which one is there (${way})`, async () => {
    const key = newKey();
    await going(way, async () => {
      assert.deepEqual(await Cas.read(key), { ok: true, value: { ver: 0, val: null } });
      assert.deepEqual(await Cas.write(key, 0, 'a'), { ok: true, value: { ver: 1, val: 'a' } });
      assert.deepEqual(await on(2, () => Cas.write(key, 1, 'b')), { ok: true, value: { ver: 2, val: 'b' } });
      await assert.rejects(Cas.write(key, 1, 'c'), (error) => {
        const { outcome, current } = error as VersionConflictError;
        assert.deepEqual([outcome, current], ['not-applied', { ver: 2, val: 'b' }]);
        return hasCode(error, 'version_conflict');
      });
      assert.deepEqual(await Cas.read(key), { ok: true, value: { ver: 2, val: 'b' } });
    });
  });
}

test('of writers at the same version exactly one succeeds', async () => {
  const key = newKey();
  for (const way of ways) {
    const ver = way === 'here' ? 0 : 1;
    const writes = await going(way, () =>
      Promise.allSettled([1, 2, 3, 1, 2, 3].map((n, i) => on(n, () => Cas.write(key, ver, i)))),
    );
    assert.equal(writes.filter(({ status }) => status === 'fulfilled').length, 1);
    assert.ok(writes.every((w) => w.status === 'fulfilled' || hasCode(w.reason, 'version_conflict')));
  }
});

test('bad arguments are an invalid_value that names them, and a value of somebody else is not_cas', async () => {
  const key = newKey();
  const path = async (call: Promise<unknown>): Promise<unknown> => ((await call) as { path?: string }).path;
  assert.equal(await path(CASPaxos.changeQuery(key, 7 as never, same)), 'change');
  assert.equal(await path(CASPaxos.changeQuery(key, same, 7 as never)), 'query');
  assert.equal(await path(CASPaxos.changeQuery(key, same, same, { pid: 1 } as object)), 'options.pid');
  assert.equal(await path(CASPaxos.changeQuery(Symbol('no'), same, same)), 'key');
  assert.equal(await path(Cas.write(key, -1, 1)), 'ver');
  assert.equal(await path(Cas.write(key, 0, () => 1)), 'val');
  assert.equal(await path(Lww.write(key, () => 1)), 'value');
  await PaxosKV.put(key, 'plain');
  await assert.rejects(Cas.read(key), (error) => hasCode(error, 'not_cas'));
  await assert.rejects(Cas.write(key, 0, 1), (error) => hasCode(error, 'not_cas'));
});

test('when the query throws the change is done, and the error says so', async () => {
  const key = newKey();
  const cause = new Error('cannot show');
  const failing = CASPaxos.changeQuery(key, add, () => {
    throw cause;
  });
  await assert.rejects(failing, (error) => {
    assert.equal((error as StoreError).cause, cause);
    return hasCode(error, 'query_failed') && (error as StoreError).outcome === 'applied';
  });
  assert.deepEqual(await PaxosKV.get(key), { ok: true, value: 1 });
});

test('without a quorum a change says no_quorum, an aborted one aborted, and neither is made', async () => {
  const key = newKey();
  await assert.rejects(
    CASPaxos.changeQuery(key, add, same, { signal: AbortSignal.abort() }),
    (error) => hasCode(error, 'aborted') && (error as StoreError).outcome === 'not-applied',
  );
  const lonely = new InsideCluster();
  try {
    const { node } = await lonely.start(1);
    await node.run(async () => {
      assert.deepEqual(await Cas.write(key, 0, 1), { ok: false, error: 'no_quorum' });
      assert.deepEqual(await Lww.write(key, 1), { ok: false, error: 'no_quorum' });
      const waiting = CASPaxos.changeQuery(key, add, same, { noQuorum: 'retry', timeoutMs: 120 });
      await assert.rejects(waiting, (error) => hasCode(error, 'timeout'));
    });
  } finally {
    await lonely.end();
  }
  assert.deepEqual(await PaxosKV.get(key), { ok: false, error: 'not_found' });
});

test('the next change of a key from another thread is one request to the proposer, and one round trip', async () => {
  const key = newKey();
  const { node } = nodes[0] as Quorate;
  const engine = sharedOf(node.name).proposer as ProposerEngine;
  await going('elsewhere', () => CASPaxos.changeQuery(key, add, same));
  const { run } = engine;
  const started: Operation[] = [];
  engine.run = (operation) => (started.push(operation), run.call(engine, operation));
  try {
    await going('elsewhere', () => CASPaxos.changeQuery(key, add, same));
  } finally {
    engine.run = run;
  }
  assert.deepEqual(
    started.map(({ kind, attempts, isPrepared }) => ({ kind, attempts, isPrepared })),
    [{ kind: 'change', attempts: 1, isPrepared: true }],
  );
});

test('keys are terms: built in another order, or as another kind of number, they are the same', async () => {
  const one = tuple('user', {
    name: 'x',
    at: new Map<unknown, unknown>([
      ['a', 1],
      [{ z: 1, y: 2 }, -0],
    ]),
  });
  const two = tuple('user', {
    at: new Map<unknown, unknown>([
      [{ y: 2, z: 1n }, 0],
      ['a', 1n],
    ]),
    name: 'x',
  });
  assert.deepEqual(await PaxosKV.put(one, 'first'), { ok: true, value: 'first' });
  assert.deepEqual(await on(2, () => PaxosKV.put(two, 'second')), { ok: true, value: 'first' });
  assert.deepEqual(await PaxosKV.put(-0, 'zero'), await on(3, () => PaxosKV.get(0)));
});
