import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { atom, Exit, isDown, isExit, isTagged, LocalNode, type Pid, type Self } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import { until } from '../kit/wait.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 15_000 };

const isLooping = (message: unknown): boolean => message === atom('looping');

describe('isolated processes', () => {
  let node: LocalNode;
  before(async () => {
    node = await LocalNode.start({ threads: 2 });
  });
  after(() => node.stop());

  const inNode =
    (fn: (self: Self) => Promise<void>): (() => Promise<void>) =>
    () =>
      node.run(fn);

  const isolated = (self: Self, exported: string, ...args: unknown[]): Promise<Pid> =>
    self.spawn(placed, exported, args, { isolated: true });

  test(
    'kill stops one in an endless loop: DOWN and EXIT are killed, its name is free, others go on',
    inNode(async (self) => {
      self.trapExit(true);
      const bystander = await isolated(self, 'echo', self.pid);
      const pid = await self.spawn(placed, 'loopForEver', [self.pid], { isolated: true, link: true, name: 'looper' });
      const ref = self.monitor(pid);
      await self.receive(isLooping, PATIENCE);
      assert.ok(pidThread(pid) > 2 && pidThread(pid) !== pidThread(bystander));
      self.exit(pid, Exit.kill);
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.killed);
      assert.equal((await self.receive(isExit(pid), PATIENCE)).reason, Exit.killed);
      assert.equal(self.whereis('looper'), undefined);
      const again = self.monitor(pid);
      assert.equal((await self.receive(isDown(again), PATIENCE)).reason, Exit.noproc);
      self.send(bystander, 'still here');
      assert.equal(((await self.receive(PATIENCE)) as readonly unknown[])[1], 'still here');
      self.exit(bystander, Exit.kill);
    }),
  );

  test(
    'kill stops one that never got to its first await',
    inNode(async (self) => {
      const pid = await isolated(self, 'loopAtOnce');
      const ref = self.monitor(pid);
      self.exit(pid, Exit.kill);
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.killed);
    }),
  );

  test(
    'a process of another thread can start and kill one',
    inNode(async (self) => {
      const owner = await self.spawn(placed, 'isolateAndKill', [placed, self.pid], { thread: 2 });
      await self.receive(isLooping, PATIENCE);
      self.send(owner, 'kill');
      const [, reason] = (await self.receive((message) => isTagged(message, atom('killed_it')), PATIENCE)) as unknown[];
      assert.equal(reason, Exit.killed);
    }),
  );

  test(
    'one that ends by itself says why, after all that it sent; its thread ends, and its pid is not used again',
    inNode(async (self) => {
      const first = await isolated(self, 'count', self.pid, 5000);
      const ref = self.monitor(first);
      for (let i = 0; i < 5000; i++) assert.equal(await self.receive(PATIENCE), i);
      const { reason } = await self.receive(isDown(ref), PATIENCE);
      assert.ok(reason === atom('counted') || reason === Exit.noproc);
      const waiting = await isolated(self, 'exitWith');
      const why = self.monitor(waiting);
      self.send(waiting, ['bye']);
      assert.deepEqual((await self.receive(isDown(why), PATIENCE)).reason, ['bye']);
      await until(async () => (await node.stats()).length === 3);
      const later = await isolated(self, 'exitWith');
      assert.ok(!later.equals(first) && !later.equals(waiting));
      self.exit(later, Exit.kill);
    }),
  );

  test(
    'its thread lasts as long as the children that it spawned by function, and kill takes them along',
    inNode(async (self) => {
      const pid = await isolated(self, 'withChild', self.pid);
      const [, child] = (await self.receive((m) => isTagged(m, atom('child')), PATIENCE)) as [unknown, Pid];
      const parentRef = self.monitor(pid);
      const childRef = self.monitor(child);
      self.send(pid, 'end');
      assert.equal((await self.receive(isDown(parentRef), PATIENCE)).reason, Exit.normal);
      assert.equal(self.isAlive(child) instanceof Promise ? await self.isAlive(child) : true, true);
      self.send(child, 'enough');
      assert.equal((await self.receive(isDown(childRef), PATIENCE)).reason, 'enough');
    }),
  );

  test('running out of memory ends only it, and says so', async () => {
    const lost: unknown[] = [];
    node.on('thread', (thread, what) => lost.push([thread, what]));
    await node.run(async (self) => {
      const other = await isolated(self, 'echo', self.pid);
      const pid = await self.spawn(placed, 'eatMemory', [], { isolated: true, memoryLimitMb: 32 });
      const ref = self.monitor(pid);
      self.send(pid, 'eat');
      const { reason } = await self.receive(isDown(ref), { timeoutMs: 30_000 });
      assert.ok(isTagged(reason, atom('thread_exit'), 2), String(reason));
      assert.match(String(reason[1]), /ERR_WORKER_OUT_OF_MEMORY/);
      self.send(other, 'alive');
      assert.equal(((await self.receive(PATIENCE)) as readonly unknown[])[1], 'alive');
      self.exit(other, Exit.kill);
      await until(async () => lost.length === 1);
      assert.deepEqual(lost, [[pidThread(pid), 'lost']]);
    });
  });

  test(
    'a module that is not there is named, and the thread made for it ends',
    inNode(async (self) => {
      const before = (await node.stats()).length;
      const missing = new URL('./no-such-thing.js', import.meta.url).href;
      await assert.rejects(self.spawn(missing, 'f', [], { isolated: true }), (error: Error) => {
        assert.match(error.message, /no-such-thing\.js/);
        return hasCode(error, 'module_not_found');
      });
      await until(async () => (await node.stats()).length <= before);
    }),
  );

  test(
    'twenty at once live, answer and die',
    inNode(async (self) => {
      const pids = await Promise.all(Array.from({ length: 20 }, () => isolated(self, 'exitWith')));
      assert.equal(new Set(pids.map(pidThread)).size, 20);
      const refs = pids.map((pid) => self.monitor(pid));
      for (const [index, pid] of pids.entries()) self.send(pid, index);
      for (const [index, ref] of refs.entries())
        assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, index);
      await until(async () => (await node.stats()).length === 3);
    }),
  );
});

test('a node of one thread refuses isolated processes', async () => {
  const node = await LocalNode.start({ threads: 0 });
  await assert.rejects(node.spawn(placed, 'echo', [], { isolated: true }), (error) => hasCode(error, 'notsup'));
  await node.stop();
});
