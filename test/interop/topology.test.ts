/** A node of ours among several real Erlang nodes that are connected with each other: nobody is cut off from anybody who lives. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { Pid } from '../../runtime/index.ts';
import { atom, Exit, isDown, isTagged, LocalNode, tuple, type Self } from '../../runtime/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang, type Program } from '../kit/programs.ts';
import { until } from '../kit/wait.ts';
import { COOKIE, OURS, startResponder } from './responder-kit.ts';

const PATIENCE = { timeoutMs: 15_000 };
const A = 'a@127.0.0.1';
const B = 'b@127.0.0.1';

/** Applies functions for whoever asks. */
const SERVICE = `
  Loop = fun Loop() ->
    receive {From, Ref, M, F, A} -> From ! {Ref, apply(M, F, A)}, Loop() end
  end,
  register(service, spawn(Loop)), io:format("ready~n").`;

interface World {
  readonly node: LocalNode;
  readonly epmdPort: number;
  readonly programs: Readonly<Record<string, Program>>;
}

async function startWorld(t: TestContext, hidden: boolean): Promise<World> {
  const epmdPort = await freePort();
  const node = await LocalNode.start({ name: 'ts@127.0.0.1', cookie: COOKIE, hidden, epmd: { port: epmdPort } });
  t.after(() => node.stop());
  const programs: Record<string, Program> = {};
  for (const name of [A, B]) {
    programs[name] = startErlang(t, { name, cookie: COOKIE, epmdPort, run: SERVICE });
    await programs[name].printed(/ready/);
    assert.equal(await node.connect(name), true);
  }
  await node.run(async (self) => assert.equal(await call(self, A, 'net_adm', 'ping', [atom(B)]), atom('pong')));
  return { node, epmdPort, programs };
}

async function call(self: Self, where: string, module: string, fn: string, args: unknown[] = []): Promise<unknown> {
  const ref = self.makeRef();
  self.send(tuple(atom('service'), atom(where)), tuple(self.pid, ref, atom(module), atom(fn), args));
  const answer = await self.receive((m) => Array.isArray(m) && ref.equals(m[0]), PATIENCE);
  return (answer as unknown[])[1];
}

const connected = async (self: Self, where: string): Promise<string[]> =>
  ((await call(self, where, 'erlang', 'nodes', [atom('connected')])) as { name: string }[])
    .map(({ name }) => name)
    .sort();

/** Waits until something is so, and then for as long as a mistaken disconnection would take. */
async function settles(isSo: () => Promise<boolean>): Promise<void> {
  await until(isSo);
  for (const endsAt = Date.now() + 1000; Date.now() < endsAt;) {
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(await isSo(), `so, and then not any more: ${isSo.toString()}`);
  }
}

for (const hidden of [true, false]) {
  const kind = hidden ? 'hidden' : 'visible';

  test(`${kind}: an Erlang node that is killed is gone, and nobody else is`, async (t) => {
    if (!hasErlang(t)) return;
    const { node, programs } = await startWorld(t, hidden);
    await node.run(async (self) => {
      const theirs = (await call(self, B, 'erlang', 'whereis', [atom('service')])) as Pid;
      const ref = self.monitor(theirs);
      programs[B]?.kill();
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
      await settles(async () => node.nodes().join() === A && (await connected(self, A)).join() === node.name.name);
    });
  });

  test(`${kind}: an Erlang node that leaves us stays with the others, who stay with us`, async (t) => {
    if (!hasErlang(t)) return;
    const { node } = await startWorld(t, hidden);
    await node.run(async (self) => {
      // An answer after it would connect again.
      await call(self, A, 'timer', 'apply_after', [50, atom('erlang'), atom('disconnect_node'), [node.name]]);
      await settles(async () => node.nodes().join() === B && (await connected(self, B)).includes(A));
      assert.deepEqual(await connected(self, B), [A, node.name.name]);
    });
  });

  test(`${kind}: two Erlang nodes that leave each other both stay with us`, async (t) => {
    if (!hasErlang(t)) return;
    const { node } = await startWorld(t, hidden);
    await node.run(async (self) => {
      assert.equal(await call(self, A, 'erlang', 'disconnect_node', [atom(B)]), true);
      await settles(async () => [...node.nodes()].sort().join() === `${A},${B}`);
      assert.ok((await connected(self, A)).includes(node.name.name));
      assert.ok((await connected(self, B)).includes(node.name.name));
    });
  });

  test(`${kind}: global names and locks of the Erlang nodes go on working while we are there`, async (t) => {
    if (!hasErlang(t)) return;
    const { node } = await startWorld(t, hidden);
    await node.run(async (self) => {
      const service = (await call(self, A, 'erlang', 'whereis', [atom('service')])) as Pid;
      assert.equal(await call(self, A, 'global', 'register_name', [atom('the_name'), service]), atom('yes'));
      await settles(async () => service.equals(await call(self, B, 'global', 'whereis_name', [atom('the_name')])));
      const lock = tuple(atom('a_lock'), service);
      assert.equal(await call(self, A, 'global', 'set_lock', [lock, [atom(A), atom(B)], 2]), true);
      assert.equal(await call(self, B, 'global', 'del_lock', [lock, [atom(A), atom(B)]]), true);
    });
  });
}

test('pids of a third node work wherever they come from, connecting as needed', async (t) => {
  if (!hasErlang(t)) return;
  const { node, programs } = await startWorld(t, true);
  await node.run(async (self) => {
    const theirs = (await call(self, A, 'rpc', 'call', [
      atom(B),
      atom('erlang'),
      atom('whereis'),
      [atom('service')],
    ])) as Pid;
    assert.equal(theirs.node, atom(B));
    await node.disconnect(B);
    const ref = self.makeRef();
    self.send(theirs, tuple(self.pid, ref, atom('erlang'), atom('node'), []));
    const answer = (await self.receive((m) => Array.isArray(m) && ref.equals(m[0]), PATIENCE)) as unknown[];
    assert.equal(answer[1], atom(B));
    // Ours, through a third: B sends to a pid that A told it.
    const told = tuple(atom('told'), 1);
    await call(self, A, 'rpc', 'call', [atom(B), atom('erlang'), atom('send'), [self.pid, told]]);
    assert.ok(isTagged(await self.receive((m) => isTagged(m, atom('told')), PATIENCE), atom('told')));
    programs[B]?.kill();
    await programs[B]?.ended();
    const gone = self.monitor(theirs);
    assert.equal((await self.receive(isDown(gone), PATIENCE)).reason, Exit.noconnection);
  });
});

test('an Erlang node that comes back is another: its former pids are dead, its new ones are not', async (t) => {
  if (!hasErlang(t)) return;
  const { node, programs, epmdPort } = await startWorld(t, true);
  await node.run(async (self) => {
    const old = (await call(self, B, 'erlang', 'whereis', [atom('service')])) as Pid;
    programs[B]?.kill();
    await programs[B]?.ended();
    const again = startErlang(t, { name: B, cookie: COOKIE, epmdPort, run: SERVICE });
    await again.printed(/ready/);
    const fresh = (await call(self, B, 'erlang', 'whereis', [atom('service')])) as Pid;
    assert.notEqual(fresh.creation, old.creation);
    self.send(old, tuple(self.pid, self.makeRef(), atom('erlang'), atom('node'), []));
    const ref = self.monitor(old);
    assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noproc);
    await assert.rejects(self.receive({ timeoutMs: 200 }), 'nobody answered for the dead');
  });
});

test('the last thing: a node of ours that is killed is noconnection, and comes back as another', async (t) => {
  if (!hasErlang(t)) return;
  const epmdPort = await freePort();
  const keeper = await LocalNode.start({ name: 'k@127.0.0.1', cookie: COOKIE, threads: 0, epmd: { port: epmdPort } });
  t.after(() => keeper.stop());
  const first = await startResponder(t, { epmdPort });
  const run = `
    N = '${OURS}', process_flag(trap_exit, true),
    Ask = fun(To, Op) -> R = make_ref(), To ! {self(), R, Op}, receive {R, X} -> X after 5000 -> none end end,
    Old = Ask({conformance, N}, self), Ref = monitor(process, Old), link(Old), monitor_node(N, true),
    io:format("asked~n"),
    receive {'DOWN', Ref, process, Old, Why} -> io:format("down ~p~n", [Why]) end,
    receive {'EXIT', Old, Why2} -> io:format("exit ~p~n", [Why2]) end,
    receive {nodedown, N} -> io:format("nodedown~n") end,
    Wait = fun Wait() -> case net_adm:ping(N) of pong -> ok; pang -> timer:sleep(50), Wait() end end, Wait(),
    New = Ask({conformance, N}, self), Old ! {self(), make_ref(), ping},
    Ref2 = monitor(process, Old), receive {'DOWN', Ref2, process, Old, Why3} -> io:format("stale ~p~n", [Why3]) end,
    io:format("new ~p ~p~n", [New =/= Old, Ask(New, ping)]).`;
  const erlang = startErlang(t, { name: 'e@127.0.0.1', cookie: COOKIE, epmdPort, run });
  await erlang.printed(/^asked$/m);
  first.program.kill();
  await erlang.printed(/^nodedown$/m);
  await startResponder(t, { epmdPort });
  await erlang.printed(/^new true pong$/m);
  assert.match(erlang.output(), /^down noconnection\nexit noconnection\nnodedown\nstale noproc$/m);
});
