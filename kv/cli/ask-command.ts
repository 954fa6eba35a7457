/**
 * Commands that ask a running node: `status`, `resize`, `replace`, `force-reset`. A node of their own, hidden and without a part in any
 * cluster, connects with the cookie of the state folder, calls the cluster's process there, and is gone again.
 */
import { realEnv } from '../../runtime/env.ts';
import { QuorateError } from '../../runtime/errors.ts';
import { LocalNode } from '../../runtime/index.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { tuple2, type TupleOf } from '../../runtime/term/tuple.ts';
import { ClusterServer } from '../cluster/cluster-server.ts';
import type { Request } from '../cluster/state.ts';
import type { ClusterStatus } from '../cluster/status.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';
import { CommandError, EXIT_CODES } from './exit-codes.ts';
import { openStateFolder, readOrMakeCookie, rememberedNodes, stateFolder } from './local-state.ts';
import type { AskCommand } from './options.ts';
import { describeStatus } from './status-text.ts';

const STATUS_MS = 5000;
const FORCE_MS = 10_000;

export async function runAskCommand(command: AskCommand): Promise<number> {
  const folder = stateFolder(command.stateDir);
  if (command.cookie === undefined) openStateFolder(folder);
  const cookie = command.cookie ?? readOrMakeCookie(folder, realEnv);
  const local = rememberedNodes(folder).filter((name) => name.includes('@'));
  const names = command.name === undefined ? local : [command.name];
  const node = await startAsking(cookie, names);
  try {
    const name = await findAnswering(node, names);
    const asked = requestOf(command);
    if (asked !== null) await demand(node, name, asked.request, asked.timeoutMs);
    const status = await statusAt(node, name);
    process.stdout.write(command.json ? `${JSON.stringify(status)}\n` : `${describeStatus(status).join('\n')}\n`);
    return EXIT_CODES.ok.code;
  } finally {
    await node.stop();
  }
}

function requestOf(command: AskCommand): { readonly request: Request; readonly timeoutMs: number } | null {
  switch (command.command) {
    case 'status':
      return null;
    case 'resize':
      return { request: { kind: 'resize', clusterSize: command.clusterSize }, timeoutMs: command.waitMs };
    case 'replace': {
      const { leaving, joining } = command;
      return { request: { kind: 'replaceMember', leaving, joining }, timeoutMs: command.waitMs };
    }
    case 'force-reset': {
      const { cluster, members } = command;
      return { request: { kind: 'force', cluster, members }, timeoutMs: FORCE_MS };
    }
  }
}

async function startAsking(cookie: string, names: readonly string[]): Promise<LocalNode> {
  try {
    return await LocalNode.start({
      name: `quorate-ask-${process.pid}@127.0.0.1`,
      cookie,
      hidden: true,
      epmd: { embedded: false },
      logger: false,
      threads: 0,
    });
  } catch (error) {
    if (error instanceof QuorateError && error.code === 'epmd_unreachable') throw nobody(names, error);
    throw error;
  }
}

/** The first of the nodes that lets itself be connected to. */
async function findAnswering(node: LocalNode, names: readonly string[]): Promise<string> {
  const strangers: string[] = [];
  node.on('unreachable', (name, reason) => {
    if (reason === 'bad_cookie') strangers.push(name);
  });
  for (const name of names) if (await node.connect(name)) return name;
  if (strangers.length === 0) throw nobody(names);
  throw new CommandError(
    'wrongCookie',
    `${strangers.join(', ')} ${strangers.length === 1 ? 'has' : 'have'} another cookie: give its --cookie, or its --state-dir`,
  );
}

function nobody(names: readonly string[], cause?: unknown): CommandError {
  const tried = names.length === 0 ? 'no node was ever started here' : `tried ${names.join(', ')}`;
  return new CommandError(
    'unreachable',
    `no running node answers (${tried}): start one, or name one with --name`,
    cause,
  );
}

function statusAt(node: LocalNode, name: string): Promise<ClusterStatus> {
  return calling(name, () =>
    node.run((self) => ClusterServer.call(serverAt(name), { kind: 'status' }, { self, timeoutMs: STATUS_MS })),
  );
}

async function demand(node: LocalNode, name: string, request: Request, timeoutMs: number): Promise<void> {
  const call = { kind: 'request', request, timeoutMs } as const;
  const answer = await calling(name, () =>
    node.run((self) => ClusterServer.call(serverAt(name), call, { self, timeoutMs: timeoutMs + STATUS_MS })),
  );
  if (!answer.ok) throw new CommandError('refused', answer.message);
}

async function calling<T>(name: string, ask: () => Promise<T>): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof QuorateError)) throw error;
    throw new CommandError(
      'unreachable',
      `${name} runs, but its cluster service does not answer: ${error.message}`,
      error,
    );
  }
}

function serverAt(name: string): TupleOf<readonly [Atom, Atom]> {
  return tuple2(nameAtom(CLUSTER_PROCESS), nameAtom(name));
}
