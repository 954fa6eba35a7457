/** Servers that are started on other nodes, which have registered their classes, and supervised from here. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { atom, Exit, isDown, isExit, LocalNode, tuple, type Pid, type Self } from '../../runtime/index.ts';
import { GenServer, Next, startable, Supervisor } from '../../supervisors/index.ts';
import type { InitResult } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { PlacedCounter } from './placed-counter.ts';

const A = 'a@127.0.0.1';
const B = 'b@127.0.0.1';
const cookie = 'servers-on-nodes';
const PATIENCE = { timeoutMs: 10_000 };

let epmd: { readonly port: number };
let here: LocalNode;
let there: LocalNode;

before(async () => {
  epmd = { port: await freePort() };
  here = await LocalNode.start({ name: A, cookie, epmd, threads: 1, logger: false });
  there = await startThere();
});
after(async () => {
  await here.stop();
  await there.stop();
});

const startThere = (): Promise<LocalNode> =>
  LocalNode.start({ name: B, cookie, epmd, threads: 1, logger: false, modules: startable(PlacedCounter) });

/** In a process of node A that traps exits. */
const run = (fn: (self: Self) => Promise<void>): Promise<void> => here.run(fn, { trapExit: true });

class Unknown extends GenServer {
  override init(): InitResult<unknown> {
    return Next.ok(null);
  }
}

test('a class starts on another node that has registered it, linked, under a name of that node', () =>
  run(async (self) => {
    const counter = await PlacedCounter.startLink(5, { node: B, name: 'far_counter' });
    assert.equal(counter.node, atom(B));
    assert.equal(await PlacedCounter.call(counter, 'get'), 5);
    assert.equal(await PlacedCounter.call(tuple(atom('far_counter'), atom(B)), 'get'), 6);
    assert.equal(self.whereis('far_counter'), undefined);
    const again = PlacedCounter.start(1, { node: B, name: 'far_counter' });
    await assert.rejects(again, (error: { code: string; pid: Pid }) => {
      return error.code === 'already_started' && counter.equals(error.pid);
    });
    self.exit(counter, Exit.kill);
    assert.equal((await self.receive(isExit(counter), PATIENCE)).reason, Exit.killed);
  }));

test('an init that fails there rejects the start here; a class that is not registered is refused with notsup', () =>
  run(async () => {
    await assert.rejects(PlacedCounter.start(-1, { node: B }), { code: 'start_failed', reason: 'negative' });
    await assert.rejects(Unknown.start(undefined, { node: B }), { code: 'notsup' });
    await assert.rejects(PlacedCounter.start(1, { node: B, thread: 1 }), { code: 'badarg' });
    await assert.rejects(PlacedCounter.start(1, { node: 'nobody@127.0.0.1' }), { code: 'noconnection' });
    const own = await PlacedCounter.start(3, { node: A, thread: 1 });
    assert.equal(await PlacedCounter.call(own, 'thread'), 1);
  }));

test('a supervisor restarts its child on the node it is placed on, and learns of the loss of that node', () =>
  run(async (self) => {
    const child = PlacedCounter.childSpec(1, { id: 'far' }, { node: B, name: 'supervised' });
    const tree = await Supervisor.startLink({ intensity: 1, children: [child] });
    const [first] = await Supervisor.whichChildren(tree);
    const monitor = self.monitor(first?.pid as Pid);
    self.exit(first?.pid as Pid, Exit.kill);
    await self.receive(isDown(monitor), PATIENCE);
    let [second] = await Supervisor.whichChildren(tree);
    while (second?.pid === undefined || second.pid.equals(first?.pid)) [second] = await Supervisor.whichChildren(tree);
    assert.equal(second.pid.node, atom(B));
    assert.equal(await PlacedCounter.call(tuple(atom('supervised'), atom(B)), 'get'), 1);
    await there.stop();
    // One restart is allowed; the second, on a node that is gone, is one too many.
    assert.equal((await self.receive(isExit(tree), PATIENCE)).reason, Exit.shutdown);
    there = await startThere();
  }));
