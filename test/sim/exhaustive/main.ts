/**
 * The exhaustive checker of the protocol cores: `npm run sim -- exhaustive [SCENARIO[/VARIANT]|quick|long|all]`. Without arguments: the
 * list. Every state of a scenario is searched, the shortest steps to a violation are printed, and the command that finds it again.
 *
 * Exit code 1 when an invariant was broken. SIGINT and SIGTERM end the search with what was covered.
 */
import { parseArgs } from 'node:util';
import { UsageError } from '../cli/options.ts';
import { EXHAUSTIVE_CONTROLS, findExhaustiveControl } from './controls.ts';
import { runScenario } from './run.ts';
import { findScenarios, SCENARIOS } from './scenarios.ts';
import type { Command } from '../scenario.ts';
import type { ExhaustiveControl } from './controls.ts';
import type { ScenarioResult } from './run.ts';
import type { Scenario } from './scenario.ts';
import type { SearchReport } from './search.ts';

const USAGE = `npm run sim -- exhaustive [SCENARIO[/VARIANT]|quick|long|all] [options]

  (nothing), --list           the list of scenarios
  quick, long, all            those that CI searches whole, the larger ones, both
  --states-max N              ends a scenario's search after so many states (3000000)
  --minutes M                 ends everything after that time
  --off CONTROL               with one rule of the protocol switched off
  --controls                  the rules that can be switched off, and the scenarios that find it
  --json                      one JSON object per scenario, for machines`;

const STATES_MAX = 3_000_000;
const PROGRESS_MS = 10_000;
/** How often the search lets signals in. */
const BREATH_MS = 200;

export const EXHAUSTIVE_COMMAND: Command = {
  name: 'exhaustive',
  about: 'searches all states of small scopes of the cores; without more arguments: the list of them',
  run: (args) => run(args).catch(explain),
};

/** A wrong command line is answered with what would be right. */
function explain(error: unknown): number {
  const isUsage = error instanceof UsageError || (error instanceof TypeError && 'code' in error);
  if (!isUsage) throw error;
  console.error(`${error.message}\n\n${USAGE}`);
  return 2;
}

interface Options {
  readonly name: string;
  readonly variant: string | null;
  readonly control: ExhaustiveControl | null;
  readonly statesMax: number;
  readonly untilMs: number;
  readonly json: boolean;
}

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      'states-max': { type: 'string' },
      minutes: { type: 'string' },
      off: { type: 'string' },
      list: { type: 'boolean', default: false },
      controls: { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const [path] = positionals;
  if (values.help) return say(USAGE);
  if (values.controls) return listControls();
  if (path === undefined || values.list) return list(values.json);
  const [name, variant] = path.split('/') as [string, string?];
  const minutes = values.minutes === undefined ? Infinity : positive(values.minutes, 'minutes');
  const untilMs = performance.now() + minutes * 60_000;
  const statesMax = values['states-max'] === undefined ? STATES_MAX : positive(values['states-max'], 'states-max');
  const options = {
    name,
    variant: variant ?? null,
    control: controlOf(values.off),
    statesMax,
    untilMs,
    json: values.json,
  };
  return searchAll(options);
}

async function searchAll(options: Options): Promise<number> {
  const scenarios = findScenarios(options.name).filter((scenario) => hasVariant(scenario, options.variant));
  if (scenarios.length === 0) {
    throw new UsageError(
      `no scenario is called '${options.name}'${options.variant === null ? '' : ` with that variant`}; --list lists them`,
    );
  }
  let isStopped = false;
  const stop = (): void => void (isStopped = true);
  process.on('SIGINT', stop).on('SIGTERM', stop);
  try {
    for (const scenario of scenarios) {
      if (isStopped || performance.now() >= options.untilMs) break;
      const watch = new Watch(scenario.name, options, () => isStopped);
      const result = await runScenario(
        scenario,
        options.control,
        { statesMax: options.statesMax, mustStop: (progress) => watch.mustStop(progress) },
        options.variant,
      );
      tell(result, options);
      if (result.violation !== null) return 1;
    }
  } finally {
    process.off('SIGINT', stop).off('SIGTERM', stop);
  }
  return 0;
}

/** Lets signals through now and then, says how far a long search is, and ends it when its time is over. */
class Watch {
  readonly #name: string;
  readonly #options: Options;
  readonly #isStopped: () => boolean;
  #breathedMs = performance.now();
  #toldMs = performance.now();

  constructor(name: string, options: Options, isStopped: () => boolean) {
    this.#name = name;
    this.#options = options;
    this.#isStopped = isStopped;
  }

  async mustStop({ states, transitions, depth }: SearchReport): Promise<boolean> {
    const nowMs = performance.now();
    if (nowMs - this.#breathedMs < BREATH_MS) return false;
    this.#breathedMs = nowMs;
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (!this.#options.json && nowMs - this.#toldMs >= PROGRESS_MS) {
      this.#toldMs = nowMs;
      console.error(`  ${this.#name}: ${states} states, ${transitions} transitions, depth ${depth} so far`);
    }
    return this.#isStopped() || nowMs >= this.#options.untilMs;
  }
}

function tell(result: ScenarioResult, { control, json }: Options): void {
  const off = control?.name ?? null;
  if (json) return console.log(JSON.stringify({ ...result, off }));
  const { scenario, states, transitions, depth, seconds, variants, complete } = result;
  const whole = complete === variants ? 'complete' : `${complete} of ${variants} variants complete, then stopped`;
  const covered = result.violation === null ? whole : 'VIOLATED';
  const rate = Math.round(transitions / Math.max(seconds, 0.001) / 1000);
  console.log(
    `${scenario}${off === null ? '' : ` without ${off}`}: ${covered}; ${states} states, ${transitions} transitions, depth ${depth}, ` +
      `${seconds.toFixed(1)} s (${rate} k transitions/s)`,
  );
  if (result.violation === null) return;
  console.log(`  ${result.violation}`);
  result.trace.forEach((line, i) => console.log(`  ${String(i + 1).padStart(3)}. ${line}`));
  console.log(
    `  again: npm run sim -- exhaustive ${scenario}/${String(result.violated)}${off === null ? '' : ` --off ${off}`}`,
  );
}

function hasVariant(scenario: Scenario, variant: string | null): boolean {
  return variant === null || scenario.variants.some(({ name }) => name === variant);
}

function controlOf(name: string | undefined): ExhaustiveControl | null {
  if (name === undefined) return null;
  const control = findExhaustiveControl(name);
  if (control === undefined) throw new UsageError(`no control is called '${name}'; --controls lists them`);
  return control;
}

function positive(text: string, option: string): number {
  const number = Number(text);
  if (!Number.isFinite(number) || number <= 0)
    throw new UsageError(`--${option} takes a number above 0, not '${text}'`);
  return number;
}

function list(json: boolean): number {
  if (json) {
    const rows = SCENARIOS.map(({ name, about, isQuick, variants }) => ({
      name,
      about,
      isQuick,
      variants: variants.length,
    }));
    return say(JSON.stringify(rows));
  }
  return say(
    SCENARIOS.map(({ name, about, isQuick }) => `${name.padEnd(28)} ${isQuick ? 'quick' : 'long '}  ${about}`).join(
      '\n',
    ),
  );
}

function listControls(): number {
  return say(
    EXHAUSTIVE_CONTROLS.map(({ name, rule, scenario }) => `${name.padEnd(28)} ${rule} (${scenario})`).join('\n'),
  );
}

function say(text: string): number {
  console.log(text);
  return 0;
}
