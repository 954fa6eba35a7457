/** What every operation of the store has in common: deadlines, aborting, restarts of the proposer, callers on other threads. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Lww, PaxosKV, startQuorate, type Quorate, type StoreError } from '../../kv/index.ts';
import { runElsewhere } from '../../kv/bucket/client.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { OperationRequest, Settled } from '../../kv/bucket/requests.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { hasCode } from '../../runtime/errors.ts';
import { scheduler } from '../../runtime/node/default.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { isPid } from '../../runtime/term/pid.ts';
import { resume, suspend } from '../../supervisors/index.ts';
import { eventually, withInside, type InsideCluster } from './kit/cluster-inside.ts';

function startThree(cluster: InsideCluster): Promise<[Quorate, Quorate, Quorate]> {
  return cluster.startSettled(1, 2, 3) as Promise<[Quorate, Quorate, Quorate]>;
}

/** Of three nodes the other two stay connected, but their acceptors answer nothing. */
async function withSilentOthers(fn: (a: Quorate) => Promise<void>, prepare?: () => Promise<unknown>): Promise<void> {
  await withInside(async (cluster) => {
    const [a, ...others] = await startThree(cluster);
    await prepare?.();
    for (const { node } of others) await node.run((self) => suspend('PaxosKV.Acceptor', { self }));
    assert.equal(localBucket(a.node.name, 'PaxosKV')?.proposer?.hasQuorum(), true);
    await fn(a);
    for (const { node } of others) await node.run((self) => resume('PaxosKV.Acceptor', { self }));
  });
}

function fails(code: string, outcome: string): (error: unknown) => boolean {
  return (error) => hasCode(error, code) && (error as StoreError).outcome === outcome;
}

/** As a caller on another thread than the bucket's runs it. */
function elsewhere(node: Quorate, request: OperationRequest): { outcome: Promise<Settled>; cancel: () => void } {
  let cancel: (() => void) | null = null;
  const outcome = node.node.run(
    () => new Promise<Settled>((settle) => (cancel = runElsewhere(scheduler(), 'PaxosKV', request, true, settle))),
  );
  return { outcome, cancel: () => cancel?.() };
}

test('a put bound to a key has one deadline for its two steps', async () => {
  await withSilentOthers(
    async () => {
      const started = performance.now();
      const put = await PaxosKV.put('child', 1, { key: 'parent', timeoutMs: 400 });
      assert.deepEqual(put, { ok: false, error: 'no_quorum' });
      assert.ok(performance.now() - started < 700);
    },
    () => PaxosKV.put('parent', 1),
  );
});

test('a put whose time is up is unknown when it was sent, a get says no_quorum', async () => {
  await withSilentOthers(async () => {
    await assert.rejects(PaxosKV.put('key', 1, { timeoutMs: 50 }), fails('unknown', 'unknown'));
    assert.deepEqual(await PaxosKV.get('key', { timeoutMs: 50 }), { ok: false, error: 'no_quorum' });
  });
});

test('an aborted operation is cancelled in the proposer, which forgets it', async () => {
  await withSilentOthers(async (a) => {
    const engine = localBucket(a.node.name, 'PaxosKV')?.proposer;
    for (const [start, outcome] of [
      [(signal: AbortSignal) => PaxosKV.get('key', { signal }), 'not-applied'],
      [(signal: AbortSignal) => PaxosKV.put('key', 1, { signal }), 'unknown'],
    ] as const) {
      const controller = new AbortController();
      const running = start(controller.signal);
      await eventually(() => engine?.runningCount === 1);
      controller.abort();
      await assert.rejects(running, fails('aborted', outcome));
      assert.equal(engine?.runningCount, 0);
    }
  });
});

test('an operation of another thread is cancelled in the proposer, which says whether it may have taken effect', async () => {
  await withSilentOthers(async (a) => {
    const engine = localBucket(a.node.name, 'PaxosKV')?.proposer;
    const key = canonicalKey('key');
    const requests: OperationRequest[] = [
      { kind: 'get', key, timeoutMs: 10_000 },
      { kind: 'put', key, value: 1, bind: null, timeoutMs: 10_000 },
    ];
    const kinds: string[] = [];
    for (const request of requests) {
      const { outcome, cancel } = elsewhere(a, request);
      await eventually(() => engine?.runningCount === 1);
      cancel();
      kinds.push((await outcome).kind);
      assert.equal(engine?.runningCount, 0);
    }
    assert.deepEqual(kinds, ['no_quorum', 'unknown']);
  });
});

test('of the changes of one key the second waits for the first, and its deadline and abort hold meanwhile', async () => {
  await withSilentOthers(async (a) => {
    const engine = localBucket(a.node.name, 'PaxosKV')?.proposer;
    const first = Lww.write('key', 1, { timeoutMs: 1000 });
    const second = await Lww.write('key', 2, { timeoutMs: 50 });
    assert.deepEqual(second, { ok: false, error: 'no_quorum' }, 'it was never begun');
    const controller = new AbortController();
    const third = Lww.write('key', 3, { signal: controller.signal });
    assert.equal(engine?.runningCount, 2);
    controller.abort();
    await assert.rejects(third, fails('aborted', 'not-applied'));
    // it has asked for promises only, so nothing can come of it
    assert.deepEqual(await first, { ok: false, error: 'no_quorum' });
  });
});

test('while the proposer restarts callers wait for its successor', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    for (let i = 0; i < 4; i++) {
      const before = a.node.whereis('PaxosKV.Proposer');
      assert.ok(isPid(before));
      await a.node.run((self) => self.exit(before, Exit.kill));
      await eventually(() => a.node.whereis('PaxosKV.Proposer')?.equals(before) !== true);
      const signal = i % 2 === 0 ? {} : { signal: new AbortController().signal };
      assert.deepEqual(await PaxosKV.put(`key ${i}`, i, signal), { ok: true, value: i });
    }
  });
});

test('a bucket that does not run here is no_bucket at once, one that is gone too', async () => {
  await withInside(async (cluster) => {
    const [a] = await startThree(cluster);
    await assert.rejects(PaxosKV.get('key', { bucket: 'Other' }), fails('no_bucket', 'not-applied'));
    await assert.rejects(PaxosKV.keys({ bucket: 'Other', strict: true }), fails('no_bucket', 'not-applied'));
    assert.deepEqual(await PaxosKV.keys({ bucket: 'Other' }), []);
    const bucket = a.node.whereis('PaxosKV');
    assert.ok(isPid(bucket));
    await a.node.run((self) => self.exit(bucket, Exit.kill));
    const gone = async (): Promise<boolean> =>
      PaxosKV.get('key').then(
        () => false,
        (error: unknown) => hasCode(error, 'no_bucket'),
      );
    await eventually(gone);
  });
});

test('keys refuses bad options as the others do', async () => {
  await withInside(async (cluster) => {
    await startThree(cluster);
    const bad = { bucket: 7 as unknown as string };
    await assert.rejects(PaxosKV.keys(bad), fails('invalid_value', 'not-applied'));
    const strict = await PaxosKV.keys({ ...bad, strict: true });
    assert.equal(!strict.ok && strict.error === 'invalid_value' && strict.path, 'options.bucket');
    await assert.rejects(PaxosKV.keys({ strict: 1 } as object), fails('invalid_value', 'not-applied'));
    await assert.rejects(PaxosKV.keys({ signal: AbortSignal.abort() }), fails('aborted', 'not-applied'));
  });
});

test('without a node on the thread every operation rejects with no_node, and says that nothing was done', async () => {
  await assert.rejects(PaxosKV.put('key', 1), fails('no_node', 'not-applied'));
  await assert.rejects(PaxosKV.get('key', { signal: new AbortController().signal }), fails('no_node', 'not-applied'));
});

test('waiting for a bucket whose members do not answer ends in time, and at once when it is aborted', async () => {
  await withSilentOthers(async () => {
    const started = performance.now();
    const waiting = PaxosKV.waitForBucket(undefined, { timeoutMs: 50 });
    await assert.rejects(waiting, fails('timeout', 'not-applied'));
    const controller = new AbortController();
    const aborted = PaxosKV.waitForBucket(undefined, { signal: controller.signal });
    setTimeout(() => controller.abort(), 20);
    await assert.rejects(aborted, fails('aborted', 'not-applied'));
    assert.ok(performance.now() - started < 450);
  });
});

test('who waits for a bucket hears of the end of the node, and that nothing was done', async () => {
  await withInside(async (cluster) => {
    const alone = await cluster.start(1);
    const waiting = assert.rejects(PaxosKV.waitForBucket(), fails('no_node', 'not-applied'));
    await alone.stop();
    await waiting;
  });
});

test('from another thread than the bucket: operations, aborts and deadlines', async () => {
  const node = await startQuorate({
    name: `run${process.pid}n1@127.0.0.1`,
    cookie: 'threads',
    clusterSize: 1,
    stateDir: null,
    bootstrap: 'new',
    logger: null,
  });
  try {
    await PaxosKV.waitForBucket();
    assert.deepEqual(await PaxosKV.put('key', 1), { ok: true, value: 1 });
    const { signal } = new AbortController();
    assert.deepEqual(await PaxosKV.get('key', { signal }), { ok: true, value: 1 });
    await assert.rejects(PaxosKV.get('key', { signal: AbortSignal.abort() }), fails('aborted', 'not-applied'));
    const controller = new AbortController();
    const put = PaxosKV.put('other', 1, { signal: controller.signal });
    controller.abort();
    // it may be done before the abort arrives; then its answer is the answer
    const settled = await put.then(
      (result) => result.ok,
      (error: unknown) => hasCode(error, 'aborted'),
    );
    assert.equal(settled, true);
    await assert.rejects(PaxosKV.get('key', { bucket: 'Other' }), fails('no_bucket', 'not-applied'));
  } finally {
    await node.stop();
  }
});
