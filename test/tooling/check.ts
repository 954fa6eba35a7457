/**
 * `npm run check`: everything that must hold before a commit, step after step, with a table at the end.
 *
 *   npm run check                     all steps
 *   npm run check -- lint format      these only
 *   npm run check -- --skip tests     all but these
 *
 * All steps run even when one fails, so that one run tells everything; the exit code is that of the worst.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { repositoryRoot } from './repository.ts';
import { describeSize } from './size.ts';

interface Step {
  readonly name: string;
  /** Programs to run with this Node, one after the other, as paths below the root with arguments. */
  readonly commands: readonly (readonly string[])[];
}

const tool = (path: string, ...args: readonly string[]): readonly string[] => [join('node_modules', path), ...args];

const STEPS: readonly Step[] = [
  { name: 'build', commands: [tool('typescript/bin/tsc', '-b')] },
  {
    name: 'lint',
    commands: [tool('oxlint/bin/oxlint', '-c', 'test/tooling/oxlint.json', '--type-aware', '--deny-warnings', '.')],
  },
  { name: 'format', commands: [tool('prettier/bin/prettier.cjs', '--check', '--log-level=warn', '.')] },
  { name: 'tidy', commands: [['--test', '--test-reporter=dot', 'dist/test/tooling/tidy.test.js']] },
  { name: 'knip', commands: [tool('knip/bin/knip.js', '-c', 'test/tooling/knip.json', '--no-progress')] },
  { name: 'package', commands: [['dist/test/tooling/package-check.js']] },
  { name: 'tests', commands: [['dist/test/run.js']] },
  { name: 'sim', commands: [['dist/test/sim/main.js', 'all', 'void', '--seeds', '50']] },
];

interface Outcome {
  readonly name: string;
  readonly ok: boolean;
  readonly seconds: number;
}

function runStep(step: Step): Outcome {
  console.log(`\n== ${step.name}`);
  const begin = performance.now();
  const ok = step.commands.every(([program = '', ...args]) => {
    // A program of ours that is not there is a failure, never a step without work.
    if (program.startsWith('dist/') && !existsSync(join(repositoryRoot, program))) {
      console.error(`${program} is missing`);
      return false;
    }
    const { status } = spawnSync(process.execPath, [program, ...args], { cwd: repositoryRoot, stdio: 'inherit' });
    return status === 0;
  });
  return { name: step.name, ok, seconds: (performance.now() - begin) / 1000 };
}

/** The steps that the arguments choose; undefined when an argument is not a step. */
function chooseSteps(args: readonly string[]): readonly Step[] | undefined {
  const skips = args[0] === '--skip';
  const names = skips ? args.slice(1) : args;
  const unknown = names.filter((name) => !STEPS.some((step) => step.name === name));
  if (unknown.length > 0 || (skips && names.length === 0)) {
    console.error(`unknown step ${unknown.join(' ')}: there are ${STEPS.map((step) => step.name).join(', ')}`);
    return undefined;
  }
  if (names.length === 0) return STEPS;
  return STEPS.filter((step) => names.includes(step.name) !== skips);
}

const steps = chooseSteps(process.argv.slice(2));
if (steps === undefined) {
  process.exitCode = 2;
} else {
  const outcomes = steps.map(runStep);
  console.log(`\n== check on Node ${process.version}`);
  for (const { name, ok, seconds } of outcomes) {
    console.log(`${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds.toFixed(1)} s`);
  }
  console.log(describeSize('kv/paxos'));
  process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
}
