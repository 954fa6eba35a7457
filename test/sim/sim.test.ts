/** The simulation holds under the true rules, and catches every rule that is switched off. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryRoot } from '../tooling/repository.ts';
import { CONTROLS } from './controls/index.ts';
import { loadCores } from './cores.ts';
import { isLinearizable } from './linearizable.ts';
import { CORE_SCENARIOS } from './core-scenarios.ts';
import { readKnownSeeds } from './cli/known.ts';
import { scriptFor } from './directed/index.ts';
import { findScenarios } from './scenarios.ts';
import type { Scenario } from './scenario.ts';
import type { Replacement } from './cores.ts';
import type { HistoryOperation, Value } from './linearizable.ts';

/** Of the scenarios that draw all their parameters more seeds are run. */
const SEEDS = 60;
const MORE_SEEDS: Readonly<Record<string, number>> = {
  everything: 300,
  'one-configuration': 300,
  lifetimes: 150,
  forgetting: 150,
};

function scenarioNamed(name: string): Scenario {
  const [scenario] = findScenarios(name);
  assert.ok(scenario !== undefined, name);
  return scenario;
}

/** `file: how the name of the test begins`. */
function isThere(test: string): boolean {
  const [file = '', ...name] = test.split(': ');
  return readFileSync(join(repositoryRoot, 'test', file), 'utf8').includes(`'${name.join(': ')}`);
}

async function firstViolation(scenario: Scenario, seeds: number, off?: string): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    const report = await scenario.run(seed, { print: null, ...(off === undefined ? {} : { off }) });
    if (report.violation !== null) return `seed ${seed}: ${report.violation}`;
  }
  return null;
}

describe('the simulation of the cores', () => {
  for (const scenario of CORE_SCENARIOS) {
    const seeds = MORE_SEEDS[scenario.name] ?? SEEDS;
    if (scenario.mustFail) {
      it(`is caught, as it must be: ${scenario.name}: ${scenario.about}`, async () => {
        assert.notEqual(await firstViolation(scenario, SEEDS), null);
      });
    } else {
      it(`holds every invariant in ${seeds} seeds of ${scenario.name}: ${scenario.about}`, async () => {
        assert.equal(await firstViolation(scenario, seeds), null);
      });
    }
  }

  it('holds for the seeds that found something once', async () => {
    const known = readKnownSeeds();
    assert.ok(known.length > 0);
    for (const { scenario, seed, knobs } of known) {
      const report = await scenarioNamed(scenario).run(seed, { print: null, knobs });
      assert.equal(report.violation, null, `${scenario} ${seed}`);
    }
  });
});

describe('a rule that is switched off', () => {
  for (const { name, rule, seeds } of CONTROLS) {
    if (seeds === undefined) continue;
    it(`catches it within ${seeds.most} seeds when this is off: ${rule}`, async () => {
      assert.notEqual(await firstViolation(scenarioNamed(seeds.scenario), seeds.most, name), null);
    });
  }

  it('is caught by seeds, by a script, or by a test that is there, each of them', () => {
    for (const { name, seeds, test } of CONTROLS) {
      if (test !== undefined) assert.ok(isThere(test), test);
      else assert.ok(seeds !== undefined || scriptFor(name) !== undefined, name);
    }
    assert.equal(new Set(CONTROLS.map(({ name }) => name)).size, CONTROLS.length);
  });

  it('a control whose text is not in the code any more is an error, not a rule that is on', async () => {
    const stale: Replacement = { module: 'decide', from: 'no such text', to: '' };
    await assert.rejects(loadCores([stale]), /occurs 0 times/);
  });
});

describe('the search for a linear order', () => {
  const operation = (
    id: number,
    kind: HistoryOperation['kind'],
    calledAt: number,
    answeredAt: number,
    result: Value | undefined,
    target = -1,
  ): HistoryOperation => ({ id, kind, target, calledAt, answeredAt, result });

  it('finds one where overlapping operations explain each other', () => {
    const history = [operation(1, 'put', 1, 6, [1]), operation(2, 'put', 2, 5, [1]), operation(3, 'read', 3, 4, null)];
    assert.equal(isLinearizable(history), true);
  });

  it('lets an erase, whose answer tells nothing, take effect late', () => {
    const history = [
      operation(-1, 'erase', 1, 6, null, 1),
      operation(1, 'put', 2, 3, [1]),
      operation(2, 'read', 4, 5, null),
    ];
    assert.equal(isLinearizable(history), true);
    assert.equal(isLinearizable(history.slice(1)), false);
  });

  it('finds none when a read goes back in time', () => {
    const history = [operation(1, 'put', 1, 2, [1]), operation(2, 'read', 3, 4, null)];
    assert.equal(isLinearizable(history), false);
  });

  it('finds none when a change was applied twice, or a lost one shows in two lives', () => {
    assert.equal(isLinearizable([operation(1, 'change', 1, 2, [1, 1])]), false);
    const history = [
      operation(1, 'put', 1, Infinity, undefined),
      operation(2, 'read', 2, 3, [1]),
      operation(-1, 'erase', 4, Infinity, undefined, 1),
      operation(3, 'read', 5, 6, null),
      operation(4, 'read', 7, 8, [1]),
    ];
    assert.equal(isLinearizable(history), false);
    assert.equal(isLinearizable(history.slice(0, 4)), true);
  });

  it('lets an operation without an answer happen late, or never', () => {
    const lost = operation(1, 'put', 1, Infinity, undefined);
    assert.equal(isLinearizable([lost, operation(2, 'read', 2, 3, null)]), true);
    const late = [lost, operation(2, 'read', 2, 3, null), operation(3, 'read', 4, 5, [1])];
    assert.equal(isLinearizable(late), true);
  });
});
