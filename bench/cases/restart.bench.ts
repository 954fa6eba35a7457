/** How long a supervisor takes to put a new server where one was killed: from the kill to the end of the new one's init. */
import { Exit, LocalNode, type Pid, type Self } from '../../runtime/index.ts';
import { GenServer, Next, Supervisor, type InitResult } from '../../supervisors/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { measureLatency } from '../measure.ts';

const RESTARTS = 1000;
const INTENSITY = 1_000_000;
const PERIOD_MS = 1000;

/** Tells who it is, from its init. */
class Reporting extends GenServer<number, never, unknown, unknown, Pid> {
  override init(to: Pid): InitResult<number> {
    this.self.send(to, this.self.pid);
    return Next.ok(0);
  }
}

async function restartOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf, logger: false });
  const restart = await node.run(async (self) => {
    const spec = Reporting.childSpec(self.pid, { shutdown: 'brutalKill' });
    const flags = { strategy: 'oneForOne', intensity: INTENSITY, periodMs: PERIOD_MS } as const;
    await Supervisor.startLink({ ...flags, children: [spec] }, { self });
    let child = await nextPid(self);
    return measureLatency(size.of(RESTARTS, 3), async () => {
      self.exit(child, Exit.kill);
      const successor = await nextPid(self);
      if (successor.equals(child)) throw new Error('the same process again');
      child = successor;
    });
  });
  await node.stop();
  return { restart };
}

async function nextPid(self: Self): Promise<Pid> {
  return (await self.receive()) as Pid;
}

const ERLANG = `
-module(quorate_bench).
-export([run/2, init/1, handle_call/3, handle_cast/2, start_child/1]).
init({tree, To}) ->
    Child = #{id => child, start => {?MODULE, start_child, [To]}, shutdown => brutal_kill},
    {ok, {#{strategy => one_for_one, intensity => ${INTENSITY}, period => ${PERIOD_MS / 1000}}, [Child]}};
init({child, To}) -> To ! {up, self()}, {ok, 0}.
handle_call(_, _, S) -> {reply, S, S}.
handle_cast(_, S) -> {noreply, S}.
start_child(To) -> gen_server:start_link(?MODULE, {child, To}, []).
run(Rounds, _) ->
    logger:set_primary_config(level, none),
    {ok, _} = supervisor:start_link(?MODULE, {tree, self()}),
    {Child, _} = rounds(Rounds, receive {up, First} -> First end, []),
    {_, Micros} = rounds(Rounds, Child, []),
    Micros.
rounds(0, Child, Micros) -> {Child, Micros};
rounds(N, Child, Micros) ->
    Start = erlang:monotonic_time(),
    exit(Child, kill),
    Next = receive {up, Pid} -> Pid end,
    Time = erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000,
    rounds(N - 1, Next, [Time | Micros]).
`;

async function restartBeam(size: Size): Promise<Samples> {
  return { restart: await runOnBeam(ERLANG, size.of(RESTARTS, 3), 0) };
}

export const restartCase: BenchCase = {
  name: 'otp/restart',
  about: 'a supervisor restarts a server that was killed: from the kill to its init, microseconds',
  figures: { restart: 'us' },
  variants: [
    { name: 'quorate', run: (size) => restartOurs(size, true) },
    { name: 'quorate, no implicit self', run: (size) => restartOurs(size, false) },
    { name: 'beam', missing: missingBeam, run: restartBeam },
  ],
  goals: [
    { figure: 'restart', of: 'quorate', to: 'beam', atMost: 1 },
    { figure: 'restart', of: 'quorate, no implicit self', to: 'beam', atMost: 1 },
  ],
};
