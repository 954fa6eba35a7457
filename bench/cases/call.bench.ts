/** Calls of a server on the same thread: one caller, and a hundred at once. Each adds to a counter and gets its new value. */
import { LocalNode } from '../../runtime/index.ts';
import { GenServer } from '../../supervisors/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { CountingServer } from '../load/counting-server.ts';
import { measureRate } from '../measure.ts';

const CALLS = 10_000;
const CALLERS = 100;

async function callOurs(size: Size, callers: number, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const each = size.of(CALLS, callers) / callers;
  const server = await node.run((self) => CountingServer.start(undefined, { self }));
  let expected = 0;
  const rate = await measureRate(size, each * callers, async () => {
    const caller = (): Promise<void> =>
      node.run(async (self) => {
        for (let i = 0; i < each; i++) await GenServer.call(server, 1, { self });
      });
    await Promise.all(Array.from({ length: callers }, caller));
    expected += each * callers;
  });
  const count = await node.run((self) => GenServer.call(server, 0, { self }));
  if (count !== expected) throw new Error(`${expected} calls, but the counter is ${count}`);
  await node.stop();
  return { rate };
}

const ERLANG = `
-module(quorate_bench).
-behaviour(gen_server).
-export([run/2, init/1, handle_call/3, handle_cast/2]).
init(_) -> {ok, 0}.
handle_call(N, _, Count) -> {reply, Count + N, Count + N}.
handle_cast(_, Count) -> {noreply, Count}.
run(Rounds, Callers) ->
    {ok, Server} = gen_server:start(?MODULE, [], []),
    [one_round(Server, Callers, 10000 div Callers) || _ <- lists:seq(1, Rounds)].
one_round(Server, Callers, Each) ->
    Start = erlang:monotonic_time(),
    Started = [spawn_monitor(fun() -> calls(Server, Each) end) || _ <- lists:seq(1, Callers)],
    [receive {'DOWN', Ref, process, Pid, normal} -> ok end || {Pid, Ref} <- Started],
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
calls(_, 0) -> ok;
calls(Server, N) -> gen_server:call(Server, 1), calls(Server, N - 1).
`;

async function callBeam(size: Size, callers: number): Promise<Samples> {
  const micros = await runOnBeam(ERLANG, size.of(40, 1), callers);
  return { rate: micros.map((each) => (10_000 * 1e6) / each) };
}

function createCallCase(callers: number): BenchCase {
  return {
    name: `otp/call/${callers}`,
    about: `GenServer.call, ${callers === 1 ? 'one caller' : `${callers} callers`}, one thread`,
    figures: { rate: 'per_s' },
    passes: 2,
    variants: [
      { name: 'quorate', run: (size) => callOurs(size, callers, true) },
      { name: 'quorate, no implicit self', run: (size) => callOurs(size, callers, false) },
      { name: 'beam', missing: missingBeam, run: (size) => callBeam(size, callers) },
    ],
    goals: [
      { figure: 'rate', of: 'quorate', to: 'beam', atLeast: 1.2 },
      { figure: 'rate', of: 'quorate, no implicit self', to: 'beam', atLeast: 1.2 },
    ],
  };
}

export const callCases: readonly BenchCase[] = [createCallCase(1), createCallCase(CALLERS)];
