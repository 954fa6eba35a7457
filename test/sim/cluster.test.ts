/** Whole clusters under virtual time: they hold, and a seed decides everything. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { compareTwice } from './cli/recording.ts';
import { CLUSTER_CONTROLS } from './cluster/controls.ts';
import { createClusterScenario, CLUSTER_SCENARIOS } from './cluster/scenarios.ts';
import { loadSystem } from './cluster/system.ts';
import type { Scenario } from './scenario.ts';

/** More on demand: `npm run sim -- cluster --seeds 1000`. */
const SEEDS = 24;
/** Controls that take more are run on demand: `npm run sim -- cluster/founders --off record-saved-late --seeds 1000`. */
const SEEDS_OF_CONTROLS = 60;

async function firstViolation(scenario: Scenario, seeds: number, off?: string): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    const { violation, parameters } = await scenario.run(seed, { print: null, ...(off === undefined ? {} : { off }) });
    if (violation !== null) return `seed ${seed}: ${violation}\n${parameters}`;
  }
  return null;
}

describe('a cluster of whole nodes', () => {
  for (const scenario of CLUSTER_SCENARIOS) {
    const seeds = SEEDS / (scenario.oneIn ?? 1);
    it(`holds in ${seeds} seeds of ${scenario.name}`, async () => {
      assert.equal(await firstViolation(scenario, seeds), null);
    });
  }

  for (const control of CLUSTER_CONTROLS.filter(({ seedsMax }) => seedsMax <= SEEDS_OF_CONTROLS)) {
    it(`catches it within ${control.seedsMax} seeds of ${control.scenario} when this is off: ${control.rule}`, async () => {
      const scenario = CLUSTER_SCENARIOS.find(({ name }) => name === control.scenario) as Scenario;
      assert.notEqual(await firstViolation(scenario, control.seedsMax, control.name), null);
    });
  }

  for (const scenario of CLUSTER_SCENARIOS) {
    it(`has the same events for the same seed: ${scenario.name}`, async () => {
      assert.equal(await compareTwice(scenario, 17), null);
    });
  }

  it('differs at the first event that something else than the seed decides', async () => {
    const replacement = {
      module: 'kv/bucket/upkeep',
      from: 'eraseDelayMs(config, place, key, this.#shared.env.random())',
      to: 'eraseDelayMs(config, place, key, Math.random())',
    };
    const lifetimes = CLUSTER_SCENARIOS.find(({ name }) => name === 'cluster/lifetimes') as Scenario;
    const system = loadSystem([replacement]);
    const planted = createClusterScenario('planted', '', { bound: [1], puts: [1] }, () => system);
    assert.notEqual(await compareTwice(planted, 17), null);
    assert.equal(await compareTwice(lifetimes, 17), null);
  });
});
