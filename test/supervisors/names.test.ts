/** Names that registries keep, starts with a monitor, and calls of one name on many nodes. */
import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import {
  GenServer,
  Next,
  setGlobalRegistry,
  Supervisor,
  type Call,
  type CallError,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
  type NameRegistry,
} from '../../supervisors/index.ts';
import { createTestNode, type TestNode } from './kit.ts';

let node: TestNode;
before(() => {
  node = createTestNode();
});
after(() => node.stop());
afterEach(() => void setGlobalRegistry(undefined));

class Counter extends GenServer<number, Call<'get' | 'stop', number>, 'inc', unknown, number> {
  override init(start: number): InitResult<number> {
    return start < 0 ? Next.fail(atom('negative')) : Next.ok(start);
  }
  override handleCall(request: 'get' | 'stop', _from: From, count: number): CallResult<number, number> {
    return request === 'stop' ? Next.stopReply(atom('enough'), count, count) : Next.reply(count, count);
  }
  override handleCast(_message: 'inc', count: number): CastResult<number> {
    return Next.noreply(count + 1);
  }
}

/** A registry as a plain map, that answers at once or later. */
function createRegistry(later: boolean): NameRegistry & { readonly held: Map<unknown, Pid> } {
  const held = new Map<unknown, Pid>();
  const answer = <T>(value: T): T | Promise<T> => (later ? Promise.resolve(value) : value);
  return {
    name: 'my_registry',
    held,
    whereis: (name) => answer(held.get(name)),
    register(name: unknown, self: Self) {
      if (held.has(name)) return answer(false);
      held.set(name, self.pid);
      return answer(true);
    },
    unregister: (name) => held.delete(name),
  };
}

for (const later of [false, true]) {
  const how = later ? 'a registry that answers later' : 'a registry that answers at once';

  test(`start, call, cast and stop work by a name of ${how}`, () =>
    node.run(async () => {
      const via = createRegistry(later);
      const name = { via, name: 'counter' };
      const counter = await Counter.startLink(5, { name });
      assert.equal(await Counter.call(name, 'get'), 5);
      Counter.cast(name, 'inc');
      await new Promise((resolve) => setImmediate(resolve));
      assert.equal(await Counter.call(name, 'get'), 6);
      assert.ok((await GenServer.whereis(name))?.equals(counter));
      await assert.rejects(Counter.start(1, { name }), { code: 'already_started', pid: counter });
      await Counter.stop(name);
    }));

  test(`nobody under a name of ${how} is noproc, with the name in the exit reason; a cast is lost`, () =>
    node.run(async () => {
      const name = { via: createRegistry(later), name: 'nobody' };
      const error = await Counter.call(name, 'get').catch((thrown: CallError) => thrown);
      const named = tuple(atom('via'), atom('my_registry'), 'nobody');
      assert.deepEqual(
        (error as CallError).reason,
        tuple(Exit.noproc, tuple(atom('gen_server'), atom('call'), [named, 'get'])),
      );
      Counter.cast(name, 'inc');
      await assert.rejects(Counter.stop(name), { code: 'noproc' });
    }));

  test(`an init that fails frees its name of ${how} before the starter knows`, () =>
    node.run(async () => {
      const via = createRegistry(later);
      await assert.rejects(Counter.start(-1, { name: { via, name: 'x' } }), { code: 'start_failed' });
      assert.equal(via.held.size, 0);
    }));
}

test('a global name works with the registry that was given, for supervisors too', () =>
  node.run(async () => {
    setGlobalRegistry(createRegistry(true));
    const name = { global: tuple('any', 'term') };
    const tree = await Supervisor.startLink({ children: [Counter.childSpec(3, { id: 'c' })] }, { name });
    assert.ok((await GenServer.whereis(name))?.equals(tree));
    assert.equal((await Supervisor.countChildren(name)).active, 1);
    await Supervisor.stop(name);
  }));

test('without a registry a global name is refused, and the error says what is missing', () =>
  node.run(async () => {
    await assert.rejects(Counter.call({ global: 'x' }, 'get'), {
      code: 'no_global_registry',
      message: /setGlobalRegistry/,
    });
    await assert.rejects(Counter.start(1, { name: { global: 'x' } }), { code: 'no_global_registry' });
    assert.throws(() => Counter.cast({ global: 'x' }, 'inc'), { code: 'no_global_registry' });
  }));

for (const later of [false, true]) {
  test(`sendRequest works by a name whose registry answers ${later ? 'later' : 'at once'}, and fails as the server does`, () =>
    node.run(async (self) => {
      const name = { via: createRegistry(later), name: 'q' };
      const counter = await Counter.startLink(4, { name });
      const response = await GenServer.receiveResponse(Counter.sendRequest(name, 'get'));
      assert.deepEqual(response, { kind: 'reply', reply: 4 });
      const monitor = self.monitor(counter);
      self.exit(counter, Exit.kill);
      const failed = await GenServer.receiveResponse(Counter.sendRequest(name, 'get'));
      assert.equal(
        failed?.kind === 'failed' && [Exit.killed, Exit.noproc].includes(failed.reason as typeof Exit.killed),
        true,
      );
      await self.receive(isDown(monitor), { timeoutMs: 10_000 });
      const nobody = { via: name.via, name: 'nobody' };
      assert.equal((await GenServer.receiveResponse(Counter.sendRequest(nobody, 'get')))?.kind, 'failed');
    }));
}

test('casts to a name whose registry answers later keep their order, go before a later call, and outlive their sender', () =>
  node.run(async (self) => {
    const name = { via: createRegistry(true), name: 'ordered' };
    await Counter.startLink(0, { name });
    for (let i = 0; i < 10; i++) Counter.cast(name, 'inc');
    assert.equal(await Counter.call(name, 'get'), 10);
    const sender = self.spawn(() => Counter.cast(name, 'inc'));
    await self.receive(isDown(self.monitor(sender)), { timeoutMs: 10_000 });
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(await Counter.call(name, 'get'), 11);
  }));

test('startMonitor gives a monitor from the start on; a start that fails leaves none and no DOWN', () =>
  node.run(async (self) => {
    const { pid, ref } = await Counter.startMonitor(7);
    assert.equal(await Counter.call(pid, 'stop'), 7);
    const down = await self.receive(isDown(ref), { timeoutMs: 10_000 });
    assert.equal(down.reason, atom('enough'));
    await assert.rejects(Counter.startMonitor(-1), { code: 'start_failed' });
    assert.equal(self.processInfo().monitors.length, 0);
    assert.equal(self.processInfo().messageQueueLen, 0);
  }));

test('multiCall asks this node by default, and lists nodes without the server as bad; abcast reaches the others', () =>
  node.run(async (self) => {
    await Counter.startLink(1, { name: 'many' });
    Counter.abcast('many', 'inc');
    const { replies, bad } = await Counter.multiCall('many', 'get', { timeoutMs: 500 });
    assert.deepEqual(replies, [[self.nodeName, 2]]);
    assert.deepEqual(bad, []);
    const nowhere = await Counter.multiCall('nobody_here', 'get', { nodes: [self.nodeName, 'gone@127.0.0.1'] });
    assert.deepEqual([...nowhere.bad], [self.nodeName, atom('gone@127.0.0.1')]);
    await GenServer.stop('many');
  }));
