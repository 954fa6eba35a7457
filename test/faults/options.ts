/** The command line: one table, from which it is parsed and described. */
import { parseArgs } from 'node:util';
import { FAULT_KINDS, type FaultKind } from './faults.ts';

const OPTIONS = {
  minutes: { type: 'string', value: 'M', about: 'how long things are broken (default: 1; 0.5 is half a minute)' },
  seed: { type: 'string', value: 'N', about: 'from which the faults follow (default: a new one)' },
  nodes: { type: 'string', value: 'N', about: 'how many nodes, 3 to 5 (default: 3)' },
  faults: {
    type: 'string',
    value: 'KINDS',
    about: `separated by commas: ${FAULT_KINDS.join(', ')} (default: kill,restart,stop,resize,link)`,
  },
  clients: { type: 'string', value: 'N', about: 'how many clients each node has (default: 4)' },
  json: { type: 'boolean', value: '', about: 'print the report as one JSON document' },
  help: { type: 'boolean', value: '', about: 'print this' },
} as const;

export interface FaultsOptions {
  readonly minutes: number;
  readonly seed: number;
  readonly nodes: number;
  readonly faults: readonly FaultKind[];
  readonly clients: number;
  readonly json: boolean;
  readonly help: boolean;
}

/** A wrong command line; the message says what would be right. */
export class UsageError extends Error {}

/** @throws UsageError */
export function parseOptions(args: readonly string[], freshSeed: number): FaultsOptions {
  const values = parseValues(args);
  return {
    minutes: inRange('minutes', values.minutes ?? '1', 0.01, 10_000),
    seed: whole('seed', values.seed ?? String(freshSeed), 0, 999_999_999),
    nodes: whole('nodes', values.nodes ?? '3', 3, 5),
    faults: parseKinds(values.faults ?? 'kill,restart,stop,resize,link'),
    clients: whole('clients', values.clients ?? '4', 1, 64),
    json: values.json ?? false,
    help: values.help ?? false,
  };
}

function parseKinds(text: string): FaultKind[] {
  const kinds = text.split(',').map((word) => {
    const kind = FAULT_KINDS.find((known) => known === word);
    if (kind === undefined)
      throw new UsageError(`--faults: there is no '${word}'; there are ${FAULT_KINDS.join(', ')}`);
    return kind;
  });
  if (kinds.includes('link') && kinds.includes('netns')) {
    throw new UsageError('--faults: link and netns are two ways to break connections, give one of them');
  }
  return kinds;
}

function parseValues(args: readonly string[]): ReturnType<typeof parseTable> {
  try {
    return parseTable(args);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

type Text = Exclude<keyof typeof OPTIONS, 'json' | 'help'>;

// The return type is made of the table; only this file uses it.
function parseTable(args: readonly string[]): { [name in Text]?: string } & { json?: boolean; help?: boolean } {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
}

function inRange(option: string, text: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() === '' || !(value >= least && value <= most)) {
    throw new UsageError(`--${option} must be a number from ${least} to ${most}, not '${text}'`);
  }
  return value;
}

function whole(option: string, text: string, least: number, most: number): number {
  const value = inRange(option, text, least, most);
  if (!Number.isInteger(value)) throw new UsageError(`--${option} must be a whole number, not '${text}'`);
  return value;
}

export function usage(): string {
  const rows = Object.entries(OPTIONS).map(([name, { value, about }]) => [`--${name} ${value}`.trim(), about] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    'npm run faults -- [options]',
    '',
    'Starts a cluster of node processes under load and breaks things for a while: SIGKILL and restart (kill), clean stop and restart',
    '(restart), SIGSTOP and SIGCONT (stop), a node that comes and goes (resize), broken, slow and one-way connections through proxies',
    '(link), vanishing packets between network namespaces (netns, needs root). Then it mends',
    'all of it, and checks that what the clients saw is linearizable and that nothing was lost or applied twice.',
    'The report goes to stdout, progress to stderr. Exit code 1 when a promise was broken.',
    '',
    ...rows.map(([left, about]) => `  ${left.padEnd(width)}  ${about}`),
    '',
  ].join('\n');
}

/** The command that draws the same faults again. */
export function replayCommand({ minutes, seed, nodes, faults, clients }: FaultsOptions): string {
  const options = [
    `--minutes ${minutes}`,
    `--seed ${seed}`,
    `--nodes ${nodes}`,
    `--faults ${faults.join(',')}`,
    `--clients ${clients}`,
  ];
  return `npm run faults -- ${options.join(' ')}`;
}
