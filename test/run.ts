/**
 * Runs the tests: `npm test`, or `npm test -- codec dist/handshake` for the files whose path holds one of those words.
 *
 * Finds the compiled dist/test/ files itself, because `node --test <folder>` means different things on Node 20 and 24. The
 * report and the summary are those of Node's own runner, and so is the exit code. A file that hangs is ended and named.
 * Arguments that begin with `--` go to the runner, as in `npm test -- codec --test-name-pattern=float`.
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Far above what any file takes; only there so that a hanging one is named instead of stopping everything. */
const FILE_TIMEOUT_MS = 240_000;

const testFolder = dirname(fileURLToPath(import.meta.url));
const root = join(testFolder, '..', '..');

function findTests(filters: readonly string[]): string[] {
  return readdirSync(testFolder, { recursive: true, encoding: 'utf8' })
    .map((path) => path.split(sep).join('/'))
    .filter((path) => path.endsWith('.test.js'))
    .filter((path) => filters.length === 0 || filters.some((filter) => path.includes(filter)))
    .sort()
    .map((path) => relative(root, join(testFolder, path)));
}

function runTests(files: readonly string[], options: readonly string[]): number {
  const args = [
    '--enable-source-maps',
    '--test',
    '--test-reporter=spec',
    // Many tests start processes of their own: two files at a time on two cores, not more on many.
    `--test-concurrency=${Math.min(4, Math.max(2, availableParallelism()))}`,
    `--test-timeout=${FILE_TIMEOUT_MS}`,
    ...options,
    ...files,
  ];
  const { status, signal, error } = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit' });
  if (error !== undefined) throw error;
  if (signal !== null) console.error(`the test runner was ended by ${signal}`);
  return status ?? 1;
}

const given = process.argv.slice(2);
const filters = given.filter((argument) => !argument.startsWith('--'));
const files = findTests(filters);
if (files.length === 0) {
  console.error(`no test file matches ${filters.join(' ') || 'dist/test/**/*.test.js'}`);
  process.exitCode = 1;
} else {
  console.log(`${files.length} test files on Node ${process.version}`);
  process.exitCode = runTests(
    files,
    given.filter((argument) => argument.startsWith('--')),
  );
}
