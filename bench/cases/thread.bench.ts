/** Small messages between two threads of a node, next to raw postMessage: a flood in one direction, and one message there and back. */
import { Worker } from 'node:worker_threads';
import { atom, LocalNode, tuple, type Self } from '../../runtime/index.ts';
import type { BenchCase, Samples, Size } from '../case.ts';
import { measureLatency, measureRate } from '../measure.ts';

const FLOOD = 20_000;
const TRIPS = 3000;
const entry = new URL('./thread-entry.js', import.meta.url);
const TICK = atom('tick');

async function threadOurs(size: Size): Promise<Samples> {
  const node = await LocalNode.start({ threads: 1, implicitSelf: false });
  const samples = await node.run(async (self) => ({
    rate: await flood(self, size),
    trip: await roundTrips(self, size),
  }));
  await node.stop();
  return samples;
}

async function flood(self: Self, size: Size): Promise<number[]> {
  const count = size.of(FLOOD, 10);
  const counter = await self.spawn(entry.href, 'countMessages', [self.pid, count], { thread: 1 });
  return measureRate(size, count, async () => {
    for (let i = 0; i < count; i++) self.send(counter, tuple(TICK, i));
    if ((await self.receive()) !== count) throw new Error('not all of them arrived');
  });
}

async function roundTrips(self: Self, size: Size): Promise<number[]> {
  const echo = await self.spawn(entry.href, 'echoMessages', [self.pid], { thread: 1 });
  return measureLatency(size.of(TRIPS, 3), async () => {
    self.send(echo, tuple(TICK, 1));
    await self.receive();
  });
}

async function threadBare(size: Size): Promise<Samples> {
  return { rate: await floodBare(size), trip: await roundTripsBare(size) };
}

async function floodBare(size: Size): Promise<number[]> {
  const count = size.of(FLOOD, 10);
  const worker = new Worker(entry, { workerData: { bareCount: count } });
  const rate = await measureRate(size, count, async () => {
    const answer = nextMessage(worker);
    for (let i = 0; i < count; i++) worker.postMessage(['tick', i]);
    if ((await answer) !== count) throw new Error('not all of them arrived');
  });
  await worker.terminate();
  return rate;
}

async function roundTripsBare(size: Size): Promise<number[]> {
  const worker = new Worker(entry, { workerData: { bareCount: 0 } });
  const trip = await measureLatency(size.of(TRIPS, 3), async () => {
    const answer = nextMessage(worker);
    worker.postMessage(['tick', 1]);
    await answer;
  });
  await worker.terminate();
  return trip;
}

function nextMessage(worker: Worker): Promise<unknown> {
  return new Promise((resolve) => worker.once('message', resolve));
}

export const threadCase: BenchCase = {
  name: 'thread',
  about: 'small messages between two threads, one way and there and back',
  figures: { rate: 'per_s', trip: 'us' },
  variants: [
    { name: 'quorate', run: threadOurs },
    { name: 'postMessage', run: threadBare },
  ],
  goals: [
    { figure: 'rate', of: 'quorate', atLeast: 2_000_000 },
    { figure: 'rate', of: 'quorate', to: 'postMessage' },
    { figure: 'trip', of: 'quorate', to: 'postMessage', atMost: 1.15 },
  ],
};
