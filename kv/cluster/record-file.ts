/**
 * The boot record in a folder of its own: `record.json`, written beside, synced and renamed, and `lock`, which says which process has it.
 * A lock whose process is dead is taken over; one of a living process refuses with `state_in_use`: two nodes with one record would vote twice.
 */
import { createHash } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { realEnv } from '../../runtime/env.ts';
import { hasCode } from '../../runtime/errors.ts';
import { StateError } from '../errors.ts';
import { randomId } from './random-id.ts';
import type { BootRecord } from './record.ts';
import type { RecordStorage } from './record-storage.ts';

const RECORD_FILE = 'record.json';
const LOCK_FILE = 'lock';

interface LockHolder {
  readonly pid: number;
  /** When that process started, as the system counts it; tells a reused process id. Empty where the system does not say. */
  readonly started: string;
  readonly token: string;
}

/** `$XDG_STATE_HOME/quorate/<node>`, or `~/.local/state/quorate/<node>`. */
export function defaultStateDir(nodeName: string, environment: NodeJS.ProcessEnv = process.env): string {
  const base = environment['XDG_STATE_HOME'] ?? join(homedir(), '.local', 'state');
  return join(base, 'quorate', encodeURIComponent(nodeName));
}

/**
 * Takes the lock of a folder, made when it is missing. Rejects with `state_in_use` while another process holds it, with `state_unusable` when it cannot
 * be made. `token` names the holder: a
 * node whose system thread was replaced takes its own lock again with the token it had.
 */
export async function openRecordFile(stateDir: string, token: string = randomId(realEnv)): Promise<RecordStorage> {
  await makeFolder(stateDir);
  await takeLock(stateDir, token);
  const inTurn = createTurns();
  return {
    place: stateDir,
    load: () => inTurn(() => loadRecord(stateDir)),
    save: (record) => inTurn(() => saveRecord(stateDir, record)),
    release: () => inTurn(() => releaseLock(stateDir, token)),
  };
}

/**
 * One piece of work after the other. A process that is killed while it saves leaves the writing under way: its successor must not read
 * what is about to be replaced, nor write into the same file.
 */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const done = last.then(work);
    last = done.catch(() => undefined);
    return done;
  };
}

async function makeFolder(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 });
  } catch (error) {
    const message = `cannot use ${stateDir} for the boot record (${(error as Error).message}): give another stateDir`;
    throw new StateError('state_unusable', message, { cause: error });
  }
}

/** Removes what a stopped node remembers; true when there was something. Rejects with `state_in_use` when it runs. */
export async function removeRecord(stateDir: string): Promise<boolean> {
  const token = randomId(realEnv);
  try {
    await takeLock(stateDir, token);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
  const had = (await readIfThere(join(stateDir, RECORD_FILE))) !== null;
  await rm(join(stateDir, RECORD_FILE), { force: true });
  await syncDirectory(stateDir);
  await releaseLock(stateDir, token);
  return had;
}

async function loadRecord(stateDir: string): Promise<BootRecord | null> {
  const path = join(stateDir, RECORD_FILE);
  const text = await readIfThere(path);
  if (text === null) return null;
  const newline = text.indexOf('\n');
  const body = text.slice(newline + 1);
  if (newline < 0 || text.slice(0, newline) !== checksum(body)) {
    throw new StateError(
      'state_damaged',
      `the boot record ${path} is damaged: its checksum does not fit; restore nothing by hand, remove the folder (quorate reset) and the node ` +
        'comes back as a new member when the others allow it',
    );
  }
  const record = JSON.parse(body) as BootRecord;
  if ((record.version as number) !== 1) {
    throw new StateError(
      'state_damaged',
      `the boot record ${path} has version ${String(record.version)}, this release reads version 1: start the release that wrote it`,
    );
  }
  return record;
}

async function saveRecord(stateDir: string, record: BootRecord): Promise<void> {
  const path = join(stateDir, RECORD_FILE);
  const beside = `${path}.new`;
  const body = JSON.stringify(record);
  const file = await open(beside, 'w', 0o600);
  try {
    await file.writeFile(`${checksum(body)}\n${body}`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncDirectory(stateDir);
}

function checksum(body: string): string {
  return createHash('sha256').update(body).digest('hex');
}

async function syncDirectory(path: string): Promise<void> {
  let directory;
  try {
    directory = await open(path, 'r');
    await directory.sync();
  } catch (error) {
    // some systems do not open or sync directories; there the rename is as durable as it gets
    if (!hasCode(error, 'EISDIR') && !hasCode(error, 'EPERM') && !hasCode(error, 'EINVAL')) throw error;
  } finally {
    await directory?.close();
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return null;
    throw error;
  }
}

async function takeLock(stateDir: string, token: string): Promise<void> {
  const path = join(stateDir, LOCK_FILE);
  const holder: LockHolder = { pid: process.pid, started: await startOf(process.pid), token };
  const text = JSON.stringify(holder);
  const beside = `${path}.${token}`;
  await writeFile(beside, text, { mode: 0o600 });
  try {
    for (let attempt = 0; attempt < 5; attempt++) {
      if (await linkIfFree(beside, path)) return;
      if ((await readIfThere(path)) === text) return;
      await removeIfStale(stateDir, path, `${beside}.stale`);
    }
  } finally {
    await rm(beside, { force: true });
  }
  throw inUse(stateDir, await readIfThere(path));
}

/** A link appears with its content, or not at all. */
async function linkIfFree(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false;
    throw error;
  }
}

/**
 * Moves a dead process's lock away. Of several that try only one gets the file; one that finds that it moved a living process's new lock
 * instead puts that back.
 */
async function removeIfStale(stateDir: string, path: string, aside: string): Promise<void> {
  const text = await readIfThere(path);
  if (text === null) return;
  if (await isAlive(text)) throw inUse(stateDir, text);
  try {
    await rename(path, aside);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return;
    throw error;
  }
  const moved = await readIfThere(aside);
  if (moved !== null && moved !== text && (await isAlive(moved))) await linkIfFree(aside, path);
  await rm(aside, { force: true });
}

async function isAlive(lock: string): Promise<boolean> {
  const holder = readHolder(lock);
  if (holder === null) return false;
  try {
    process.kill(holder.pid, 0);
  } catch (error) {
    return hasCode(error, 'EPERM');
  }
  return holder.started === '' || holder.started === (await startOf(holder.pid));
}

function readHolder(lock: string): LockHolder | null {
  try {
    const holder = JSON.parse(lock) as Partial<LockHolder>;
    if (typeof holder.pid !== 'number' || !(holder.pid > 0)) return null;
    return { pid: holder.pid, started: holder.started ?? '', token: holder.token ?? '' };
  } catch {
    return null;
  }
}

/** When a process started, where the system tells it (Linux): the 22nd field of its stat line. */
async function startOf(pid: number): Promise<string> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

async function releaseLock(stateDir: string, token: string): Promise<void> {
  const path = join(stateDir, LOCK_FILE);
  const text = await readIfThere(path);
  if (text !== null && readHolder(text)?.token === token) await unlink(path);
}

function inUse(stateDir: string, lock: string | null): StateError {
  const holder = lock === null ? null : readHolder(lock);
  const who = holder === null ? 'another process' : `process ${holder.pid}`;
  return new StateError(
    'state_in_use',
    `the state in ${stateDir} is in use by ${who}: a node of that name runs already; stop it, or choose another name or state folder`,
  );
}
