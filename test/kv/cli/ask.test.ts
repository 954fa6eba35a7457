/** Commands that ask a running cluster: its status, another size, another member, and the last resort. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ClusterStatus } from '../../../kv/index.ts';
import { EXIT_CODES } from '../../../kv/cli/exit-codes.ts';
import { Machine, type RunningCommand } from './command.ts';

const SETTLED_MS = 30_000;

async function statusOf(machine: Machine, number: number): Promise<ClusterStatus> {
  const { status, stdout, stderr } = await machine.run(['status', '--json', '--name', `n${number}@127.0.0.1`]);
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout) as ClusterStatus;
}

async function untilStatus(
  machine: Machine,
  number: number,
  isSo: (status: ClusterStatus) => boolean,
): Promise<ClusterStatus> {
  const deadline = performance.now() + SETTLED_MS;
  for (;;) {
    const status = await statusOf(machine, number);
    if (isSo(status)) return status;
    assert.ok(performance.now() < deadline, JSON.stringify(status));
  }
}

async function startThree(machine: Machine): Promise<RunningCommand[]> {
  const nodes = [1, 2, 3].map((number) => machine.start(['node', String(number), '--no-repl']));
  await Promise.all(nodes.map((node) => node.until(/\[quorum:yes\] \[cluster:3\/3\]/)));
  return nodes;
}

test('status shows members, epochs and what is waited for, to people and as JSON; resize works from the command line', async (context) => {
  const machine = await Machine.create(context);
  const nodes = await startThree(machine);
  const status = await untilStatus(machine, 1, ({ waits }) => waits.length === 0);
  assert.equal(status.hasQuorum, true);
  assert.deepEqual(
    status.configuration?.members.map(({ name, state }) => `${name} ${state}`).sort(),
    [1, 2, 3].map((n) => `n${n}@127.0.0.1 active`),
  );
  assert.equal(status.buckets.find(({ bucket }) => bucket === 'PaxosKV')?.quorum, 2);
  const text = await machine.run(['status']);
  assert.match(text.stdout, /^\[quorum:yes\] \[cluster:3\/3\] seen by n1@127\.0\.0\.1\ncluster \w+: epoch/);
  assert.match(text.stdout, /all is well\n$/);
  nodes[2]?.child.kill('SIGTERM');
  await nodes[2]?.ended;
  const resized = await machine.run(['resize', '2', '--json', '--name', 'n2@127.0.0.1']);
  assert.equal(resized.status, 0, resized.stderr);
  assert.equal((JSON.parse(resized.stdout) as ClusterStatus).clusterSize, 2);
  const refused = await machine.run(['resize', '1', '--wait', '300']);
  assert.equal(refused.status, EXIT_CODES.refused.code);
  assert.match(refused.stderr, /all 2 are connected; stop/);
});

test('two members are lost for good: the status says what helps, and force-reset goes on with what the third holds', async (context) => {
  const machine = await Machine.create(context);
  const nodes = await startThree(machine);
  await untilStatus(machine, 1, ({ waits }) => waits.length === 0);
  const put = await machine.run(['node', '9', '--join', 'n1@127.0.0.1', '--eval', 'await put("apple", "kept")']);
  assert.match(put.stdout, /kept/, put.stderr);
  for (const node of nodes.slice(1)) {
    node.child.kill('SIGKILL');
    await node.ended;
  }
  const stuck = await untilStatus(machine, 1, ({ hasQuorum }) => !hasQuorum);
  assert.match(
    stuck.waits.join(),
    /start n2@127\.0\.0\.1 and n3@127\.0\.0\.1, or, if they are lost for good, reset the cluster by force/,
  );
  const force = (cluster: string): ReturnType<Machine['run']> =>
    machine.run(['force-reset', '--name', 'n1@127.0.0.1', '--members', 'n1@127.0.0.1', '--cluster', cluster]);
  const wrong = await force('another');
  assert.equal(wrong.status, EXIT_CODES.refused.code);
  assert.match(wrong.stderr, /not another; say the right one/);
  const forced = await force(stuck.cluster ?? '');
  assert.equal(forced.status, 0, forced.stderr);
  assert.match(forced.stdout, /reset by force to n1@127\.0\.0\.1/);
  const after = await untilStatus(machine, 1, ({ waits }) => waits.length === 0);
  assert.deepEqual([after.hasQuorum, after.clusterSize, after.resets.length], [true, 1, 1]);
  const got = await machine.run(['node', '9', '--join', 'n1@127.0.0.1', '--eval', 'await get("apple")']);
  assert.match(got.stdout, /kept/, got.stderr);
});

test('where no node runs, or it has another cookie, asking ends with a line that says so', async (context) => {
  const machine = await Machine.create(context);
  const nobody = await machine.run(['status']);
  assert.equal(nobody.status, EXIT_CODES.unreachable.code);
  assert.match(nobody.stderr, /no running node answers \(no node was ever started here\)/);
  const node = machine.start(['node', '1', '--no-repl']);
  await node.until(/is ready/);
  const stranger = await machine.run(['status', '--cookie', 'another']);
  assert.equal(stranger.status, EXIT_CODES.wrongCookie.code);
  const gone = await machine.run(['status', '--name', 'n5@127.0.0.1']);
  assert.equal(gone.status, EXIT_CODES.unreachable.code);
});
