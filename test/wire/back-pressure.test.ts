/** A peer that does not read: who sends to it is held back, nothing is lost, memory is bounded, and others go on. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import {
  atom,
  Exit,
  isDown,
  isTagged,
  LocalNode,
  tuple,
  type Pid,
  type RemoteName,
  type Self,
} from '../../runtime/index.ts';
import { until } from '../kit/wait.ts';
import type { Program } from '../kit/programs.ts';
import { ask, COOKIE, memoryOf, startGood, startPinging, startVictim, VICTIM, type Victim } from '../kit/wire.ts';

const MB = 1_000_000;
const SLEEPER = 'sleeper@127.0.0.1';
const PATIENCE = { timeoutMs: 30_000 };

function at(name: string, node: string): RemoteName {
  return tuple(atom(name), atom(node));
}

function stop(program: Program): void {
  program.kill('SIGSTOP');
}

function goOn(program: Program): void {
  program.kill('SIGCONT');
}

/** Starts a second program, and connects `node` and the victim with it. */
async function startSleeper(t: TestContext, victim: Victim, node: LocalNode, options: object = {}): Promise<Program> {
  const { program } = await startVictim(t, { name: SLEEPER, ...options }, victim.epmdPort);
  startPump(node, 1, false);
  await untilCounted(node, 1);
  return program;
}

function countAt(node: LocalNode): Promise<unknown> {
  return node.run((self) => {
    self.send(at('tally', SLEEPER), tuple(self.pid));
    return self.receive(PATIENCE);
  });
}

/** The messages come over another connection, or in parts that this question overtakes. */
async function untilCounted(node: LocalNode, count: number): Promise<void> {
  const giveUpAt = Date.now() + 20_000;
  let counted = await countAt(node);
  while (counted !== count && Date.now() < giveUpAt) {
    await delay(20);
    counted = await countAt(node);
  }
  assert.equal(counted, count);
}

interface Pumping {
  /** Messages sent so far. */
  sent(): number;
  /** Resolves when nothing more has been sent for a second; gives how many it were. */
  stalled(): Promise<number>;
}

/** Lets the victim send `count` messages of a megabyte to the sleeper. */
function startPump(node: LocalNode, count: number, asyncDist: boolean): Pumping {
  let sent = 0;
  node.spawn(async (self: Self) => {
    self.send(at('pump', VICTIM), tuple(self.pid, at('tally', SLEEPER), count, MB, asyncDist));
    while (sent < count) sent = (await self.receive()) as number;
  });
  return {
    sent: () => sent,
    async stalled() {
      await until(() => sent > 0, 'the pump to begin');
      for (let before = -1; before !== sent;) {
        before = sent;
        await delay(1_000);
      }
      return sent;
    },
  };
}

for (const threads of [0, 1]) {
  const where = threads === 0 ? 'on one thread' : 'from another thread than the connections';

  test(`a sender to a stopped node is held back and loses nothing; others go on, ${where}`, async (t) => {
    const victim = await startVictim(t, { threads });
    const good = await startGood(t, victim);
    const sleeper = await startSleeper(t, victim, good);
    const before = await memoryOf(good);
    const pinging = startPinging(good);
    stop(sleeper);
    const pump = startPump(good, 200, false);
    const sent = await pump.stalled();
    const grown = (await memoryOf(good)) - before;
    t.diagnostic(`held back after ${sent} MB, memory grew by ${(grown / MB).toFixed(1)} MB`);
    assert.ok(sent < 30, `${sent} messages of a megabyte were sent to a node that reads nothing`);
    assert.ok(grown < 80 * MB, `memory grew by ${grown / MB} MB`);
    goOn(sleeper);
    await until(() => pump.sent() === 200, 'the rest to be sent', 30_000);
    await untilCounted(good, 201);
    const took = await pinging.stop();
    t.diagnostic(`${took.length} pings meanwhile, the slowest took ${took.at(-1)?.toFixed(0)} ms`);
    assert.ok((took.at(-1) as number) < 3_000);
  });

  test(`who asked not to be held back fills the backlog, and the connection ends with overload, ${where}`, async (t) => {
    const victim = await startVictim(t, { threads, limits: { backlogBytesMax: 30 * MB } });
    const good = await startGood(t, victim);
    const sleeper = await startSleeper(t, victim, good);
    await ask(good, 'echo', 1);
    const before = await memoryOf(good);
    stop(sleeper);
    const pump = startPump(good, 400, true);
    await until(() => pump.sent() === 400, 'all to be sent', 30_000);
    await victim.program.printed(new RegExp(`^event down ${SLEEPER} overload$`, 'm'));
    const grown = (await memoryOf(good)) - before;
    t.diagnostic(`memory grew by ${(grown / MB).toFixed(1)} MB`);
    assert.ok(grown < 320 * MB, `memory grew by ${grown / MB} MB`);
    goOn(sleeper);
  });

  test(`DOWN signals to a node that does not read are all there when it reads again, ${where}`, async (t) => {
    const victim = await startVictim(t, {});
    const node = await startGood(t, victim, { threads });
    const sleeper = await startSleeper(t, victim, node);
    await node.run(async (self) => {
      const watched = Array.from({ length: 500 }, () => self.spawn(waitAndExit));
      for (const pid of watched) self.send(at('watcher', SLEEPER), tuple(self.pid, pid));
      for (const _ of watched) assert.equal(await self.receive(PATIENCE), atom('watching'));
      stop(sleeper);
      // Over the mark, in the name of others: this process must not be held back while it lets them end.
      self.setAsyncDist(true);
      for (let i = 0; i < 20; i++) self.send(at('tally', SLEEPER), 'x'.repeat(MB));
      for (const pid of watched) self.send(pid, atom('over'));
      for (const pid of watched) await untilDead(self, pid);
      goOn(sleeper);
      for (const _ of watched) {
        const message = (await self.receive((term) => isTagged(term, atom('down'), 2), PATIENCE)) as readonly unknown[];
        assert.equal(message[1], atom('over'));
      }
    });
    await untilCounted(node, 21);
  });

  test(`a process that is held back hears of the loss of the node that holds it, ${where}`, async (t) => {
    const netTicktimeMs = 2_000;
    const victim = await startVictim(t, { netTicktimeMs });
    const node = await startGood(t, victim, { threads, netTicktimeMs });
    const sleeper = await startSleeper(t, victim, node, { netTicktimeMs });
    await node.run(async (self) => {
      const ref = self.monitor(at('tally', SLEEPER));
      stop(sleeper);
      for (let i = 0; i < 20; i++) self.send(at('tally', SLEEPER), 'x'.repeat(MB));
      const from = performance.now();
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
      assert.ok(performance.now() - from < 1.25 * netTicktimeMs + 1_500);
    });
    goOn(sleeper);
  });

  test(`sendNosuspend and drained say when a node does not read, ${where}`, async (t) => {
    const victim = await startVictim(t, {});
    const node = await startGood(t, victim, { threads });
    const sleeper = await startSleeper(t, victim, node);
    const to = at('tally', SLEEPER);
    await node.run(async (self) => {
      await self.drained();
      assert.equal(self.sendNosuspend(to, 'small'), true);
      stop(sleeper);
      let taken = 1;
      while (taken < 100 && self.sendNosuspend(to, 'x'.repeat(MB))) {
        taken += 1;
        await delay(20);
      }
      assert.ok(taken > 1 && taken < 30, `${taken} messages were taken`);
      assert.equal(await self.receive({ timeoutMs: 1, otherwise: 'not held' }), 'not held');
      self.send(to, 'x'.repeat(MB));
      let drained = false;
      const whenDrained = self.drained().then(() => (drained = true));
      await delay(300);
      assert.equal(drained, false);
      goOn(sleeper);
      await whenDrained;
      assert.equal(self.sendNosuspend(to, 'again'), true);
      self.send(to, tuple(self.pid));
      assert.equal(await self.receive(PATIENCE), taken + 3);
    });
  });
}

async function waitAndExit(self: Self): Promise<void> {
  self.exit(await self.receive());
}

async function untilDead(self: Self, pid: Pid): Promise<void> {
  while (await self.isAlive(pid)) await delay(1);
}

test('messages that wait for a connection to be made are bounded too', async (t) => {
  const limits = { backlogBytesMax: 5 * MB };
  const nowhere = await LocalNode.start({
    name: 'waiting@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    limits,
    resolve: () => new Promise<never>(() => undefined),
  });
  t.after(() => nowhere.stop());
  const reasons: string[] = [];
  nowhere.on('unreachable', (_name, reason) => reasons.push(reason));
  await nowhere.run((self) => {
    for (let i = 0; i < 7; i++) self.send(at('x', 'nobody@127.0.0.1'), 'x'.repeat(MB));
  });
  await until(() => reasons.length > 0, 'the queue to be given up');
  assert.deepEqual(reasons, ['overload']);
});
