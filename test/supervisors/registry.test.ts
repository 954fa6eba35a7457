/** Registry: unique keys as names, duplicate keys as subscriptions, entries that go with their process. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown, LocalNode, type Self } from '../../runtime/index.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { GenServer, Registry, Supervisor } from '../../supervisors/index.ts';
import { PlacedCounter } from './placed-counter.ts';

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 1 });
});
after(() => node.stop());

const PATIENCE = { timeoutMs: 5000 };
const idle = (self: Self): Promise<unknown> => self.receive(() => false);

/** A process that has registered. */
async function holder(self: Self, registry: string, key: unknown, value?: unknown): Promise<Pid> {
  const pid = self.spawn(async (own) => {
    await Registry.register(registry, key, value, { self: own });
    own.send(self.pid, 'registered');
    await idle(own);
  });
  assert.equal(await self.receive(PATIENCE), 'registered');
  return pid;
}

test('a unique key has one holder; a second is refused and told who has it', () =>
  node.run(async (self) => {
    await Registry.startLink({ name: 'unique1', keys: 'unique' });
    const first = await holder(self, 'unique1', 'key', { any: 'value' });
    await assert.rejects(Registry.register('unique1', 'key'), { code: 'already_registered', pid: first });
    assert.deepEqual(await Registry.lookup('unique1', 'key'), [{ pid: first, value: { any: 'value' } }]);
    assert.deepEqual(await Registry.keys('unique1', first), ['key']);
    assert.equal(await Registry.count('unique1'), 1);
    await Registry.stop('unique1');
  }));

test('an entry goes with its process: at once for whoever asks, and the key is free', () =>
  node.run(async (self) => {
    await Registry.startLink({ name: 'unique2', keys: 'unique' });
    const first = await holder(self, 'unique2', tuple('a', 1));
    const monitor = self.monitor(first);
    self.exit(first, Exit.kill);
    await self.receive(isDown(monitor), PATIENCE);
    assert.deepEqual(await Registry.lookup('unique2', tuple('a', 1)), []);
    await Registry.register('unique2', tuple('a', 1), 2);
    // The end of the former holder, told late, takes nothing from the new one.
    await GenServer.call('unique2', ['count']);
    assert.deepEqual(await Registry.lookup('unique2', tuple('a', 1)), [{ pid: self.pid, value: 2 }]);
    assert.equal(await Registry.updateValue('unique2', tuple('a', 1), (value: number) => value + 1), 3);
    await Registry.unregister('unique2', tuple('a', 1));
    assert.equal(await Registry.count('unique2'), 0);
    assert.deepEqual(self.processInfo().links.length, 1);
    await Registry.stop('unique2');
  }));

test('duplicate keys hold any number of entries, and dispatch reaches them all', () =>
  node.run(async (self) => {
    await Registry.startLink({ name: 'topics', keys: 'duplicate' });
    const first = await holder(self, 'topics', 'news', 1);
    await holder(self, 'topics', 'news', 2);
    await Registry.register('topics', 'news', 3);
    await Registry.register('topics', 'other', 4);
    const seen: unknown[] = [];
    await Registry.dispatch('topics', 'news', (entries) => seen.push(...entries.map(({ value }) => value)));
    assert.deepEqual(seen, [1, 2, 3]);
    await Registry.dispatch('topics', 'nobody there', () => assert.fail('called for nothing'));
    const monitor = self.monitor(first);
    self.exit(first, Exit.kill);
    await self.receive(isDown(monitor), PATIENCE);
    assert.equal(await Registry.count('topics'), 3);
    await Registry.unregister('topics', 'news');
    assert.deepEqual(await Registry.keys('topics', self.pid), ['other']);
    await Registry.stop('topics');
  }));

test('servers start, are called and are restarted under via names', () =>
  node.run(async () => {
    const name = Registry.via('names', 'counter', 'its value');
    const children = [
      Registry.childSpec({ name: 'names', keys: 'unique' }),
      PlacedCounter.childSpec(5, { id: 'counter' }, { name }),
    ];
    const tree = await Supervisor.startLink({ strategy: 'restForOne', children });
    assert.equal(await PlacedCounter.call(name, 'get'), 5);
    const [entry] = await Registry.lookup('names', 'counter');
    assert.equal(entry?.value, 'its value');
    await assert.rejects(PlacedCounter.start(1, { name }), { code: 'already_started', pid: entry?.pid });
    await assert.rejects(PlacedCounter.call(name, 'crash'), { code: 'exit' });
    await Supervisor.whichChildren(tree);
    assert.equal(await PlacedCounter.call(name, 'get'), 5);
    await Supervisor.stop(tree);
  }));

test('what is registered ends with its registry when that is killed', () =>
  node.run(async (self) => {
    const registry = await Registry.startLink({ name: 'mortal', keys: 'unique' });
    self.trapExit(true);
    const pid = await holder(self, 'mortal', 'key');
    const monitor = self.monitor(pid);
    self.exit(registry, Exit.kill);
    assert.equal((await self.receive(isDown(monitor), PATIENCE)).reason, Exit.killed);
  }));

test('listeners are told of each entry that comes and goes', () =>
  node.run(async (self) => {
    self.register('listener');
    await Registry.startLink({ name: 'heard', keys: 'unique', listeners: ['listener'] });
    const pid = self.spawn(async (own) => {
      await Registry.register('heard', 'key', 1, { self: own });
      await idle(own);
    });
    assert.deepEqual(await self.receive(PATIENCE), tuple(atom('register'), atom('heard'), 'key', pid, 1));
    self.exit(pid, Exit.kill);
    const gone = await self.receive(PATIENCE);
    assert.deepEqual(gone, tuple(atom('unregister'), atom('heard'), 'key', pid));
    await Registry.stop('heard');
  }));

test('a registry is used from other threads, and names servers there', () =>
  node.run(async (self) => {
    await Registry.startLink({ name: 'far_registry', keys: 'unique' });
    await Registry.register('far_registry', 'taken');
    const name = Registry.via('far_registry', 'counter');
    const counter = await PlacedCounter.startLink(8, { name, thread: 1 });
    assert.ok((await GenServer.whereis(name))?.equals(counter));
    assert.equal(await PlacedCounter.call(name, 'get'), 8);
    const other = await self.spawn(import.meta.resolve('./placed-tasks.js'), 'useRegistry', [self.pid], { thread: 1 });
    assert.deepEqual(await self.receive(PATIENCE), [1, 9]);
    assert.deepEqual(await Registry.lookup('far_registry', 'mine'), [{ pid: other, value: 7 }]);
    await PlacedCounter.stop(name);
    await Registry.stop('far_registry');
  }));

test('wrong options are refused by name', () =>
  node.run(async (self) => {
    self.trapExit(true);
    const wrong = Registry.startLink({ name: 'bad', keys: 'several' as 'unique' });
    await assert.rejects(wrong, { code: 'start_failed', message: /keys/ });
    const nowhere = Registry.via('no_such_registry', 'key');
    await assert.rejects(PlacedCounter.call(nowhere, 'get'), { code: 'noproc' });
  }));
