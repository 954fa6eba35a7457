/** Tasks on other threads, tasks that wait for an owner who may not come back, and tasks that are let go. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { atom, Exit, isDown, isTagged, LocalNode, traceChannel, tuple } from '../../runtime/index.ts';
import type { Pid, Self, TraceReport } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import { resume, suspend, Task, TaskSupervisor, trace } from '../../supervisors/index.ts';
import { runWaitingTask } from '../../supervisors/task-process.ts';
import { PlacedTasks } from './placed-tasks.ts';

const PATIENCE = { timeoutMs: 5000 };
const MODULE = new URL('./placed-tasks.js', import.meta.url).href;
const threadOf = (add: number): { module: string; exported: string; args: unknown[] } => ({
  module: MODULE,
  exported: 'threadOf',
  args: [add],
});

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 2, logger: false });
});
after(() => node.stop());

/** In a process that traps exits. */
const run = (fn: (self: Self) => Promise<void>): Promise<void> => node.run(fn, { trapExit: true });

test('asyncPlaced runs an exported function on the thread it is told, and its result is awaited as any', () =>
  run(async (self) => {
    const tasks = await Promise.all([1, 2].map((thread) => Task.asyncPlaced(threadOf(10), { thread })));
    assert.deepEqual(
      tasks.map(({ pid }) => pidThread(pid)),
      [1, 2],
    );
    assert.deepEqual(await Task.awaitMany(tasks), [11, 12]);
    assert.equal(await Task.await(await Task.asyncPlaced(threadOf(5))), 5, 'on the thread of the caller');
    assert.deepEqual(self.processInfo().monitors, []);
  }));

test('a placed task that fails is told to its owner, through the link too; what does not exist fails so', () =>
  run(async (self) => {
    const failing = await Task.asyncPlaced({ module: MODULE, exported: 'leave', args: ['bad'] }, { thread: 1 });
    assert.deepEqual(await Task.yield(failing), { kind: 'exit', reason: 'bad' });
    const [, ref] = self.spawnMonitor(async (own) => {
      await Task.await(
        await Task.asyncPlaced({ module: MODULE, exported: 'leave', args: ['bad'] }, { self: own, thread: 1 }),
      );
    });
    assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, 'bad');
    const missing = await Task.asyncPlaced({ module: MODULE, exported: 'nothing' }, { thread: 1 });
    assert.equal((await Task.yield(missing))?.kind, 'exit');
  }));

test('a task supervisor on another thread runs module starts there, awaited, linked or not, and in streams of the caller', () =>
  run(async (self) => {
    const tasks = await PlacedTasks.startLink(undefined, { thread: 2 });
    assert.equal(await Task.await(await TaskSupervisor.async(tasks, threadOf(20))), 22);
    assert.equal(await Task.await(await TaskSupervisor.asyncNolink(tasks, threadOf(30))), 32);
    const failing = await TaskSupervisor.asyncNolink(tasks, { module: MODULE, exported: 'leave', args: ['bad'] });
    assert.deepEqual(await Task.yield(failing), { kind: 'exit', reason: 'bad' });
    const lingering = await TaskSupervisor.startTask(tasks, { module: MODULE, exported: 'linger', args: [self.pid] });
    assert.ok(lingering.equals(await self.receive((message) => lingering.equals(message), PATIENCE)));
    assert.deepEqual((await TaskSupervisor.children(tasks)).map(String), [String(lingering)]);
    const monitor = self.monitor(lingering);
    await TaskSupervisor.stop(tasks);
    assert.equal((await self.receive(isDown(monitor), PATIENCE)).reason, Exit.shutdown);
  }));

test('a task that waits for its owner ends with {shutdown, Reason} when that ends first, and runs nothing', () =>
  run(async (self) => {
    let ran = false;
    const owner = self.spawn(async (own) => own.exit(await own.receive()));
    const [, ref] = self.spawnMonitor((own) => runWaitingTask(own, owner, () => (ran = true)));
    self.send(owner, 'gone');
    assert.deepEqual((await self.receive(isDown(ref), PATIENCE)).reason, tuple(Exit.shutdown, 'gone'));
    assert.equal(ran, false);
  }));

test('a supervised task whose owner ended while it was being started ends too, and runs nothing', (t) =>
  run(async (self) => {
    const tasks = await TaskSupervisor.startLink();
    await trace(tasks, true);
    const started: Pid[] = [];
    const onTrace = (report: unknown): void => {
      const { event, message } = report as TraceReport;
      if (event === 'out' && isTagged(message, atom('ok'), 2)) started.push(message[1] as Pid);
    };
    traceChannel.subscribe(onTrace);
    t.after(() => traceChannel.unsubscribe(onTrace));
    await suspend(tasks);
    let ran = false;
    const [owner, ref] = self.spawnMonitor(
      async (own) => void (await TaskSupervisor.asyncNolink(tasks, () => (ran = true), { self: own })),
    );
    // It has asked when its question waits at the supervisor.
    while ((await self.processInfo(tasks))?.messageQueueLen === 0) await nextTurn();
    self.exit(owner, Exit.kill);
    await self.receive(isDown(ref), PATIENCE);
    await resume(tasks);
    while (started.length === 0 || (await TaskSupervisor.children(tasks)).length > 0) await nextTurn();
    assert.deepEqual([started.length, self.isAlive(started[0] as Pid), ran], [1, false, false]);
    await TaskSupervisor.stop(tasks);
  }));

test('ignore lets a task go on alone: neither its result nor its end reaches the former owner', () =>
  run(async (self) => {
    const task = Task.async(async (own) => own.exit(await own.receive()));
    Task.ignore(task);
    const info = self.processInfo();
    assert.deepEqual([info.links, info.monitors], [[], []]);
    const monitor = self.monitor(task.pid);
    self.send(task.pid, 'bad');
    assert.equal((await self.receive(isDown(monitor), PATIENCE)).reason, 'bad');
    const finishing = Task.async(async (own) => own.receive());
    Task.ignore(finishing);
    const end = self.monitor(finishing.pid);
    self.send(finishing.pid, 'a result');
    assert.equal((await self.receive(isDown(end), PATIENCE)).reason, Exit.normal);
    assert.equal(self.processInfo().messageQueueLen, 0);
    const [, foreign] = self.spawnMonitor((own) => Task.ignore(task, { self: own }));
    assert.notEqual((await self.receive(isDown(foreign), PATIENCE)).reason, Exit.normal, 'of another owner: badarg');
  }));
