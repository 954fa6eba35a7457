/** Our nodes and real Erlang nodes in one cluster: both sides ping, send, monitor and link. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, Exit, isDown, isExit, isTagged, LocalNode, Pid, tuple, type Self } from '../../runtime/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';

const cookie = 'interop-test';
const PATIENCE = { timeoutMs: 15_000 };
const ERLANG = 'e@127.0.0.1';

/** Serves `{Pid, Request}` and, told `link`, links to a process that then exits. */
const ERLANG_SERVICE = `
  Loop = fun Loop() ->
    receive
      {From, spawn_waiter} -> From ! {spawned, spawn(fun() -> receive {exit, Reason} -> exit(Reason) end end)}, Loop();
      {From, {link, Pid}} -> process_flag(trap_exit, true), link(Pid), From ! linked, Loop();
      {From, {monitor, Target}} -> monitor(process, Target), From ! monitoring, Loop();
      {From, {ping, Node}} -> From ! {ping, net_adm:ping(Node)}, Loop();
      {From, {echo, Term}} -> From ! {echo, Term}, Loop();
      {forward_to, To} -> put(to, To), Loop();
      Other -> get(to) ! {saw, Other}, Loop()
    end
  end,
  register(service, spawn(Loop)),
  io:format("ready~n").`;

for (const threads of [0, 1]) {
  test(`an Erlang node pings, monitors and links a process of ours, and the reverse (threads: ${threads})`, async (t) => {
    if (!hasErlang(t)) return;
    const epmdPort = await freePort();
    const node = await LocalNode.start({ name: 'ts@127.0.0.1', cookie, threads, epmd: { port: epmdPort } });
    t.after(() => node.stop());
    const erlang = startErlang(t, { name: ERLANG, cookie, epmdPort, run: ERLANG_SERVICE });
    await erlang.printed(/ready/);
    const service = tuple(atom('service'), atom(ERLANG));

    await node.run(async (self) => {
      const ask = async (request: unknown): Promise<unknown> => {
        self.send(service, tuple(self.pid, request));
        return self.receive(PATIENCE);
      };
      self.send(service, tuple(atom('forward_to'), self.pid));

      assert.deepEqual(await ask(tuple(atom('ping'), node.name)), tuple(atom('ping'), atom('pong')));

      const ours = self.spawn(async (other) => other.exit(await other.receive()), { name: 'ours' });
      const nameThere = tuple(atom('ours'), node.name);
      assert.equal(await ask(tuple(atom('monitor'), ours)), atom('monitoring'));
      assert.equal(await ask(tuple(atom('monitor'), nameThere)), atom('monitoring'));
      assert.equal(await ask(tuple(atom('link'), ours)), atom('linked'));
      self.send('ours', tuple(atom('why'), 1));
      await sawAll(self, ours, nameThere);

      assert.equal(await ask(tuple(atom('monitor'), tuple(atom('nobody'), node.name))), atom('monitoring'));
      const noproc = (await self.receive(PATIENCE)) as readonly (readonly unknown[])[];
      assert.equal(noproc[1]?.[4], Exit.noproc);

      await oursSeesTheirs(self, service);
      const mixed = { text: 'grüß', n: [1, -1, 2n ** 80n, 1.5], nested: tuple(atom('a'), new Map([[1, 'x']])) };
      assert.deepEqual(await ask(tuple(atom('echo'), mixed)), tuple(atom('echo'), mixed));

      const lost = self.monitor(service);
      self.monitorNode(ERLANG, true);
      erlang.kill('SIGKILL');
      assert.equal((await self.receive(isDown(lost), PATIENCE)).reason, Exit.noconnection);
      assert.deepEqual(await self.receive(PATIENCE), tuple(atom('nodedown'), atom(ERLANG)));
    });
  });
}

/** What the Erlang process got when ours ended: two DOWNs and an EXIT, each exactly once. */
async function sawAll(self: Self, ours: Pid, nameThere: unknown): Promise<void> {
  const reason = tuple(atom('why'), 1);
  const seen: unknown[][] = [];
  for (let i = 0; i < 3; i++) {
    const message = (await self.receive((m) => isTagged(m, atom('saw'), 2), PATIENCE)) as readonly unknown[];
    seen.push([...(message[1] as unknown[])]);
  }
  const downs = seen.filter(([tag]) => tag === atom('DOWN'));
  assert.equal(downs.length, 2);
  for (const down of downs) assert.deepEqual(down[4], reason);
  assert.ok(downs.some((down) => ours.equals(down[3])));
  assert.ok(downs.some((down) => !(down[3] instanceof Pid) && assert.deepEqual(down[3], nameThere) === undefined));
  const exit = seen.find(([tag]) => tag === atom('EXIT'));
  assert.ok(ours.equals(exit?.[1]));
  assert.deepEqual(exit?.[2], reason);
}

async function oursSeesTheirs(self: Self, service: ReturnType<typeof tuple>): Promise<void> {
  self.send(service as never, tuple(self.pid, atom('spawn_waiter')));
  const theirs = ((await self.receive(PATIENCE)) as readonly unknown[])[1] as Pid;
  self.trapExit(true);
  self.link(theirs);
  const ref = self.monitor(theirs);
  self.send(theirs, tuple(atom('exit'), ['bye', 2]));
  assert.deepEqual((await self.receive(isDown(ref), PATIENCE)).reason, ['bye', 2]);
  assert.deepEqual((await self.receive(isExit(theirs), PATIENCE)).reason, ['bye', 2]);
  const again = self.monitor(theirs);
  assert.equal((await self.receive(isDown(again), PATIENCE)).reason, Exit.noproc);
}

test('a node with another cookie is kept out, from either side', async (t) => {
  if (!hasErlang(t)) return;
  const epmdPort = await freePort();
  const node = await LocalNode.start({ name: 'ts@127.0.0.1', cookie, threads: 0, epmd: { port: epmdPort } });
  t.after(() => node.stop());
  const run = `io:format("answer: ~p~n", [net_adm:ping('ts@127.0.0.1')]).`;
  const erlang = startErlang(t, { name: ERLANG, cookie: 'wrong', epmdPort, run });
  await erlang.printed(/answer: pang/);
  assert.equal(await node.connect(ERLANG), false);
});
