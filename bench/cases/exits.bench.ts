/** One process monitors a hundred thousand others, tells each to end, and waits for the last DOWN. */
import { isDown, LocalNode, type Self } from '../../runtime/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';

const PROCESSES = 100_000;
const ROUNDS = 3;
/** Until all of them wait. */
const SETTLE_MS = 20;

async function exitsOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const count = size.of(PROCESSES, 20);
  const rate: number[] = [];
  // The first round warms up.
  for (let round = 0; round <= size.of(ROUNDS, 1); round++) {
    const elapsedMs = await node.run((self) => endAll(self, count));
    if (round > 0) rate.push((count * 1000) / elapsedMs);
  }
  await node.stop();
  return { rate };
}

async function endAll(self: Self, count: number): Promise<number> {
  const idle = async (own: Self): Promise<void> => void (await own.receive());
  const pids = Array.from({ length: count }, () => self.spawnMonitor(idle)[0]);

  self.sendAfter(SETTLE_MS, self.pid, 'go');
  await self.receive();
  const start = performance.now();
  for (const pid of pids) self.send(pid, 'end');
  const isAnyDown = isDown();
  for (let i = 0; i < count; i++) {
    const message = await self.receive();
    if (!isAnyDown(message)) throw new Error('a message that is no DOWN');
  }
  return performance.now() - start;
}

const ERLANG = `
-module(quorate_bench).
-export([run/2]).
run(Rounds, Count) -> [one_round(Count) || _ <- lists:seq(1, Rounds)].
one_round(Count) ->
    Pids = [element(1, spawn_monitor(fun() -> receive stop -> ok end end)) || _ <- lists:seq(1, Count)],
    timer:sleep(20),
    Start = erlang:monotonic_time(),
    [Pid ! stop || Pid <- Pids],
    await(Count),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
await(0) -> ok;
await(N) -> receive {'DOWN', _, process, _, normal} -> await(N - 1) end.
`;

async function exitsBeam(size: Size): Promise<Samples> {
  const count = size.of(PROCESSES, 20);
  const micros = await runOnBeam(ERLANG, size.of(ROUNDS, 1), count);
  return { rate: micros.map((each) => (count * 1e6) / each) };
}

export const exitsCase: BenchCase = {
  name: 'process/exits',
  passes: 2,
  about: 'exits of 100,000 monitored processes, to the last DOWN',
  figures: { rate: 'per_s' },
  variants: [
    { name: 'quorate', run: (size) => exitsOurs(size, true) },
    { name: 'quorate, no implicit self', run: (size) => exitsOurs(size, false) },
    { name: 'beam', missing: missingBeam, run: exitsBeam },
  ],
  goals: [
    { figure: 'rate', of: 'quorate', to: 'beam', atLeast: 1 },
    { figure: 'rate', of: 'quorate, no implicit self', to: 'beam', atLeast: 1 },
  ],
};
