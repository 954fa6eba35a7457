/** Agents: a state, and functions that run where it is. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LocalNode } from '../../runtime/index.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { Agent, Supervisor, type CallError } from '../../supervisors/index.ts';

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 1 });
});
after(() => node.stop());

test('get reads, update changes, getAndUpdate does both, cast does not wait', () =>
  node.run(async () => {
    const agent = await Agent.startLink(() => ({ count: 1 }));
    assert.equal(await Agent.get(agent, (state) => state.count), 1);
    await Agent.update(agent, (state) => ({ count: state.count + 1 }));
    assert.equal(await Agent.getAndUpdate(agent, (state) => [state.count, { count: 10 }]), 2);
    Agent.cast(agent, async (state) => ({ count: state.count + 5 }));
    assert.equal(await Agent.get(agent, (state) => state.count), 15);
    await Agent.stop(agent);
  }));

test('what get gives is a copy: changing it does not change the state', () =>
  node.run(async () => {
    const agent = await Agent.startLink(() => ({ list: [1] }));
    (await Agent.get(agent, (state) => state)).list.push(2);
    assert.deepEqual(await Agent.get(agent, (state) => state.list), [1]);
  }));

test('a function that throws ends the agent, and the caller gets the reason', () =>
  node.run(async (self) => {
    self.trapExit(true);
    const agent = await Agent.startLink(() => 0);
    const error = await Agent.get(agent, () => {
      throw new Error('boom');
    }).catch((thrown: CallError) => thrown);
    assert.equal((error as CallError).code, 'exit');
    assert.equal(self.isAlive(agent), false);
  }));

test('while an async function is awaited the agent does nothing else; a call that times out is still carried out', () =>
  node.run(async () => {
    const agent = await Agent.startLink(() => 0);
    let release = (): void => undefined;
    const slow = Agent.update(
      agent,
      async (state) => {
        await new Promise<void>((resolve) => (release = resolve));
        return state + 1;
      },
      { timeoutMs: 10 },
    );
    await assert.rejects(slow, { code: 'timeout' });
    release();
    assert.equal(await Agent.get(agent, (state) => state), 1);
  }));

test('an agent has a name and a place in a tree, and is started again with a fresh state', () =>
  node.run(async (self) => {
    const spec = Agent.childSpec(() => 5, { id: 'agent' }, { name: 'an_agent' });
    const tree = await Supervisor.startLink({ children: [spec] });
    await Agent.update('an_agent', (state: number) => state + 1);
    assert.equal(await Agent.get('an_agent', (state: number) => state), 6);
    const [child] = await Supervisor.whichChildren(tree);
    assert.ok(child?.pid !== undefined);
    self.exit(child.pid, Exit.kill);
    await Supervisor.whichChildren(tree);
    assert.equal(await Agent.get('an_agent', (state: number) => state), 5);
    await Supervisor.stop(tree);
  }));

test('a start whose function throws rejects', () =>
  node.run(async () => {
    const failing = Agent.start(() => {
      throw new Error('boom');
    });
    await assert.rejects(failing, { code: 'start_failed' });
  }));

test('from another thread a function is refused and an exported one works', () =>
  node.run(async () => {
    await Agent.start(() => 20, { name: 'far_agent' });
    const doubled = await node.run(async (self) => {
      await self.spawn(import.meta.resolve('./placed-tasks.js'), 'askAgent', [self.pid], { thread: 1 });
      return self.receive({ timeoutMs: 5000 });
    });
    assert.deepEqual(doubled, ['badarg', 40]);
  }));
