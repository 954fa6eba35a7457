/**
 * The arguments of the command: one table, from which they are parsed, checked and described. Whatever can be checked
 * without starting anything is checked here, so that no work begins on a wrong argument.
 */
import { parseArgs } from 'node:util';
import { SEATS_MAX } from '../paxos/quorum.ts';
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

/** Where a running node is found that is asked, or told, something. */
export interface AskedNode {
  /** Undefined: any node of the state folder that answers. */
  readonly name: string | undefined;
  readonly cookie: string | undefined;
  readonly stateDir: string | undefined;
  readonly json: boolean;
}

export interface StatusCommand extends AskedNode {
  readonly command: 'status';
}

export interface ResizeCommand extends AskedNode {
  readonly command: 'resize';
  readonly clusterSize: number;
  readonly waitMs: number;
}

export interface ReplaceCommand extends AskedNode {
  readonly command: 'replace';
  readonly leaving: string;
  readonly joining: string;
  readonly waitMs: number;
}

export interface ForceResetCommand extends AskedNode {
  readonly command: 'force-reset';
  readonly cluster: string;
  readonly members: readonly string[];
}

export type AskCommand = StatusCommand | ResizeCommand | ReplaceCommand | ForceResetCommand;

export type Command = TourCommand | NodeCommand | ResetCommand | AskCommand | { readonly command: 'help' | 'version' };

export const COMMANDS = ['tour', 'node', 'reset', 'status', 'resize', 'replace', 'force-reset'] as const;
type CommandName = (typeof COMMANDS)[number];

const ASK: readonly CommandName[] = ['status', 'resize', 'replace', 'force-reset'];

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
    help: 'full node name (default: n<number>@127.0.0.1; to ask: any local one)',
    commands: ['node', ...ASK],
    check: nodeName,
  },
  {
    name: 'cookie',
    value: 'TEXT',
    help: 'shared secret of the cluster (default: made at the first start)',
    commands: ['node', ...ASK],
    check: (value) => (/^[\x21-\x7e]{1,255}$/.test(value) ? undefined : 'must be 1 to 255 visible ASCII characters'),
  },
  {
    name: 'cluster-size',
    value: 'N',
    help: 'how many nodes the cluster is meant to have (default: 3)',
    commands: ['node'],
    check: whole(1, SEATS_MAX),
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
  {
    name: 'state-dir',
    value: 'FOLDER',
    help: 'where nodes remember their cluster',
    commands: ['node', 'reset', ...ASK],
  },
  {
    name: 'wait',
    value: 'MS',
    help: 'patience with the quorum (default: 5000), with a step (60000)',
    commands: ['node', 'resize', 'replace'],
    check: whole(0, 3_600_000),
  },
  {
    name: 'cluster',
    value: 'ID',
    help: 'id of the cluster, as status shows it',
    commands: ['force-reset'],
  },
  {
    name: 'members',
    value: 'NAMES',
    help: 'the nodes that go on with what they hold, separated by commas',
    commands: ['force-reset'],
    check: nodeNames,
  },
  { name: 'json', help: 'a JSON line for each event and result', commands: ['tour', 'node', ...ASK] },
  { name: 'help', help: 'print this', commands: COMMANDS },
  { name: 'version', help: 'print the version', commands: COMMANDS },
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
  if (values['help'] === true || positionals[0] === 'help') return { command: 'help' };
  if (values['version'] === true) return { command: 'version' };
  const [command = 'tour', ...rest] = positionals;
  if (!isCommand(command)) return refuse(`unknown command ${command}: there are ${COMMANDS.join(', ')}`);
  checkValues(command, values);
  switch (command) {
    case 'tour':
      refuseMore(command, rest);
      return { command, json: values['json'] === true, repl: replChoice(values) };
    case 'reset':
      refuseMore(command, rest);
      return { command, stateDir: text(values, 'state-dir') };
    case 'status':
    case 'resize':
    case 'replace':
    case 'force-reset':
      return parseAsk(command, rest, values);
    case 'node':
      return parseNode(rest, values);
  }
}

function isCommand(word: string): word is CommandName {
  return (COMMANDS as readonly string[]).includes(word);
}

function refuseMore(command: CommandName, rest: readonly string[]): void {
  if (rest.length > 0) refuse(`${command} takes no ${rest.join(' ')}`);
}

function parseAsk(command: AskCommand['command'], rest: readonly string[], values: Values): AskCommand {
  const asked = {
    name: text(values, 'name'),
    cookie: text(values, 'cookie'),
    stateDir: text(values, 'state-dir'),
    json: values['json'] === true,
  };
  const waitMs = Number(values['wait'] ?? 60_000);
  const [first = '', second = '', ...more] = rest;
  switch (command) {
    case 'status':
      refuseMore(command, rest);
      return { command, ...asked };
    case 'resize': {
      const problem = whole(1, SEATS_MAX)(first);
      if (problem !== undefined) return refuse(`the size for resize ${problem}, not ${JSON.stringify(first)}`);
      refuseMore(command, rest.slice(1));
      return { command, ...asked, clusterSize: Number(first), waitMs };
    }
    case 'replace': {
      if (more.length > 0 || [first, second].some((name) => nodeName(name) !== undefined))
        return refuse('replace takes two node names, the one that leaves and the one that joins');
      return { command, ...asked, leaving: first, joining: second, waitMs };
    }
    case 'force-reset': {
      refuseMore(command, rest);
      const cluster =
        text(values, 'cluster') ?? refuse('force-reset needs the id of the cluster: --cluster, as status shows it');
      const members = text(values, 'members') ?? refuse('force-reset needs the nodes that go on: --members');
      return { command, ...asked, cluster, members: members.split(',') };
    }
  }
}

function parseNode(rest: readonly string[], values: Values): NodeCommand {
  return {
    command: 'node',
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
