/** The command line of the simulations, read and checked. A `UsageError` says what was wrong and what would be right. */
import { parseArgs } from 'node:util';
import type { Knobs } from '../scenario.ts';

export type Mode = 'void' | 'record' | 'replay';

export interface SimOptions {
  readonly name: string | null;
  readonly mode: Mode;
  /** One run with this seed; null: many seeds. */
  readonly seed: number | null;
  readonly seeds: number | null;
  readonly start: number;
  readonly file: string | null;
  readonly minutes: number | null;
  readonly knobs: Knobs;
  readonly off: string | null;
  readonly trace: boolean;
  readonly json: boolean;
  readonly shrink: boolean;
  readonly controls: boolean;
  readonly help: boolean;
}

export class UsageError extends Error {}

export const USAGE = `npm run sim -- [NAME|all] [void|record|replay] [SEED] [options]

  (nothing)                   the list of scenarios
  NAME                        many seeds of a scenario, of all in a group (losing), or of all; stops at the first violation
  NAME SEED                   one seed
  NAME record SEED            one seed; writes its events to --file (by default in the system's temporary folder)
  NAME replay [SEED]          runs what was recorded again and compares every event
  soak [NAME]                 seed after seed until it is told to stop (SIGTERM, SIGINT) or --minutes are over
  exhaustive [...]            the exhaustive checker of the cores

  --seeds N --start S         how many seeds (300 each; with all 50), from which on (1)
  --set loss=0,op3-9=0        these settings instead of the seed's (a failing seed prints them, shrunk)
  --off CONTROL               with one rule of the protocol switched off
  --controls                  the rules that can be switched off, and how each is caught
  --trace                     print every event
  --no-shrink                 report a violation as it was found
  --minutes M, --file F, --json, --help

Exit code 1 when something did not hold, 2 for a wrong command line.`;

const MODES: readonly string[] = ['void', 'record', 'replay'];

export function readOptions(args: readonly string[]): SimOptions {
  const { values, positionals } = parse(args);
  const [name = null, ...rest] = positionals;
  const mode = rest[0] !== undefined && MODES.includes(rest[0]) ? (rest.shift() as Mode) : 'void';
  const [seed] = rest;
  if (rest.length > 1 || (seed !== undefined && !/^\d+$/.test(seed))) {
    throw new UsageError(`after the name come void, record or replay, and a seed, not '${rest.join(' ')}'`);
  }
  return {
    name,
    mode,
    seed: seed === undefined ? null : wholeNumber(seed, 'the seed'),
    seeds: values.seeds === undefined ? null : wholeNumber(values.seeds, '--seeds'),
    start: wholeNumber(values.start, '--start'),
    file: values.file ?? null,
    minutes: values.minutes === undefined ? null : positiveNumber(values.minutes, '--minutes'),
    knobs: values.set === undefined ? {} : readKnobs(values.set),
    off: values.off ?? null,
    trace: values.trace,
    json: values.json,
    shrink: !values['no-shrink'],
    controls: values.controls,
    help: values.help,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      options: {
        seeds: { type: 'string' },
        start: { type: 'string', default: '1' },
        file: { type: 'string' },
        minutes: { type: 'string' },
        set: { type: 'string' },
        off: { type: 'string' },
        trace: { type: 'boolean', default: false },
        json: { type: 'boolean', default: false },
        'no-shrink': { type: 'boolean', default: false },
        controls: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    });
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(text: string, what: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new UsageError(`${what} must be a whole number below 10^9, not '${text}'`);
  return Number(text);
}

function positiveNumber(text: string, what: string): number {
  const value = Number(text);
  if (!(value > 0)) throw new UsageError(`${what} must be a number above 0, not '${text}'`);
  return value;
}

/** `loss=0,op3-9=0`: a range of numbered names has one value. */
export function readKnobs(text: string): Knobs {
  const knobs: Record<string, number> = {};
  for (const part of text.split(',')) {
    const match = /^([a-zA-Z]+)(?:(\d+)(?:-(\d+))?)?=(-?[\d.]+)$/.exec(part);
    if (match === null) throw new UsageError(`--set takes name=number, separated by commas, not '${part}'`);
    const [, name = '', from, to = from, value] = match;
    if (from === undefined) knobs[name] = Number(value);
    else for (let i = Number(from); i <= Number(to); i++) knobs[`${name}${i}`] = Number(value);
  }
  return knobs;
}

/** The text that `readKnobs` reads. */
export function describeKnobs(knobs: Knobs): string {
  const parts: string[] = [];
  const items = Object.entries(knobs).map(([name, value]) => {
    const [, stem = name, digits = ''] = /^(.*?)(\d*)$/.exec(name) ?? [];
    return { stem, number: digits === '' ? null : Number(digits), value };
  });
  items.sort((a, b) => (a.stem < b.stem ? -1 : a.stem > b.stem ? 1 : (a.number ?? 0) - (b.number ?? 0)));
  for (let i = 0; i < items.length;) {
    const first = items[i] as (typeof items)[number];
    let last = first;
    for (i += 1; i < items.length; i++) {
      const next = items[i] as (typeof items)[number];
      const follows = last.number !== null && next.number === last.number + 1;
      if (!follows || next.stem !== first.stem || next.value !== first.value) break;
      last = next;
    }
    const numbers = first.number === null ? '' : last === first ? `${first.number}` : `${first.number}-${last.number}`;
    parts.push(`${first.stem}${numbers}=${first.value}`);
  }
  return parts.join(',');
}
