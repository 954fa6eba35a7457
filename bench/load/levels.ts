/** One request driven at four levels of concurrency, after warm-ups: the figures of all cases of the store, and of their anchors. */
import type { Samples, Size, Unit } from '../case.ts';
import { LoadDriver, type Request } from './drive.ts';

/** So many requests are outstanding at all times. */
export const OUTSTANDING = [1, 16, 64, 256] as const;

export const LEVEL_FIGURES: Readonly<Record<string, Unit>> = Object.fromEntries(
  OUTSTANDING.flatMap((outstanding): [string, Unit][] => [
    [`rate@${outstanding}`, 'per_s'],
    [`p50@${outstanding}`, 'us'],
    [`p90@${outstanding}`, 'us'],
    [`p99@${outstanding}`, 'us'],
  ]),
);

export async function driveLevels(size: Size, request: Request, warmUpMs: number): Promise<Samples> {
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
