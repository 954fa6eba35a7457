/**
 * What local nodes keep on this machine: one folder, in it the cookie that they share, readable by its owner only, and a
 * folder for each node's boot record.
 */
import {
  accessSync,
  constants,
  linkSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../../runtime/env.ts';
import { CommandError } from './exit-codes.ts';

const COOKIE_FILE = 'cookie';
const COOKIE_BYTES = 24;

/** The folder of all local nodes: the given one, or the user's. */
export function stateFolder(given: string | undefined, environment: NodeJS.ProcessEnv = process.env): string {
  if (given !== undefined) return given;
  return join(environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state'), 'quorate');
}

export function nodeFolder(folder: string, nodeName: string): string {
  return join(folder, encodeURIComponent(nodeName));
}

/** Makes the folder when it is missing. Throws `state` when it cannot be used. */
export function openStateFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    if (!statSync(folder).isDirectory()) throw new Error('it is not a folder');
    accessSync(folder, constants.W_OK | constants.R_OK);
  } catch (error) {
    const found = (error as Error).message;
    throw new CommandError('state', `cannot use ${folder} for state (${found}): give another with --state-dir`, error);
  }
}

/** The cookie of the folder, made at the first start. Two first starts at once get the same one. */
export function readOrMakeCookie(folder: string, env: Env): string {
  const file = join(folder, COOKIE_FILE);
  const fresh = Buffer.from(env.randomBytes(COOKIE_BYTES)).toString('base64url');
  const beside = `${file}.${process.pid}`;
  try {
    writeFileSync(beside, fresh, { mode: 0o600 });
    linkSync(beside, file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new CommandError(
        'state',
        `cannot write ${file} (${(error as Error).message}): give another --state-dir`,
        error,
      );
    }
  } finally {
    rmSync(beside, { force: true });
  }
  const cookie = readFileSync(file, 'utf8').trim();
  if (!/^[\x21-\x7e]{1,255}$/.test(cookie)) {
    throw new CommandError('state', `${file} holds no cookie: remove it on all nodes, or give one with --cookie`);
  }
  return cookie;
}

/** The nodes that have left something in the folder. */
export function rememberedNodes(folder: string): string[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map((entry) => decodeURIComponent(entry.name))
      .sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}
