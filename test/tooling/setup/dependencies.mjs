/**
 * Installs what package-lock.json names, when node_modules is missing or does not match it.
 *
 * The stamp in node_modules holds the hash of the lock file it was last found to match. Without a right stamp the lock
 * file is compared with the one npm itself keeps in node_modules, so that an `npm ci` by hand is not repeated.
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, lstatSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SetUpError, readIfThere, say } from './report.mjs';

const stampFile = (root) => join(root, 'node_modules', '.quorate-lock-hash');

export function lockHash(root) {
  return createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
}

/** True when every package of the lock file is installed in that version, and no other. */
function installedMatches(root) {
  const hidden = readIfThere(join(root, 'node_modules', '.package-lock.json'));
  if (hidden === undefined) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(hidden).packages;
  const same = (name) =>
    installed[name]?.version === wanted[name]?.version && installed[name]?.integrity === wanted[name]?.integrity;
  // Optional packages are those of other platforms: rightly absent, but not of another version.
  const complete = Object.keys(wanted).every(
    (name) => name === '' || same(name) || (wanted[name].optional && !installed[name]),
  );
  return complete && Object.keys(installed).every((name) => same(name) && existsSync(join(root, name)));
}

export function dependenciesAreFresh(root) {
  const hash = lockHash(root);
  if (readIfThere(stampFile(root)) === hash) return true;
  if (!installedMatches(root)) return false;
  writeFileSync(stampFile(root), hash);
  return true;
}

/** npm as it was started, or else as it is found in the PATH. */
function npmCommand() {
  const script = process.env['npm_execpath'];
  if (script !== undefined && basename(script).startsWith('npm')) return [process.execPath, [script]];
  return [process.platform === 'win32' ? 'npm.cmd' : 'npm', []];
}

export function installDependencies(root) {
  const folder = join(root, 'node_modules');
  if (lstatSync(folder, { throwIfNoEntry: false })?.isSymbolicLink()) {
    throw new SetUpError('node_modules is a link and does not match package-lock.json: run npm ci where it points to');
  }
  say(
    existsSync(folder)
      ? 'dependencies are stale, installing them (npm ci) ...'
      : 'installing dependencies (npm ci) ...',
  );
  const [command, prefix] = npmCommand();
  // The tools of the build are needed whatever NODE_ENV says; stdout stays free for the program.
  const args = [...prefix, 'ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'];
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (error !== undefined || status !== 0) {
    const found = error === undefined ? `it ended with ${status}` : error.message;
    throw new SetUpError(`npm ci did not work (${found}): see its messages above; is the package registry in reach?`);
  }
  writeFileSync(stampFile(root), lockHash(root));
}
