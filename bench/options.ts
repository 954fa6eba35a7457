/** The command line: one table, from which both the parser and the usage come. */
import { parseArgs } from 'node:util';

const OPTIONS = {
  json: { type: 'boolean', about: 'print one JSON document instead of a table' },
  smoke: { type: 'boolean', about: 'tiny parameters: see that every case runs; the figures mean nothing' },
  compare: { type: 'string', about: 'FILE that --json printed before: show each ratio then and now' },
  list: { type: 'boolean', about: 'print the names of the cases' },
  help: { type: 'boolean', about: 'print this' },
} as const;

export interface BenchOptions {
  readonly names: readonly string[];
  readonly json: boolean;
  readonly smoke: boolean;
  readonly list: boolean;
  readonly help: boolean;
  readonly compare: string | null;
}

/** A wrong command line; the message says what would be right. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[], caseNames: readonly string[]): BenchOptions {
  const { values, positionals } = parse(args);
  for (const name of positionals) {
    if (caseNames.some((known) => isChosen(known, [name]))) continue;
    throw new UsageError(
      `there is no case ${name}; the cases are ${caseNames.join(', ')}, or the part before the slash`,
    );
  }
  return {
    names: positionals,
    json: values.json ?? false,
    smoke: values.smoke ?? false,
    list: values.list ?? false,
    help: values.help ?? false,
    compare: values.compare ?? null,
  };
}

function parse(args: readonly string[]): ReturnType<typeof parseTable> {
  try {
    return parseTable(args);
  } catch (error) {
    const what = (error as Error).message.split('. ')[0] ?? '';
    const known = Object.keys(OPTIONS).map((name) => `--${name}`);
    throw new UsageError(`${what}; the options are ${known.join(', ')}`);
  }
}

// The return type is made of the table; only this file uses it.
function parseTable(args: readonly string[]): {
  values: { json?: boolean; smoke?: boolean; compare?: string; list?: boolean; help?: boolean };
  positionals: string[];
} {
  return parseArgs({ args: [...args], options: OPTIONS, allowPositionals: true, strict: true });
}

/** Whether a case is among those asked for: by its name, or by the part before a slash. No names: all. */
export function isChosen(caseName: string, names: readonly string[]): boolean {
  return names.length === 0 || names.some((name) => caseName === name || caseName.startsWith(`${name}/`));
}

export function describeUsage(caseNames: readonly string[]): string {
  const options = Object.entries(OPTIONS).map(([name, { type, about }]) => {
    const flag = type === 'string' ? `--${name} FILE` : `--${name}`;
    return `  ${flag.padEnd(16)} ${about}`;
  });
  return [
    'npm run bench -- [CASE ...] [OPTION ...]',
    '',
    'Measures quorate next to anchors, in fresh processes on this machine. Results go to stdout, progress to stderr.',
    '',
    ...options,
    '',
    'Cases (a name, or the part before the slash; default: all):',
    ...caseNames.map((name) => `  ${name}`),
    '',
  ].join('\n');
}
