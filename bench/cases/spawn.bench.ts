/** Processes that start, do next to nothing and end: a batch at a time, until the last one has run. */
import { LocalNode } from '../../runtime/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { measureRate } from '../measure.ts';

const BATCH = 20_000;

async function spawnOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const batch = size.of(BATCH, 10);
  let left = 0;
  let done: () => void = () => undefined;
  const work = async (): Promise<void> => {
    left -= 1;
    if (left === 0) done();
  };
  const rate = await measureRate(
    size,
    batch,
    () =>
      new Promise((resolve) => {
        left = batch;
        done = resolve;
        for (let i = 0; i < batch; i++) node.spawn(work);
      }),
  );
  await new Promise((resolve) => setImmediate(resolve));
  if (node.scheduler.processCount !== 0) throw new Error(`${node.scheduler.processCount} processes did not end`);
  await node.stop();
  return { rate };
}

const ERLANG = `
-module(quorate_bench).
-export([run/2, spawn_all/3]).
run(Rounds, Batch) ->
    Left = atomics:new(1, []),
    [one_round(Left, Batch) || _ <- lists:seq(1, Rounds)].
one_round(Left, Batch) ->
    atomics:put(Left, 1, Batch),
    Start = erlang:monotonic_time(),
    spawn_all(Left, self(), Batch),
    receive done -> ok end,
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
spawn_all(_, _, 0) -> ok;
spawn_all(Left, Parent, N) ->
    spawn(fun() -> case atomics:sub_get(Left, 1, 1) of 0 -> Parent ! done; _ -> ok end end),
    spawn_all(Left, Parent, N - 1).
`;

async function spawnBeam(size: Size, schedulers: 'default' | 'one'): Promise<Samples> {
  const batch = size.of(BATCH, 10);
  const micros = await runOnBeam(ERLANG, size.of(30, 1), batch, schedulers);
  return { rate: micros.map((each) => (batch * 1e6) / each) };
}

export const spawnCase: BenchCase = {
  name: 'process/spawn',
  about: 'spawn + exit in batches, one thread',
  figures: { rate: 'per_s' },
  variants: [
    { name: 'quorate', run: (size) => spawnOurs(size, true) },
    { name: 'quorate, no implicit self', run: (size) => spawnOurs(size, false) },
    { name: 'beam', missing: missingBeam, run: (size) => spawnBeam(size, 'default') },
    { name: 'beam, one scheduler', missing: missingBeam, run: (size) => spawnBeam(size, 'one') },
  ],
  goals: [
    { figure: 'rate', of: 'quorate', to: 'beam', atLeast: 1.3 },
    { figure: 'rate', of: 'quorate, no implicit self', to: 'beam', atLeast: 1.3 },
    { figure: 'rate', of: 'quorate', to: 'beam, one scheduler' },
  ],
};
