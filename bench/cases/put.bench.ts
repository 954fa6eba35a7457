/** Fresh puts, each of a new key, in a cluster of three OS processes, next to the floor: bare rounds between three processes. */
import type { BenchCase, Goal, Samples, Size, Unit } from '../case.ts';
import { PaxosKV } from '../../kv/index.ts';
import { startCluster } from '../load/cluster.ts';
import { LoadDriver, type Request } from '../load/drive.ts';
import { createRounds, startFloor } from '../load/floor.ts';

const OUTSTANDING = [1, 16, 64, 256] as const;
const FLOOR_WARMUP_MS = 300;
const STORE_WARMUP_MS = 1800;

async function driveAll(size: Size, request: Request, warmUpMs: number): Promise<Samples> {
  const driver = new LoadDriver(request, size);
  await driver.warmUp(Math.max(...OUTSTANDING), warmUpMs);
  // What runs once a turn (sockets, mailboxes) runs too seldom there to be compiled: it takes some thousand requests one by one.
  await driver.warmUp(1, warmUpMs);
  const samples: Record<string, readonly number[]> = {};
  for (const outstanding of OUTSTANDING) {
    const { rate, p50, p90, p99 } = await driver.drive(outstanding);
    Object.assign(samples, {
      [`rate@${outstanding}`]: rate,
      [`p50@${outstanding}`]: [p50],
      [`p90@${outstanding}`]: [p90],
      [`p99@${outstanding}`]: [p99],
    });
  }
  return samples;
}

async function driveFloor(size: Size, rounds: number): Promise<Samples> {
  const floor = await startFloor();
  const samples = await driveAll(size, createRounds(floor, rounds), FLOOR_WARMUP_MS);
  floor.stop();
  return samples;
}

async function driveOurs(size: Size, threads: number): Promise<Samples> {
  const cluster = await startCluster(threads);
  const samples = await driveAll(
    size,
    async (i) => {
      const put = await PaxosKV.put(`key ${i}`, i);
      if (!put.ok || put.value !== i) throw new Error(`put of key ${i}: ${JSON.stringify(put)}`);
    },
    STORE_WARMUP_MS,
  );
  await cluster.stop();
  return samples;
}

const goals: Goal[] = [
  { figure: 'p50@1', of: 'quorate, one thread', to: 'one bare round', atMost: 1.6 },
  { figure: 'p50@1', of: 'quorate', to: 'one bare round' },
  ...[64, 256].map((outstanding) => ({
    figure: `rate@${outstanding}`,
    of: 'quorate, one thread',
    atLeast: 130_000,
  })),
  ...OUTSTANDING.flatMap((outstanding) => [
    { figure: `rate@${outstanding}`, of: 'quorate, one thread', to: 'one bare round' },
    { figure: `rate@${outstanding}`, of: 'quorate, one thread', to: 'two bare rounds' },
    { figure: `rate@${outstanding}`, of: 'quorate', to: 'one bare round' },
  ]),
];

const figures = Object.fromEntries(
  OUTSTANDING.flatMap((outstanding): [string, Unit][] => [
    [`rate@${outstanding}`, 'per_s'],
    [`p50@${outstanding}`, 'us'],
    [`p90@${outstanding}`, 'us'],
    [`p99@${outstanding}`, 'us'],
  ]),
);

export const putCase: BenchCase = {
  name: 'kv/put',
  about: 'fresh puts of three OS processes, by outstanding requests',
  figures,
  variants: [
    { name: 'quorate, one thread', run: (size) => driveOurs(size, 0) },
    { name: 'quorate', run: (size) => driveOurs(size, 1) },
    { name: 'one bare round', run: (size) => driveFloor(size, 1) },
    { name: 'two bare rounds', run: (size) => driveFloor(size, 2) },
  ],
  goals,
  passes: 2,
};
