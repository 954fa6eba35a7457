/** How results are told: sentences for people, one JSON object per line for machines (`--json`). */
import { describeKnobs } from './options.ts';
import type { Knobs, Scenario, ScenarioReport } from '../scenario.ts';

export interface Failure {
  readonly scenario: string;
  readonly seed: number;
  readonly knobs: Knobs;
  readonly off: string | null;
  readonly report: ScenarioReport;
}

/** Sums over the seeds of one scenario. */
export interface Totals {
  readonly scenario: string;
  seeds: number;
  events: number;
  seconds: number;
  readonly counts: Record<string, number>;
}

/** The command that runs exactly this again. */
export function commandFor(failure: Failure, mode: 'void' | 'record' = 'void'): string {
  const { scenario, seed, knobs, off } = failure;
  const set = Object.keys(knobs).length === 0 ? '' : ` --set ${describeKnobs(knobs)}`;
  return `npm run sim -- ${scenario} ${mode} ${seed}${set}${off === null ? '' : ` --off ${off}`}`;
}

export function describeFailure(failure: Failure): string {
  const { scenario, seed, report } = failure;
  return (
    `${scenario}, seed ${seed}: ${report.violation ?? 'no violation'}\n  with ${report.parameters}\n` +
    `  replay: ${commandFor(failure)} --trace`
  );
}

export function describeTotals({ scenario, seeds, events, seconds, counts }: Totals): string {
  const happened = Object.entries(counts).map(([name, count]) => `${count} ${name}`);
  return `${scenario}: ${seeds} seeds in ${seconds.toFixed(1)} s: ${[`${events} events`, ...happened].join(', ')}`;
}

export function addTo(totals: Totals, report: ScenarioReport): void {
  totals.seeds += 1;
  totals.events += report.events;
  for (const [name, count] of Object.entries(report.counts)) totals.counts[name] = (totals.counts[name] ?? 0) + count;
}

export function describeList(scenarios: readonly Scenario[]): string {
  const width = Math.max(...scenarios.map((scenario) => scenario.name.length));
  return scenarios
    .map(({ name, about, mustFail }) => `${name.padEnd(width)}  ${about}${mustFail ? ' (must be caught)' : ''}`)
    .join('\n');
}
