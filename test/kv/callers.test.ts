/** What callers may give and do: odd options, objects that throw or change later, many calls at once from one process, one signal for all. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Cas, CASPaxos, Cluster, PaxosKV, Versions, type Quorate, type StoreError } from '../../kv/index.ts';
import { LearnerServer } from '../../kv/bucket/learner-server.ts';
import { isLearnedTerm } from '../../kv/bucket/feed-terms.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import type { ProposerEngine } from '../../kv/bucket/proposer-engine.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import { canonicalKey } from '../../runtime/codec/canonical.ts';
import { hasCode } from '../../runtime/errors.ts';
import { atom, nameAtom } from '../../runtime/term/atom.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { InsideCluster } from './kit/cluster-inside.ts';

const cluster = new InsideCluster();
let node: Quorate['node'];

before(async () => {
  const [first] = await cluster.startSettled(1, 2, 3);
  ({ node } = first as Quorate);
});
after(() => cluster.end());

function fails(code: string, outcome: string): (error: unknown) => boolean {
  return (error) => hasCode(error, code) && (error as StoreError).outcome === outcome;
}

function engine(): ProposerEngine {
  return localBucket(node.name, 'PaxosKV')?.proposer as ProposerEngine;
}

test('one process asks several things at once, also while it waits for a message', async () => {
  await PaxosKV.put('there', 1);
  const [message, keys, status] = await node.run(async (self) => {
    const waiting = self.receive({ timeoutMs: 5000, otherwise: 'nothing' });
    const asked = await Promise.all([
      PaxosKV.keys(),
      PaxosKV.instanceStatus('there'),
      PaxosKV.waitForBucket(),
      PaxosKV.waitForBucket(),
      Cluster.status(),
      Cluster.status(),
    ]);
    self.send(self.pid, 'hello');
    return [await waiting, ...asked];
  });
  assert.equal(message, 'hello');
  assert.ok(keys.includes('there'));
  assert.equal(status.ok, true);
});

test('waitForBucket refuses bad options as the others do', async () => {
  const refused = fails('invalid_value', 'not-applied');
  await assert.rejects(PaxosKV.waitForBucket(7 as never), refused);
  for (const options of [{ timeoutMs: Number.NaN }, { timeoutMs: -1 }, { timeout: 1 }, { signal: {} }, null])
    await assert.rejects(PaxosKV.waitForBucket(undefined, options as object), refused);
});

test('one signal may serve any number of keys and watches', async () => {
  const warnings: Error[] = [];
  const onWarning = (warning: Error): void => void warnings.push(warning);
  process.on('warning', onWarning);
  const controller = new AbortController();
  const { signal } = controller;
  await Promise.all(Array.from({ length: 20 }, () => PaxosKV.keys({ signal })));
  const watching = Array.from({ length: 20 }, () => PaxosKV.watch('nothing', { signal }).next());
  controller.abort();
  assert.ok((await Promise.all(watching)).every(({ done }) => done === true));
  await new Promise(setImmediate);
  process.off('warning', onWarning);
  assert.deepEqual(warnings, []);
});

test('an object that throws when it is read is refused, and ends no proposer', async () => {
  const proposer = node.whereis('PaxosKV.Proposer');
  const bad = (field: string): object =>
    Object.defineProperty({}, field, {
      enumerable: true,
      get: () => {
        throw new Error('not to be read');
      },
    });
  const put = await PaxosKV.put('bad', bad('x'));
  assert.equal(!put.ok && put.error === 'invalid_value' && put.path, 'value');
  const change = await CASPaxos.changeQuery(
    'bad',
    () => bad('x'),
    () => null,
  );
  assert.equal(!change.ok && change.error, 'invalid_value');
  await assert.rejects(
    CASPaxos.changeQuery(
      'bad',
      () => bad('then'),
      () => null,
    ),
    /not to be read/,
  );
  assert.deepEqual(await PaxosKV.get('bad'), { ok: false, error: 'not_found' });
  assert.equal(node.whereis('PaxosKV.Proposer'), proposer);
});

test('what is written is what was given, whatever becomes of it while the call runs', async () => {
  const value = { a: 1 };
  const key = ['mine'];
  const running = [Cas.write('cas', 0, value), Versions.set(key, 1, value), Versions.append(['own'], value)];
  value.a = 2;
  key[0] = 'yours';
  await Promise.all(running);
  assert.deepEqual(await Cas.read('cas'), { ok: true, value: { ver: 1, val: { a: 1 } } });
  assert.deepEqual(await Versions.get(['mine'], 1), { ok: true, value: { a: 1 } });
  assert.deepEqual(await Versions.get(['own'], 1), { ok: true, value: { a: 1 } });
});

test('a version that is written is never said not to be: what is done after it has no say', async () => {
  const headKey = tuple(atom('$versions'), 'long');
  for (let ver = 1; ver <= 9; ver++) {
    // announced by writers that ended: the next one tidies up
    await CASPaxos.changeQuery<{ done: number; open: readonly number[] }>(
      headKey,
      (head) => ({ done: -1, open: [...(head?.open ?? []), ver] }),
      () => null,
    );
  }
  const controller = new AbortController();
  const changes: Operation[] = [];
  const present = engine();
  const { run } = present;
  present.run = (operation) => {
    if (operation.kind === 'change' && changes.push(operation) === 2) controller.abort();
    run.call(present, operation);
  };
  try {
    const appended = await Versions.append('long', 'mine', { signal: controller.signal });
    assert.equal(controller.signal.aborted, true);
    assert.deepEqual(appended, { ok: true, value: { ver: 10, value: 'mine' } });
  } finally {
    present.run = run;
  }
});

test('after the highest version that there can be nothing is appended', async () => {
  await Versions.set('highest', Number.MAX_SAFE_INTEGER, 1);
  await assert.rejects(Versions.append('highest', 2), fails('invalid_value', 'not-applied'));
});

test('a watcher that comes again to the same learner is fed once', async () => {
  const fed = await node.run(async (self) => {
    const selector = { kind: 'key', key: canonicalKey('fed') } as const;
    for (const id of [1, 2]) {
      const request = { kind: 'watch', pid: self.pid, id, selector, entriesMax: 10 } as const;
      await LearnerServer.call(nameAtom('PaxosKV.Learner'), request, { self });
    }
    await PaxosKV.put('fed', 1);
    const ids: number[] = [];
    for (;;) {
      const message: unknown = await self.receive({ timeoutMs: ids.length === 0 ? 5000 : 100, otherwise: null });
      if (message === null) return ids;
      if (isLearnedTerm(message)) ids.push(message[1]);
    }
  });
  assert.deepEqual(fed, [2]);
});
