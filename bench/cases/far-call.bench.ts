/** Calls of a server on another thread, and on a node that is another operating system process: one caller, and a hundred at once. */
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { atom, LocalNode, realEnv, tuple } from '../../runtime/index.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { GenServer, type ServerRef } from '../../supervisors/index.ts';
import { missingBeam, runErlang } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { CountingServer } from '../load/counting-server.ts';
import { COOKIE, PEER_NAME } from '../load/dist-peer.ts';
import { forkPeer } from '../load/fork-peer.ts';
import { measureRate } from '../measure.ts';

const CALLS = 2000;
const MANY = 100;
const ROUNDS = 12;

/** Rates with one caller and with many. */
async function callBoth(node: LocalNode, server: ServerRef, size: Size): Promise<Samples> {
  const rate = (callers: number): Promise<number[]> => {
    const each = size.of(CALLS, callers) / callers;
    return measureRate(size, each * callers, async () => {
      const caller = (): Promise<void> =>
        node.run(async (self) => {
          for (let i = 0; i < each; i++) await GenServer.call(server, 1, { self });
        });
      await Promise.all(Array.from({ length: callers }, caller));
    });
  };
  return { single: await rate(1), many: await rate(MANY) };
}

async function callThread(size: Size): Promise<Samples> {
  const node = await LocalNode.start({ threads: 1, implicitSelf: false });
  const server = await node.run((self) => CountingServer.start(undefined, { self, thread: 1 }));
  const samples = await callBoth(node, server, size);
  await node.stop();
  return samples;
}

async function callNode(size: Size): Promise<Samples> {
  const peer = await forkPeer('dist-peer.js', ['0']);
  const node = await LocalNode.start({
    name: 'bench@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    implicitSelf: false,
    resolve: () => ({ host: '127.0.0.1', port: peer.port }),
  });
  if (!(await node.connect(PEER_NAME))) throw new Error('the two nodes did not connect');
  const samples = await callBoth(node, tuple(atom('counter'), atom(PEER_NAME)), size);
  await node.stop();
  peer.stop();
  return samples;
}

const ERLANG = `
-module(quorate_bench).
-behaviour(gen_server).
-export([near/3, far/3, serve/0, init/1, handle_call/3, handle_cast/2]).
init(_) -> {ok, 0}.
handle_call(N, _, Count) -> {reply, Count + N, Count + N}.
handle_cast(_, Count) -> {noreply, Count}.
serve() -> {ok, _} = gen_server:start({local, counter}, ?MODULE, [], []).
near(Rounds, Calls, Many) ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    both(Server, Rounds, Calls, Many).
far(Rounds, Calls, Many) ->
    Args = ["-setcookie", atom_to_list(erlang:get_cookie()), "-pa", filename:dirname(code:which(?MODULE))],
    {ok, _, Node} = peer:start(#{name => bench_peer, host => "127.0.0.1", args => Args}),
    erpc:call(Node, ?MODULE, serve, []),
    both({counter, Node}, Rounds, Calls, Many).
both(Server, Rounds, Calls, Many) ->
    [[round_of(Server, N, Calls div N) || _ <- lists:seq(1, Rounds)] || N <- [1, Many]].
round_of(Server, Callers, Each) ->
    Start = erlang:monotonic_time(),
    Started = [spawn_monitor(fun() -> calls(Server, Each) end) || _ <- lists:seq(1, Callers)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Started],
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
calls(_, 0) -> ok;
calls(Server, N) -> gen_server:call(Server, 1), calls(Server, N - 1).
`;

/** As many schedulers as the machine has cores. */
async function callBeam(size: Size, where: 'near' | 'far'): Promise<Samples> {
  const epmd = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  const calls = size.of(CALLS, MANY);
  try {
    const options = where === 'far' ? ['-name', 'bench@127.0.0.1', '-setcookie', COOKIE] : [];
    const environment = { ERL_EPMD_PORT: String(epmd.port) };
    const call = `${where}(${size.of(ROUNDS, 1)}, ${calls}, ${MANY})`;
    const [single, many] = (await runErlang(ERLANG, call, { options, environment })) as [number[], number[]];
    const rates = (micros: readonly number[]): number[] => micros.map((each) => (calls * 1e6) / each);
    return { single: rates(single), many: rates(many) };
  } finally {
    await epmd.close();
  }
}

function createCase(
  name: string,
  about: string,
  ours: (size: Size) => Promise<Samples>,
  where: 'near' | 'far',
  atLeast?: number,
): BenchCase {
  const limit = atLeast === undefined ? {} : { atLeast };
  return {
    name,
    about,
    figures: { single: 'per_s', many: 'per_s' },
    passes: 2,
    variants: [
      { name: 'quorate', run: ours },
      { name: 'beam', missing: missingBeam, run: (size) => callBeam(size, where) },
    ],
    goals: [
      { figure: 'single', of: 'quorate', to: 'beam' },
      { figure: 'many', of: 'quorate', to: 'beam', ...limit },
    ],
  };
}

export const farCallCases: readonly BenchCase[] = [
  createCase('otp/threads', 'GenServer.call across threads, 1 and 100 callers', callThread, 'near'),
  createCase('otp/nodes', 'GenServer.call across nodes, 1 and 100 callers', callNode, 'far', 2),
];
