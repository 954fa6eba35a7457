/** Runs seeds of scenarios one after the other; the first violation ends it, shrunk, with the command that replays it. */
import { addTo, describeFailure, describeTotals } from './output.ts';
import { readKnownSeeds, SEEDS_FILE } from './known.ts';
import { shrink } from './shrink.ts';
import { UsageError } from './options.ts';
import type { Failure, Totals } from './output.ts';
import type { SimOptions } from './options.ts';
import type { Scenario, ScenarioOptions } from '../scenario.ts';

const SEEDS_OF_ONE = 300;
const SEEDS_OF_MANY = 50;

export function scenarioOptions(options: SimOptions, print: ScenarioOptions['print']): ScenarioOptions {
  return { print, knobs: options.knobs, ...(options.off === null ? {} : { off: options.off }) };
}

/** Resolves with the exit code. */
export async function runVoid(scenarios: readonly Scenario[], options: SimOptions): Promise<number> {
  let code = options.name === 'all' && options.seed === null ? await runKnown(scenarios, options) : 0;
  for (const scenario of scenarios) {
    const asked = options.seeds ?? (scenarios.length === 1 ? SEEDS_OF_ONE : SEEDS_OF_MANY);
    const share = scenarios.length === 1 ? 1 : (scenario.oneIn ?? 1);
    const count = options.seed === null ? Math.max(1, Math.ceil(asked / share)) : 1;
    code = Math.max(code, await runSeeds(scenario, options.seed ?? options.start, count, options));
  }
  return code;
}

async function runSeeds(scenario: Scenario, first: number, count: number, options: SimOptions): Promise<number> {
  const totals: Totals = { scenario: scenario.name, seeds: 0, events: 0, seconds: 0, counts: {} };
  const startedMs = performance.now();
  const print = options.trace ? (line: string): void => console.log(line) : null;
  let failure: Failure | null = null;
  for (let seed = first; seed < first + count && failure === null; seed++) {
    const report = await scenario.run(seed, scenarioOptions(options, print));
    addTo(totals, report);
    const { knobs, off } = options;
    if (report.violation !== null) failure = { scenario: scenario.name, seed, knobs, off, report };
    if (options.seed !== null && !options.json)
      console.log(`seed ${seed}: ${report.parameters}; digest ${report.digest}`);
  }
  totals.seconds = (performance.now() - startedMs) / 1000;
  if (scenario.mustFail) return reportMustFail(totals, failure, options);
  if (failure === null) {
    console.log(options.json ? JSON.stringify({ ok: true, ...totals }) : describeTotals(totals));
    return 0;
  }
  await reportFailure(scenario, failure, options);
  return 1;
}

/** Seeds that found something once. */
async function runKnown(scenarios: readonly Scenario[], options: SimOptions): Promise<number> {
  let code = 0;
  for (const { scenario: name, seed, knobs } of readKnownSeeds()) {
    const scenario = scenarios.find((one) => one.name === name);
    if (scenario === undefined) throw new UsageError(`${SEEDS_FILE} names ${name}, which is no scenario`);
    const report = await scenario.run(seed, { ...scenarioOptions(options, null), knobs });
    if (report.violation === null) continue;
    code = 1;
    await reportFailure(scenario, { scenario: name, seed, knobs, off: options.off, report }, options);
  }
  return code;
}

/** The setup is wrong on purpose: a violation is what it is there for. */
function reportMustFail(totals: Totals, failure: Failure | null, options: SimOptions): number {
  const ok = failure !== null;
  if (options.json) console.log(JSON.stringify({ ok, ...totals, caughtAt: failure?.seed ?? null }));
  else if (ok)
    console.log(`${totals.scenario}: caught at seed ${failure.seed}, as it must be: ${failure.report.violation ?? ''}`);
  else console.error(`${totals.scenario}: not caught in ${totals.seeds} seeds: the checks do not work`);
  return ok ? 0 : 1;
}

export async function reportFailure(scenario: Scenario, found: Failure, options: SimOptions): Promise<void> {
  if (!options.json) console.error(describeFailure(found));
  if (!options.shrink || scenario.knobs === undefined) {
    if (options.json) console.log(JSON.stringify({ ok: false, ...found }));
    return;
  }
  const { knobs, report, tries } = await shrink(scenario, found.seed, found);
  const shrunk: Failure = { ...found, knobs, report };
  if (options.json) console.log(JSON.stringify({ ok: false, ...found, shrunk: { knobs, report } }));
  else
    console.error(
      `shrunk in ${tries} runs:\n${describeFailure(shrunk)}\nkeep it: ${found.scenario} ${found.seed} in ${SEEDS_FILE}`,
    );
}
