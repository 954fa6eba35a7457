/** DynamicSupervisor: children on demand, bounded, each with its own spec. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { DynamicSupervisor, type ChildSpec, type DynamicSupervisorInit } from '../../supervisors/index.ts';
import { createLog, createTestNode, type TestNode } from './kit.ts';

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());

const idle = (self: Self): Promise<unknown> => self.receive(() => false);
const idleSpec = (spec: Partial<ChildSpec> = {}): ChildSpec => ({
  id: 'idle',
  start: (self) => self.spawnLink(idle),
  ...spec,
});

async function startChild(supervisor: Pid, spec: ChildSpec): Promise<Pid> {
  const pid = await DynamicSupervisor.startChild(supervisor, spec);
  assert.ok(pid !== undefined);
  return pid;
}

test('children start on demand, ids may repeat, and all are listed and counted', () =>
  node.run(async () => {
    const supervisor = await DynamicSupervisor.startLink();
    const first = await startChild(supervisor, idleSpec());
    const second = await startChild(supervisor, idleSpec({ type: 'supervisor' }));
    const children = await DynamicSupervisor.whichChildren(supervisor);
    assert.deepEqual(
      children.map(({ id, pid, type }) => [id, pid, type]),
      [
        [undefined, first, 'worker'],
        [undefined, second, 'supervisor'],
      ],
    );
    assert.deepEqual(await DynamicSupervisor.countChildren(supervisor), {
      specs: 2,
      active: 2,
      supervisors: 1,
      workers: 1,
    });
    await DynamicSupervisor.stop(supervisor);
  }));

test('a start beyond maxChildren is refused with max_children until one has gone', () =>
  node.run(async () => {
    const supervisor = await DynamicSupervisor.startLink({ maxChildren: 1 });
    const first = await startChild(supervisor, idleSpec());
    await assert.rejects(DynamicSupervisor.startChild(supervisor, idleSpec()), { code: 'max_children' });
    await DynamicSupervisor.terminateChild(supervisor, first);
    await startChild(supervisor, idleSpec());
    await assert.rejects(DynamicSupervisor.terminateChild(supervisor, first), { code: 'not_found' });
  }));

test('permanent and transient children restart from their own specs, temporary ones do not', () =>
  node.run(async (self) => {
    const log = createLog();
    const supervisor = await DynamicSupervisor.startLink({ intensity: 10 });
    const spec = (name: string, restart: ChildSpec['restart']): ChildSpec => ({
      id: 1,
      ...(restart === undefined ? {} : { restart }),
      start: (own) => {
        log.add(name);
        return own.spawnLink(idle);
      },
    });
    const kill = async (child: ChildSpec): Promise<void> => {
      const pid = await startChild(supervisor, child);
      const monitor = self.monitor(pid);
      self.exit(pid, Exit.kill);
      await self.receive(isDown(monitor), { timeoutMs: 10_000 });
    };
    await kill(spec('permanent', 'permanent'));
    await kill(spec('temporary', 'temporary'));
    await kill(spec('transient', 'transient'));
    assert.deepEqual(await log.until(5), ['permanent', 'permanent', 'temporary', 'transient', 'transient']);
    assert.equal((await DynamicSupervisor.countChildren(supervisor)).active, 2);
  }));

test('a restart that fails is tried again until it works', () =>
  node.run(async (self) => {
    let starts = 0;
    const supervisor = await DynamicSupervisor.startLink({ intensity: 10 });
    const pid = await startChild(supervisor, {
      id: 1,
      start: (own) => {
        starts += 1;
        return starts === 2 ? atom('not_now') : own.spawnLink(idle);
      },
    });
    self.exit(pid, Exit.kill);
    for (;;) {
      const [child] = await DynamicSupervisor.whichChildren(supervisor);
      if (child?.pid !== undefined && !child.pid.equals(pid)) break;
    }
    assert.equal(starts, 3);
  }));

test('more restarts than intensity end it with shutdown, and its children with it', () =>
  node.run(async (self) => {
    const supervisor = await DynamicSupervisor.startLink({ intensity: 0 });
    const other = await startChild(supervisor, idleSpec());
    const pid = await startChild(supervisor, idleSpec());
    const [monitor, otherMonitor] = [self.monitor(supervisor), self.monitor(other)];
    self.exit(pid, Exit.kill);
    assert.equal((await self.receive(isDown(monitor), { timeoutMs: 10_000 })).reason, Exit.shutdown);
    assert.equal((await self.receive(isDown(otherMonitor), { timeoutMs: 10_000 })).reason, Exit.shutdown);
  }));

test('extraArguments come before the arguments of every start', () =>
  node.run(async (self) => {
    const supervisor = await DynamicSupervisor.startLink({ extraArguments: ['a', 'b'] });
    const start = (own: Self, ...args: readonly unknown[]): Pid => {
      own.send(self.pid, [...args]);
      return own.spawnLink(idle);
    };
    await startChild(supervisor, { id: 1, start });
    assert.deepEqual(await self.receive({ timeoutMs: 1000 }), ['a', 'b']);
  }));

test('at its end every child has its own shutdown time, and all have it at once', () =>
  node.run(async (self) => {
    const supervisor = await DynamicSupervisor.startLink();
    const stubborn: ChildSpec['start'] = (own) => own.spawnLink(idle, { trapExit: true });
    const killed = await startChild(supervisor, { id: 1, start: stubborn, shutdown: 'brutalKill' });
    const late = await startChild(supervisor, { id: 2, start: stubborn, shutdown: 600 });
    const later = await startChild(supervisor, { id: 3, start: stubborn, shutdown: 800 });
    const polite = await startChild(supervisor, idleSpec());
    const monitors = [killed, late, later, polite].map((pid) => self.monitor(pid));
    const before = performance.now();
    await DynamicSupervisor.stop(supervisor);
    const tookMs = performance.now() - before;
    const reasons: unknown[] = [];
    for (const monitor of monitors) reasons.push((await self.receive(isDown(monitor))).reason);
    assert.deepEqual(reasons, [Exit.killed, Exit.killed, Exit.killed, Exit.shutdown]);
    assert.ok(tookMs >= 799 && tookMs < 1400, `800 ms for all, not 1400 one after the other: ${tookMs}`);
  }));

test('options are checked at once, with the field that is wrong', () =>
  node.run(async () => {
    const start = (init: DynamicSupervisorInit): Promise<Pid> => DynamicSupervisor.startLink(init);
    await assert.rejects(start({ maxChildren: -1 }), /invalid_max_children/);
    await assert.rejects(start({ strategy: 'oneForAll' } as DynamicSupervisorInit), /invalid_strategy/);
    await assert.rejects(start({ extraArguments: 'a' } as unknown as DynamicSupervisorInit), /invalid_extra_arguments/);
    const bad = DynamicSupervisor.startChild('nobody', { id: 1, restart: 'always' } as unknown as ChildSpec);
    await assert.rejects(bad, { code: 'bad_child_spec' });
  }));
