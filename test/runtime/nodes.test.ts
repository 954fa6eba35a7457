import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import type { Pid } from '../../runtime/index.ts';
import { atom, Exit, isDown, isExit, isTagged, LocalNode, tuple, type Self } from '../../runtime/index.ts';
import { freePort } from '../kit/ports.ts';
import { startNodeProgram } from '../kit/programs.ts';

const cookie = 'nodes-test';
const PATIENCE = { timeoutMs: 10_000 };
const OTHER = 'b@127.0.0.1';
const service = tuple(atom('service'), atom(OTHER));

async function startNode(t: TestContext, epmdPort: number, threads: number, name = 'a@127.0.0.1'): Promise<LocalNode> {
  const node = await LocalNode.start({ name, cookie, threads, epmd: { port: epmdPort } });
  t.after(() => node.stop());
  return node;
}

async function spawnThere(self: Self): Promise<Pid> {
  self.send(service, tuple(self.pid, 'spawn'));
  const answer = await self.receive((message) => isTagged(message, atom('spawned'), 2), PATIENCE);
  return (answer as readonly unknown[])[1] as Pid;
}

for (const threads of [0, 1]) {
  const where = threads === 0 ? 'on one thread' : 'with a system thread';

  test(`SIGKILL of a node fires every link and monitor to it with noconnection, ${where}`, async (t) => {
    const epmdPort = await freePort();
    const node = await startNode(t, epmdPort, threads);
    const other = await startNodeProgram(t, { name: OTHER, cookie, epmdPort, threads });
    await node.run(async (self) => {
      self.trapExit(true);
      const there = await spawnThere(self);
      self.link(there);
      const byPid = self.monitor(there);
      const byName = self.monitor(service);
      self.monitorNode(OTHER, true);
      self.send(service, tuple(self.pid, 'sync'));
      await self.receive((message) => isTagged(message, atom('echo'), 2), PATIENCE);
      assert.deepEqual(node.nodes(), [OTHER]);
      other.kill('SIGKILL');

      const down = await self.receive(isDown(byPid), PATIENCE);
      assert.equal(down.reason, Exit.noconnection);
      assert.ok(there.equals(down.object));
      const named = await self.receive(isDown(byName), PATIENCE);
      assert.equal(named.reason, Exit.noconnection);
      assert.deepEqual(named.object, service);
      assert.equal((await self.receive(isExit(there), PATIENCE)).reason, Exit.noconnection);
      assert.deepEqual(await self.receive(PATIENCE), tuple(atom('nodedown'), atom(OTHER)));
      assert.deepEqual(node.nodes(), []);
    });
  });

  test(`links, monitors and exits cross nodes with their reasons, ${where}`, async (t) => {
    const epmdPort = await freePort();
    const node = await startNode(t, epmdPort, threads);
    await startNodeProgram(t, { name: OTHER, cookie, epmdPort, threads });
    await node.run(async (self) => {
      self.trapExit(true);
      const [ends, killed, kept] = [await spawnThere(self), await spawnThere(self), await spawnThere(self)];
      for (const pid of [ends, killed, kept]) self.link(pid);
      const ref = self.monitor(ends);
      self.unlink(kept);
      const reason = tuple(atom('why'), { because: ['x', 2n ** 70n] });
      self.send(ends, reason);
      assert.deepEqual((await self.receive(isDown(ref), PATIENCE)).reason, reason);
      assert.deepEqual((await self.receive(isExit(ends), PATIENCE)).reason, reason);
      self.exit(killed, Exit.kill);
      assert.equal((await self.receive(isExit(killed), PATIENCE)).reason, Exit.killed);
      const keptRef = self.monitor(kept);
      self.send(kept, atom('done'));
      assert.equal((await self.receive(isDown(keptRef), PATIENCE)).reason, atom('done'));
      const again = self.monitor(kept);
      assert.equal((await self.receive(isDown(again), PATIENCE)).reason, Exit.noproc);
      assert.equal(await self.receive({ timeoutMs: 0, otherwise: 'nothing else' }), 'nothing else');
    });
  });
}

test('another node can start what the application registered, and nothing else', async (t) => {
  const epmdPort = await freePort();
  const node = await startNode(t, epmdPort, 1);
  await startNodeProgram(t, { name: OTHER, cookie, epmdPort, threads: 1 });
  await node.run(async (self) => {
    const pid = await self.spawn('fixture', 'waitAndExit', [], { node: OTHER });
    assert.equal(pid.node, atom(OTHER));
    const ref = self.monitor(pid);
    self.send(pid, atom('seen'));
    assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, atom('seen'));
    for (const [module, fn] of [
      ['fixture', 'constructor'],
      ['node:fs', 'rmSync'],
    ] as const) {
      await assert.rejects(self.spawn(module, fn, [], { node: OTHER }), (error) => hasCode(error, 'notsup'));
    }
    await assert.rejects(self.spawn('fixture', 'waitAndExit', [], { node: 'nobody@127.0.0.1' }), (error) =>
      hasCode(error, 'noconnection'),
    );
  });
});

test('a node that is not there is noconnection at once, and a wrong cookie never gets in', async (t) => {
  const epmdPort = await freePort();
  const node = await startNode(t, epmdPort, 1);
  const stranger = await LocalNode.start({
    name: 'c@127.0.0.1',
    cookie: 'other',
    threads: 0,
    epmd: { port: epmdPort },
  });
  t.after(() => stranger.stop());
  const why: string[] = [];
  node.on('unreachable', (_name, reason) => why.push(reason));
  await node.run(async (self) => {
    for (const name of ['nobody@127.0.0.1', 'c@127.0.0.1']) {
      const ref = self.monitor(tuple(atom('x'), atom(name)));
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
    }
  });
  assert.equal(await node.connect('c@127.0.0.1'), false);
  assert.ok(why.includes('bad_cookie'), why.join());
  assert.deepEqual(node.nodes(), []);
});

test('a name that another node has, and a port in use, are refused with what to do', async (t) => {
  const epmdPort = await freePort();
  const node = await startNode(t, epmdPort, 0);
  await assert.rejects(
    LocalNode.start({ name: 'a@127.0.0.1', cookie, threads: 1, epmd: { port: epmdPort } }),
    (error) => hasCode(error, 'name_taken'),
  );
  const listen = { port: node.port };
  await assert.rejects(
    LocalNode.start({ name: 'd@127.0.0.1', cookie, threads: 1, listen, epmd: { port: epmdPort } }),
    (error) => hasCode(error, 'port_in_use'),
  );
});
