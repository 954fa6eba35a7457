/** Tasks: Elixir's contract of async, await, yield, shutdown, and streams with bounded concurrency. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown, isExit } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { GenServer, Next, Task, TaskSupervisor, type CallError, type CastResult } from '../../supervisors/index.ts';
import { createLog, createTestNode, crashName, type Log, type TestNode } from './kit.ts';

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

const forEver = (self: Self): Promise<unknown> => self.receive(() => false);

async function errorOf(promise: Promise<unknown>): Promise<CallError> {
  return promise.then(
    () => assert.fail('it resolved'),
    (error: CallError) => error,
  );
}

test('await gives the result of the task, and nothing is left behind', () =>
  node.run(async (self) => {
    const task = Task.async(async (own) => {
      assert.notEqual(own.pid, self.pid);
      return 6 * 7;
    });
    assert.equal(await Task.await(task), 42);
    await self.receive(isExit(task.pid), { timeoutMs: 10_000 });
    assert.equal(self.processInfo().messageQueueLen, 0);
    assert.equal(self.processInfo().monitors.length, 0);
  }));

test('a task that crashes ends its owner through the link, unless that traps exits: then await rejects with the reason', () =>
  node.run(async (self) => {
    const boom = (): never => {
      throw new Error('boom');
    };
    const [, ref] = self.spawnMonitor(async () => void (await Task.await(Task.async(boom))));
    assert.equal(crashName((await self.receive(isDown(ref), { timeoutMs: 10_000 })).reason), 'boom');
    const task = Task.async(boom);
    const error = await errorOf(Task.await(task));
    assert.equal(error.code, 'exit');
    assert.equal(crashName(error.why), 'boom');
    assert.deepEqual(error.reason, tuple(error.why, tuple(atom('Task'), atom('await'), [task.pid, 5000])));
  }));

test('await that takes too long rejects with timeout, and the late result never arrives', () =>
  node.run(async (self) => {
    const task = Task.async(async (own) => {
      await own.receive((message): message is unknown => message === 'go');
      return 'late';
    });
    const error = await errorOf(Task.await(task, { timeoutMs: 5 }));
    assert.equal(error.code, 'timeout');
    const monitor = self.monitor(task.pid);
    self.send(task.pid, 'go');
    await self.receive(isDown(monitor), { timeoutMs: 10_000 });
    await self.receive(isExit(task.pid), { timeoutMs: 10_000 });
    assert.equal(self.processInfo().messageQueueLen, 0);
  }));

test('only the owner of a task can await it', () =>
  node.run(async (self) => {
    const task = Task.async(() => 1);
    self.spawn(async (own) => {
      const found = await errorOf(Task.await(task, { self: own }));
      own.send(self.pid, found.code);
    });
    assert.equal(await self.receive((m): m is string => m === 'badarg', { timeoutMs: 1000 }), 'badarg');
    assert.equal(await Task.await(task), 1);
  }));

test('async outside of a process is refused', () => {
  assert.throws(() => Task.async(() => 1), { code: 'badarg' });
});

test('yield gives undefined while the task runs and its outcome later; yieldMany shares one time', () =>
  node.run(async (self) => {
    const slow = Task.async(async (own) => {
      await own.receive((message): message is unknown => message === 'go');
      return 'slow';
    });
    const fast = Task.async(() => 'fast');
    const both = await Task.yieldMany([slow, fast], { timeoutMs: 20 });
    assert.deepEqual(both, [undefined, { kind: 'ok', value: 'fast' }]);
    self.send(slow.pid, 'go');
    assert.deepEqual(await Task.yield(slow), { kind: 'ok', value: 'slow' });
    const failing = Task.async((own) => own.exit(atom('enough')));
    assert.deepEqual(await Task.yield(failing), { kind: 'exit', reason: atom('enough') });
  }));

test('awaitMany gives the results in the order of the tasks', () =>
  node.run(async (self) => {
    const wait = async (own: Self): Promise<string> => {
      await own.receive((message): message is unknown => message === 'go');
      return 'first';
    };
    const tasks = [Task.async(wait), Task.async(() => 2)] as const;
    self.sendAfter(5, tasks[0].pid, 'go');
    const [first, second] = await Task.awaitMany(tasks);
    assert.deepEqual([first, second], ['first', 2]);
  }));

test('shutdown unlinks and ends a task; one that had replied gives its result, one that had failed its reason', () =>
  node.run(async (self) => {
    const hanging = Task.async(forEver);
    assert.equal(await Task.shutdown(hanging), undefined);
    assert.equal(self.isAlive(hanging.pid), false);
    const stubborn = Task.async((own) => {
      own.trapExit(true);
      return forEver(own);
    });
    await Task.yield(stubborn, { timeoutMs: 1 });
    assert.equal(await Task.shutdown(stubborn, 10), undefined);
    assert.equal(await Task.shutdown(Task.async(forEver), 'brutalKill'), undefined);
    const done = Task.async(() => 'done');
    await self.receive(isDown(self.monitor(done.pid)), { timeoutMs: 10_000 });
    assert.deepEqual(await Task.shutdown(done), { kind: 'ok', value: 'done' });
    const failed = Task.async((own) => own.exit(atom('bad')));
    await self.receive(isDown(self.monitor(failed.pid)), { timeoutMs: 10_000 });
    assert.deepEqual(await Task.shutdown(failed), { kind: 'exit', reason: atom('bad') });
  }));

test('a server that starts a task reads its result in handleInfo', () =>
  node.run(async () => {
    class Worker extends GenServer<Task<number> | null> {
      readonly #log: Log;
      constructor() {
        super();
        this.#log = log;
      }
      override handleCast(_message: unknown): CastResult<Task<number> | null> {
        return Next.noreply(Task.async(() => 5, { self: this.self }));
      }
      override handleInfo(message: unknown, task: Task<number> | null): CastResult<Task<number> | null> {
        const outcome = task === null ? undefined : Task.readResult(task, message);
        this.#log.add(JSON.stringify(outcome));
        return Next.noreply(null);
      }
    }
    const log = createLog();
    const worker = await Worker.start();
    GenServer.cast(worker, 'go');
    assert.deepEqual(await log.until(1), ['{"kind":"ok","value":5}']);
  }));

test('asyncStream never runs more than maxConcurrency at once and gives the outcomes in order', () =>
  node.run(async (self) => {
    let running = 0;
    let most = 0;
    const work = async (item: number, own: Self): Promise<number> => {
      most = Math.max(most, (running += 1));
      own.sendAfter(10 - item, own.pid, 'go');
      await own.receive();
      running -= 1;
      return item * 2;
    };
    const values: unknown[] = [];
    for await (const outcome of Task.asyncStream([1, 2, 3, 4, 5, 6, 7], work, { maxConcurrency: 3 })) {
      values.push(outcome.kind === 'ok' ? outcome.value : outcome.reason);
    }
    assert.deepEqual(values, [2, 4, 6, 8, 10, 12, 14]);
    assert.equal(most, 3);
    assert.equal(self.processInfo().messageQueueLen, 0);
  }));

test('asyncStream with ordered: false gives outcomes as they come', () =>
  node.run(async () => {
    const work = async (delayMs: number, own: Self): Promise<number> => {
      own.sendAfter(delayMs, own.pid, 'go');
      await own.receive();
      return delayMs;
    };
    const values: unknown[] = [];
    const options = { maxConcurrency: 3, ordered: false };
    for await (const outcome of Task.asyncStream([60, 5, 30], work, options)) values.push(outcome);
    assert.deepEqual(
      values,
      [5, 30, 60].map((value) => ({ kind: 'ok', value })),
    );
  }));

test('a stream is lazy: it takes no more of its source than fits, and leaving it kills what runs', () =>
  node.run(async (self) => {
    let taken = 0;
    let closed = false;
    function* source(): Generator<number> {
      try {
        for (;;) yield (taken += 1);
      } finally {
        closed = true;
      }
    }
    const pids: Self[] = [];
    const work = (item: number, own: Self): unknown => {
      pids.push(own);
      return item === 1 ? 'first' : forEver(own);
    };
    const stream = Task.asyncStream(source(), work, { maxConcurrency: 4 });
    assert.equal(taken, 0);
    assert.deepEqual((await stream.next()).value, { kind: 'ok', value: 'first' });
    const last = pids.at(-1);
    assert.ok(last !== undefined);
    const monitor = self.monitor(last.pid);
    await stream.return();
    await self.receive(isDown(monitor), { timeoutMs: 10_000 });
    assert.ok(taken <= 5);
    assert.equal(closed, true);
  }));

test('a task of a stream that takes too long ends the stream, or is killed and reported, as asked', () =>
  node.run(async () => {
    const work = (item: number, own: Self): unknown => (item === 2 ? forEver(own) : item);
    const killing = Task.asyncStream([1, 2, 3], work, { timeoutMs: 20, onTimeout: 'killTask', maxConcurrency: 2 });
    const outcomes: unknown[] = [];
    for await (const outcome of killing) outcomes.push(outcome.kind === 'ok' ? outcome.value : outcome.reason);
    assert.deepEqual(outcomes, [1, Exit.timeout, 3]);
    const ending = Task.asyncStream([1, 2, 3], work, { timeoutMs: 20, maxConcurrency: 2 });
    assert.deepEqual((await ending.next()).value, { kind: 'ok', value: 1 });
    assert.equal((await errorOf(ending.next())).code, 'timeout');
    assert.deepEqual(await ending.next(), { value: undefined, done: true });
  }));

test('a task of a stream that fails is an outcome to an owner that traps exits, and the end of one that does not', () =>
  node.run(async (self) => {
    const work = (item: number, own: Self): number => (item === 2 ? own.exit(atom('bad')) : item);
    const outcomes: unknown[] = [];
    for await (const outcome of Task.asyncStream([1, 2, 3], work, { maxConcurrency: 1 })) outcomes.push(outcome.kind);
    assert.deepEqual(outcomes, ['ok', 'exit', 'ok']);
    const [, ref] = self.spawnMonitor(async () => {
      for await (const _ of Task.asyncStream([1, 2, 3], work, { maxConcurrency: 1 }));
    });
    assert.equal((await self.receive(isDown(ref), { timeoutMs: 10_000 })).reason, atom('bad'));
  }));

test('streams work outside of any process, with sources that are async, and pass on the failure of a source', async () => {
  async function* source(): AsyncGenerator<number> {
    yield 1;
    await Promise.resolve();
    yield 2;
    throw new Error('no more');
  }
  const values: unknown[] = [];
  const stream = Task.asyncStream(source(), (item: number) => item + 1, { maxConcurrency: 1 });
  await assert.rejects(
    async () => {
      for await (const outcome of stream) values.push(outcome);
    },
    { message: 'no more' },
  );
  assert.deepEqual(values, [
    { kind: 'ok', value: 2 },
    { kind: 'ok', value: 3 },
  ]);
});

test('tasks of a stream end with the process that consumes it', () =>
  node.run(async (self) => {
    const consumer = self.spawn(async () => {
      const work = (_item: number, own: Self): unknown => {
        own.send(self.pid, own.pid);
        return forEver(own);
      };
      for await (const _ of Task.asyncStream([1, 2], work));
    });
    const first = (await self.receive({ timeoutMs: 1000 })) as Self['pid'];
    const monitor = self.monitor(first);
    self.exit(consumer, Exit.kill);
    assert.equal((await self.receive(isDown(monitor), { timeoutMs: 10_000 })).reason, Exit.killed);
  }));

test('a supervised task that fails is an outcome of asyncNolink, and its supervisor lives on', () =>
  node.run(async (self) => {
    const tasks = await TaskSupervisor.startLink();
    const failing = await TaskSupervisor.asyncNolink(tasks, (own) => own.exit(atom('bad')));
    assert.deepEqual(await Task.yield(failing), { kind: 'exit', reason: atom('bad') });
    const fine = await TaskSupervisor.async(tasks, () => 'fine');
    assert.equal(await Task.await(fine), 'fine');
    const hanging = await TaskSupervisor.startTask(tasks, forEver);
    assert.deepEqual(await TaskSupervisor.children(tasks), [hanging]);
    const monitor = self.monitor(hanging);
    await TaskSupervisor.stop(tasks);
    assert.equal((await self.receive(isDown(monitor), { timeoutMs: 10_000 })).reason, Exit.shutdown);
  }));

test('maxChildren refuses more tasks; those of a supervised stream that fail are outcomes', () =>
  node.run(async () => {
    const tasks = await TaskSupervisor.startLink({ maxChildren: 1 });
    await TaskSupervisor.startTask(tasks, forEver);
    await assert.rejects(TaskSupervisor.startTask(tasks, forEver), { code: 'max_children' });
    const outcomes: unknown[] = [];
    const more = await TaskSupervisor.startLink();
    const work = (item: number, own: Self): number => (item === 1 ? own.exit(atom('bad')) : item);
    for await (const outcome of TaskSupervisor.asyncStream(more, [1, 2], work)) outcomes.push(outcome.kind);
    assert.deepEqual(outcomes, ['exit', 'ok']);
  }));
