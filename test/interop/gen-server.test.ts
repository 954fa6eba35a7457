/** Servers and supervisors of ours and Erlang's gen_server and supervisor modules, calling each other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, LocalNode, tuple } from '../../runtime/index.ts';
import { GenServer, Next, Supervisor } from '../../supervisors/index.ts';
import type { CallError, CallResult, CastResult, From } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';

const cookie = 'interop-test';
const ERLANG = 'eg@127.0.0.1';

class Echo extends GenServer<number> {
  override handleCall(request: unknown, _from: From, count: number): CallResult<number, unknown> {
    if (request === atom('stop')) return Next.stop(atom('enough'), count);
    if (request === atom('silent')) return Next.noreply(count);
    return Next.reply(tuple(atom('echo'), request), count);
  }

  override handleCast(message: unknown, count: number): CastResult<number> {
    return Next.noreply(count + (message === atom('inc') ? 1 : 0));
  }
}

/** Prints what each call comes to. */
const CALLS = `
  Ts = {echo, 'tg@127.0.0.1'},
  Try = fun(What, F) -> io:format("~w: ~0p~n", [What, try {value, F()} catch exit:R -> {exit, R} end]) end,
  Try(by_name, fun() -> gen_server:call(Ts, {hello, 1}) end),
  Try(silent, fun() -> gen_server:call(Ts, silent, 50) end),
  [{echo, Pid, _, _}] = supervisor:which_children({tree, 'tg@127.0.0.1'}),
  Try(by_pid, fun() -> gen_server:call(Pid, two) end),
  Try(cast, fun() -> gen_server:cast(Ts, inc) end),
  Try(late, fun() -> gen_server:receive_response(gen_server:send_request(Ts, three), 5000) end),
  Try(counts, fun() -> supervisor:count_children({tree, 'tg@127.0.0.1'}) end),
  Try(ends, fun() -> gen_server:call(Ts, stop) end),
  Try(nobody, fun() -> gen_server:call({nobody, 'tg@127.0.0.1'}, x) end),
  Try(child, fun() -> supervisor:terminate_child({tree, 'tg@127.0.0.1'}, echo) end),
  Try(state, fun() -> {restart, supervisor:restart_child({tree, 'tg@127.0.0.1'}, nothing)} end),
  Try(stop, fun() -> gen_server:stop({tree, 'tg@127.0.0.1'}) end),
  io:format("done~n").`;

const EXPECTED: readonly RegExp[] = [
  /^by_name: \{value,\{echo,\{hello,1\}\}\}$/m,
  /^silent: \{exit,\{timeout,\{gen_server,call,\[\{echo,'tg@127.0.0.1'\},silent,50\]\}\}\}$/m,
  /^by_pid: \{value,\{echo,two\}\}$/m,
  /^cast: \{value,ok\}$/m,
  /^late: \{value,\{reply,\{echo,three\}\}\}$/m,
  /^counts: \{value,\[\{specs,1\},\{active,1\},\{supervisors,0\},\{workers,1\}\]\}$/m,
  /^ends: \{exit,\{enough,\{gen_server,call,\[\{echo,'tg@127.0.0.1'\},stop\]\}\}\}$/m,
  /^nobody: \{exit,\{noproc,\{gen_server,call,/m,
  /^child: \{value,ok\}$/m,
  /^state: \{value,\{restart,\{error,not_found\}\}\}$/m,
  /^stop: \{value,ok\}$/m,
];

for (const threads of [0, 1]) {
  test(`gen_server and supervisor of Erlang work with ours, and ours with rex of Erlang (threads: ${threads})`, async (t) => {
    if (!hasErlang(t)) return;
    const epmdPort = await freePort();
    const node = await LocalNode.start({ name: 'tg@127.0.0.1', cookie, threads, epmd: { port: epmdPort } });
    t.after(() => node.stop());
    const child = Echo.childSpec(undefined, { id: atom('echo') }, { name: 'echo' });
    // From outside of any process: a tree that no process of ours is the parent of.
    await Supervisor.startLink({ children: [child] }, { name: 'tree' });
    const erlang = startErlang(t, { name: ERLANG, cookie, epmdPort, run: CALLS });
    await erlang.printed(/done/);
    for (const line of EXPECTED) await erlang.printed(line);

    await node.run(async (self) => {
      const rex = tuple(atom('rex'), atom(ERLANG));
      const request = tuple(atom('call'), atom('erlang'), atom('+'), [40, 2], self.pid);
      assert.equal(await GenServer.call(rex, request), 42);
      const nobody = await GenServer.call(tuple(atom('nobody'), atom(ERLANG)), 1).catch((e: CallError) => e);
      assert.equal((nobody as CallError).code, 'noproc');
      const lost = GenServer.call(rex, tuple(atom('call'), atom('timer'), atom('sleep'), [60_000], self.pid), {
        timeoutMs: 30_000,
      }).catch((e: CallError) => e);
      self.sendAfter(200, self.pid, 'kill');
      erlang.kill('SIGKILL');
      assert.equal(((await lost) as CallError).code, 'noconnection');
    });
  });
}
