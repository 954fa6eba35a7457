/**
 * A node of this machine for the command: the store with its cluster, found by name through the port mapper, and a process in
 * which typed code runs. What may go wrong at its start becomes an error of the command, with its exit code and remedy.
 */
import { join } from 'node:path';
import { createEpmd } from '../../runtime/node/directory.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { realEnv } from '../../runtime/env.ts';
import { hasCode, QuorateError } from '../../runtime/errors.ts';
import * as runtime from '../../runtime/index.ts';
import * as supervisors from '../../supervisors/index.ts';
import * as kv from '../index.ts';
import type { LocalNode } from '../../runtime/index.ts';
import { startQuorate } from '../quorate.ts';
import type { Quorate } from '../quorate.ts';
import { CommandError } from './exit-codes.ts';
import type { ExitName } from './exit-codes.ts';
import { nodeFolder, openStateFolder, readOrMakeCookie, stateFolder } from './local-state.ts';
import { createInspection } from './inspect.ts';
import type { NodeCommand } from './options.ts';
import type { Session, SessionEvents } from './session.ts';
import { ShellProcess } from './shell-process.ts';

const HOST = '127.0.0.1';
const NUMBER_MAX = 999;
/** How long a start waits to learn whether the others take its cookie. */
const PROBE_MS = 2_000;

/** Which exit belongs to what a start rejects with. */
const EXITS: Readonly<Record<string, ExitName>> = {
  badarg: 'usage',
  name_taken: 'nameTaken',
  state_in_use: 'nameTaken',
  port_in_use: 'portInUse',
  port_forbidden: 'portInUse',
  epmd_unreachable: 'portInUse',
  state_damaged: 'state',
  state_foreign: 'state',
  state_unusable: 'state',
};

export async function startLocalSession(command: NodeCommand, events: SessionEvents): Promise<Session> {
  const folder = stateFolder(command.stateDir);
  openStateFolder(folder);
  const cookie = command.cookie ?? readOrMakeCookie(folder, realEnv);
  const quorate = await startFirstFree(command, folder, cookie, events);
  try {
    await refuseOtherCookies(quorate.node, [...(command.founders ?? localFounders(command)), ...command.join]);
    return await openSession(quorate, events, join(folder, 'repl-history'));
  } catch (error) {
    await quorate.stop();
    throw error;
  }
}

async function openSession(quorate: Quorate, events: SessionEvents, historyFile: string): Promise<Session> {
  const name = quorate.node.name.name;
  const shell = new ShellProcess(quorate.node, (reason) => events.onNews(`the shell process was replaced: ${reason}`));
  await shell.start();
  const { put, get, pid, keys } = kv.PaxosKV;
  return {
    name,
    historyFile,
    bindings: { ...runtime, ...supervisors, ...kv, put, get, pid, keys, quorate, ...createInspection(quorate.node) },
    runInside: (fn) => shell.runInside(fn),
    async waitForQuorum(timeoutMs) {
      if (timeoutMs === 0) return quorate.status?.hasQuorum === true;
      const begin = realEnv.now();
      try {
        await quorate.waitForQuorum({ timeoutMs });
        await kv.waitForBucket(undefined, { timeoutMs: timeoutMs - (realEnv.now() - begin) });
        return true;
      } catch (error) {
        if (!hasCode(error, 'timeout')) throw error;
        events.onNews((error as Error).message);
        return false;
      }
    },
    async stop() {
      shell.stop();
      await quorate.stop();
    },
  };
}

/** How often a newcomer asks again when its attempt and the other's met. */
const PROBES_MAX = 3;
const NOBODY_THERE: readonly string[] = ['unknown_node', 'refused', 'host_unknown'];

/**
 * A newcomer whose cookie is not that of the others gives up. Only a newcomer: a node that has served for a while must not
 * stop because somebody with a wrong cookie has come along; it just stays unconnected to that one.
 */
async function refuseOtherCookies(node: LocalNode, others: readonly string[]): Promise<void> {
  const names = others.filter((name) => name !== node.name.name);
  const strangers = new Set<string>();
  let collided = false;
  const onUnreachable = (name: string, reason: string): void => {
    if (reason === 'bad_cookie') strangers.add(name);
    else if (!NOBODY_THERE.includes(reason)) collided = true;
  };
  // When both dial at once the other's attempt may be the one that shows it.
  const onRefused = (error: QuorateError): void => {
    if (error.code !== 'bad_cookie') return;
    for (const name of names) if (error.message.includes(name)) strangers.add(name);
  };
  node.on('unreachable', onUnreachable).on('refused', onRefused);
  for (let round = 0; round < PROBES_MAX; round++) {
    collided = false;
    const patience = new Promise((resolve) => realEnv.setTimer(PROBE_MS, resolve.bind(null, undefined), true));
    await Promise.race([Promise.all(names.map((name) => node.connect(name))), patience]);
    if (strangers.size > 0 || !collided) break;
  }
  node.off('unreachable', onUnreachable).off('refused', onRefused);
  if (strangers.size === 0) return;
  const same = 'start all nodes with the same --cookie, or with the same --state-dir';
  throw new CommandError(
    'wrongCookie',
    `${[...strangers].join(', ')} ${strangers.size === 1 ? 'has' : 'have'} another cookie than ${node.name.name}: ${same}`,
  );
}

function localFounders({ clusterSize }: NodeCommand): string[] {
  return Array.from({ length: clusterSize }, (_, index) => `n${index + 1}@${HOST}`);
}

/** Starts the node of the given number, or of the lowest one that nobody has. */
async function startFirstFree(
  command: NodeCommand,
  folder: string,
  cookie: string,
  events: SessionEvents,
): Promise<Quorate> {
  if (command.number !== 'next')
    return startNode(command, command.name ?? `n${command.number}@${HOST}`, folder, cookie, events);
  const taken = await takenNames();
  for (let number = 1; number <= NUMBER_MAX; number++) {
    if (taken.has(`n${number}`)) continue;
    try {
      return await startNode(command, `n${number}@${HOST}`, folder, cookie, events);
    } catch (error) {
      // Somebody else was quicker with this number.
      if (!hasCode(error, 'nameTaken')) throw error;
    }
  }
  throw new CommandError('nameTaken', `all numbers up to ${NUMBER_MAX} are taken: stop a node`);
}

async function startNode(
  command: NodeCommand,
  name: string,
  folder: string,
  cookie: string,
  events: SessionEvents,
): Promise<Quorate> {
  try {
    return await startQuorate({
      name,
      cookie,
      clusterSize: command.clusterSize,
      stateDir: nodeFolder(folder, name),
      join: command.join,
      ...(command.founders === undefined ? {} : { founders: command.founders }),
      ...(command.port === 0 ? {} : { listen: { port: command.port } }),
      logger: (_level, text) => events.onNews(`${name} ${text}`),
    });
  } catch (error) {
    const exit = error instanceof QuorateError ? EXITS[error.code] : undefined;
    if (exit === undefined) throw error;
    throw new CommandError(exit, (error as Error).message, error);
  }
}

/** The names, without host, that the port mapper of this machine knows. */
async function takenNames(): Promise<Set<string>> {
  const directory = createEpmd({ embedded: false }, realEnv, tcpTransport);
  try {
    return new Set((await directory.names(HOST)).map(({ name }) => name));
  } finally {
    await directory.close();
  }
}
