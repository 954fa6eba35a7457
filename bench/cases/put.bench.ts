/** Fresh puts, each of a new key, in a cluster of three OS processes, next to the floor: bare rounds between three processes. */
import type { BenchCase, Goal, Samples, Size, Unit } from '../case.ts';
import { LoadDriver, type Request } from '../load/drive.ts';
import { createRounds, startFloor } from '../load/floor.ts';

const OUTSTANDING = [1, 16, 64, 256] as const;

async function driveAll(size: Size, request: Request): Promise<Samples> {
  const driver = new LoadDriver(request, size);
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
  const samples = await driveAll(size, createRounds(floor, rounds));
  floor.stop();
  return samples;
}

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
    { name: 'one bare round', run: (size) => driveFloor(size, 1) },
    { name: 'two bare rounds', run: (size) => driveFloor(size, 2) },
  ],
  goals: [] satisfies Goal[],
};
