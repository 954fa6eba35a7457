import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { Bucket, Cluster, PauseUntil, PaxosKV, removeRecord } from '../../kv/index.ts';
import { realEnv } from '../../runtime/env.ts';
import { hasCode } from '../../runtime/errors.ts';
import { LocalNode } from '../../runtime/index.ts';
import { MemoryNetwork } from '../../runtime/transport/memory.ts';
import { Supervisor } from '../../supervisors/index.ts';

test('Cluster and Bucket run in a supervisor of the user, wait for a quorum there, and give the boot record free at its end', async (context) => {
  const stateDir = await mkdtemp(join(tmpdir(), 'quorate-embedded-'));
  context.after(() => rm(stateDir, { recursive: true, force: true }));
  const transport = new MemoryNetwork({ env: realEnv }).transport();
  const node = await LocalNode.start({ name: 'n1@127.0.0.1', cookie: 'c', threads: 0, transport, logger: false });
  context.after(() => node.stop());
  await assert.rejects(
    node.run(() => Cluster.status()),
    (e) => hasCode(e, 'no_cluster'),
  );
  const children = [
    Cluster.childSpec({ clusterSize: 1, founders: ['n1@127.0.0.1'], stateDir }),
    Bucket.childSpec({ bucket: 'Mine' }),
    PauseUntil.childSpec(() => PaxosKV.waitForBucket('Mine', { timeoutMs: 5000 })),
  ];
  const tree = await Supervisor.startLink({ strategy: 'oneForOne', children });
  assert.deepEqual(await PaxosKV.put('key', 1, { bucket: 'Mine' }), { ok: true, value: 1 });
  assert.equal(await Cluster.clusterSize(), 1);
  await assert.rejects(removeRecord(stateDir), (e) => hasCode(e, 'state_in_use'));
  await Supervisor.stop(tree);
  assert.equal(await removeRecord(stateDir), true);
});
