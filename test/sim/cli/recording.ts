/**
 * `record` writes the events of one run to a file; `replay` makes the same run again and compares event by event. A
 * difference means that something other than the seed decided: a defect of the simulation or of the cores.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { UsageError } from './options.ts';
import { scenarioOptions } from './void.ts';
import type { SimOptions } from './options.ts';
import type { Knobs, Scenario, ScenarioReport } from '../scenario.ts';

interface Head {
  readonly scenario: string;
  readonly seed: number;
  readonly knobs: Knobs;
  readonly off: string | null;
}

export interface Difference {
  /** Number of the event, from 1. */
  readonly event: number;
  /** null: there is none any more. */
  readonly recorded: string | null;
  readonly now: string | null;
}

function fileFor(options: SimOptions, scenario: string, seed: number): string {
  return options.file ?? join(tmpdir(), 'quorate-sim', `${scenario.replaceAll('/', '-')}-${seed}.events`);
}

function tail(report: ScenarioReport): string {
  return JSON.stringify({ violation: report.violation, events: report.events, digest: report.digest });
}

export async function record(scenarios: readonly Scenario[], options: SimOptions): Promise<number> {
  if (options.file !== null && scenarios.length > 1) throw new UsageError('--file takes one scenario, not many');
  for (const scenario of scenarios) {
    const seed = options.seed ?? options.start;
    const lines: string[] = [];
    const report = await scenario.run(
      seed,
      scenarioOptions(options, (line) => lines.push(line)),
    );
    const head: Head = { scenario: scenario.name, seed, knobs: options.knobs, off: options.off };
    const path = fileFor(options, scenario.name, seed);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, [JSON.stringify(head), ...lines.map(oneLine), tail(report), ''].join('\n'));
    console.log(`${scenario.name}, seed ${seed}: ${lines.length} events in ${path}; digest ${report.digest}`);
    if (report.violation !== null) console.log(`  it ends with: ${report.violation}`);
  }
  return 0;
}

export async function replay(scenarios: readonly Scenario[], options: SimOptions): Promise<number> {
  let code = 0;
  for (const scenario of scenarios) {
    const path = fileFor(options, scenario.name, options.seed ?? options.start);
    const { head, events, end } = readRecording(path);
    if (head.scenario !== scenario.name)
      throw new UsageError(`${path} was recorded from ${head.scenario}, not ${scenario.name}`);
    const difference = await compare(scenario, head, events, end);
    if (difference === null) {
      console.log(`${scenario.name}, seed ${head.seed}: all ${events.length} events are the same`);
      continue;
    }
    code = 1;
    const { event, recorded, now } = difference;
    console.error(
      `${scenario.name}, seed ${head.seed}: event ${event} of ${events.length} differs\n` +
        `  recorded: ${recorded ?? '(none)'}\n  now:      ${now ?? '(none)'}`,
    );
  }
  return code;
}

function readRecording(path: string): { head: Head; events: readonly string[]; end: string } {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new UsageError(`there is no recording ${path}: make it with record`);
  }
  const [first = '', ...rest] = text.trimEnd().split('\n');
  const end = rest.pop() ?? '';
  return { head: JSON.parse(first) as Head, events: rest, end };
}

/** The first difference, or null. The digests at the end are compared as one more event. */
async function compare(
  scenario: Scenario,
  head: Head,
  events: readonly string[],
  end: string,
): Promise<Difference | null> {
  let difference: Difference | null = null;
  let count = 0;
  const check = (line: string): void => {
    const recorded = events[count++] ?? null;
    const now = oneLine(line);
    if (difference === null && recorded !== now) difference = { event: count, recorded, now };
  };
  const off = head.off === null ? {} : { off: head.off };
  const report = await scenario.run(head.seed, { print: check, knobs: head.knobs, ...off });
  if (difference !== null) return difference;
  if (count < events.length) return { event: count + 1, recorded: events[count] ?? null, now: null };
  return tail(report) === end ? null : { event: count + 1, recorded: end, now: tail(report) };
}

/** Compares one recorded run with a second one, in memory. */
export async function compareTwice(scenario: Scenario, seed: number): Promise<Difference | null> {
  const lines: string[] = [];
  const report = await scenario.run(seed, { print: (line) => lines.push(oneLine(line)) });
  return compare(scenario, { scenario: scenario.name, seed, knobs: {}, off: null }, lines, tail(report));
}

function oneLine(text: string): string {
  return text.replaceAll('\n', ' | ');
}
