/**
 * The simulations: `npm run sim -- [NAME|all] [void|record|replay] [SEED]`. Without arguments: the list of them. The
 * scenarios are in `scenarios.ts`, the commands in `cli/`. The same seed gives the same run on every machine.
 */
import { CONTROLS } from './controls/index.ts';
import { scriptFor } from './directed/index.ts';
import { COMMANDS, findScenarios, SCENARIOS } from './scenarios.ts';
import { describeList } from './cli/output.ts';
import { readOptions, USAGE, UsageError } from './cli/options.ts';
import { record, replay } from './cli/recording.ts';
import { soak } from './cli/soak.ts';
import { runVoid } from './cli/void.ts';
import type { Control } from './controls/control.ts';
import type { SimOptions } from './cli/options.ts';

async function main(args: readonly string[]): Promise<number> {
  const command = COMMANDS.find(({ name }) => name === args[0]);
  if (command !== undefined) return command.run(args.slice(1));
  const isSoak = args[0] === 'soak';
  const options = readOptions(isSoak ? args.slice(1) : args);
  if (options.help) return say(USAGE);
  if (options.controls) return listControls(options);
  if (isSoak) return soak(chosen(options.name ?? 'all'), options);
  if (options.name === null) return list(options);
  const scenarios = chosen(options.name);
  switch (options.mode) {
    case 'void':
      return runVoid(scenarios, options);
    case 'record':
      return record(scenarios, options);
    case 'replay':
      return replay(scenarios, options);
  }
}

function chosen(name: string): ReturnType<typeof findScenarios> {
  const scenarios = findScenarios(name);
  if (scenarios.length === 0) {
    const group = findScenarios(name.slice(0, Math.max(0, name.indexOf('/')))).map((scenario) => scenario.name);
    const others = group.length === 0 ? 'without a name they are listed' : `there are ${group.join(', ')}`;
    throw new UsageError(`no scenario and no group is called '${name}'; ${others}`);
  }
  return scenarios;
}

function list(options: SimOptions): number {
  if (options.json) return say(JSON.stringify(SCENARIOS.map(({ name, about }) => ({ name, about }))));
  const commands = COMMANDS.map(({ name, about }) => `${name}  ${about}`).join('\n');
  return say(
    [describeList(SCENARIOS), commands, 'npm run sim -- --help says how to run them.'].filter(Boolean).join('\n\n'),
  );
}

function listControls(options: SimOptions): number {
  if (options.json) {
    const list = CONTROLS.map(({ name, rule, seeds = null, test = null }) => ({
      name,
      rule,
      seeds,
      test,
      script: scriptFor(name)?.story ?? null,
    }));
    return say(JSON.stringify(list));
  }
  return say(CONTROLS.map(describeControl).join('\n'));
}

function describeControl({ name, rule, seeds, test }: Control): string {
  const ways: string[] = [];
  if (seeds !== undefined) ways.push(`within ${seeds.most} seeds of ${seeds.scenario}`);
  if (scriptFor(name) !== undefined) ways.push('by a script of steps');
  if (test !== undefined) ways.push(`by test/${test}`);
  return `${name.padEnd(26)} ${rule}\n${' '.repeat(27)}caught ${ways.join(', and ')}`;
}

function say(text: string): number {
  console.log(text);
  return 0;
}

try {
  process.exitCode = await main(process.argv.slice(2));
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 2;
}
