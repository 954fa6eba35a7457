/** The thread that holds the connections is lost: the node registers again, connects again, and its other processes never notice more than `noconnection`. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { atom, Exit, isDown, isTuple, LocalNode, tuple, type Pid } from '../../runtime/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';

const cookie = 'system-thread';
const PATIENCE = { timeoutMs: 20_000 };

async function start(t: TestContext, name: string, port: number, threads: number): Promise<LocalNode> {
  const node = await LocalNode.start({ name, cookie, threads, epmd: { port } });
  t.after(() => node.stop());
  return node;
}

/** Resolves at the next event of that name. */
function once(node: LocalNode, event: 'nodeup' | 'nodedown', from: string): Promise<void> {
  return new Promise((resolve) => {
    node.on(event, (...[name]: [string, ...unknown[]]) => void (name === from && resolve()));
  });
}

for (const served of ['by another node', 'by the thread that dies']) {
  test(`the system thread dies, EPMD being served ${served}: the node is found and connected again`, async (t) => {
    const port = await freePort();
    const names = ['quiet@127.0.0.1', 'loud@127.0.0.1'];
    if (served === 'by the thread that dies') names.reverse();
    const nodes = [];
    for (const name of names) nodes.push(await start(t, name, port, name.startsWith('loud') ? 2 : 0));
    const [quiet, loud] = (served === 'by another node' ? nodes : nodes.reverse()) as [LocalNode, LocalNode];
    const echo = loud.spawn(
      async (self) => {
        for (;;) {
          const [from, what] = (await self.receive(isTuple)) as unknown as [Pid, unknown];
          self.send(from, what);
        }
      },
      { name: 'echo' },
    );
    await quiet.run(async (self) => {
      self.send(tuple(atom('echo'), loud.name), tuple(self.pid, 'before'));
      assert.equal(await self.receive(PATIENCE), 'before');
      const ref = self.monitor(echo);
      const down = once(quiet, 'nodedown', loud.name.name);
      const back = down.then(() => once(quiet, 'nodeup', loud.name.name));
      const [lost, again] = [once(loud, 'nodedown', quiet.name.name), once(loud, 'nodeup', quiet.name.name)];
      loud.killThread(1);
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
      await Promise.all([down, lost, again, back]);
      self.send(echo, tuple(self.pid, 'after, by the same pid'));
      assert.equal(await self.receive(PATIENCE), 'after, by the same pid');
      assert.equal(await quiet.disconnect(loud.name), true);
      assert.equal(await quiet.connect(loud.name), true, 'found by name again');
    });
  });
}

test('an Erlang node finds a node of ours again whose system thread died', async (t) => {
  if (!hasErlang(t)) return;
  const port = await freePort();
  const keeper = await start(t, 'keeper@127.0.0.1', port, 0);
  const loud = await start(t, 'loud@127.0.0.1', port, 1);
  const run = `
    Ping = fun Ping(0) -> pang; Ping(N) -> case net_adm:ping('loud@127.0.0.1') of pong -> pong; pang -> timer:sleep(100), Ping(N - 1) end end,
    pong = Ping(50), monitor_node('loud@127.0.0.1', true), io:format("up~n"),
    receive {nodedown, _} -> io:format("down~n") end, pong = Ping(100), io:format("up again~n").`;
  const erlang = startErlang(t, { name: 'e@127.0.0.1', cookie, epmdPort: port, run });
  await erlang.printed(/^up$/m);
  loud.killThread(1);
  await erlang.printed(/^up again$/m);
  assert.match(erlang.output(), /^down$/m);
  assert.ok(keeper.name);
});
