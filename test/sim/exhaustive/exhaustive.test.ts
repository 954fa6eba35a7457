/** Every invariant holds in every state of the quick scopes, and every rule that is switched off is caught in one of them. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { loadCores } from '../cores.ts';
import { founded, op } from './builders.ts';
import { EXHAUSTIVE_CONTROLS } from './controls.ts';
import { Model } from './model.ts';
import { runScenario } from './run.ts';
import { findScenarios } from './scenarios.ts';
import { decode } from './state.ts';
import type { Limits } from './search.ts';
import type { Scenario, Variant } from './scenario.ts';

const UNLIMITED: Limits = { statesMax: Infinity, mustStop: () => false };

function scenarioNamed(name: string): Scenario {
  const [scenario] = findScenarios(name);
  if (scenario === undefined) throw new Error(`no scenario is called '${name}'`);
  return scenario;
}

/** The answers, as text, that the operations can have given together. */
async function answersOf(variant: Variant): Promise<Set<string>> {
  const model = new Model(await loadCores(), { ...variant, configs: [variant.first] });
  const open = [model.encode(model.initial())];
  const seen = new Set(open);
  const found = new Set<string>();
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    const { answers } = decode(text, model.shape).state;
    const said = answers.map((answer) => model.words.answers.at(answer));
    found.add(said.map((answer) => (answer === null ? 'none' : `${answer.kind} ${String(answer.result)}`)).join());
    model.expand(text, (next) => {
      if (!seen.has(next)) open.push(next);
      seen.add(next);
    });
  }
  return found;
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

  it('finds the same answers when members are not taken for alike', async () => {
    const plans = { first: founded(3), name: 'plain', operations: [op('put', 1, [1]), op('read', 2, [2])] };
    const reduced = await answersOf(plans);
    assert.ok(reduced.size > 5);
    assert.deepEqual(await answersOf({ ...plans, alike: [] }), reduced);
  });

  it('finds the same answers when every step that only sends is a state', async () => {
    const operations = [op('put', 1, [1]), op('put', 2, [2]), op('read', 3, [3])];
    const plans = { first: founded(2), name: 'plain' };
    const reduced = await answersOf({ ...plans, operations });
    assert.ok(reduced.size > 8);
    // Operations of one proposer are not reduced: what each begins may matter to the other.
    const shared = operations.map((plan) => ({ ...plan, p: 1 }));
    assert.deepEqual(await answersOf({ ...plans, operations: shared }), reduced);
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
