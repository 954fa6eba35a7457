import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import {
  GenServer,
  Next,
  Supervisor,
  type CastResult,
  type ChildSpec,
  type InitResult,
  type StartError,
  type SupervisorInit,
} from '../../supervisors/index.ts';
import { createLog, createTestNode, type Log, type TestNode } from './kit.ts';

interface WorkerArgs {
  readonly id: string;
  readonly log: Log;
  readonly outcomes?: string[];
  readonly slowEnd?: boolean;
}

/** Logs its start and end. `outcomes`: one per start ('ok' when used up). */
class Worker extends GenServer<WorkerArgs, never, 'crash' | 'leave', unknown, WorkerArgs> {
  override init(args: WorkerArgs): InitResult<WorkerArgs> {
    this.self.trapExit(true);
    const outcome = args.outcomes?.shift() ?? 'ok';
    args.log.add(outcome === 'ok' ? `+${args.id}` : `${outcome} ${args.id}`);
    if (outcome === 'fail') return Next.fail(atom('no_luck'));
    return outcome === 'ignore' ? Next.ignore() : Next.ok(args);
  }

  override handleCast(message: 'crash' | 'leave', state: WorkerArgs): CastResult<WorkerArgs> {
    return Next.stop(message === 'crash' ? atom('crashed') : Exit.normal, state);
  }

  override async terminate(reason: unknown, { id, log, slowEnd }: WorkerArgs): Promise<void> {
    log.add(`-${id} ${String(reason)}`);
    if (slowEnd === true) await new Promise(() => undefined);
  }
}

function worker(log: Log, id: string, spec: Partial<ChildSpec> = {}, more: Partial<WorkerArgs> = {}): ChildSpec {
  return Worker.childSpec({ id, log, ...more }, { id, ...spec });
}

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

async function pidOf(supervisor: Pid, id: unknown): Promise<Pid> {
  const child = (await Supervisor.whichChildren(supervisor)).find((one) => one.id === id);
  assert.ok(child?.pid !== undefined, `${String(id)} has no process`);
  return child.pid;
}

async function ids(supervisor: Pid): Promise<string> {
  return (await Supervisor.whichChildren(supervisor)).map((c) => `${String(c.id)}:${c.state}`).join(' ');
}

async function cast(supervisor: Pid, id: string, message: 'crash' | 'leave'): Promise<void> {
  Worker.cast(await pidOf(supervisor, id), message);
}

async function endOf(self: Self, pid: Pid): Promise<unknown> {
  return (await self.receive(isDown(self.monitor(pid)), { timeoutMs: 10_000 })).reason;
}

test('children start in order and end in reverse when the supervisor is stopped', () =>
  node.run(async () => {
    const log = createLog();
    const tree = await Supervisor.startLink({ children: ['a', 'b', 'c'].map((id) => worker(log, id)) });
    assert.equal(await ids(tree), 'c:running b:running a:running');
    await Supervisor.stop(tree);
    assert.deepEqual(log.lines, ['+a', '+b', '+c', '-c shutdown', '-b shutdown', '-a shutdown']);
  }));

const strategies: [NonNullable<SupervisorInit['strategy']>, string[]][] = [
  ['oneForOne', ['-b crashed', '+b']],
  ['oneForAll', ['-b crashed', '-c shutdown', '-a shutdown', '+a', '+b', '+c']],
  ['restForOne', ['-b crashed', '-c shutdown', '+b', '+c']],
];

for (const [strategy, expected] of strategies) {
  test(`${strategy}: what happens when the second of three children crashes`, () =>
    node.run(async () => {
      const log = createLog();
      const tree = await Supervisor.startLink({ strategy, children: ['a', 'b', 'c'].map((id) => worker(log, id)) });
      await cast(tree, 'b', 'crash');
      assert.deepEqual((await log.until(3 + expected.length)).slice(3), expected);
      assert.equal(await ids(tree), 'c:running b:running a:running');
      await Supervisor.stop(tree);
    }));
}

test('one restart more than the intensity allows ends the supervisor with shutdown', () =>
  node.run(async (self) => {
    const log = createLog();
    const tree = await Supervisor.startLink({
      intensity: 2,
      periodMs: 60_000,
      children: [worker(log, 'a'), worker(log, 'b')],
    });
    for (let i = 0; i < 3; i++) {
      const pid = await pidOf(tree, 'a');
      self.exit(pid, Exit.kill);
      await endOf(self, pid);
    }
    assert.equal(await endOf(self, tree), Exit.shutdown);
    assert.deepEqual(log.lines, ['+a', '+b', '+a', '+a', '-b shutdown']);
  }));

test('a child that fails to start ends those before it and the start; the reason is that of OTP', () =>
  node.run(async (self) => {
    const log = createLog();
    const children = [worker(log, 'a'), worker(log, 'b', {}, { outcomes: ['fail'] }), worker(log, 'c')];
    const reason = tuple(Exit.shutdown, tuple(atom('failed_to_start_child'), 'b', atom('no_luck')));
    await assert.rejects(Supervisor.startLink({ children }), (error: StartError) => {
      assert.equal(error.code, 'start_failed');
      assert.deepEqual(error.reason, reason);
      return true;
    });
    assert.deepEqual(log.lines, ['+a', 'fail b', '-a shutdown']);
    assert.equal(self.processInfo().links.length, 0);
  }));

test('a restart that fails is tried again, each try counted, and other requests are served between', () =>
  node.run(async () => {
    const log = createLog();
    const children = [worker(log, 'a', {}, { outcomes: ['ok', 'fail', 'fail', 'ok'] })];
    const tree = await Supervisor.startLink({ intensity: 5, children });
    await cast(tree, 'a', 'crash');
    assert.deepEqual(await log.until(5), ['+a', '-a crashed', 'fail a', 'fail a', '+a']);
    assert.equal(await ids(tree), 'a:running');
    await Supervisor.stop(tree);
  }));

test('transient and temporary children: when they come back and when they are forgotten', () =>
  node.run(async (self) => {
    const log = createLog();
    const children = [worker(log, 'r', { restart: 'transient' }), worker(log, 't', { restart: 'temporary' })];
    const tree = await Supervisor.startLink({ children });
    const [t, r] = [await pidOf(tree, 't'), await pidOf(tree, 'r')];
    Worker.cast(t, 'crash');
    Worker.cast(r, 'leave');
    await endOf(self, t);
    await endOf(self, r);
    assert.equal(await ids(tree), 'r:stopped');
    assert.deepEqual(await Supervisor.countChildren(tree), { specs: 1, active: 0, supervisors: 0, workers: 1 });
    await Supervisor.restartChild(tree, 'r');
    await cast(tree, 'r', 'crash');
    await log.until(7);
    assert.equal(await ids(tree), 'r:running');
    await Supervisor.stop(tree);
  }));

test('a child that does not end in time is killed; brutalKill does not ask', () =>
  node.run(async () => {
    const log = createLog();
    const slow = worker(log, 'slow', { shutdown: 20 }, { slowEnd: true });
    const brutal = worker(log, 'brutal', { shutdown: 'brutalKill' });
    const tree = await Supervisor.startLink({ children: [slow, brutal] });
    await Supervisor.stop(tree);
    assert.deepEqual(log.lines, ['+slow', '+brutal', '-slow shutdown']);
  }));

test('children are added, ended, restarted and deleted at run time, with the refusals of OTP', () =>
  node.run(async () => {
    const log = createLog();
    const tree = await Supervisor.startLink({ children: [worker(log, 'a')] });
    const added = await Supervisor.startChild(tree, worker(log, 'b'));
    assert.ok(added?.equals(await pidOf(tree, 'b')));
    await assert.rejects(Supervisor.startChild(tree, worker(log, 'b')), { code: 'already_started' });
    await assert.rejects(Supervisor.deleteChild(tree, 'b'), { code: 'running' });
    await assert.rejects(Supervisor.restartChild(tree, 'b'), { code: 'running' });
    await Supervisor.terminateChild(tree, 'b');
    await assert.rejects(Supervisor.startChild(tree, worker(log, 'b')), { code: 'already_present' });
    assert.equal(await ids(tree), 'b:stopped a:running');
    await Supervisor.restartChild(tree, 'b');
    await Supervisor.terminateChild(tree, 'b');
    await Supervisor.deleteChild(tree, 'b');
    await assert.rejects(Supervisor.terminateChild(tree, 'b'), { code: 'not_found' });
    await assert.rejects(Supervisor.startChild(tree, worker(log, 'c', {}, { outcomes: ['fail'] })), {
      code: 'start_failed',
    });
    assert.equal(await Supervisor.startChild(tree, worker(log, 'd', {}, { outcomes: ['ignore'] })), undefined);
    assert.equal(await ids(tree), 'd:stopped a:running');
    await assert.rejects(async () => Supervisor.startChild(tree, { id: 'x' } as ChildSpec), { code: 'bad_child_spec' });
    await Supervisor.stop(tree);
  }));

test('a simpleOneForOne starts children from its template and restarts each with its own arguments', () =>
  node.run(async (self) => {
    const log = createLog();
    const template: ChildSpec = {
      id: 'any',
      start: (own, id) => Worker.startLink({ id: String(id), log }, { self: own }),
    };
    const tree = await Supervisor.startLink({ strategy: 'simpleOneForOne', children: [template] });
    const one = await Supervisor.startDynamicChild(tree, ['one']);
    const two = await Supervisor.startDynamicChild(tree, ['two']);
    assert.ok(one !== undefined && two !== undefined);
    self.exit(one, Exit.kill);
    await log.until(3);
    await Supervisor.terminateChild(tree, two);
    assert.equal((await Supervisor.whichChildren(tree)).length, 1);
    await Supervisor.stop(tree);
    assert.deepEqual(log.lines, ['+one', '+two', '+one', '-two shutdown', '-one shutdown']);
  }));

test('supervisors nest: a class with init is a child of another, and a tree ends as a whole with its parent', () =>
  node.run(async (self) => {
    const log = createLog();
    class Inner extends Supervisor<string> {
      override init(prefix: string): SupervisorInit {
        return { strategy: 'oneForAll', children: [worker(log, `${prefix}1`), worker(log, `${prefix}2`)] };
      }
    }
    const parent = self.spawn(async (own) => {
      await Supervisor.startLink(
        { children: [worker(log, 'a'), Inner.childSpec('in'), worker(log, 'b')] },
        { name: 'tree' },
      );
      await own.receive((message): message is unknown => message === 'end');
    });
    await log.until(4);
    const tree = self.whereis('tree');
    assert.ok(tree !== undefined);
    assert.equal(await ids(tree), 'b:running Inner:running a:running');
    const monitor = self.monitor(tree);
    self.send(parent, 'end');
    assert.equal((await self.receive(isDown(monitor))).reason, Exit.normal);
    assert.deepEqual(log.lines.slice(4), ['-b shutdown', '-in2 shutdown', '-in1 shutdown', '-a shutdown']);
  }));

test('a significant child that leaves takes its supervisor along when autoShutdown says so', () =>
  node.run(async (self) => {
    const log = createLog();
    const children = [worker(log, 'a'), worker(log, 'b', { restart: 'transient', significant: true })];
    const tree = await Supervisor.startLink({ autoShutdown: 'anySignificant', children });
    await cast(tree, 'b', 'leave');
    assert.equal(await endOf(self, tree), Exit.shutdown);
    assert.deepEqual(log.lines, ['+a', '+b', '-b normal', '-a shutdown']);
  }));

test('a start function that throws fails the start with EXIT and the error', () =>
  node.run(async () => {
    const start = (): never => {
      throw new Error('oops');
    };
    await assert.rejects(Supervisor.startLink({ children: [{ id: 'x', start }] }), (error: StartError) => {
      const failed = (error.reason as readonly unknown[])[1] as readonly unknown[];
      const [exit, why] = failed[2] as readonly unknown[];
      assert.equal(exit, atom('EXIT'));
      assert.equal(((why as readonly unknown[])[0] as Error).message, 'oops');
      return true;
    });
  }));

test('strange messages and requests do not harm a supervisor', () =>
  node.run(async (self) => {
    const log = createLog();
    const tree = await Supervisor.startLink({ children: [worker(log, 'a')] });
    self.send(tree, 'hello');
    self.send(tree, tuple(atom('EXIT'), 'nobody', 'reason'));
    GenServer.cast(tree, 'what');
    const answer = (await GenServer.call(tree, 'dance')) as readonly unknown[];
    assert.equal(answer[0], atom('error'));
    assert.equal(await ids(tree), 'a:running');
    await Supervisor.stop(tree);
  }));
