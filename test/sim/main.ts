/**
 * Runs the protocol cores in a simulated cluster, one seed after the other.
 *
 *   node dist/test/sim/main.js [--seeds 300] [--start 1]   many seeds; stops at the first violation
 *   node dist/test/sim/main.js --seed 17 [--trace]         one seed, every event printed
 *   ... --off NAME                                         with one rule of the protocol switched off
 *   node dist/test/sim/main.js --controls                  the rules that can be switched off
 *
 * Exit code 1 when an invariant was broken. The same seed gives the same run on every machine.
 */
import { parseArgs } from 'node:util';
import { CONTROLS, findControl } from './controls.ts';
import { loadCores } from './cores.ts';
import { World } from './world.ts';
import type { RunReport } from './world.ts';

function readOptions() {
  const { values } = parseArgs({
    options: {
      seeds: { type: 'string', default: '300' },
      start: { type: 'string', default: '1' },
      seed: { type: 'string' },
      trace: { type: 'boolean', default: false },
      off: { type: 'string' },
      controls: { type: 'boolean', default: false },
    },
  });
  return values;
}

function wholeNumber(text: string, option: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new Error(`--${option} takes a whole number, not '${text}'`);
  return Number(text);
}

function describeViolation(report: RunReport, off: string | undefined): string {
  const replay = `node dist/test/sim/main.js --seed ${report.seed} --trace${off === undefined ? '' : ` --off ${off}`}`;
  return `seed ${report.seed}: ${report.violation ?? ''}\n  with ${report.parameters}\n  replay: ${replay}`;
}

async function main(): Promise<number> {
  const options = readOptions();
  if (options.controls) {
    for (const { name, rule } of CONTROLS) console.log(`${name.padEnd(28)} ${rule}`);
    return 0;
  }
  const control = options.off === undefined ? undefined : findControl(options.off);
  if (options.off !== undefined && control === undefined) {
    throw new Error(`no control is called '${options.off}'; --controls lists them`);
  }
  const cores = await loadCores(control?.replacements);
  const first = wholeNumber(options.seed ?? options.start, options.seed === undefined ? 'start' : 'seed');
  const count = options.seed === undefined ? wholeNumber(options.seeds, 'seeds') : 1;
  const print = options.trace ? (line: string): void => console.log(line) : null;
  const total = { answered: 0, unknown: 0, erased: 0, forgotten: 0, messages: 0 };
  const startedMs = performance.now();
  for (let seed = first; seed < first + count; seed++) {
    const report = new World(cores, seed, print).run();
    if (options.seed !== undefined) console.log(`seed ${seed}: ${report.parameters}`);
    if (report.violation !== null) {
      console.error(describeViolation(report, options.off));
      return 1;
    }
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += report[name];
  }
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
  console.log(
    `${count} seeds from ${first} passed in ${seconds} s: ${total.answered} operations answered, ` +
      `${total.unknown} unknown, ${total.erased} erases, ${total.forgotten} forgettings, ${total.messages} messages`,
  );
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  process.exitCode = 2;
}
