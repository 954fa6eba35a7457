/** Servers and supervisors on other threads of a node, and in the middle of an Erlang cluster. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Exit, isDown, LocalNode } from '../../runtime/index.ts';
import { pidThread } from '../../runtime/term/pid.ts';
import { DynamicSupervisor, GenServer, Registry, Supervisor, type ChildSpec } from '../../supervisors/index.ts';
import { PlacedCounter, PlacedDynamic, PlacedTree } from './placed-counter.ts';

const PATIENCE = { timeoutMs: 5000 };

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 2 });
});
after(() => node.stop());

test('a class with a module starts on another thread and is called across it', () =>
  node.run(async (self) => {
    const counter = await PlacedCounter.startLink(5, { thread: 2, name: 'placed' });
    assert.equal(pidThread(counter), 2);
    assert.equal(await GenServer.call(counter, 'get'), 5);
    assert.equal(await PlacedCounter.call('placed', 'thread'), 2);
    const monitor = self.monitor(counter);
    await GenServer.stop(counter);
    assert.equal((await self.receive(isDown(monitor), PATIENCE)).reason, Exit.normal);
  }));

test('an init that fails on another thread rejects the start there too', () =>
  node.run(async () => {
    await assert.rejects(PlacedCounter.start(-1, { thread: 1 }), { code: 'start_failed', reason: 'negative' });
  }));

test('a class without a module cannot be placed, and says what is missing', () =>
  node.run(async () => {
    class Nowhere extends GenServer {}
    await assert.rejects(Nowhere.start(undefined, { thread: 1 }), /static module/);
  }));

test('a supervisor here restarts its child on the thread it is placed on', () =>
  node.run(async (self) => {
    const child = PlacedCounter.childSpec(1, { id: 'far' }, { thread: 1 });
    const tree = await Supervisor.startLink({ children: [child] });
    const [first] = await Supervisor.whichChildren(tree);
    assert.ok(first?.pid !== undefined && pidThread(first.pid) === 1);
    const monitor = self.monitor(first.pid);
    self.exit(first.pid, Exit.kill);
    await self.receive(isDown(monitor), PATIENCE);
    const [second] = await Supervisor.whichChildren(tree);
    assert.ok(second?.pid !== undefined && pidThread(second.pid) === 1 && !second.pid.equals(first.pid));
    await Supervisor.stop(tree);
  }));

test('a class that is added to a supervisor on another thread keeps its name there, one that a registry keeps too', () =>
  node.run(async (self) => {
    await Registry.startLink({ keys: 'unique', name: 'placed_names' }, { self });
    const dynamic = await PlacedDynamic.startLink(undefined, { thread: 2 });
    const name = Registry.via('placed_names', 'kept');
    const child = PlacedCounter.childSpec(6, { id: 'c' }, { name });
    const pid = await DynamicSupervisor.startChild(dynamic, child);
    assert.ok(pid !== undefined && pidThread(pid) === 2);
    assert.equal(await PlacedCounter.call(name, 'get'), 6);
    await assert.rejects(DynamicSupervisor.startChild(dynamic, child), { code: 'already_started' });
    await DynamicSupervisor.stop(dynamic);
  }));

test('a supervisor on another thread takes children by module and refuses functions', () =>
  node.run(async () => {
    const tree = await PlacedTree.startLink(7, { thread: 2 });
    const more = await Supervisor.startChild(tree, PlacedCounter.childSpec(3, { id: 'more' }));
    assert.ok(more !== undefined && pidThread(more) === 2);
    assert.equal(await PlacedCounter.call(more, 'get'), 3);
    const elsewhere = { name: 'more_far', thread: 1 };
    const far = await Supervisor.startChild(tree, PlacedCounter.childSpec(4, { id: 'far' }, elsewhere));
    assert.ok(far !== undefined && pidThread(far) === 1);
    assert.equal(await PlacedCounter.call('more_far', 'get'), 4);
    await Supervisor.terminateChild(tree, 'far');
    await Supervisor.deleteChild(tree, 'far');
    const spec: ChildSpec = { id: 'fn', start: (self) => self.spawnLink((own) => own.receive()) };
    await assert.rejects(Supervisor.startChild(tree, spec), { code: 'start_failed' });
    assert.deepEqual(await Supervisor.countChildren(tree), { specs: 2, active: 2, supervisors: 0, workers: 2 });
    await Supervisor.stop(tree);
  }));
