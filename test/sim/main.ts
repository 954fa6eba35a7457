/**
 * The simulations: `npm run sim -- [NAME|all] [void|record|replay] [SEED]`. Without arguments: the list of them. The
 * scenarios are in `scenarios.ts`, the commands in `cli/`. The same seed gives the same run on every machine.
 */
import { CONTROLS } from './controls/index.ts';
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
  if (scenarios.length === 0)
    throw new UsageError(`no scenario and no group is called '${name}'; without a name they are listed`);
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
  if (options.json)
    return say(JSON.stringify(CONTROLS.map(({ name, rule, seeds }) => ({ name, rule, seeds: seeds ?? null }))));
  return say(
    CONTROLS.map(
      (control) => `${control.name.padEnd(26)} ${control.rule}\n${' '.repeat(27)}${howCaught(control)}`,
    ).join('\n'),
  );
}

function howCaught({ seeds }: Control): string {
  return seeds === undefined ? 'caught by a script' : `caught within ${seeds.most} seeds of ${seeds.scenario}`;
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
