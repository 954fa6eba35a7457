/**
 * Seeds that found something once: `test/sim/seeds.txt`, one `SCENARIO SEED [SETTINGS]` per line, `#` for remarks. They run
 * with `all` and in the tests, always.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from '../../tooling/repository.ts';
import { readKnobs, UsageError } from './options.ts';
import type { Knobs } from '../scenario.ts';

export interface KnownSeed {
  readonly scenario: string;
  readonly seed: number;
  readonly knobs: Knobs;
}

export const SEEDS_FILE = 'test/sim/seeds.txt';

export function readKnownSeeds(): readonly KnownSeed[] {
  return parseKnownSeeds(readFileSync(join(repositoryRoot, SEEDS_FILE), 'utf8'));
}

export function parseKnownSeeds(text: string): readonly KnownSeed[] {
  const known: KnownSeed[] = [];
  for (const line of text.split('\n')) {
    const [scenario = '', seed = '', settings] = line.replace(/#.*/, '').trim().split(/\s+/);
    if (scenario === '') continue;
    if (!/^\d+$/.test(seed)) throw new UsageError(`${SEEDS_FILE} has lines 'SCENARIO SEED [SETTINGS]', not '${line}'`);
    known.push({ scenario, seed: Number(seed), knobs: settings === undefined ? {} : readKnobs(settings) });
  }
  return known;
}
