/** Spawning by module without waiting, and what `spawnMonitor` sets up together with the process. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import {
  atom,
  Exit,
  Float,
  float,
  isDown,
  isExit,
  isTagged,
  isTuple,
  LocalNode,
  type Pid,
  tuple,
  type Self,
} from '../../runtime/index.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 10_000 };

for (const threads of [0, 2]) {
  describe(`spawn requests, ${threads} worker threads`, () => {
    const thread = threads;
    let node: LocalNode;
    before(async () => {
      node = await LocalNode.start({ threads });
    });
    after(() => node.stop());

    test('the answer comes before the DOWN and the EXIT of a child that ends at once', () =>
      node.run(async (self) => {
        self.trapExit(true);
        const options = { thread, link: true, monitor: { tag: atom('gone') } };
        const ref = self.spawnRequest(placed, 'exitNow', [atom('quick')], options);
        const answer = await self.receive(PATIENCE);
        assert.ok(isTagged(answer, atom('spawn_reply'), 4));
        const pid = answer[3] as Pid;
        assert.deepEqual([...answer], [atom('spawn_reply'), ref, atom('ok'), pid]);
        const rest = [await self.receive(PATIENCE), await self.receive(PATIENCE)];
        const down = rest.find((message) => isDown(ref)(message));
        assert.ok(isTuple(down) && down[0] === atom('gone') && down[4] === atom('quick'));
        assert.equal(rest.find(isExit(pid))?.reason, atom('quick'));
      }));

    test('reply and replyTag choose whether and how to be told', () =>
      node.run(async (self) => {
        self.spawnRequest(placed, 'waitFor', [], { thread, reply: 'no' });
        self.spawnRequest(placed, 'waitFor', [], { thread, reply: 'errorOnly' });
        self.spawnRequest(placed, 'not there', [], { thread, reply: 'successOnly' });
        const failed = self.spawnRequest(placed, 'not there', [], { thread, reply: 'errorOnly', replyTag: 'mine' });
        assert.deepEqual(await self.receive(PATIENCE), tuple('mine', failed, atom('error'), atom('undef')));
        const told = self.spawnRequest(placed, 'waitFor', [], { thread });
        const answer = (await self.receive(PATIENCE)) as readonly unknown[];
        assert.equal(told.equals(answer[1]), true);
        assert.equal(self.processInfo().messageQueueLen, 0);
      }));

    test('an option that does not exist is answered, what is no function of a module throws', () =>
      node.run(async (self) => {
        for (const wrong of [{ reply: 'maybe' }, { monitor: { alias: 'sometimes' } }] as unknown as { reply: 'no' }[]) {
          const ref = self.spawnRequest(placed, 'waitFor', [], wrong);
          const refused = tuple(atom('spawn_reply'), ref, atom('error'), atom('badopt'));
          assert.deepEqual(await self.receive(PATIENCE), refused);
        }
        assert.throws(
          () => self.spawnRequest(5 as unknown as string, 'waitFor'),
          (error) => hasCode(error, 'badarg'),
        );
        assert.throws(
          () => self.spawnRequest(placed, 'waitFor', [() => 1], { thread }),
          (error) => hasCode(error, 'not_sendable'),
        );
      }));

    test('spawnMonitor by module never misses the end of the child', () =>
      node.run(async (self) => {
        const [pid, ref] = await self.spawnMonitor(placed, 'exitNow', [atom('quick')], { thread });
        const down = await self.receive(isDown(ref), PATIENCE);
        assert.equal(down.reason, atom('quick'));
        assert.ok(pid.equals(down.object));
        assert.deepEqual(self.processInfo().monitors, []);
      }));

    test('the monitor of a spawn can be an alias that its first reply ends', () =>
      node.run(async (self) => {
        const monitor = { alias: 'replyDemonitor' } as const;
        const [pid, ref] = await self.spawnMonitor(placed, 'waitFor', [], { thread, monitor });
        assert.equal(self.processInfo().monitors.length, 1);
        self.send(ref, 'reply');
        self.send(ref, 'late');
        assert.equal(await self.receive(PATIENCE), 'reply');
        self.exit(pid, Exit.kill);
        assert.equal(await self.isAlive(pid), false);
        assert.equal(self.processInfo().messageQueueLen, 0);
      }));
  });
}

describe('between threads', () => {
  let node: LocalNode;
  before(async () => {
    node = await LocalNode.start({ threads: 2 });
  });
  after(() => node.stop());

  test('they count what was sent before: messages in processInfo, an exit signal in isAlive', () =>
    node.run(async (self) => {
      const pid = await self.spawn(placed, 'waitForNothing', [], { thread: 2 });
      for (let i = 0; i < 100; i++) self.send(pid, i);
      assert.equal((await self.processInfo(pid))?.messageQueueLen, 100);
      assert.equal(await self.isAlive(pid), true);
      self.exit(pid, Exit.kill);
      assert.equal(await self.isAlive(pid), false);
      assert.equal(await self.processInfo(pid), undefined);
    }));

  test('a float that is whole stays one on its way through another thread', () =>
    node.run(async (self) => {
      const pid = await self.spawn(placed, 'echo', [self.pid], { thread: 1 });
      self.send(pid, [float(2), 2, 2.5]);
      const [, values] = (await self.receive(isTuple, PATIENCE)) as unknown as readonly [Pid, unknown[]];
      assert.ok(values[0] instanceof Float && values[0].value === 2);
      assert.deepEqual(values.slice(1), [2, 2.5]);
      self.exit(pid, Exit.kill);
    }));

  test('a child elsewhere that is linked to a parent which has ended meanwhile does not outlive it', () =>
    node.run(async (self) => {
      self.spawn((parent: Self) => {
        parent.spawnRequest(placed, 'waitForNothing', [], { thread: 2, link: true });
      });
      const children = async (): Promise<number> =>
        (await node.processes()).filter(({ initialCall }) => initialCall === 'waitForNothing').length;
      // What follows on the same way has arrived after the request: the child was there by then.
      const after = await self.spawn(placed, 'waitForNothing', [], { thread: 2 });
      while ((await children()) > 1);
      assert.equal(await self.isAlive(after), true);
      self.exit(after, Exit.kill);
    }));

  test('when the thread that was asked ends, the answer is that nobody is there', async () => {
    await node.run(async (self) => {
      const busy = await self.spawn(placed, 'loopForEver', [self.pid], { thread: 2 });
      await self.receive((message) => message === atom('looping'), PATIENCE);
      const asked = Promise.all([self.isAlive(busy), self.processInfo(busy)]);
      node.killThread(2);
      assert.deepEqual(await asked, [false, undefined]);
    });
  });
});
