/** Runs one scenario, all its variants one after the other, with or without a rule switched off. */
import { loadCores } from '../cores.ts';
import { Model } from './model.ts';
import { describePrefix, runPrefix } from './prefix.ts';
import { search } from './search.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { ExhaustiveControl } from './controls.ts';
import type { Scenario, Variant } from './scenario.ts';
import type { Limits, SearchReport } from './search.ts';

export interface ScenarioResult extends SearchReport {
  readonly scenario: string;
  /** How many variants were searched whole, of how many. */
  readonly variants: number;
  readonly complete: number;
  /** The variant in which the violation is. */
  readonly violated: string | null;
  readonly seconds: number;
}

export async function runScenario(
  scenario: Scenario,
  control: ExhaustiveControl | null,
  limits: Limits,
  only: string | null = null,
): Promise<ScenarioResult> {
  const startedMs = performance.now();
  const variants = scenario.variants.filter(({ name }) => only === null || name === only);
  let [states, transitions, depth, complete] = [0, 0, 0, 0];
  let last: SearchReport | null = null;
  let violated: string | null = null;
  for (const variant of variants) {
    const report = await searchVariant(variant, control, {
      statesMax: Math.max(0, limits.statesMax - states),
      mustStop: (progress) =>
        limits.mustStop({
          ...progress,
          states: states + progress.states,
          transitions: transitions + progress.transitions,
        }),
    });
    last = report;
    states += report.states;
    transitions += report.transitions;
    depth = Math.max(depth, report.depth);
    if (report.isComplete) complete += 1;
    if (report.violation !== null) violated = variant.name;
    if (!report.isComplete) break;
  }
  const seconds = (performance.now() - startedMs) / 1000;
  const { violation, trace } = last ?? { violation: null, trace: [] };
  const isComplete = complete === variants.length;
  const counts = { variants: variants.length, complete, isComplete, states, transitions, depth };
  return { scenario: scenario.name, ...counts, violation, violated, trace, seconds };
}

async function searchVariant(
  variant: Variant,
  control: ExhaustiveControl | null,
  limits: Limits,
): Promise<SearchReport> {
  const cores = await loadCores([...(control?.replacements ?? []), ...(variant.settings ?? [])]);
  const configs = [variant.first];
  for (const step of variant.steps ?? []) configs.push(cores.nextConfig(configs[configs.length - 1] as Config, step));
  const { servesUnsealed = false, arrivesTwice = false } = control ?? {};
  const model = new Model(cores, { ...variant, configs, servesUnsealed, arrivesTwice });
  const report = await search(model, runPrefix(model), limits);
  return { ...report, trace: report.violation === null ? [] : [...describePrefix(variant), ...report.trace] };
}
