import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket, CASPaxos, Lww, PaxosKV, startQuorate, type Quorate, type WatchEvent } from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import { hasCode } from '../../runtime/errors.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { atom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { eventually, withInside, type InsideCluster } from './kit/cluster-inside.ts';

type Watching = AsyncIterableIterator<WatchEvent, undefined>;

function startThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  return cluster.startSettled(1, 2, 3) as Promise<[Quorate, Quorate, Quorate]>;
}

async function next(watching: Watching): Promise<WatchEvent> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no event came')), 8000);
  });
  const result = await Promise.race([watching.next(), late]).finally(() => clearTimeout(timer));
  if (result.done === true) throw new Error('the watch has ended');
  return result.value;
}

/** Without versions, which depend on ballots. */
async function told(watching: Watching): Promise<unknown> {
  const event = await next(watching);
  if (event.kind === 'value') return [event.key, event.value];
  return event.kind === 'erased' ? [event.key, 'erased'] : `gap: ${event.reason}`;
}

/** A watch by a process of that node. */
function watchOn(quorate: Quorate, what: unknown): Watching {
  const events: WatchEvent[] = [];
  let isThere: (() => void) | null = null;
  const pid = quorate.node.spawn(async () => {
    for await (const event of PaxosKV.watch(what)) {
      events.push(event);
      isThere?.();
    }
  });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    async next() {
      while (events.length === 0) await new Promise<void>((resolve) => (isThere = resolve));
      return { done: false, value: events.shift() as WatchEvent };
    },
    async return() {
      await quorate.node.run((self) => self.exit(pid, Exit.kill));
      return { done: true, value: undefined };
    },
  };
}

async function killed(quorate: Quorate, name: string): Promise<void> {
  const before = quorate.node.whereis(name);
  assert.ok(isPid(before));
  await quorate.node.run((self) => self.exit(before, Exit.kill));
  await eventually(() => quorate.node.whereis(name)?.equals(before) === false);
}

const add = (value: number | null): number => (value ?? 0) + 1;

test('a watch begins with the present value, and tells every change on every node in order', async () => {
  await withInside(async (cluster) => {
    const nodes = await startThree(cluster);
    await Lww.write('config', 0);
    const all = nodes.map((node) => watchOn(node, 'config'));
    for (const watching of all) assert.deepEqual(await told(watching), ['config', 0]);
    for (let i = 1; i <= 30; i++)
      await nodes[i % 3]?.node.run(() => CASPaxos.changeQuery<number>('config', add, () => 0));
    for (const watching of all) {
      let last = 0n;
      for (let i = 1; i <= 30; i++) {
        const event = await next(watching);
        assert.ok(event.kind === 'value' && event.value === i && event.version > last, JSON.stringify(i));
        last = event.version;
      }
      await watching.return?.();
    }
  });
});

test('also of changes that many make at once on all nodes nothing is missing', async () => {
  await withInside(async (cluster) => {
    const nodes = await startThree(cluster);
    const all = [...nodes.map((node) => watchOn(node, 'count')), watchOn(nodes[0], { prefix: 'co' })];
    await CASPaxos.changeQuery<number>('count', add, () => 0);
    for (const watching of all) assert.deepEqual(await told(watching), ['count', 1]);
    const changes = Array.from({ length: 45 }, (_, i) =>
      (nodes[i % 3] as Quorate).node.run(() => CASPaxos.changeQuery<number>('count', add, () => 0)),
    );
    await Promise.allSettled(changes);
    const last = await PaxosKV.get<number>('count');
    assert.ok(last.ok);
    for (const watching of all) {
      for (let value = 2; value <= last.value; value++) assert.deepEqual(await told(watching), ['count', value]);
      await watching.return?.();
    }
  });
});

test('a step of the membership after which all members merge is a gap', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startThree(cluster);
    await Lww.write('key', 1);
    const watching = watchOn(a, 'key');
    assert.deepEqual(await told(watching), ['key', 1]);
    await c.stop();
    await eventually(() => a.status?.connected === 2 && b.status?.connected === 2);
    assert.equal(await told(watching), 'gap: merged');
    await b.node.run(() => Lww.write('key', 2));
    let event = await told(watching);
    while (event === 'gap: merged') event = await told(watching);
    assert.deepEqual(event, ['key', 2]);
    await watching.return?.();
  });
});

test('the end of a key is told, and its next life', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    const watching = PaxosKV.watch('session');
    const first = told(watching);
    const pid = a.node.spawn(async (self) => void (await self.receive()));
    await PaxosKV.put('session', 'open', { pid });
    assert.deepEqual(await first, ['session', 'open']);
    a.node.send(pid, 'end');
    assert.deepEqual(await told(watching), ['session', 'erased']);
    await PaxosKV.put('session', 'again');
    assert.deepEqual(await told(watching), ['session', 'again']);
    await watching.return?.();
  });
});

test('a prefix selects strings by their beginning, tuples and arrays by their first elements', async () => {
  await withInside(async (cluster) => {
    await startThree(cluster);
    const keys = [
      'user/1',
      'usual',
      tuple(atom('user'), 1),
      tuple(atom('user')),
      ['user', 2],
      ['users'],
      7,
      new Date(1),
    ];
    for (const [i, key] of keys.entries()) await PaxosKV.put(key, i);
    const found = async (prefix: unknown, count: number): Promise<number[]> => {
      const watching = PaxosKV.watch({ prefix });
      const values: number[] = [];
      while (values.length < count) {
        const event = await next(watching);
        assert.equal(event.kind, 'value');
        if (event.kind === 'value') values.push(event.value as number);
      }
      // nothing else is there: the next one is what is put now
      const later = Array.isArray(prefix) ? [...(prefix as unknown[]), 'later'] : `${String(prefix)}later`;
      const key = prefix instanceof tuple(1).constructor ? tuple(...(prefix as unknown[]), 'later') : later;
      await PaxosKV.put(key, 'later');
      assert.deepEqual(await told(watching), [key, 'later']);
      await watching.return?.();
      return values.sort((x, y) => x - y);
    };
    assert.deepEqual(await found('user/', 1), [0]);
    assert.deepEqual(await found('us', 3), [0, 1, 'later' as never]);
    assert.deepEqual(await found(tuple(atom('user')), 2), [2, 3]);
    assert.deepEqual(await found(['user'], 1), [4]);
  });
});

test('a prefix hears of keys that come and go', async () => {
  await withInside(async (cluster) => {
    const [, b] = await startThree(cluster);
    const watching = PaxosKV.watch({ prefix: 'job/' });
    const first = told(watching);
    await b.node.run(() => PaxosKV.put('other/1', 1));
    await b.node.run(() => PaxosKV.put('job/1', 1));
    assert.deepEqual(await first, ['job/1', 1]);
    await b.node.run(() => PaxosKV.put('job/2', 2, { until: PaxosKV.now() + 50 }));
    assert.deepEqual(await told(watching), ['job/2', 2]);
    assert.deepEqual(await told(watching), ['job/2', 'erased']);
    await watching.return?.();
  });
});

test('after its acceptor or learner was restarted a watch tells a gap, and goes on', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    await Lww.write('key', 1);
    const watching = PaxosKV.watch('key');
    assert.deepEqual(await told(watching), ['key', 1]);
    for (const [i, name] of ['PaxosKV.Acceptor', 'PaxosKV.Learner'].entries()) {
      await killed(a, name);
      assert.equal(await told(watching), 'gap: restarted');
      await Lww.write('key', i + 2);
      assert.deepEqual(await told(watching), ['key', i + 2]);
    }
    await watching.return?.();
  });
});

test('what was changed while hints were lost is found by looking, and the changes between are a gap', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await startThree(cluster);
    await Lww.write('key', 1);
    const watching = PaxosKV.watch('key');
    assert.deepEqual(await told(watching), ['key', 1]);
    const shared = localBucket(a.node.name, 'PaxosKV');
    assert.ok(shared);
    const { learner } = shared;
    shared.learner = null; // this node's acceptor tells nobody
    for (const value of [2, 3]) await b.node.run(() => Lww.write('key', value));
    assert.equal(await told(watching), 'gap: missed');
    assert.deepEqual(await told(watching), ['key', 3]);
    shared.learner = learner;
    await watching.return?.();
  });
});

test('a reader that does not keep up costs a bounded number of events, finds a gap, and then the present value', async () => {
  await withInside(async (cluster) => {
    await startThree(cluster);
    await Lww.write('key', 0);
    const watching = PaxosKV.watch('key', { eventsMax: 5 });
    assert.deepEqual(await told(watching), ['key', 0]);
    for (let i = 1; i <= 40; i++) await Lww.write('key', i);
    const values: unknown[] = [];
    for (;;) {
      const event = await next(watching);
      if (event.kind === 'gap') {
        assert.equal(event.reason, 'overflow');
        break;
      }
      if (event.kind === 'value') values.push(event.value);
    }
    assert.ok(values.length <= 15, `${values.length} events waited`);
    assert.deepEqual(
      values,
      values.map((_, i) => i + 1),
    );
    assert.deepEqual(await told(watching), ['key', 40]);
    await watching.return?.();
  });
});

test('a node that is no member watches what the members learn', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    const surplus = await cluster.start(4, { join: [cluster.name(1)] });
    await surplus.node.run(() => PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 5000 }));
    const it = watchOn(surplus, 'key');
    const first = told(it);
    for (let i = 0; i < 5; i++) await a.node.run(() => Lww.write('key', i));
    const seen = [await first];
    while (JSON.stringify(seen.at(-1)) !== '["key",4]') seen.push(await told(it));
    assert.ok(
      seen.every((one) => Array.isArray(one)),
      `no gap: ${JSON.stringify(seen)}`,
    );
    await it.return?.();
  });
});

test('a watch ends with its signal, with a break, with return and with the calling process, and leaves no process', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    await Lww.write('key', 1);
    const learner = localBucket(a.node.name, 'PaxosKV')?.learner;
    const isOver = (): Promise<void> => eventually(() => learner?.isWatched === false);
    const controller = new AbortController();
    const watching = PaxosKV.watch('key', { signal: controller.signal });
    assert.deepEqual(await told(watching), ['key', 1]);
    const waiting = watching.next();
    controller.abort();
    assert.deepEqual(await waiting, { done: true, value: undefined });
    assert.deepEqual(await watching.next(), { done: true, value: undefined });
    await isOver();
    for await (const event of PaxosKV.watch('key')) if (event.kind === 'value') break;
    await isOver();
    const owned = new Promise<IteratorResult<WatchEvent, undefined>>((resolve) => {
      a.node.spawn(async () => {
        const mine = PaxosKV.watch('key');
        await mine.next();
        void mine.next().then(resolve);
      });
    });
    assert.equal((await owned).done, true);
    await isOver();
    const never = PaxosKV.watch('key', { signal: AbortSignal.abort() });
    assert.equal((await never.next()).done, true);
    assert.equal((await PaxosKV.watch('key').return?.())?.done, true);
  });
});

test('what cannot be watched is refused at the first next, and a bucket that is not here is no_bucket', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    const refused = (watching: Watching, code: string): Promise<void> =>
      assert.rejects(watching.next(), (error) => hasCode(error, code));
    await refused(PaxosKV.watch(Symbol('no')), 'invalid_value');
    await refused(PaxosKV.watch({ prefix: 7 }), 'invalid_value');
    await refused(PaxosKV.watch({ prefix: new Date() }), 'invalid_value');
    await refused(PaxosKV.watch('key', { eventsMax: 0 }), 'invalid_value');
    await refused(PaxosKV.watch('key', { timeoutMs: 1 } as object), 'invalid_value');
    await refused(PaxosKV.watch('key', { bucket: 'Other' }), 'no_bucket');
    await refused(PaxosKV.watch({ prefix: 'key' }, { bucket: 'Other' }), 'no_bucket');
    const watching = PaxosKV.watch({ key: { prefix: 'x' } });
    const first = told(watching);
    await PaxosKV.put({ prefix: 'x' }, 1);
    assert.deepEqual(await first, [{ prefix: 'x' }, 1]);
    const bucket = a.node.whereis('PaxosKV');
    assert.ok(isPid(bucket));
    await a.node.run((self) => self.exit(bucket, Exit.kill));
    const ended = async (): Promise<unknown> => {
      for (;;) if ((await watching.next()).done === true) return 'done';
    };
    await assert.rejects(ended(), (error) => hasCode(error, 'no_bucket'));
  });
});

test('with partitions, and from another thread than the bucket', async () => {
  const quorate = await startQuorate({
    name: `watch${process.pid}n1@127.0.0.1`,
    cookie: 'watch',
    clusterSize: 1,
    stateDir: null,
    bootstrap: 'new',
    logger: null,
  });
  try {
    await PaxosKV.waitForBucket();
    const pid: Pid = await quorate.node.run((self) =>
      Bucket.startLink({ bucket: 'Parts', partitions: 3 }, { self }).then((pid_) => (self.unlink(pid_), pid_)),
    );
    assert.ok(isPid(pid));
    await PaxosKV.waitForBucket('Parts', { timeoutMs: 5000 });
    for (const bucket of ['PaxosKV', 'Parts']) {
      const watching = PaxosKV.watch({ prefix: 'k' }, { bucket });
      const first = told(watching);
      const puts = Array.from({ length: 12 }, (_, i) => `k${i}`);
      for (const key of puts) await PaxosKV.put(key, 1, { bucket });
      const seen = [await first];
      while (seen.length < puts.length) seen.push(await told(watching));
      assert.deepEqual(seen.map((one) => (one as string[])[0]).sort(), puts.sort());
      await watching.return?.();
    }
  } finally {
    await quorate.stop();
  }
});
