/** `{ global }` names on the store: one holder in the whole cluster, found from every node and every thread, free when the holder has ended. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { GLOBAL_BUCKET } from '../../kv/global-names.ts';
import { PaxosKV, startQuorate, type Quorate } from '../../kv/index.ts';
import { hasCode } from '../../runtime/errors.ts';
import { atom, Exit, isDown, tuple, type Pid, type Self } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import { GenServer, Next, Supervisor } from '../../supervisors/index.ts';
import type { Call, CallResult, CastResult, From, InitResult } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { PlacedCounter } from '../supervisors/placed-counter.ts';
import { eventually, InsideCluster } from './kit/cluster-inside.ts';

const cluster = new InsideCluster();
let nodes: readonly Quorate[] = [];
let count = 0;

before(async () => {
  nodes = await cluster.startSettled(1, 2, 3);
});
after(() => cluster.end());

class Counter extends GenServer<number, Call<'get', number>, 'inc', unknown, number> {
  override init(start: number): InitResult<number> {
    return start < 0 ? Next.fail(atom('negative')) : Next.ok(start);
  }
  override handleCall(_request: 'get', _from: From, state: number): CallResult<number, number> {
    return Next.reply(state, state);
  }
  override handleCast(_message: 'inc', state: number): CastResult<number> {
    return Next.noreply(state + 1);
  }
}

/** In a process of node 1, 2 or 3 that traps exits. */
function on<T>(number: number, fn: (self: Self) => Promise<T>): Promise<T> {
  return (nodes[number - 1] as Quorate).node.run(fn, { trapExit: true });
}

function newName(): { readonly global: unknown } {
  count += 1;
  return { global: tuple(atom('name'), count) };
}

/** Waits until nobody has the name, as each node sees it. */
async function free(name: { readonly global: unknown }): Promise<void> {
  for (const n of [1, 2, 3]) await eventually(async () => (await on(n, () => GenServer.whereis(name))) === undefined);
}

test('a server started under a global name on one node is called from another, and a second start is refused', async () => {
  const name = newName();
  const pid = await on(1, () => Counter.start(5, { name }));
  assert.equal(await on(2, () => Counter.call(name, 'get')), 5);
  assert.ok(pid.equals(await on(3, () => GenServer.whereis(name))));
  await assert.rejects(
    on(2, () => Counter.start(1, { name })),
    (error) => hasCode(error, 'already_started') && pid.equals((error as unknown as { pid: Pid }).pid),
  );
  await on(3, () => GenServer.stop(name));
  await free(name);
  assert.equal(await on(2, async () => Counter.call(await Counter.start(7, { name }), 'get')), 7);
});

test('of starts on all nodes at once one has the name, and the others are told who it is', async () => {
  const name = newName();
  const starts = await Promise.allSettled([1, 2, 3].map((n) => on(n, () => Counter.start(n, { name }))));
  const started = starts.filter((start) => start.status === 'fulfilled');
  assert.equal(started.length, 1);
  const holder = started[0]?.value as Pid;
  for (const start of starts) {
    if (start.status === 'rejected') assert.ok(holder.equals((start.reason as { pid?: Pid }).pid));
  }
  for (const n of [1, 2, 3]) assert.ok(holder.equals(await on(n, () => GenServer.whereis(name))));
});

test('a holder that is killed frees the name for every node', async () => {
  const name = newName();
  const pid = await on(1, () => Counter.start(5, { name }));
  await on(2, async (self) => self.exit(pid, Exit.kill));
  await free(name);
  await assert.rejects(
    on(3, () => Counter.call(name, 'get')),
    { code: 'noproc' },
  );
});

test('a supervisor starts a named child again at once: a name of a dead process of its node is waited for', () =>
  on(1, async (self) => {
    const name = newName();
    const tree = await Supervisor.startLink({ children: [Counter.childSpec(3, { id: 'c' }, { name })] });
    const [first] = await Supervisor.whichChildren(tree);
    const monitor = self.monitor(first?.pid as Pid);
    self.exit(first?.pid as Pid, Exit.kill);
    await self.receive(isDown(monitor), { timeoutMs: 5000 });
    const [second] = await Supervisor.whichChildren(tree);
    assert.ok(second?.pid !== undefined && !second.pid.equals(first?.pid));
    assert.ok(second.pid.equals(await on(2, () => GenServer.whereis(name))));
    await Supervisor.stop(tree);
  }));

test('an init that refuses frees its name before the starter knows', async () => {
  const name = newName();
  await on(1, async () => {
    await assert.rejects(Counter.start(-1, { name }), { code: 'start_failed' });
    assert.deepEqual(await PaxosKV.get(name.global, { bucket: GLOBAL_BUCKET }), { ok: false, error: 'not_found' });
  });
});

test('casts and calls of one process arrive in the order they were made; requests by such a name are answered', async () => {
  const name = newName();
  await on(1, () => Counter.start(0, { name }));
  await on(2, async (self) => {
    for (let i = 0; i < 20; i++) Counter.cast(name, 'inc');
    assert.equal(await Counter.call(name, 'get'), 20);
    const request = Counter.sendRequest(name, 'get');
    assert.deepEqual(await GenServer.receiveResponse(request), { kind: 'reply', reply: 20 });
    const nobody = Counter.sendRequest(newName(), 'get');
    const response = await GenServer.receiveResponse(nobody, { timeoutMs: 5000 });
    assert.equal(response?.kind === 'failed' && response.reason, Exit.noproc);
    assert.equal(self.processInfo().messageQueueLen, 0);
  });
});

test('without a quorum a name is neither given nor looked up, and a cast is lost without harm', async () => {
  const alone = new InsideCluster();
  const node = await alone.start(1, { clusterSize: 3 });
  try {
    await node.node.run(async () => {
      await eventually(() => node.status !== null);
      await assert.rejects(Counter.call({ global: 'x' }, 'get'), { code: 'no_quorum' });
      await assert.rejects(Counter.start(1, { name: { global: 'x' } }), { code: 'no_quorum' });
      Counter.cast({ global: 'x' }, 'inc');
    });
  } finally {
    await alone.end();
  }
});

test('servers on worker threads and threads of their own have global names, and are called from there', async (t) => {
  const quorate = await startQuorate({
    name: 'threads@127.0.0.1',
    cookie: 'global-names',
    epmd: { port: await freePort() },
    threads: 2,
    clusterSize: 1,
    stateDir: null,
    bootstrap: 'new',
    logger: null,
  });
  t.after(() => quorate.stop());
  await quorate.node.run(async (self) => {
    await PaxosKV.waitForBucket(GLOBAL_BUCKET);
    const name = { global: 'far' };
    const far = await PlacedCounter.start(5, { thread: 2, name });
    assert.equal(pidThread(far), 2);
    assert.equal(await PlacedCounter.call(name, 'get'), 5);
    const module = new URL('../supervisors/placed-counter.js', import.meta.url).href;
    for (const options of [{ thread: 1 }, { isolated: true }]) {
      const pid = await self.spawn(module, 'askByName', [self.pid, name.global], options);
      assert.deepEqual(await self.receive({ timeoutMs: 5000 }), ['thread', 2, pidThread(pid)]);
    }
  });
});
