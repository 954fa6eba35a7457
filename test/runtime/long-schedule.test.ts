import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  atom,
  Exit,
  isDown,
  LocalNode,
  longScheduleChannel,
  type LongScheduleReport,
  type Self,
} from '../../runtime/index.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 10_000 };

/** Collects reports; `next` resolves to the first one, past or to come, that is wanted. */
function collect(node: LocalNode): {
  reports: LongScheduleReport[];
  next(wanted: (r: LongScheduleReport) => boolean): Promise<LongScheduleReport>;
} {
  const reports: LongScheduleReport[] = [];
  const waiting = new Set<() => void>();
  node.on('longSchedule', (report) => {
    reports.push(report);
    for (const look of waiting) look();
  });
  return {
    reports,
    next: (wanted) =>
      new Promise((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`no such report: ${JSON.stringify(reports)}`)), 10_000);
        const look = (): void => {
          const found = reports.find(wanted);
          if (found === undefined) return;
          waiting.delete(look);
          clearTimeout(timer);
          resolve(found);
        };
        waiting.add(look);
        look();
      }),
  };
}

test('a thread that is held up is reported while it is, with the process and how long, and again when it goes on', async (t) => {
  const logged: string[] = [];
  const take = (_fields: object, text: string): void => void logged.push(text);
  const logger = { info: take, warn: take, error: take };
  const node = await LocalNode.start({ threads: 2, longScheduleMs: 200, logger });
  t.after(() => node.stop());
  const published: unknown[] = [];
  const onReport = (report: unknown): void => void published.push(report);
  longScheduleChannel.subscribe(onReport);
  t.after(() => longScheduleChannel.unsubscribe(onReport));
  const { next, reports } = collect(node);
  await node.run(async (self: Self) => {
    const pid = await self.spawn(placed, 'blockWhenTold', [self.pid], { thread: 2 });
    await self.receive((message) => message === atom('ready'), PATIENCE);
    self.send(pid, 1000);
    const begun = await next((report) => report.thread === 2 && !report.ended);
    assert.ok(pid.equals(begun.pid), 'the only process of its thread');
    assert.ok(begun.durationMs >= 200 && begun.durationMs < 900, `${begun.durationMs} ms`);
    await self.receive((message) => message === atom('unblocked'), PATIENCE);
    const ended = await next((report) => report.thread === 2 && report.ended);
    assert.ok(ended.durationMs > 500 && ended.durationMs < 2000, `${ended.durationMs} ms`);
    assert.deepEqual(reports.filter((report) => report.thread === 2).length, 2);
    assert.deepEqual(published, reports);
    assert.equal(ended.node, 'nonode@nohost');
    const lines = logged.filter((line) => line.startsWith('thread 2 '));
    const about = `has not got to its event loop for ${Math.round(begun.durationMs)} ms; ${pid.toString()} holds it up`;
    assert.deepEqual(lines, [`thread 2 ${about}`, `thread 2 goes on after ${Math.round(ended.durationMs)} ms`]);
  });
});

test('a process that never gets to its first await is named, though others live on its thread', async (t) => {
  const node = await LocalNode.start({ threads: 1, longScheduleMs: 100 });
  t.after(() => node.stop());
  const { next } = collect(node);
  await node.run(async (self) => {
    await self.spawn(placed, 'waitFor', [], { thread: 1 });
    await self.spawn(placed, 'waitFor', [], { thread: 1 });
    const pid = await self.spawn(placed, 'loopAtOnce', [], { thread: 1 });
    const report = await next(({ thread, ended }) => thread === 1 && !ended);
    assert.ok(pid.equals(report.pid));
    const ref = self.monitor(pid);
    node.killThread(1);
    assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.killed);
  });
});

test('an isolated process that is stuck is named, and can be killed for it', async (t) => {
  const node = await LocalNode.start({ threads: 1, longScheduleMs: 100 });
  t.after(() => node.stop());
  const { next } = collect(node);
  await node.run(async (self) => {
    const pid = await self.spawn(placed, 'loopForEver', [self.pid], { isolated: true });
    const { pid: found } = await next(({ pid: stuck }) => pid.equals(stuck));
    const ref = self.monitor(found!);
    self.exit(found!, Exit.kill);
    assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.killed);
  });
});

test('the thread that started the node notices its own long turn when it is over', async (t) => {
  const node = await LocalNode.start({ threads: 1, longScheduleMs: 200 });
  t.after(() => node.stop());
  const { next, reports } = collect(node);
  const until = Date.now() + 600;
  while (Date.now() < until);
  const report = await next(({ thread }) => thread === 0);
  assert.equal(report.ended, true);
  assert.ok(report.durationMs > 300 && report.durationMs < 1500, `${report.durationMs} ms`);
  assert.deepEqual(
    reports.filter(({ thread }) => thread === 1),
    [],
    'nobody else is accused',
  );
});

test('threads that are busy but get to their event loop are not reported', async (t) => {
  const node = await LocalNode.start({ threads: 1, longScheduleMs: 400 });
  t.after(() => node.stop());
  const { reports } = collect(node);
  await node.run(async (self) => {
    const pid = await self.spawn(placed, 'blockWhenTold', [self.pid], { thread: 1 });
    await self.receive((message) => message === atom('ready'), PATIENCE);
    self.send(pid, 50);
    await self.receive((message) => message === atom('unblocked'), PATIENCE);
  });
  assert.deepEqual(
    reports.filter(({ thread }) => thread === 1),
    [],
  );
});
