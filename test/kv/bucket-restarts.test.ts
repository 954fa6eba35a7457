/** A bucket's processes are killed under load, and buckets come and go on single nodes: nothing that was answered is lost. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Bucket, PaxosKV, StoreError, type Quorate } from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { Ballot, RegisterRequest } from '../../kv/paxos/messages.ts';
import { hasCode } from '../../runtime/errors.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { Supervisor } from '../../supervisors/index.ts';
import { eventually, withInside, type InsideCluster } from './kit/cluster-inside.ts';

const MINE = { bucket: 'Mine' };
const ROLES = ['Acceptor', 'Proposer', 'Learner'] as const;
/** Fewer than what ends the bucket's supervisor, which is what it is for. */
const KILLS = 4;

/** Puts on each node, several at a time, until it is told to end; every answer is kept. */
class Load {
  readonly answered: Map<string, unknown> = new Map();
  readonly errors: unknown[] = [];
  readonly #workers: Promise<void>[];
  #isEnding = false;

  constructor(nodes: readonly Quorate[], bucket?: string) {
    const options = bucket === undefined ? {} : { bucket };
    this.#workers = nodes.flatMap((quorate, n) =>
      Array.from({ length: 8 }, (_, w) => quorate.node.run(() => this.#work(`${n} ${w}`, options))),
    );
  }

  async #work(name: string, options: { readonly bucket?: string }): Promise<void> {
    for (let i = 0; !this.#isEnding; i++) {
      const key = `${name} ${i}`;
      try {
        const result = await PaxosKV.put(key, i, options);
        if (result.ok) this.answered.set(key, result.value);
        else this.errors.push(result.error);
      } catch (error) {
        this.errors.push(error);
      }
    }
  }

  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#workers);
  }
}

async function assertKept(nodes: readonly Quorate[], load: Load, options: { readonly bucket?: string }): Promise<void> {
  for (const { node } of nodes) {
    const found = await node.run(() => Promise.all([...load.answered.keys()].map((key) => PaxosKV.get(key, options))));
    const values = [...load.answered.values()];
    for (const [i, result] of found.entries()) assert.deepEqual(result, { ok: true, value: values[i] });
  }
}

async function start(quorate: Quorate): Promise<Pid> {
  return quorate.node.run(async (self) => {
    const pid = await Bucket.startLink(MINE, { self });
    self.unlink(pid);
    return pid;
  });
}

function stop(quorate: Quorate, pid: Pid): Promise<void> {
  return quorate.node.run((self) => Supervisor.stop(pid, Exit.shutdown, { self }));
}

async function votesIn(quorate: Quorate, members: number): Promise<void> {
  await eventually(
    () => {
      const acceptor = localBucket(quorate.node.name, 'Mine')?.acceptor?.acceptor;
      return acceptor?.active === true && acceptor.config?.M.length === members;
    },
    () => JSON.stringify(quorate.status?.waits),
  );
}

async function startedThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  return (await cluster.startSettled(1, 2, 3)) as [Quorate, Quorate, Quorate];
}

for (const role of ROLES) {
  test(`the ${role.toLowerCase()} killed again and again under load: every answer is kept, every error is typed, nothing hangs`, async () => {
    await withInside(async (cluster) => {
      const nodes = await startedThree(cluster);
      const load = new Load(nodes);
      for (let kill = 0; kill < KILLS * nodes.length; kill++) {
        const { node } = nodes[kill % nodes.length] as Quorate;
        const name = `PaxosKV.${role}`;
        const pid = node.whereis(name) as Pid;
        const before = load.answered.size;
        await node.run((self) => self.exit(pid, Exit.kill));
        await eventually(() => node.whereis(name)?.equals(pid) === false && load.answered.size > before + 50);
      }
      await load.end();
      assert.ok(load.answered.size > 100, `${load.answered.size} puts were answered`);
      for (const error of load.errors) assert.ok(error === 'no_quorum' || error instanceof StoreError, String(error));
      await assertKept(nodes, load, {});
    });
  });
}

test('an acceptor whose step throws under load comes back as a new boot and merges, and nothing is lost', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedThree(cluster);
    const load = new Load(nodes);
    for (const { node } of nodes) {
      const engine = localBucket(node.name, 'PaxosKV')?.acceptor;
      assert.ok(engine);
      const { e, clock, me } = engine.acceptor;
      const b: Ballot = { e, r: clock + 1, p: 1 };
      const broken = { kind: 'accept', e, key: 'broken', b, cell: undefined, next: null };
      engine.local(broken as unknown as RegisterRequest);
      await eventually(() => {
        const acceptor = localBucket(node.name, 'PaxosKV')?.acceptor?.acceptor;
        return acceptor !== undefined && acceptor.me.boot > me.boot && acceptor.active;
      });
    }
    await load.end();
    for (const error of load.errors) assert.ok(error === 'no_quorum' || error instanceof StoreError, String(error));
    await assertKept(nodes, load, {});
  });
});

test('a bucket answers once a quorum of nodes runs it, and one that starts it later merges before it votes', async () => {
  await withInside(async (cluster) => {
    const [a, b, c] = await startedThree(cluster);
    const first = await start(a);
    await assert.rejects(
      PaxosKV.waitForBucket('Mine', { timeoutMs: 300 }),
      (error) => hasCode(error, 'timeout') && /Mine is not founded: 2 nodes/.test(String(error)),
    );
    await start(b);
    await PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 });
    const load = new Load([a, b], 'Mine');
    await eventually(() => load.answered.size > 50);
    await start(c);
    await votesIn(c, 3);
    await load.end();
    await stop(a, first);
    await assertKept([b, c], load, MINE);
  });
});

test('a bucket stopped on one node and started again there under load merges before it votes, and nothing is lost when another stops', async () => {
  await withInside(async (cluster) => {
    const nodes = await startedThree(cluster);
    const [a, b, c] = nodes;
    const pids = [await start(a), await start(b), await start(c)];
    await votesIn(c, 3);
    const load = new Load([a, b], 'Mine');
    await stop(c, pids[2] as Pid);
    const before = load.answered.size;
    await eventually(() => load.answered.size > before + 50);
    await start(c);
    await votesIn(c, 3);
    await load.end();
    assert.deepEqual(load.errors, []);
    await stop(a, pids[0] as Pid);
    await assertKept([b, c], load, MINE);
  });
});
