/** The command line of the example: one table, from which it is parsed, checked and described. Everything is checked before anything starts. */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultStateDir } from 'quorate';

export interface ServeOptions {
  /** Of this node, `name@host`. */
  readonly name: string;
  readonly cookie: string;
  /** The address that HTTP clients and the other nodes come to. */
  readonly host: string;
  readonly port: number;
  readonly join: readonly string[];
  /** undefined: the library takes them from the name, n1 to n<cluster size>. */
  readonly founders: readonly string[] | undefined;
  readonly clusterSize: number;
  readonly stateDir: string;
  /** How long an operation may take. */
  readonly timeoutMs: number;
}

export type Command = { readonly kind: 'help' } | { readonly kind: 'serve'; readonly options: ServeOptions };

/** A wrong command line; the message says what would be right. */
export class UsageError extends Error {}

const NODE_NAME = /^[\w.-]+@[\w.-]+$/;

const OPTIONS = {
  name: { type: 'string', value: 'NAME', about: 'name of this node, like n1@127.0.0.1 (needed)' },
  cookie: { type: 'string', value: 'TEXT', about: 'what all nodes of the cluster share (needed)' },
  port: { type: 'string', value: 'PORT', about: 'where HTTP is served (default: 8080)' },
  host: { type: 'string', value: 'HOST', about: 'the address for HTTP and for the other nodes (default: 127.0.0.1)' },
  join: { type: 'string', value: 'NAMES', about: 'the other nodes, separated by commas; they may start later' },
  'cluster-size': { type: 'string', value: 'N', about: 'how many nodes the cluster is meant to have (default: 3)' },
  founders: {
    type: 'string',
    value: 'NAMES',
    about: 'nodes that may found the cluster, the same on all (default: --name and --join if they are N nodes)',
  },
  'state-dir': {
    type: 'string',
    value: 'FOLDER',
    about: 'where the node remembers its cluster (default: in ~/.local/state, by name and cookie)',
  },
  'timeout-ms': { type: 'string', value: 'MS', about: 'how long an operation may take (default: 5000)' },
  help: { type: 'boolean', value: '', about: 'print this' },
} as const;

/** @throws UsageError */
export function parseCommand(args: readonly string[]): Command {
  const values = parseValues(args);
  if (values.help === true) return { kind: 'help' };
  const name = nodeName('name', values.name ?? missing('name', 'n1@127.0.0.1'));
  const cookie = values.cookie ?? missing('cookie', 'a secret that all nodes share');
  if (!/^[\x21-\x7e]{1,255}$/.test(cookie)) throw new UsageError('--cookie must be 1 to 255 visible ASCII characters');
  const clusterSize = wholeNumber('cluster-size', values['cluster-size'] ?? '3', 1, 31);
  const others = nodeNames('join', values.join).filter((other) => other !== name);
  const founders = values.founders === undefined ? undefined : nodeNames('founders', values.founders);
  return {
    kind: 'serve',
    options: {
      name,
      cookie,
      host: values.host ?? '127.0.0.1',
      port: wholeNumber('port', values.port ?? '8080', 0, 65_535),
      join: others,
      founders: founders ?? chooseFounders(name, others, clusterSize),
      clusterSize,
      stateDir: values['state-dir'] ?? stateFolder(name, cookie),
      timeoutMs: wholeNumber('timeout-ms', values['timeout-ms'] ?? '5000', 1, 600_000),
    },
  };
}

/**
 * All nodes must come to the same list, each from its own command line: when this node and those that it joins are as many as the
 * cluster is meant to have, they are the founders. One more than that is a further node, and those that it joins are.
 */
function chooseFounders(name: string, others: readonly string[], clusterSize: number): string[] | undefined {
  const all = [name, ...others].sort();
  if (all.length === clusterSize) return all;
  if (others.length === clusterSize) return [...others].sort();
  return undefined;
}

/** By the cookie too: another cookie is another cluster, and what a node remembers of one is wrong in the other. */
function stateFolder(name: string, cookie: string): string {
  const cluster = createHash('sha256').update(cookie).digest('hex').slice(0, 12);
  return join(dirname(defaultStateDir(name)), 'http-api', cluster, encodeURIComponent(name));
}

function parseValues(args: readonly string[]): ReturnType<typeof parseTable> {
  try {
    return parseTable(args);
  } catch (error) {
    throw new UsageError((error as Error).message);
  }
}

// The return type is made of the table; only this file uses it.
function parseTable(args: readonly string[]): Partial<Record<Exclude<keyof typeof OPTIONS, 'help'>, string>> & {
  readonly help?: boolean;
} {
  return parseArgs({ args: [...args], options: OPTIONS, strict: true }).values;
}

function missing(option: string, example: string): never {
  throw new UsageError(`--${option} is missing: give ${example}`);
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const fits = /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most;
  if (!fits) throw new UsageError(`--${option} must be a whole number from ${least} to ${most}, not '${text}'`);
  return Number(text);
}

function nodeName(option: string, text: string): string {
  if (!NODE_NAME.test(text)) throw new UsageError(`--${option}: '${text}' is not a node name like n1@127.0.0.1`);
  return text;
}

function nodeNames(option: string, text: string | undefined): string[] {
  const names = text === undefined ? [] : text.split(',').map((name) => nodeName(option, name.trim()));
  return [...new Set(names)];
}

export function usage(): string {
  const rows = Object.entries(OPTIONS).map(([name, { value, about }]) => [`--${name} ${value}`.trim(), about] as const);
  const width = Math.max(...rows.map(([left]) => left.length));
  return [
    'Usage: npm run -s example:http -- --name NAME --cookie TEXT [options]',
    '',
    'A node of a cluster with a web API: PUT and GET /kv/KEY, PUT and GET /cas/KEY, GET /healthz.',
    '',
    'Options:',
    ...rows.map(([left, about]) => `  ${left.padEnd(width)}  ${about}`),
    '',
  ].join('\n');
}
