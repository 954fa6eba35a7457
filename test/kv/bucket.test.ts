import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  Bucket,
  Cluster,
  createMemoryStorage,
  PauseUntil,
  PaxosKV,
  type ClusterStatus,
  type Quorate,
} from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import { createPut } from '../../kv/paxos/operation.ts';
import type { Ballot, RegisterRequest } from '../../kv/paxos/messages.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { hasCode } from '../../runtime/errors.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { isPid, type Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { Supervisor } from '../../supervisors/index.ts';
import { eventually, settled, withInside, type InsideCluster } from './kit/cluster-inside.ts';

const TRAPPING = { trapExit: true };
const NOT_FOUND = { ok: false, error: 'not_found' };

function processOf(quorate: Quorate, name: string): Pid {
  const pid = quorate.node.whereis(name);
  assert.ok(isPid(pid), `${name} is registered`);
  return pid;
}

/** Kills a registered process and waits for the one that takes its place. */
async function killAndWait(quorate: Quorate, name: string): Promise<void> {
  const pid = processOf(quorate, name);
  await quorate.node.run((self) => self.exit(pid, Exit.kill));
  await eventually(() => {
    const now = quorate.node.whereis(name);
    return now !== undefined && !now.equals(pid);
  });
}

async function startedThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  return (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
}

test('a bucket is a supervisor with its name and three registered children', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const children = await a.node.run((self) => Supervisor.whichChildren(processOf(a, 'PaxosKV'), { self }));
    const pids = new Set(children.map((child) => child.pid?.key));
    for (const name of ['Acceptor', 'Proposer', 'Learner']) assert.ok(pids.has(processOf(a, `PaxosKV.${name}`).key));
    assert.equal(await a.node.run(() => Cluster.clusterSize()), 3);
  });
});

test('an acceptor process that is killed goes on with its table: it forgot nothing and is still a member', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    await PaxosKV.put('kept', 1);
    await killAndWait(a, 'PaxosKV.Acceptor');
    await killAndWait(b, 'PaxosKV.Acceptor');
    await settled(a, b, c);
    assert.deepEqual(await PaxosKV.get('kept'), { ok: true, value: 1 });
    await c.stop();
    assert.deepEqual(await PaxosKV.get('kept'), { ok: true, value: 1 }, 'the two that were killed hold it');
    assert.deepEqual(await PaxosKV.put('kept', 2), { ok: true, value: 1 });
  });
});

test('an acceptor whose step threw does not go on with its table: it comes back as a new boot, without a vote', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await startedThree(cluster);
    await PaxosKV.put('kept', 1);
    const shared = localBucket(a.node.name, 'PaxosKV');
    const engine = shared?.acceptor;
    assert.ok(shared && engine);
    const before = engine.acceptor;
    const b1: Ballot = { e: before.e, r: before.clock + 1, p: 1 };
    // a cell that is none: the step writes it into the table and throws when it looks inside
    const broken = { kind: 'accept', e: before.e, key: 'broken', b: b1, cell: undefined, next: null };
    assert.equal(engine.local(broken as unknown as RegisterRequest), null);
    assert.equal(engine.local({ kind: 'read', e: before.e, key: 'kept', b: b1 }), null, 'nothing is answered from it');
    await eventually(() => shared.acceptor !== null && shared.acceptor !== engine);
    const { me, active } = shared.acceptor?.acceptor ?? before;
    assert.ok(me.boot > before.me.boot && !active, `boot ${before.me.boot}, then ${me.boot}`);
    assert.deepEqual(await PaxosKV.get('kept'), { ok: true, value: 1 }, 'the others answer');
    assert.equal(b.status?.hasQuorum, true);
  });
});

test('a killed acceptor watches again what its keys are bound to', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await startedThree(cluster);
    const pid = a.node.spawn(async (self) => void (await self.receive()));
    await PaxosKV.put('bound', 1, { pid });
    await killAndWait(a, 'PaxosKV.Acceptor');
    await killAndWait(b, 'PaxosKV.Acceptor');
    a.node.send(pid, 'end');
    await eventually(async () => JSON.stringify(await PaxosKV.get('bound')) === JSON.stringify(NOT_FOUND));
  });
});

test('a proposer process that is killed is replaced, and its successor agrees with what was decided', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    await PaxosKV.put('kept', 1);
    await killAndWait(a, 'PaxosKV.Proposer');
    await eventually(async () => (await PaxosKV.put('kept', 2).catch(() => null))?.ok === true);
    assert.deepEqual(await PaxosKV.get('kept'), { ok: true, value: 1 });
  });
});

test('a new proposer has the clock of its node: a key that is there is answered in its first attempt', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await startedThree(cluster);
    for (let i = 0; i < 10; i++) await b.node.run(() => PaxosKV.put('there', i));
    await killAndWait(a, 'PaxosKV.Proposer');
    await eventually(() => localBucket(a.node.name, 'PaxosKV')?.proposer?.hasQuorum() === true);
    const outcomes: Outcome[] = [];
    const tag = (outcome: Outcome): void => void outcomes.push(outcome);
    const put = createPut(canonicalKey('there'), 'other', null, { tag });
    localBucket(a.node.name, 'PaxosKV')?.proposer?.run(put);
    await eventually(() => outcomes.length === 1);
    const [outcome] = outcomes;
    assert.ok(outcome?.kind === 'ok' && outcome.result === 0);
    assert.equal(put.attempts, 1);
  });
});

test('the cluster process is restarted: the buckets go on, keep their boots, and hear of changes again', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    await PaxosKV.put('kept', 1);
    await killAndWait(a, '$cluster.Acceptor');
    assert.deepEqual(await PaxosKV.get('kept'), { ok: true, value: 1 });
    await settled(a, b, c);
    await b.stop();
    await c.stop();
    await eventually(async () => JSON.stringify(await PaxosKV.get('kept')) === '{"ok":false,"error":"no_quorum"}');
    assert.match(JSON.stringify((await a.node.run(() => Cluster.status())).waits), /PaxosKV has no quorum: 1 of 3/);
  });
});

test('malformed messages and those of another version are dropped, said once, and end nobody', async () => {
  await withInside(async (cluster) => {
    const [a, b] = await startedThree(cluster);
    const acceptor = processOf(a, 'PaxosKV.Acceptor');
    const proposer = processOf(a, 'PaxosKV.Proposer');
    const cluster1 = processOf(a, '$cluster.Acceptor');
    const [request, reply] = [nameAtom('request'), nameAtom('reply')];
    for (let i = 0; i < 10; i++) {
      b.node.send(acceptor, tuple(1, request, acceptor, 1, 1, []));
      b.node.send(acceptor, tuple(2, request, acceptor, 1, 1, 1, [99, 1, 'key']));
      b.node.send(acceptor, 'what is this');
      b.node.send(acceptor, tuple(2, nameAtom('snapshotAsk'), processOf(b, 'PaxosKV.Acceptor'), {}));
      b.node.send(proposer, tuple(2, reply, 0, 1, 1, [99, 1]));
      b.node.send(processOf(a, '$cluster.Acceptor'), tuple(7, nameAtom('hello'), acceptor, {}));
      for (const kind of ['hello', 'vote', 'voted', 'snapshotAsk', 'snapshotGiven']) {
        b.node.send(cluster1, tuple(2, nameAtom(kind), processOf(b, '$cluster.Acceptor'), { ask: true, b: 1 }));
      }
    }
    await eventually(() => cluster.log.filter((line) => line.includes('malformed cluster message')).length === 5);
    assert.ok(processOf(a, '$cluster.Acceptor').equals(cluster1));
    await eventually(() => cluster.log.filter((line) => line.includes('version')).length === 2);
    assert.deepEqual(await PaxosKV.put('key', 1), { ok: true, value: 1 });
    assert.ok(processOf(a, 'PaxosKV.Acceptor').equals(acceptor) && processOf(a, 'PaxosKV.Proposer').equals(proposer));
    // one of the requests, one of the snapshot
    assert.equal(cluster.log.filter((line) => line.includes('form of the protocol')).length, 2);
  });
});

test('a bucket of its own has its own keys; stopped on all nodes and started again it is empty, the others are not touched', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedThree(cluster);
    const start = (): Promise<Pid[]> =>
      Promise.all(
        nodes.map(({ node }) =>
          node.run((self) => Bucket.startLink({ bucket: 'Mine' }, { self }).then((pid) => (self.unlink(pid), pid))),
        ),
      );
    let pids = await start();
    await PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 });
    await PaxosKV.put('key', 'mine', { bucket: 'Mine' });
    await PaxosKV.put('key', 'default');
    assert.deepEqual(await PaxosKV.get('key', { bucket: 'Mine' }), { ok: true, value: 'mine' });
    assert.deepEqual(await PaxosKV.keys({ bucket: 'Mine' }), ['key']);
    await Promise.all(
      nodes.map(({ node }, i) => node.run((self) => Supervisor.stop(pids[i] as Pid, Exit.shutdown, { self }))),
    );
    await assert.rejects(PaxosKV.get('key', { bucket: 'Mine' }), (e) => hasCode(e, 'no_bucket'));
    pids = await start();
    await PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 });
    assert.deepEqual(await PaxosKV.get('key', { bucket: 'Mine' }), NOT_FOUND);
    assert.deepEqual(await PaxosKV.get('key'), { ok: true, value: 'default' });
  });
});

test('the supervisor of a bucket has another name if it is given, or none; its children always have those of the bucket', async () => {
  await withInside(async (cluster) => {
    const [a] = await startedThree(cluster);
    const startedAs = (options: Parameters<typeof Bucket.startLink>[0]): Promise<void> =>
      a.node.run(async (self) => self.unlink(await Bucket.startLink(options, { self })));
    await startedAs({ bucket: 'Named', name: 'other' });
    await startedAs({ bucket: 'Unnamed', name: null });
    assert.ok(a.node.whereis('other') !== undefined);
    for (const bucket of ['Named', 'Unnamed']) {
      assert.equal(a.node.whereis(bucket), undefined);
      for (const role of ['Acceptor', 'Proposer', 'Learner'])
        assert.ok(a.node.whereis(`${bucket}.${role}`) !== undefined);
    }
  });
});

test('a bucket that lost its table on one node merges what the others hold before it votes, and nothing is lost when another goes', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    await PaxosKV.put('key', 1);
    const before = await b.node.run(() => Cluster.status());
    await b.node.run((self) => self.exit(processOf(b, 'PaxosKV'), Exit.kill));
    await eventually(() => epochOf(b) > epochIn(before));
    await settled(a, b, c);
    assert.deepEqual(await PaxosKV.put('other', 2), { ok: true, value: 2 });
    await a.stop();
    for (const [key, value] of [
      ['key', 1],
      ['other', 2],
    ] as const) {
      assert.deepEqual(await b.node.run(() => PaxosKV.get(key)), { ok: true, value });
    }
  });
});

function epochOf(quorate: Quorate): number {
  return quorate.status === null ? 0 : epochIn(quorate.status);
}

function epochIn(status: ClusterStatus): number {
  return status.buckets.find(({ bucket }) => bucket === 'PaxosKV')?.epoch ?? 0;
}

test('the boot record of another node is refused, and the refused node leaves nothing running', async () => {
  await withInside(async (cluster) => {
    const storage = createMemoryStorage();
    const first = await cluster.start(1, { storage });
    await first.stop();
    await assert.rejects(cluster.start(2, { storage }), (e) => hasCode(e, 'state_foreign'));
    await cluster.start(1, { storage });
  });
});

test('bad bucket options are refused before anything starts', async () => {
  await withInside(async (cluster) => {
    await cluster.start(1);
    const refused = (options: Parameters<typeof Bucket.startLink>[0], code: string): Promise<void> =>
      assert.rejects(
        async () => Bucket.startLink(options),
        (e) => hasCode(e, code),
      );
    await refused({ bucket: '$mine' }, 'badarg');
    await refused({ bucket: 'Mine', partitions: 0 }, 'badarg');
    await refused({ bucket: 'PaxosKV' }, 'already_started');
  });
});

test('siblings after a PauseUntil start when its function has resolved', async () => {
  await withInside(async (cluster) => {
    const { node } = await cluster.start(1);
    const order: string[] = [];
    const children = [
      PauseUntil.childSpec(async () => {
        await new Promise((resolve) => setTimeout(resolve, 20));
        order.push('resolved');
      }),
      {
        id: 'later',
        start: (self: Parameters<Parameters<typeof node.run>[0]>[0]) => {
          order.push('started');
          return self.spawnLink((own) => own.receive());
        },
      },
    ];
    await node.run(async (self) => {
      const tree = await Supervisor.startLink({ children }, { self });
      await Supervisor.stop(tree, Exit.shutdown, { self });
    }, TRAPPING);
    assert.deepEqual(order, ['resolved', 'started']);
  });
});

test('waitForBucket resolves when a quorum is there, and says what is awaited when the time is up', async () => {
  await withInside(async (cluster) => {
    await cluster.start(1);
    await assert.rejects(
      PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 100 }),
      (e) => hasCode(e, 'timeout') && /start n2@127.0.0.1 and n3@127.0.0.1/.test(String(e)),
    );
    const waiting = PaxosKV.waitForBucket('PaxosKV', { timeoutMs: 5000 });
    await cluster.start(2);
    await waiting;
    assert.deepEqual(await PaxosKV.put('key', 1), { ok: true, value: 1 });
  });
});

test('a put that retries without quorum is done when the quorum comes', async () => {
  await withInside(async (cluster) => {
    await cluster.start(1);
    const put = PaxosKV.put('key', 1, { noQuorum: 'retry' });
    await assert.rejects(PaxosKV.put('key', 1, { noQuorum: 'retry', timeoutMs: 120 }), (e) => hasCode(e, 'timeout'));
    await cluster.start(2);
    assert.deepEqual(await put, { ok: true, value: 1 });
  });
});
