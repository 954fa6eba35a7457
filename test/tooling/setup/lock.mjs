/**
 * A lock between processes, as a file that holds the pid of its owner. The lock of a dead process is taken over.
 */
import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { readIfThere, say } from './report.mjs';

const RETRY_MS = 50;

function tryLock(file) {
  const own = `${file}.${process.pid}`;
  writeFileSync(own, String(process.pid));
  try {
    // A link appears with its content: nobody ever reads a lock without an owner.
    linkSync(own, file);
    return true;
  } catch (error) {
    if (error.code !== 'EEXIST') throw error;
    return false;
  } finally {
    rmSync(own, { force: true });
  }
}

function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Removes the lock of a dead owner. If another start has just done so and holds the lock, its lock is put back. */
function breakLock(file, deadOwner) {
  const aside = `${file}.broken-by-${process.pid}`;
  try {
    renameSync(file, aside);
    if (readIfThere(aside) !== deadOwner) linkSync(aside, file);
  } catch (error) {
    if (error.code !== 'ENOENT' && error.code !== 'EEXIST') throw error;
  } finally {
    rmSync(aside, { force: true });
  }
}

/** Runs `work` while no other process runs its own under the same file. */
export async function withLock(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  for (let told = false; !tryLock(file);) {
    const owner = readIfThere(file);
    if (owner === undefined) continue;
    if (!isAlive(Number(owner))) {
      breakLock(file, owner);
      continue;
    }
    if (!told) say(`another start (process ${owner}) is setting things up, waiting for it ...`);
    told = true;
    await sleep(RETRY_MS);
  }
  try {
    return work();
  } finally {
    rmSync(file, { force: true });
  }
}
