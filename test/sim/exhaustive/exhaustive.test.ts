/** Every invariant holds in every state of the quick scopes, and every rule that is switched off is caught in one of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { EXHAUSTIVE_CONTROLS } from './controls.ts';
import { runScenario } from './run.ts';
import { findScenarios } from './scenarios.ts';
import type { Limits } from './search.ts';
import type { Scenario } from './scenario.ts';

const UNLIMITED: Limits = { statesMax: Infinity, mustStop: () => false };

function scenarioNamed(name: string): Scenario {
  const [scenario] = findScenarios(name);
  if (scenario === undefined) throw new Error(`no scenario is called '${name}'`);
  return scenario;
}

describe('the exhaustive checker', () => {
  for (const scenario of findScenarios('quick')) {
    it(`finds no violation in any state of ${scenario.name}: ${scenario.about}`, async () => {
      const { violation, trace, isComplete } = await runScenario(scenario, null, UNLIMITED);
      assert.equal(violation, null, [violation, ...trace].join('\n'));
      assert.equal(isComplete, true);
    });
  }

  for (const control of EXHAUSTIVE_CONTROLS) {
    it(`catches it when this is off: ${control.rule}`, async () => {
      const { violation, trace } = await runScenario(scenarioNamed(control.scenario), control, UNLIMITED);
      assert.notEqual(violation, null);
      assert.notEqual(trace.length, 0);
    });
  }

  it('searches the same states every time, and as many when a value has another name', async () => {
    const { variants } = scenarioNamed('few-members');
    const count = async (name: string): Promise<number> =>
      (await runScenario(scenarioNamed('few-members'), null, UNLIMITED, name)).states;
    assert.ok(variants.length > 2);
    assert.equal(await count('2-0011'), await count('2-0011'));
    assert.equal(await count('2-0011'), await count('2-1100'));
  });

  it('says that a search was not complete when its bound ended it', async () => {
    const limits: Limits = { statesMax: 100, mustStop: () => false };
    const { isComplete, violation, states } = await runScenario(scenarioNamed('put-read'), null, limits);
    assert.equal(violation, null);
    assert.equal(isComplete, false);
    assert.ok(states >= 100 && states < 1000);
  });

  it('tells the steps to a violation with the names of the members, and the variant that has it', async () => {
    const control = EXHAUSTIVE_CONTROLS.find(({ name }) => name === 'fast-by-quorum') ?? null;
    const { trace, violated } = await runScenario(scenarioNamed('put-put'), control, UNLIMITED);
    assert.match(trace.join('\n'), /put 0 begins: sends prepare .*\nA gets put 0's prepare/);
    assert.notEqual(violated, null);
  });
});
