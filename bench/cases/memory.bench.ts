/** What a process that waits for its first message costs: all memory of it, heap and beyond, shared among many. */
import { LocalNode, type Pid, type Self } from '../../runtime/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { collectGarbage } from '../measure.ts';

const PROCESSES = 100_000;
const MANY = 1_000_000;
const TWO_GB = 2_000_000_000;

function usedBytes(): number {
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

const idle = async (self: Self): Promise<void> => void (await self.receive());

/** The most memory that the whole program had while so many processes were spawned and waited; then each gets a message, and ends. */
async function memoryOfMany(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const count = size.of(MANY, 2000);
  const pids: Pid[] = [];
  for (let i = 0; i < count; i++) {
    pids.push(node.spawn(idle));
    if (i % 10_000 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
  await new Promise((resolve) => setImmediate(resolve));
  if (node.scheduler.processCount !== count) throw new Error(`${node.scheduler.processCount} processes are alive`);
  const resident = process.resourceUsage().maxRSS * 1024;
  for (const pid of pids) node.send(pid, 'go');
  for (let turn = 0; turn < 1000 && node.scheduler.processCount > 0; turn++)
    await new Promise((resolve) => setImmediate(resolve));
  if (node.scheduler.processCount !== 0) throw new Error(`${node.scheduler.processCount} processes did not end`);
  await node.stop();
  return { resident: [resident] };
}

async function memoryOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const count = size.of(PROCESSES, 5000);
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

export const millionCase: BenchCase = {
  name: 'process/million',
  passes: 2,
  about: 'memory of the whole program, at its most, with a million idle processes',
  figures: { resident: 'bytes' },
  variants: [
    { name: 'quorate', run: (size) => memoryOfMany(size, true) },
    { name: 'quorate, no implicit self', run: (size) => memoryOfMany(size, false) },
  ],
  goals: [
    { figure: 'resident', of: 'quorate', atMost: TWO_GB },
    { figure: 'resident', of: 'quorate, no implicit self', atMost: TWO_GB },
  ],
};
