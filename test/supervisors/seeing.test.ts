/** Crash, supervisor and trace reports: what is reported, what is not, that each comes once, and where the log goes. */
import assert from 'node:assert/strict';
import type { Channel } from 'node:diagnostics_channel';
import { after, before, test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  atom,
  crashChannel,
  Exit,
  isDown,
  LocalNode,
  supervisorChannel,
  traceChannel,
  tuple,
  type CrashReport,
  type Logger,
  type Pid,
  type Self,
} from '../../runtime/index.ts';
import { GenServer, Supervisor, trace } from '../../supervisors/index.ts';
import { startProgram } from '../kit/programs.ts';
import { createLog, type Log } from './kit.ts';
import { Seen } from './seen-server.ts';

const PLACED = new URL('./seen-server.js', import.meta.url).href;

let node: LocalNode;
const logged: Log = createLog();
before(async () => {
  const take = (level: string) => (_fields: object, text: string) => logged.add(`${level} ${text}`);
  const logger: Logger = { info: take('info'), warn: take('warn'), error: take('error') };
  // On a busy machine a thread may well be held up; here that is nobody's concern.
  node = await LocalNode.start({ threads: 1, logger, longScheduleMs: 60_000 });
});
after(() => node.stop());

interface Watch<T> {
  readonly reports: readonly T[];
  until(count: number): Promise<readonly T[]>;
}

function watch<T>(t: TestContext, channel: Channel<unknown, T>): Watch<T> {
  const log = createLog();
  const reports: T[] = [];
  const take = (report: unknown): void => {
    reports.push(report as T);
    log.add('one');
  };
  channel.subscribe(take);
  t.after(() => channel.unsubscribe(take));
  return { reports, until: (count) => log.until(count).then(() => reports) };
}

/** Starts a server, sends it `message` and waits for its end. */
async function endBy(self: Self, message: unknown, thread?: number): Promise<{ pid: Pid; reason: unknown }> {
  const options = { self, ...(thread === undefined ? {} : { thread }) };
  const pid = await Seen.start(undefined, options);
  const monitor = self.monitor(pid);
  GenServer.cast(pid, message, { self });
  return { pid, reason: (await self.receive(isDown(monitor), { timeoutMs: 5000 })).reason };
}

for (const thread of [0, 1]) {
  test(`a crash on thread ${thread} is reported once, with reason, last message, state and stack`, (t) =>
    node.run(async (self) => {
      const crashes = watch(t, crashChannel);
      const named = await Seen.start(undefined, { self, thread, name: 'seen' });
      const monitor = self.monitor(named);
      GenServer.cast(named, 'inc', { self });
      GenServer.cast(named, 'throw', { self });
      await self.receive(isDown(monitor));
      // What comes from one thread comes in order: a second report of the first crash would be before this one.
      const { pid: last } = await endBy(self, 'exit', thread);
      const [first, second, ...more] = await crashes.until(2);
      assert.deepEqual([more.length, String(second?.pid)], [0, String(last)]);
      const { pid, initialCall, registeredName, stack, server, reason } = first as CrashReport;
      assert.deepEqual([String(pid), initialCall, first?.thread], [String(named), 'Seen', thread]);
      assert.equal(registeredName, atom('seen'));
      assert.deepEqual(server, { lastMessage: tuple(atom('$gen_cast'), 'throw'), state: { count: 8 } });
      assert.match(stack.join('\n'), /at Seen\.handleCast .*seen-server/);
      assert.match(String((reason as readonly unknown[])[0]), /TypeError: it broke/);
    }));
}

test('what a server ends with of its own accord is a crash unless it was meant, bad returns and failed inits too', (t) =>
  node.run(async (self) => {
    const crashes = watch(t, crashChannel);
    for (const message of ['exit', 'because', 'nonsense', Exit.normal, Exit.shutdown, tuple(Exit.shutdown, 1)]) {
      await endBy(self, message);
    }
    await assert.rejects(Seen.start('refused', { self }));
    await assert.rejects(Seen.start('throw', { self }));
    await crashes.until(5);
    const reasons = crashes.reports.map(({ reason }) => (Array.isArray(reason) ? String(reason[0]) : reason));
    assert.deepEqual(reasons, ['gone', 'because', 'bad_return_value', 'refused', 'Error: no init']);
    assert.equal(crashes.reports[3]?.server?.lastMessage, undefined);
  }));

test('ends that come from others are no crashes: kills, links, the parent, an exit of a plain process', (t) =>
  node.run(async (self) => {
    const crashes = watch(t, crashChannel);
    const killed = await Seen.start(undefined, { self });
    self.exit(killed, Exit.kill);
    const parent = self.spawn(async (own) => {
      await Seen.startLink(undefined, { self: own });
      own.exit('parent gone');
    });
    const linked = self.spawn((own) => own.receive());
    const plain = self.spawn((own) => (own.link(linked), own.exit('meant')));
    for (const pid of [killed, parent, linked, plain]) await self.receive(isDown(self.monitor(pid)));
    await endBy(self, 'exit');
    assert.deepEqual(
      crashes.reports.map(({ reason }) => reason),
      ['gone'],
    );
  }));

test('an error in a plain process is a crash with what is in its mailbox', (t) =>
  node.run(async (self) => {
    const crashes = watch(t, crashChannel);
    const pid = self.spawn(async function faulty(own: Self) {
      own.send(own.pid, 'unread');
      throw new RangeError('too far');
    });
    await self.receive(isDown(self.monitor(pid)));
    const [report] = crashes.reports;
    assert.deepEqual([report?.initialCall, report?.messages, report?.server], ['faulty', ['unread'], undefined]);
  }));

for (const thread of [0, 1]) {
  test(`the report of a plain process on thread ${thread} says all that there is to know of it, and so does the log`, (t) =>
    node.run(async (self) => {
      const crashes = watch(t, crashChannel);
      const before = logged.lines.length;
      const pid = await self.spawn(PLACED, 'faulty', [self.pid], { thread });
      const monitor = self.monitor(pid);
      await self.receive((message) => message === 'ready', { timeoutMs: 5000 });
      self.send(pid, 'go');
      await self.receive(isDown(monitor), { timeoutMs: 5000 });
      const [report] = (await crashes.until(1)) as [CrashReport];
      const { registeredName, messages, messageQueueLen, links, monitors, monitoredBy, trapExit, stack } = report;
      assert.deepEqual([registeredName, trapExit, report.server], [atom('faulty_one'), true, undefined]);
      assert.deepEqual([messages, messageQueueLen], [Array.from({ length: 10 }, (_, i) => i), 12]);
      assert.deepEqual([links.length, monitors.map(String)], [1, [String(self.pid)]]);
      assert.ok(monitoredBy.some((one) => one.equals(self.pid)));
      assert.match(stack[0] ?? '', /at faulty .*seen-server/);
      const line = (await logged.until(before + 1))[before] as string;
      const first = `error faulty_one ${pid.toString()} (faulty) crashed: RangeError: too far`;
      assert.deepEqual(line.split('\n').slice(0, 5), [
        first,
        '    12 messages in its mailbox: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...',
        `    linked to: ${String(links[0])}`,
        `    monitoring: ${self.pid.toString()}`,
        `    monitored by: ${self.pid.toString()}`,
      ]);
      assert.match(line.split('\n')[5] ?? '', /^ {4}at faulty /);
    }));
}

test('a state that cannot be sent goes from a worker thread as its description', (t) =>
  node.run(async (self) => {
    const crashes = watch(t, crashChannel);
    const pid = await Seen.start(undefined, { self, thread: 1 });
    GenServer.cast(pid, 'function', { self });
    GenServer.cast(pid, 'exit', { self });
    const [report] = await crashes.until(1);
    assert.match(JSON.stringify(report?.server?.state), /<function fn>/);
  }));

test('a supervisor reports children that end, that do not start, and that it gives up', (t) =>
  node.run(async (self) => {
    const reports = watch(t, supervisorChannel);
    self.trapExit(true);
    const children = [Seen.childSpec(undefined, { id: 'one' })];
    const tree = await Supervisor.startLink({ intensity: 0, children }, { self, name: 'seen_tree' });
    const [child] = await Supervisor.whichChildren(tree, { self });
    const monitor = self.monitor(tree);
    self.exit(child?.pid as Pid, Exit.kill);
    await self.receive(isDown(monitor));
    await assert.rejects(Supervisor.startLink({ children: [Seen.childSpec('refused', { id: 'two' })] }, { self }));
    const seen = reports.reports.map(({ context, reason, child: { id } }) => [context, String(reason), id]);
    assert.deepEqual(seen, [
      ['child_terminated', 'killed', 'one'],
      ['shutdown', 'reached_max_restart_intensity', 'one'],
      ['start_error', 'refused', 'two'],
    ]);
    assert.equal(reports.reports[0]?.registeredName, atom('seen_tree'));
  }));

test('a traced server on a worker thread reports what it takes and answers, until it is told not to', (t) =>
  node.run(async (self) => {
    const reports = watch(t, traceChannel);
    const pid = await Seen.start(undefined, { self, thread: 1 });
    await trace(pid, true, { self });
    await GenServer.call(pid, 'hello' as never, { self });
    await trace(pid, false, { self });
    await GenServer.call(pid, 'unseen' as never, { self });
    await reports.until(2);
    assert.deepEqual(
      reports.reports.map(({ event, state }) => [event, state]),
      [
        ['in', undefined],
        ['out', { count: 8 }],
      ],
    );
    assert.equal(reports.reports[1]?.message, 'hello');
  }));

test('the logger of the node gets every report of its threads as text', () =>
  node.run(async (self) => {
    const before = logged.lines.length;
    const { pid } = await endBy(self, 'throw', 1);
    const line = (await logged.until(before + 1))[before] as string;
    assert.ok(line.startsWith(`error ${pid.toString()} (Seen) crashed: TypeError: it broke`), line);
    assert.match(
      line,
      /last message: \{'\$gen_cast', <<"throw">>\}\n {4}state: #\{<<"count">> => 7\}\n {4}monitored by: .*\n {4}at Seen\.handleCast/,
    );
  }));

test('without a logger of its own a node writes to stderr, with time and level, what its processes report', async (t) => {
  const program = startProgram(t, process.execPath, [fileURLToPath(new URL('./crashing-program.js', import.meta.url))]);
  assert.equal(await program.ended(), 0);
  const time = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z /gm;
  const lines = program
    .output()
    .replaceAll(time, '')
    .replaceAll(/#Pid<[^>]*>/g, 'PID')
    .split('\n');
  assert.ok(lines.includes('error seen PID (Seen) crashed: TypeError: it broke'), program.output());
  assert.ok(lines.includes('    state: #{<<"count">> => 7}'), program.output());
  assert.ok(
    lines.some((line) => line.startsWith('warn supervisor PID: child <<"one">> PID terminated: ')),
    program.output(),
  );
  assert.ok(
    lines.some((line) => line.startsWith('info *DBG* PID got ')),
    program.output(),
  );
});

test('a node without a logger is silent, and one with half a logger is refused', async () => {
  const silent = await LocalNode.start({ threads: 0, logger: false });
  const before = logged.lines.length;
  await silent.run((self) => endBy(self, 'exit'));
  await silent.stop();
  assert.equal(logged.lines.length, before);
  const half = { info: () => undefined } as unknown as Logger;
  await assert.rejects(LocalNode.start({ threads: 0, logger: half }), { code: 'badarg' });
});
