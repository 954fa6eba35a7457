/** What `sys` can ask of a live server: state, status, suspension; from here, from other threads, and from Erlang's own sys. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { LocalNode } from '../../runtime/index.ts';
import { GenServer, getState, getStatus, replaceState, resume, suspend } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';
import { Seen, type SeenState } from './seen-server.ts';

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 1 });
});
after(() => node.stop());

for (const thread of [0, 1]) {
  test(`status and state of a server on thread ${thread}, which others put in place`, () =>
    node.run(async (self) => {
      const pid = await Seen.start(undefined, { self, thread });
      const status = await getStatus(pid, { self });
      assert.deepEqual(
        [status.module, status.status, status.traced, status.state],
        ['Seen', 'running', false, { count: 7 }],
      );
      const made = await replaceState<SeenState>(pid, ({ count }) => ({ count: count * 10 }), { self });
      assert.deepEqual([made, await getState(pid, { self })], [{ count: 70 }, { count: 70 }]);
    }));
}

test('no change of the state is lost when the server is busy while others replace it', () =>
  node.run(async (self) => {
    const pid = await Seen.start(undefined, { self, thread: 1 });
    const changes = [...Array(20).keys()].map(() =>
      node.run((own) => replaceState<SeenState>(pid, ({ count }) => ({ count: count + 1 }), { self: own })),
    );
    for (let i = 0; i < 20; i++) GenServer.cast(pid, 'inc', { self });
    await Promise.all(changes);
    assert.deepEqual(await getState(pid, { self }), { count: 47 });
  }));

test('a suspended server says so, leaves its messages, and takes them up again', () =>
  node.run(async (self) => {
    const pid = await Seen.start(undefined, { self });
    await suspend(pid, { self });
    GenServer.cast(pid, 'inc', { self });
    assert.equal((await getStatus(pid, { self })).status, 'suspended');
    assert.deepEqual(await getState(pid, { self }), { count: 7 });
    await resume(pid, { self });
    assert.deepEqual(await getState(pid, { self }), { count: 8 });
  }));

test('sys of Erlang gets state and status of a server of ours, suspends, traces and resumes it', async (t) => {
  if (!hasErlang(t)) return;
  const epmdPort = await freePort();
  const options = {
    name: 'sy@127.0.0.1',
    cookie: 'sys-test',
    threads: 0,
    epmd: { port: epmdPort },
    logger: false,
  } as const;
  const distributed = await LocalNode.start(options);
  t.after(() => distributed.stop());
  await distributed.run((self) => Seen.start(undefined, { self, name: 'seen' }));
  const run = `S = {seen, 'sy@127.0.0.1'},
    io:format("state ~0p~n", [sys:get_state(S)]),
    {status, _, {module, M}, [_, Running, _, _, Misc]} = sys:get_status(S),
    io:format("status ~p ~p ~0p~n", [M, Running, lists:last(Misc)]),
    io:format("trace ~p~n", [sys:trace(S, true)]),
    io:format("suspend ~p~n", [sys:suspend(S)]), io:format("resume ~p~n", [sys:resume(S)]),
    io:format("unknown ~p~n", [sys:statistics(S, get)]), io:format("done~n").`;
  const erlang = startErlang(t, { name: 'ey@127.0.0.1', cookie: 'sys-test', epmdPort, run });
  for (const line of [
    /^state #\{<<"count">> => 7\}$/m,
    /^status 'Seen' running \{data,\[\{.*<<"count">>/m,
    /^trace ok$/m,
    /^suspend ok$/m,
    /^resume ok$/m,
  ]) {
    await erlang.printed(line);
  }
  await erlang.printed(/^unknown .*unknown_system_msg/m);
});
