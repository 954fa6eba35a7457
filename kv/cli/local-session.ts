/**
 * A node of this machine for the command: the store with its cluster, found by name through the port mapper, and a process in
 * which typed code runs. What may go wrong at its start becomes an error of the command, with its exit code and remedy.
 */
import { createEpmd } from '../../runtime/node/directory.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { realEnv } from '../../runtime/env.ts';
import { hasCode, QuorateError } from '../../runtime/errors.ts';
import * as runtime from '../../runtime/index.ts';
import * as supervisors from '../../supervisors/index.ts';
import * as kv from '../index.ts';
import { startQuorate } from '../quorate.ts';
import type { Quorate } from '../quorate.ts';
import { Evaluator } from './evaluator.ts';
import { CommandError } from './exit-codes.ts';
import type { ExitName } from './exit-codes.ts';
import { nodeFolder, openStateFolder, readOrMakeCookie, stateFolder } from './local-state.ts';
import type { NodeCommand } from './options.ts';
import type { Session, SessionEvents } from './session.ts';
import { ShellProcess } from './shell-process.ts';

const HOST = '127.0.0.1';
const NUMBER_MAX = 999;

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
};

export async function startLocalSession(command: NodeCommand, events: SessionEvents): Promise<Session> {
  const folder = stateFolder(command.stateDir);
  openStateFolder(folder);
  const cookie = command.cookie ?? readOrMakeCookie(folder, realEnv);
  const quorate = await startFirstFree(command, folder, cookie, events);
  quorate.node.on('unreachable', (_node, reason) => {
    if (/cookie/.test(reason)) events.onWrongCookie(reason);
  });
  return openSession(quorate, events);
}

async function openSession(quorate: Quorate, events: SessionEvents): Promise<Session> {
  const name = quorate.node.name.name;
  const shell = new ShellProcess(quorate.node, (reason) => events.onNews(`the shell process was replaced: ${reason}`));
  await shell.start();
  const { put, get, pid, keys } = kv.PaxosKV;
  const evaluator = new Evaluator({
    bindings: { ...runtime, ...supervisors, ...kv, put, get, pid, keys, quorate },
    runInside: (fn) => shell.runInside(fn),
    onStrayError: (error) => events.onNews(`error in code that had returned: ${String(error)}`),
  });
  return {
    name,
    evaluate: (code) => evaluator.evaluate(code),
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
      evaluator.close();
      await quorate.stop();
    },
  };
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
