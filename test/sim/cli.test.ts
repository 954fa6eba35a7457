/** The command of the simulations: its settings, recordings, and how failing runs are made smaller. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { describeKnobs, readKnobs, readOptions, UsageError } from './cli/options.ts';
import { compareTwice } from './cli/recording.ts';
import { shrink } from './cli/shrink.ts';
import { CORE_SCENARIOS } from './core-scenarios.ts';
import { findScenarios, SCENARIOS } from './scenarios.ts';
import type { Knobs, Scenario, ScenarioReport } from './scenario.ts';

const report = (violation: string | null): ScenarioReport => {
  return { violation, parameters: 'none', counts: {}, events: 3, digest: '0' };
};

/** Prints three events; `line` gives the second. */
function printing(line: () => string): Scenario {
  return {
    name: 'test/printing',
    about: 'for a test',
    run: (_seed, { print }) => {
      for (const one of ['begin', line(), 'end']) print?.(one);
      return Promise.resolve(report(null));
    },
  };
}

describe('the command line of the simulations', () => {
  it('takes a name, a mode and a seed, each but the name optional', () => {
    const { name, mode, seed } = readOptions(['losing/c1p1k1', 'record', '7']);
    assert.deepEqual([name, mode, seed], ['losing/c1p1k1', 'record', 7]);
    assert.deepEqual([readOptions(['all', '9']).mode, readOptions(['all', '9']).seed], ['void', 9]);
    assert.throws(() => readOptions(['all', 'rewind']), UsageError);
    assert.throws(() => readOptions(['all', '--seeds', 'many']), UsageError);
    assert.throws(() => readOptions(['all', '--no-such-option']), UsageError);
  });

  it('prints settings in the form in which it reads them', () => {
    const knobs: Knobs = { loss: 0.25, op3: 0, op4: 0, op5: 0, op9: 0, op10: 1, keys: 1 };
    assert.equal(describeKnobs(knobs), 'keys=1,loss=0.25,op3-5=0,op9=0,op10=1');
    assert.deepEqual(readKnobs(describeKnobs(knobs)), knobs);
    assert.throws(() => readKnobs('loss'), UsageError);
  });

  it('finds a scenario by its name, a group by the part before the slash, and all', () => {
    assert.equal(findScenarios('all'), SCENARIOS);
    assert.deepEqual(findScenarios('no such scenario'), []);
    for (const scenario of SCENARIOS) assert.ok(findScenarios(scenario.name).includes(scenario));
    assert.equal(new Set(SCENARIOS.map(({ name }) => name)).size, SCENARIOS.length);
  });
});

describe('a recording', () => {
  it('is the same when it is played again', async () => {
    for (const scenario of CORE_SCENARIOS) assert.equal(await compareTwice(scenario, 17), null, scenario.name);
  });

  it('shows the first event that something else than the seed decided', async () => {
    let runs = 0;
    const difference = await compareTwice(
      printing(() => `run ${++runs}`),
      1,
    );
    assert.deepEqual(difference, { event: 2, recorded: 'run 1', now: 'run 2' });
  });
});

describe('a failing run', () => {
  it('is shrunk to what it needs to fail', async () => {
    const drawn: Knobs = {
      loss: 0.3,
      delay: 15,
      ...Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`op${i}`, 1])),
    };
    const scenario: Scenario = {
      name: 'test/failing',
      about: 'fails when operations 3 and 17 are there and the delay is 5 or more',
      knobs: () => drawn,
      run: (_seed, { knobs = {} }) => {
        const { op3, op17, delay } = { ...drawn, ...knobs };
        return Promise.resolve(report(op3 === 1 && op17 === 1 && (delay ?? 0) >= 5 ? 'broken' : null));
      },
    };
    const found = { knobs: {}, off: null, report: report('broken') };
    const { knobs } = await shrink(scenario, 1, found);
    const left = Object.entries({ ...drawn, ...knobs }).filter(([, value]) => value !== 0);
    assert.deepEqual(left.sort(), [
      ['delay', 5],
      ['op17', 1],
      ['op3', 1],
    ]);
  });
});
