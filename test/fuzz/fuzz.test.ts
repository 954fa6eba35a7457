/** A short run of the fuzzer, and that it finds what is planted. The long run is `node dist/test/fuzz/main.js --runs 1000000`. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { makeCorpus } from './corpus.ts';
import { fuzz, type FuzzReport } from './fuzz.ts';
import { createTargets, type Target } from './targets.ts';

const RUNS = 30_000;

function run(targets: readonly Target[], runs: number, seed: number): Promise<FuzzReport> {
  return fuzz({ runs, seed, targets, corpus: makeCorpus(seed), onTurn: () => nextTurn() });
}

test('mutated real input is accepted or refused, and nothing else happens', async (t) => {
  const { failure, counts } = await run(createTargets(), RUNS, 20);
  assert.equal(
    failure,
    null,
    failure === null ? '' : `${failure.target}: ${Buffer.from(failure.input).toString('hex')} ${String(failure.error)}`,
  );
  for (const [name, { runs, accepted }] of counts) {
    t.diagnostic(`${name}: ${runs} inputs, ${accepted} accepted`);
    assert.ok(
      accepted > runs / 100 && accepted < runs,
      `${name} accepted ${accepted} of ${runs}: the inputs are not near the edge`,
    );
  }
});

test('the same seed gives the same run', async () => {
  const [one, two] = [await run(createTargets(), 2_000, 5), await run(createTargets(), 2_000, 5)];
  assert.deepEqual(one.counts, two.counts);
});

for (const [label, planted] of [
  ['an error that is no WireError', () => Reflect.apply(null as never, undefined, [])],
  ['an offset outside of the input', (input: Uint8Array) => assert.ok(input.length > 1e6)],
] as const) {
  test(`the fuzzer finds ${label}, and says with which input`, async () => {
    const [terms, ...others] = createTargets() as [Target, ...Target[]];
    const faulty: Target = {
      ...terms,
      run(input, random) {
        if (input[0] === 116 && input.length > 40) planted(input);
        return terms.run(input, random);
      },
    };
    const { failure } = await run([faulty, ...others], RUNS, 20);
    assert.equal(failure?.target, 'terms');
    assert.equal(failure?.input[0], 116);
  });
}

test('the command says how it is used, and names what is wrong in its arguments', () => {
  const main = new URL('./main.js', import.meta.url).pathname;
  const asked = (arg: string): ReturnType<typeof spawnSync> =>
    spawnSync(process.execPath, [main, arg], { encoding: 'utf8', timeout: 20_000 });
  const help = asked('--help');
  assert.deepEqual([help.status, String(help.stdout).startsWith('npm run fuzz -- [--runs N]')], [0, true]);
  const wrong = asked('--rums');
  assert.deepEqual([wrong.status, /^fuzz: .*--rums.*\nnpm run fuzz/.test(String(wrong.stderr))], [2, true]);
});
