/** What a process that waits for its first message costs: all memory of it, heap and beyond, shared among many. */
import { LocalNode, type Self } from '../../runtime/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { collectGarbage } from '../measure.ts';

const PROCESSES = 100_000;

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

async function memoryOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const count = size.of(PROCESSES, 5000);
  const idle = async (self: Self): Promise<void> => void (await self.receive());
  // The first ones pay for what all share.
  for (let i = 0; i < 1000; i++) node.spawn(idle);
  await new Promise((resolve) => setImmediate(resolve));
  const before = usedBytes();
  for (let i = 0; i < count; i++) node.spawn(idle);
  for (let turn = 0; turn < count / 1000 + 2; turn++) await new Promise((resolve) => setImmediate(resolve));
  const bytes = (usedBytes() - before) / count;
  const alive = node.scheduler.processCount;
  if (alive !== count + 1000) throw new Error(`${alive} processes are alive`);
  await node.stop();
  return { each: [bytes] };
}

const ERLANG = `
-module(quorate_bench).
-export([run/2]).
run(Rounds, Count) -> [one_round(Count) || _ <- lists:seq(1, Rounds)].
one_round(Count) ->
    Before = erlang:memory(total),
    Pids = [spawn(fun() -> receive stop -> ok end end) || _ <- lists:seq(1, Count)],
    timer:sleep(100),
    After = erlang:memory(total) - Count * 16,
    [Pid ! stop || Pid <- Pids],
    timer:sleep(100),
    (After - Before) / Count.
`;

async function memoryBeam(size: Size): Promise<Samples> {
  return { each: await runOnBeam(ERLANG, 1, size.of(PROCESSES, 5000)) };
}

export const memoryCase: BenchCase = {
  name: 'process/memory',
  passes: 2,
  about: 'bytes of an idle process',
  figures: { each: 'bytes' },
  variants: [
    { name: 'quorate', run: (size) => memoryOurs(size, true) },
    { name: 'quorate, no implicit self', run: (size) => memoryOurs(size, false) },
    { name: 'beam', missing: missingBeam, run: memoryBeam },
  ],
  goals: [
    { figure: 'each', of: 'quorate', atMost: 1200 },
    { figure: 'each', of: 'quorate, no implicit self', atMost: 1200 },
    { figure: 'each', of: 'quorate, no implicit self', to: 'beam' },
  ],
};
