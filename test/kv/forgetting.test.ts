/** What is over leaves nothing behind: erased keys are forgotten by all members, and what dead proposers left half-done is finished. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket, PaxosKV, type Quorate } from '../../kv/index.ts';
import { Forgetting } from '../../kv/bucket/forgetting.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { Acceptor } from '../../kv/paxos/acceptor.ts';
import { compareBallots, ZERO } from '../../kv/paxos/ballot.ts';
import type { Ballot, Cell, Prepare } from '../../kv/paxos/messages.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { VirtualEnv } from '../dist/virtual-env.ts';
import { eventually, withInside, type InsideCluster } from './kit/cluster-inside.ts';

const MINE = { bucket: 'Mine' };
const NOT_FOUND = { ok: false, error: 'not_found' };
const QUICK = { collectAfterMs: 100, settleAfterMs: 300 };

/** Three nodes with a bucket of their own whose sweep acts soon. */
async function startedMine(cluster: InsideCluster): Promise<Quorate[]> {
  const nodes = await cluster.startSettled(1, 2, 3);
  for (const node of nodes) await startMine(node);
  await PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 });
  await eventually(() => nodes.every((node) => acceptorOf(node).config?.M.length === 3 && acceptorOf(node).active));
  return nodes;
}

function startMine({ node }: Quorate): Promise<void> {
  return node.run(async (self) => self.unlink(await Bucket.startLink({ ...MINE, sweepTimes: QUICK }, { self })));
}

function acceptorOf(quorate: Quorate): Acceptor {
  const engine = localBucket(quorate.node.name, 'Mine')?.acceptor;
  assert.ok(engine);
  return engine.acceptor;
}

function sizes(nodes: readonly Quorate[]): string {
  return nodes.map((node) => acceptorOf(node).keys.size).join();
}

function isEmpty(nodes: readonly Quorate[]): boolean {
  return nodes.every((node) => acceptorOf(node).keys.size === 0);
}

/** A member takes the fast value of a proposer that is never heard of again. */
function takeFast(quorate: Quorate, key: string, b: Ballot): void {
  const fast: Cell = { live: true, value: 'half', ver: b, bind: null, hist: [], cut: ZERO };
  const message: Prepare = { kind: 'prepare', e: b.e, key: canonicalKey(key), b, fast };
  assert.equal(localBucket(quorate.node.name, 'Mine')?.acceptor?.local(message)?.kind, 'taken');
}

test('thirty thousand keys that came and went leave nothing on any member', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const [a] = nodes as [Quorate];
    for (let round = 0; round < 6; round++) {
      const pid = a.node.spawn(async (self) => void (await self.receive()));
      for (let from = 0; from < 5000; from += 1000) {
        const puts = Array.from({ length: 1000 }, (_, i) => PaxosKV.put(`${round} ${from + i}`, i, { ...MINE, pid }));
        assert.ok((await Promise.all(puts)).every(({ ok }) => ok));
      }
      a.node.send(pid, 'end');
      await eventually(
        () => isEmpty(nodes),
        () => `round ${round}: ${sizes(nodes)} entries are left`,
        60_000,
      );
    }
    assert.deepEqual(await PaxosKV.get('0 0', MINE), NOT_FOUND);
    for (const node of nodes) assert.equal(localBucket(node.node.name, 'Mine')?.upkeep?.size, 0);
  });
});

test('a forgotten key can be put again, and its token grew', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const [a, b] = nodes as [Quorate, Quorate];
    const versions: Ballot[] = [];
    for (const node of [a, b, a, b]) {
      const pid = node.node.spawn(async (self) => void (await self.receive()));
      await node.node.run(() => PaxosKV.put('key', versions.length, { ...MINE, pid }));
      versions.push(acceptorOf(a).keys.get(canonicalKey('key'))?.cell?.ver ?? ZERO);
      node.node.send(pid, 'end');
      await eventually(() => isEmpty(nodes));
    }
    for (let i = 1; i < versions.length; i++)
      assert.ok(compareBallots(versions[i] as Ballot, versions[i - 1] as Ballot) > 0);
  });
});

test('puts of new keys are never left in doubt by what is forgotten at the same time', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const deadline = performance.now() + 2000;
    const churn = async ({ node }: Quorate, name: string): Promise<void> => {
      for (let i = 0; performance.now() < deadline; i++) {
        const pid = node.spawn(async (self) => void (await self.receive()));
        await node.run(() => PaxosKV.put(`${name} ${i}`, i, { ...MINE, pid }));
        node.send(pid, 'end');
      }
    };
    const fresh = async ({ node }: Quorate, name: string): Promise<void> => {
      for (let i = 0; performance.now() < deadline; i++)
        assert.deepEqual(await node.run(() => PaxosKV.put(`${name} ${i}`, i, MINE)), { ok: true, value: i });
    };
    const workers = nodes.flatMap((node, n) =>
      Array.from({ length: 10 }, (_, w) => [churn(node, `bound ${n} ${w}`), fresh(node, `fresh ${n} ${w}`)]).flat(),
    );
    await Promise.all(workers);
    await eventually(() =>
      nodes.every((node) => [...acceptorOf(node).keys.values()].every((e) => e.cell?.live === true)),
    );
  });
});

test('what is to be forgotten is held back for a tenth of a second at least', async () => {
  const env = new VirtualEnv();
  const sent: number[] = [];
  const forgetting = new Forgetting(env, (messages) => {
    for (const { b } of messages) sent.push(b.r, env.now());
  });
  const add = (r: number): void => {
    const b = { e: 1, r, p: 1 };
    forgetting.add({ kind: 'forget', e: 1, key: 'k', b, floor: { e: 1, r: r + 1, p: 0 } });
  };
  const start = env.now();
  add(1);
  await env.advance(90);
  add(2);
  await env.advance(400);
  assert.deepEqual(
    sent.map((value, i) => (i % 2 === 0 ? value : value - start)),
    [1, 200, 2, 200],
  );
  add(3);
  forgetting.close();
  await env.advance(1000);
  assert.equal(sent.length, 4);
});

test('keys that were only asked for leave nothing', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    // a promise at one member makes each of the gets run a round of its own
    const { e, clock } = acceptorOf(nodes[0] as Quorate);
    for (let i = 0; i < 50; i++) takeFast(nodes[0] as Quorate, `asked${i}`, { e, r: clock + 1 + i, p: 1 });
    for (let i = 0; i < 100; i++) assert.deepEqual(await PaxosKV.get(`asked${i}`, MINE), NOT_FOUND);
    await eventually(
      () => isEmpty(nodes),
      () => sizes(nodes),
    );
  });
});

test('what a dead proposer left half-done is finished: a value that all took is known, one that few took is gone', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const { e, clock } = acceptorOf(nodes[0] as Quorate);
    for (const node of nodes) takeFast(node, 'taken', { e, r: clock + 1, p: 1 });
    takeFast(nodes[1] as Quorate, 'lost', { e, r: clock + 2, p: 1 });
    await eventually(() => nodes.every((node) => acceptorOf(node).keys.get(canonicalKey('taken'))?.chosen === true));
    await eventually(() => nodes.every((node) => !acceptorOf(node).keys.has(canonicalKey('lost'))));
    assert.deepEqual(await PaxosKV.get('taken', MINE), { ok: true, value: 'half' });
    assert.deepEqual(await PaxosKV.get('lost', MINE), NOT_FOUND);
  });
});

test('a member that is down blocks forgetting, but not erasing; when it is back all is forgotten', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const [a, b, c] = nodes as [Quorate, Quorate, Quorate];
    const pid = a.node.spawn(async (self) => void (await self.receive()));
    await PaxosKV.put('key', 1, { ...MINE, pid });
    await PaxosKV.put('kept', 2, MINE);
    await c.node.stop();
    await eventually(() => a.status?.connected === 2 && b.status?.connected === 2);
    a.node.send(pid, 'end');
    await eventually(async () => JSON.stringify(await PaxosKV.get('key', MINE)) === JSON.stringify(NOT_FOUND));
    const sweeps = Date.now() + 3000;
    await eventually(() => {
      for (const node of [a, b]) assert.equal(acceptorOf(node).keys.get(canonicalKey('key'))?.cell?.live, false);
      return Date.now() > sweeps;
    });
    const back = await cluster.start(3);
    await startMine(back);
    await eventually(
      () => [a, b, back].every((node) => acceptorOf(node).active && acceptorOf(node).keys.size === 1),
      () => sizes([a, b, back]),
    );
    assert.deepEqual(await PaxosKV.get('kept', MINE), { ok: true, value: 2 });
  });
});

test('while a member is down, an erasure whose proposer died before it told anybody becomes known all the same', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedMine(cluster);
    const [a, b, c] = nodes as [Quorate, Quorate, Quorate];
    await c.node.stop();
    await eventually(() => a.status?.connected === 2 && b.status?.connected === 2);
    const { e, clock } = acceptorOf(a);
    const ballot = { e, r: clock + 1, p: 1 };
    const cell: Cell = { live: false, value: null, ver: ZERO, bind: null, hist: [ballot], cut: ZERO };
    for (const { node } of [a, b]) {
      const accept = { kind: 'accept', e, key: canonicalKey('erased'), b: ballot, cell, next: null } as const;
      assert.equal(localBucket(node.name, 'Mine')?.acceptor?.local(accept)?.kind, 'accepted');
    }
    await eventually(() => [a, b].every((one) => acceptorOf(one).keys.get(canonicalKey('erased'))?.chosen === true));
  });
});
