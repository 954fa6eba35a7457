/** Two nodes in two OS processes on loopback: a message there and back, a flood one way, calls of a hundred callers. */
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { atom, LocalNode, realEnv, tuple, type Self } from '../../runtime/index.ts';
import { GenServer } from '../../supervisors/index.ts';
import { missingBeam, runErlang } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { ECHO, FRAME_BYTES, LAST } from '../load/bare-peer.ts';
import { COOKIE, PEER_NAME } from '../load/dist-peer.ts';
import { connectTo } from '../load/floor.ts';
import { forkPeer } from '../load/fork-peer.ts';
import { measureLatency, measureRate } from '../measure.ts';

const TRIPS = 2000;
const FLOOD = 20_000;
const CALLERS = 100;
const CALLS_EACH = 20;

/** `threads` on both sides: 0 puts the program on the thread that owns the sockets, 1 on another. */
async function wireOurs(size: Size, threads: number): Promise<Samples> {
  const peer = await forkPeer('dist-peer.js', [String(threads)]);
  const node = await LocalNode.start({
    name: 'bench@127.0.0.1',
    cookie: COOKIE,
    threads,
    implicitSelf: false,
    resolve: () => ({ host: '127.0.0.1', port: peer.port }),
  });
  if (!(await node.connect(PEER_NAME))) throw new Error('the two nodes did not connect');
  const samples = await node.run(async (self) => ({
    trip: await roundTrips(self, size),
    rate: await flood(self, size),
    calls: await calls(node, size),
  }));
  await node.stop();
  peer.stop();
  return samples;
}

function roundTrips(self: Self, size: Size): Promise<number[]> {
  const echo = tuple(atom('echo'), atom(PEER_NAME));
  return measureLatency(size.of(TRIPS, 3), async () => {
    self.send(echo, tuple(self.pid, 1));
    if ((await self.receive()) !== 1) throw new Error('another answer');
  });
}

function flood(self: Self, size: Size): Promise<number[]> {
  const count = size.of(FLOOD, 10);
  const target = tuple(atom('count'), atom(PEER_NAME));
  const tick = atom('tick');
  return measureRate(size, count, async () => {
    self.send(target, tuple(self.pid, count));
    for (let i = 0; i < count; i++) self.send(target, tuple(tick, i));
    if ((await self.receive()) !== count) throw new Error('another answer');
  });
}

function calls(node: LocalNode, size: Size): Promise<number[]> {
  const counter = tuple(atom('counter'), atom(PEER_NAME));
  const each = size.of(CALLS_EACH, 1);
  const caller = (): Promise<void> =>
    node.run(async (self) => {
      for (let i = 0; i < each; i++) await GenServer.call(counter, 1, { self });
    });
  return measureRate(size, each * CALLERS, async () => {
    await Promise.all(Array.from({ length: CALLERS }, caller));
  });
}

async function wireBare(size: Size): Promise<Samples> {
  const peer = await forkPeer('bare-peer.js');
  let answered: () => void = () => undefined;
  const socket = await connectTo(peer, () => answered());
  const answer = (): Promise<void> => new Promise((resolve) => (answered = resolve));
  const trip = await measureLatency(size.of(TRIPS, 3), async () => {
    const done = answer();
    socket.send(ECHO, FRAME_BYTES);
    await done;
  });
  const count = size.of(FLOOD, 10);
  const rate = await measureRate(size, count, async () => {
    const done = answer();
    for (let i = 1; i < count; i++) socket.send(2, FRAME_BYTES);
    socket.send(LAST, FRAME_BYTES);
    await done;
  });
  peer.stop();
  return { trip, rate };
}

const ERLANG = `
-module(quorate_bench).
-behaviour(gen_server).
-export([run/5, echo/0, count/0, serve/0, init/1, handle_call/3, handle_cast/2]).
init(_) -> {ok, 0}.
handle_call(N, _, Count) -> {reply, Count + N, Count + N}.
handle_cast(_, Count) -> {noreply, Count}.
serve() -> {ok, _} = gen_server:start({local, counter}, ?MODULE, [], []).
echo() -> receive {From, Value} -> From ! Value, echo() end.
count() -> receive {From, N} when is_pid(From) -> count(N), From ! N, count() end.
count(0) -> ok;
count(N) -> receive {tick, _} -> count(N - 1) end.
run(Trips, Rounds, Flood, Callers, Each) ->
    Folder = filename:dirname(code:which(?MODULE)),
    Args = ["-setcookie", atom_to_list(erlang:get_cookie()), "-pa", Folder],
    {ok, _, Node} = peer:start(#{name => bench_peer, host => "127.0.0.1", args => Args}),
    Echo = spawn(Node, ?MODULE, echo, []),
    Count = spawn(Node, ?MODULE, count, []),
    erpc:call(Node, ?MODULE, serve, []),
    Micros = [time(fun() -> Echo ! {self(), N}, receive N -> ok end end) || N <- lists:seq(1, Trips)],
    Floods = [time(fun() -> flood(Count, Flood) end) || _ <- lists:seq(1, Rounds)],
    Calls = [time(fun() -> callers(Node, Callers, Each) end) || _ <- lists:seq(1, Rounds)],
    [Micros, Floods, Calls].
flood(To, N) -> To ! {self(), N}, ticks(To, N), receive N -> ok end.
ticks(_, 0) -> ok;
ticks(To, N) -> To ! {tick, N}, ticks(To, N - 1).
callers(Node, Callers, Each) ->
    Started = [spawn_monitor(fun() -> calls(Node, Each) end) || _ <- lists:seq(1, Callers)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Started].
calls(_, 0) -> ok;
calls(Node, N) -> gen_server:call({counter, Node}, 1), calls(Node, N - 1).
time(Work) ->
    Start = erlang:monotonic_time(),
    Work(),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
`;

async function wireBeam(size: Size): Promise<Samples> {
  const epmd = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  const flood = size.of(FLOOD, 10);
  const each = size.of(CALLS_EACH, 1);
  try {
    const call = `run(${size.of(TRIPS, 3)}, ${size.of(8, 1)}, ${flood}, ${CALLERS}, ${each})`;
    const options = ['-name', 'bench@127.0.0.1', '-setcookie', COOKIE];
    const environment = { ERL_EPMD_PORT: String(epmd.port) };
    const values = await runErlang(ERLANG, call, { options, environment });
    const [trip, floods, callRounds] = values as [number[], number[], number[]];
    return {
      trip,
      rate: floods.map((each) => (flood * 1e6) / each),
      calls: callRounds.map((micros) => (CALLERS * each * 1e6) / micros),
    };
  } finally {
    await epmd.close();
  }
}

export const wireCase: BenchCase = {
  name: 'wire',
  about: 'two nodes in two OS processes: there and back, one way, GenServer.call with 100 callers',
  figures: { trip: 'us', rate: 'per_s', calls: 'per_s' },
  passes: 2,
  variants: [
    { name: 'quorate, one thread', run: (size) => wireOurs(size, 0) },
    { name: 'quorate', run: (size) => wireOurs(size, 1) },
    { name: 'bare TCP', run: wireBare },
    { name: 'beam', missing: missingBeam, run: wireBeam },
  ],
  goals: [
    { figure: 'trip', of: 'quorate, one thread', to: 'bare TCP', atMost: 1.25 },
    { figure: 'trip', of: 'quorate', to: 'bare TCP' },
    { figure: 'rate', of: 'quorate, one thread', to: 'beam', atLeast: 4 },
    { figure: 'rate', of: 'quorate', to: 'beam', atLeast: 4 },
    { figure: 'calls', of: 'quorate, one thread', to: 'beam', atLeast: 2 },
    { figure: 'calls', of: 'quorate', to: 'beam', atLeast: 2 },
  ],
};
