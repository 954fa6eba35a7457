/** Process groups across our scopes and Erlang's `pg`, with our node hidden (the default) and visible. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LocalNode, type Self } from '../../runtime/index.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { atom } from '../../runtime/term/atom.ts';
import { Pg } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';

const cookie = 'pg-interop';
const PATIENCE = { timeoutMs: 10_000 };

const RUN = `
  {ok, _} = pg:start_link(),
  Member = spawn(fun() -> receive stop -> ok end end),
  ok = pg:join(early, Member),
  {Ref, _} = pg:monitor(ours),
  true = net_kernel:connect_node('tp@127.0.0.1'),
  receive {Ref, join, ours, [P1]} -> io:format("joined: ~w ~w~n", [node(P1), pg:get_members(ours) =:= [P1]]) end,
  receive {Ref, leave, ours, _} -> io:format("left: ~w~n", [pg:get_members(ours)]) end,
  ok = pg:join(late, [Member, Member]),
  ok = pg:leave(early, Member),
  receive {Ref, join, ours, _} -> io:format("again~n") end,
  Member ! stop,
  receive {Ref, leave, ours, _} -> io:format("node gone: ~w ~w~n", [pg:get_members(ours), pg:which_groups()]) end.`;

async function change(self: Self): Promise<readonly [string, string, number]> {
  const [, what, group, pids] = (await self.receive(PATIENCE)) as readonly unknown[];
  return [String(what), String(group), (pids as unknown[]).length];
}

for (const hidden of [true, false]) {
  test(`Erlang's pg and ours see each other's members (our node ${hidden ? 'hidden' : 'visible'})`, async (t) => {
    if (!hasErlang(t)) return;
    const epmdPort = await freePort();
    const node = await LocalNode.start({ name: 'tp@127.0.0.1', cookie, threads: 1, hidden, epmd: { port: epmdPort } });
    t.after(() => node.stop());
    await Pg.startLink();
    const erlang = startErlang(t, { name: 'ep@127.0.0.1', cookie, epmdPort, run: RUN });
    await node.run(async (self) => {
      const member = self.spawn((own) => own.receive());
      await Pg.join(atom('ours'), member);
      await Pg.monitorScope();
      await erlang.printed(/^joined: 'tp@127.0.0.1' true$/m);
      assert.deepEqual(await change(self), ['join', 'early', 1]);
      self.exit(member, Exit.kill);
      await erlang.printed(/^left: \[\]$/m);
      assert.deepEqual(await change(self), ['leave', 'ours', 1]);
      assert.deepEqual(await change(self), ['join', 'late', 2]);
      assert.deepEqual(await change(self), ['leave', 'early', 1]);
      assert.equal((await Pg.getMembers(atom('late'))).length, 2);
      await Pg.join(atom('ours'), self.pid);
      assert.deepEqual(await change(self), ['join', 'ours', 1]);
      await erlang.printed(/^again$/m);
      // It ends on the Erlang side: both of its memberships go.
      assert.deepEqual(await change(self), ['leave', 'late', 1]);
      assert.deepEqual(await change(self), ['leave', 'late', 1]);
    });
    await node.stop();
    await erlang.printed(/^node gone: \[\] \[\]$/m);
  });
}
