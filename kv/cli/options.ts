/**
 * The arguments of the command: one table, from which they are parsed, checked and described. Whatever can be checked
 * without starting anything is checked here, so that no work begins on a wrong argument.
 */
import { parseArgs } from 'node:util';
import { CommandError } from './exit-codes.ts';

export interface TourCommand {
  readonly command: 'tour';
  readonly json: boolean;
  /** Whether to end in a REPL; undefined: when there is a terminal. */
  readonly repl: boolean | undefined;
}

export interface NodeCommand {
  readonly command: 'node';
  readonly number: number | 'next';
  readonly repl: boolean | undefined;
  readonly code: string | undefined;
  readonly name: string | undefined;
  readonly cookie: string | undefined;
  readonly clusterSize: number;
  readonly founders: readonly string[] | undefined;
  readonly join: readonly string[];
  readonly port: number;
  readonly stateDir: string | undefined;
  readonly waitMs: number;
  readonly json: boolean;
}

export interface ResetCommand {
  readonly command: 'reset';
  readonly stateDir: string | undefined;
}

export type Command = TourCommand | NodeCommand | ResetCommand | { readonly command: 'help' | 'version' };

type CommandName = 'tour' | 'node' | 'reset';

export interface OptionRow {
  readonly name: string;
  /** What stands for its value in the usage; without one it is a flag. */
  readonly value?: string;
  readonly help: string;
  readonly commands: readonly CommandName[];
  /** Says what is wrong with a value. */
  readonly check?: (value: string) => string | undefined;
}

const NODE_NAME = /^[\w.-]+@[\w.-]+$/;
const CLUSTER_SIZE_MAX = 31;
const NODE_NUMBER_MAX = 999;

/** A check for whole numbers within bounds. */
function whole(least: number, most: number): (value: string) => string | undefined {
  return (value) => {
    const fits = /^\d{1,9}$/.test(value) && Number(value) >= least && Number(value) <= most;
    return fits ? undefined : `must be a whole number from ${least} to ${most}`;
  };
}

const nodeName = (value: string): string | undefined =>
  NODE_NAME.test(value) ? undefined : 'must be a node name like n1@127.0.0.1';

const nodeNames = (value: string): string | undefined => value.split(',').map(nodeName).find(Boolean);

export const OPTIONS: readonly OptionRow[] = [
  { name: 'repl', help: 'end in a REPL (the default on a terminal)', commands: ['tour', 'node'] },
  { name: 'no-repl', help: 'no REPL: a node serves until it is stopped', commands: ['tour', 'node'] },
  { name: 'eval', value: 'CODE', help: 'run CODE, print its result, stop the node', commands: ['node'] },
  {
    name: 'name',
    value: 'NAME',
    help: 'full node name (default: n<number>@127.0.0.1)',
    commands: ['node'],
    check: nodeName,
  },
  {
    name: 'cookie',
    value: 'TEXT',
    help: 'shared secret of the cluster (default: made at the first start)',
    commands: ['node'],
    check: (value) => (/^[\x21-\x7e]{1,255}$/.test(value) ? undefined : 'must be 1 to 255 visible ASCII characters'),
  },
  {
    name: 'cluster-size',
    value: 'N',
    help: 'how many nodes the cluster is meant to have (default: 3)',
    commands: ['node'],
    check: whole(1, CLUSTER_SIZE_MAX),
  },
  {
    name: 'founders',
    value: 'NAMES',
    help: 'nodes that may found the cluster, the same on all (default: n1 to n<cluster size>)',
    commands: ['node'],
    check: nodeNames,
  },
  {
    name: 'join',
    value: 'NAMES',
    help: 'more nodes to connect to; names are separated by commas',
    commands: ['node'],
    check: nodeNames,
  },
  {
    name: 'port',
    value: 'PORT',
    help: 'port to listen on (default: a free one)',
    commands: ['node'],
    check: whole(1, 65_535),
  },
  { name: 'state-dir', value: 'FOLDER', help: 'where nodes remember their cluster', commands: ['node', 'reset'] },
  {
    name: 'wait',
    value: 'MS',
    help: 'how long code from --eval or a pipe waits for quorum (default: 5000)',
    commands: ['node'],
    check: whole(0, 3_600_000),
  },
  { name: 'json', help: 'a JSON line for each event and result', commands: ['tour', 'node'] },
  { name: 'help', help: 'print this', commands: ['tour', 'node', 'reset'] },
  { name: 'version', help: 'print the version', commands: ['tour', 'node', 'reset'] },
];

type Values = Readonly<Record<string, string | boolean | undefined>>;

const refuse = (message: string): never => {
  throw new CommandError('usage', `${message} (see --help)`);
};

function parseValues(args: readonly string[]): { values: Values; positionals: readonly string[] } {
  const options = Object.fromEntries(
    OPTIONS.map(({ name, value }) => [name, { type: value === undefined ? 'boolean' : 'string' } as const]),
  );
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true, strict: true }) as ReturnType<
      typeof parseValues
    >;
  } catch (error) {
    // Node's own words name the argument; only their first sentence is ours to pass on.
    const [first = ''] = (error as Error).message.split(/(?<=')\. |\n/);
    return refuse(first.replace(/\.$/, ''));
  }
}

/** Refuses options that do not belong to the command, and values that cannot be right. */
function checkValues(command: CommandName, values: Values): void {
  for (const { name, commands, check } of OPTIONS) {
    const value = values[name];
    if (value === undefined) continue;
    if (!commands.includes(command)) refuse(`--${name} does not go with ${command}`);
    const problem = typeof value === 'string' ? check?.(value) : undefined;
    if (problem !== undefined) refuse(`--${name} ${problem}, not ${JSON.stringify(value)}`);
  }
  if (values['repl'] === true && values['no-repl'] === true) refuse('--repl and --no-repl exclude each other');
  if (values['repl'] === true && values['eval'] !== undefined) refuse('--repl and --eval exclude each other');
}

const text = (values: Values, name: string): string | undefined => values[name] as string | undefined;

function parseNumber(given: readonly string[]): number | 'next' {
  if (given.length > 1) refuse(`node takes one number, not ${given.join(' ')}`);
  const number = given[0] ?? refuse('node needs a number, or _ for the next free one');
  if (number === '_') return 'next';
  const problem = whole(1, NODE_NUMBER_MAX)(number);
  return problem === undefined
    ? Number(number)
    : refuse(`the number of a node ${problem}, or _, not ${JSON.stringify(number)}`);
}

const replChoice = (values: Values): boolean | undefined =>
  values['repl'] === true ? true : values['no-repl'] === true ? false : undefined;

/** What the arguments ask for. Throws `usage`. */
export function parseCommand(args: readonly string[]): Command {
  const { values, positionals } = parseValues(args);
  if (values['help'] === true) return { command: 'help' };
  if (values['version'] === true) return { command: 'version' };
  const [command = 'tour', ...rest] = positionals;
  if (command !== 'tour' && command !== 'node' && command !== 'reset') return refuse(`unknown command ${command}`);
  checkValues(command, values);
  if (command !== 'node' && rest.length > 0) refuse(`${command} takes no ${rest.join(' ')}`);
  if (command === 'tour') return { command, json: values['json'] === true, repl: replChoice(values) };
  if (command === 'reset') return { command, stateDir: text(values, 'state-dir') };
  return {
    command,
    number: parseNumber(rest),
    repl: replChoice(values),
    code: text(values, 'eval'),
    name: text(values, 'name'),
    cookie: text(values, 'cookie'),
    clusterSize: Number(values['cluster-size'] ?? 3),
    founders: text(values, 'founders')?.split(','),
    join: text(values, 'join')?.split(',') ?? [],
    port: Number(values['port'] ?? 0),
    stateDir: text(values, 'state-dir'),
    waitMs: Number(values['wait'] ?? 5000),
    json: values['json'] === true,
  };
}
