/** Two processes of one thread that answer each other with a number. A round trip is two messages. */
import { LocalNode, type Pid, type Self } from '../../runtime/index.ts';
import { missingBeam, runOnBeam } from '../beam.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { measureRate } from '../measure.ts';

const ROUND_TRIPS = 50_000;

async function pingPongOurs(size: Size, implicitSelf: boolean): Promise<Samples> {
  const node = await LocalNode.start({ threads: 0, implicitSelf });
  const trips = size.of(ROUND_TRIPS, 10);
  const asker = await new Promise<Pid>((resolve) => {
    const answerer = async (self: Self): Promise<void> => {
      for (;;) self.send(asker, await self.receive());
    };
    const asker = node.spawn(async (self) => {
      const other = self.spawn(answerer);
      for (;;) await askBatch(self, other, trips);
    });
    resolve(asker);
  });
  const rate = await measureRate(size, 2 * trips, () => new Promise((done) => startBatch(node, asker, done)));
  await node.stop();
  return { rate };
}

let batchDone: () => void = () => undefined;

function startBatch(node: LocalNode, asker: Pid, done: () => void): void {
  batchDone = done;
  node.send(asker, 0);
}

async function askBatch(self: Self, other: Pid, trips: number): Promise<void> {
  let value = await self.receive();
  for (let i = 0; i < trips; i++) {
    self.send(other, i);
    value = await self.receive();
  }
  if (value !== trips - 1) throw new Error(`the last answer was ${String(value)}`);
  batchDone();
}

/** The least that two asynchronous functions can do: each waits for a promise that the other settles. */
async function pingPongBare(size: Size): Promise<Samples> {
  const trips = size.of(ROUND_TRIPS, 10);
  const rate = await measureRate(size, 2 * trips, async () => {
    let wakeAsker: (value: number) => void = () => undefined;
    let wakeAnswerer: (value: number) => void = () => undefined;
    let asked = new Promise<number>((resolve) => (wakeAnswerer = resolve));
    const answerer = async (): Promise<void> => {
      for (let i = 0; i < trips; i++) {
        const value = await asked;
        asked = new Promise<number>((resolve) => (wakeAnswerer = resolve));
        wakeAsker(value);
      }
    };
    void answerer();
    let last = -1;
    for (let i = 0; i < trips; i++) {
      const answer = new Promise<number>((resolve) => (wakeAsker = resolve));
      wakeAnswerer(i);
      last = await answer;
    }
    if (last !== trips - 1) throw new Error(`the last answer was ${last}`);
  });
  return { rate };
}

const ERLANG = `
-module(quorate_bench).
-export([run/2, answer/0]).
run(Rounds, Trips) ->
    Other = spawn(fun answer/0),
    [one_round(Other, Trips) || _ <- lists:seq(1, Rounds)].
one_round(Other, Trips) ->
    Start = erlang:monotonic_time(),
    ask(Other, Trips),
    erlang:convert_time_unit(erlang:monotonic_time() - Start, native, nanosecond) / 1000.
ask(_, 0) -> ok;
ask(Other, N) -> Other ! {self(), N}, receive N -> ask(Other, N - 1) end.
answer() -> receive {From, N} -> From ! N, answer() end.
`;

async function pingPongBeam(size: Size): Promise<Samples> {
  const trips = size.of(ROUND_TRIPS, 10);
  const micros = await runOnBeam(ERLANG, size.of(30, 1), trips);
  return { rate: micros.map((each) => (2 * trips * 1e6) / each) };
}

const isNode20 = process.versions.node.startsWith('20.');

export const pingPongCase: BenchCase = {
  name: 'process/ping-pong',
  about: 'messages between two processes of one thread',
  figures: { rate: 'per_s' },
  variants: [
    { name: 'quorate', run: (size) => pingPongOurs(size, true) },
    { name: 'quorate, no implicit self', run: (size) => pingPongOurs(size, false) },
    { name: 'bare async functions', run: pingPongBare },
    { name: 'beam', missing: missingBeam, run: pingPongBeam },
  ],
  goals: [
    { figure: 'rate', of: 'quorate', to: 'beam', atLeast: isNode20 ? 1 : 1.5 },
    { figure: 'rate', of: 'quorate, no implicit self', to: 'beam', atLeast: isNode20 ? 1 : 1.5 },
    { figure: 'rate', of: 'quorate, no implicit self', to: 'bare async functions' },
  ],
};
