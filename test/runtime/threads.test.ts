import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import {
  atom,
  Exit,
  isDown,
  isExit,
  isTagged,
  isTuple,
  LocalNode,
  tuple,
  type Pid,
  type QuorateError,
  type Self,
} from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 20_000 };

function start(self: Self, exported: string, thread: number, ...args: unknown[]): Promise<Pid> {
  return self.spawn(placed, exported, args, { thread });
}

describe('threads of a node', () => {
  let node: LocalNode;
  before(async () => {
    node = await LocalNode.start({ threads: 2 });
  });
  after(() => node.stop());

  const inNode =
    (fn: (self: Self) => Promise<void>): (() => Promise<void>) =>
    () =>
      node.run(fn);

  test(
    'a process started by module lives on the thread that was asked for',
    inNode(async (self) => {
      for (const thread of [0, 1, 2]) {
        const pid = await start(self, 'echo', thread, self.pid);
        assert.equal(pidThread(pid), thread);
        self.send(pid, { from: 'me', n: thread });
        assert.deepEqual([...((await self.receive(isTuple, PATIENCE)) as unknown[])].slice(1), [
          { from: 'me', n: thread },
        ]);
        self.exit(pid, Exit.kill);
      }
    }),
  );

  test(
    'ten thousand messages arrive in order, and all before the DOWN of their sender',
    inNode(async (self) => {
      const pid = await self.spawn(placed, 'count', [self.pid, 10_000], { thread: 1 });
      const ref = self.monitor(pid);
      for (let i = 0; i < 10_000; i++) assert.equal(await self.receive(PATIENCE), i);
      const down = await self.receive(PATIENCE);
      assert.ok(isDown(ref)(down));
      assert.ok(down.reason === atom('counted') || down.reason === Exit.noproc);
    }),
  );

  test(
    'a monitor across threads tells the reason, and noproc for the dead',
    inNode(async (self) => {
      const pid = await start(self, 'exitWith', 1);
      const ref = self.monitor(pid);
      self.send(pid, tuple(atom('why'), ['because', 1n]));
      const down = await self.receive(isDown(ref), PATIENCE);
      assert.deepEqual(down.reason, tuple(atom('why'), ['because', 1n]));
      assert.equal(await self.isAlive(pid), false);
      const again = self.monitor(pid);
      assert.equal((await self.receive(isDown(again), PATIENCE)).reason, Exit.noproc);
      assert.throws(
        () => self.link(pid),
        (error) => hasCode(error, 'noproc'),
      );
    }),
  );

  test(
    'links between two worker threads carry exits both ways',
    inNode(async (self) => {
      const target = await start(self, 'exitWith', 2);
      const trapper = await start(self, 'linkTo', 1, target, true, self.pid);
      const victim = await start(self, 'linkTo', 1, target, false, self.pid);
      await self.receive((message) => message === atom('linked'), PATIENCE);
      await self.receive((message) => message === atom('linked'), PATIENCE);
      const ref = self.monitor(victim);
      // Signals of different pairs have no order: the exit could overtake the monitor and the links.
      while ((await self.processInfo(victim))?.monitoredBy.length !== 1);
      while ((await self.processInfo(target))?.links.length !== 2);
      self.send(target, atom('boom'));
      const got = (await self.receive((message) => isTagged(message, atom('got')), PATIENCE)) as readonly unknown[];
      const exit = got[1] as readonly unknown[];
      assert.equal(exit[0], atom('EXIT'));
      assert.ok(target.equals(exit[1]));
      assert.equal(exit[2], atom('boom'));
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, atom('boom'));
      void trapper;
    }),
  );

  test(
    'unlink across threads holds although the other side ends at once',
    inNode(async (self) => {
      const pid = await self.spawn(placed, 'exitWith', [], { thread: 1, link: true });
      self.unlink(pid);
      const ref = self.monitor(pid);
      self.send(pid, atom('boom'));
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, atom('boom'));
    }),
  );

  test(
    'of processes on several threads that claim a name at once exactly one gets it',
    inNode(async (self) => {
      const rivals = await Promise.all(
        [1, 2, 1, 2, 0].map((thread) => start(self, 'claimName', thread, self.pid, 'the one')),
      );
      for (const rival of rivals) self.send(rival, 'go');
      const outcomes: readonly unknown[][] = await receiveMany(self, rivals.length);
      const winners = outcomes.filter(([what]) => what === atom('won'));
      assert.equal(winners.length, 1);
      const winner = (winners[0] as unknown[])[1] as Pid;
      assert.ok(winner.equals(self.whereis('the one')));
      const ref = self.monitor('the one');
      self.send('the one', 'end');
      await self.receive(isDown(ref), PATIENCE);
      assert.equal(self.whereis('the one'), undefined);
      for (const rival of rivals) self.exit(rival, Exit.kill);
    }),
  );

  test(
    'an alias is reached from another thread, and process info is seen from there',
    inNode(async (self) => {
      const pid = await start(self, 'echo', 2, self.pid);
      const alias = self.alias();
      self.send(pid, alias);
      const back = (await self.receive(isTuple, PATIENCE)) as readonly unknown[];
      assert.ok(alias.equals(back[1]));
      while ((await self.processInfo(pid))?.status !== 'waiting');
      assert.equal((await self.processInfo(pid))?.initialCall, 'echo');
      self.exit(pid, Exit.kill);
    }),
  );

  test(
    'a module, export or thread that is not there is said so',
    inNode(async (self) => {
      const missing = new URL('./no-such-module.js', import.meta.url).href;
      for (const thread of [0, 1]) {
        await assert.rejects(self.spawn(missing, 'f', [], { thread }), (error: Error) => {
          assert.match(error.message, /cannot find .*no-such-module\.js/);
          assert.deepEqual((error as QuorateError).details, { module: missing });
          return hasCode(error, 'module_not_found');
        });
        await assert.rejects(self.spawn(placed, 'nothing', [], { thread }), (error: Error) => {
          assert.match(error.message, /placed\.js exports no function nothing; it has .*echo/);
          return hasCode(error, 'undef');
        });
        await assert.rejects(self.spawn('./placed.js', 'echo', [], { thread }), (error) => hasCode(error, 'badarg'));
        await assert.rejects(self.spawn(placed, 'notAFunction', [], { thread }), (error) => hasCode(error, 'undef'));
      }
      await assert.rejects(self.spawn(placed, 'echo', [], { thread: 77 }), (error) => hasCode(error, 'noconnection'));
      await assert.rejects(self.spawn(placed, 'echo', [() => 1], { thread: 1 }), (error) =>
        hasCode(error, 'not_sendable'),
      );
    }),
  );
});

describe('a thread that dies', () => {
  let node: LocalNode;
  before(async () => {
    node = await LocalNode.start({ threads: 2, threadMemoryLimitMb: 48 });
  });
  after(() => node.stop());

  async function expectLoss(kill: (self: Self) => Promise<void>, reason: (seen: unknown) => void): Promise<void> {
    const replaced = new Promise<void>((resolve) => {
      node.on('thread', (_thread, what) => what === 'replaced' && resolve());
    });
    await node.run(async (self) => {
      self.trapExit(true);
      const other = await start(self, 'waitFor', 1);
      const linked = await self.spawn(placed, 'waitFor', [], { thread: 2, link: true });
      const watched = await self.spawn(placed, 'waitFor', [], { thread: 2, name: 'watched' });
      const ref = self.monitor(watched);
      await kill(self);
      reason((await self.receive(isDown(ref), PATIENCE)).reason);
      reason((await self.receive(isExit(linked), PATIENCE)).reason);
      assert.equal(self.whereis('watched'), undefined);
      assert.equal(await self.isAlive(other), true);
      const again = self.monitor(watched);
      assert.equal((await self.receive(isDown(again), PATIENCE)).reason, Exit.noproc);
      await replaced;
      const fresh = await start(self, 'echo', 2, self.pid);
      assert.equal(fresh.equals(watched), false);
      self.send(fresh, 'alive');
      assert.equal(((await self.receive(isTuple, PATIENCE)) as readonly unknown[])[1], 'alive');
      for (const pid of [other, fresh]) self.exit(pid, Exit.kill);
    });
  }

  const isThreadExit =
    (pattern: RegExp) =>
    (seen: unknown): void => {
      assert.ok(isTagged(seen, atom('thread_exit'), 2), String(seen));
      assert.match(String(seen[1]), pattern);
    };

  test('by terminate, in an endless loop: its processes are killed, links and monitors fire, it is replaced', () =>
    expectLoss(
      async (self) => {
        await start(self, 'loopForEver', 2, self.pid);
        await self.receive((message) => message === atom('looping'), PATIENCE);
        node.killThread(2);
      },
      (seen) => assert.equal(seen, Exit.killed),
    ));

  test('by an exception that nobody caught: the reason says so', () =>
    expectLoss(async (self) => void (await start(self, 'crashThread', 2)), isThreadExit(/not caught by anybody/)));

  test('by process.exit: the reason says so', () =>
    expectLoss(async (self) => {
      start(self, 'exitThread', 2).catch(() => undefined);
    }, isThreadExit(/exit/i)));

  test('by running out of memory: the reason says so', () =>
    expectLoss(
      async (self) => {
        const eater = await start(self, 'eatMemory', 2);
        self.send(eater, 'eat');
      },
      isThreadExit(/ERR_WORKER_OUT_OF_MEMORY/),
    ));

  test('a spawn that was under way there is rejected', async () => {
    await node.run(async (self) => {
      const asked = start(self, 'waitFor', 2);
      node.killThread(2);
      await asked.then(
        (pid) => assert.ok(pid),
        (error: unknown) => assert.ok(hasCode(error, 'noconnection')),
      );
    });
  });
});

async function receiveMany(self: Self, howMany: number): Promise<unknown[][]> {
  const all: unknown[][] = [];
  while (all.length < howMany) all.push([...((await self.receive(isTuple, PATIENCE)) as unknown[])]);
  return all;
}
