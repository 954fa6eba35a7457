/**
 * Builds the sources into dist/ when they are not what dist/ was built from.
 *
 * The stamp in dist/ lists path, size and time of every source, and the hash of the lock file (another compiler may build
 * differently). It is removed before a build begins, so that no half-made dist/ ever counts as fresh. Outputs whose source
 * is gone are removed after it: a test that was deleted must not run on.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { lockHash } from './dependencies.mjs';
import { SetUpError, readIfThere, say } from './report.mjs';

const stampFile = (root) => join(root, 'dist', '.build-stamp');
const OUTPUT = /\.(?:js|js\.map|d\.ts|d\.ts\.map)$/;
const isSource = (path) => path.endsWith('.ts') && !path.endsWith('.d.ts');

/** Every file below a folder, as paths relative to the root. */
function filesBelow(root, folder) {
  const found = [];
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = `${folder}/${entry.name}`;
    if (entry.isDirectory() && entry.name !== 'node_modules') found.push(...filesBelow(root, path));
    else if (entry.isFile()) found.push(path);
  }
  return found;
}

/** The project folders: those that the solution file refers to. */
function projectFolders(root) {
  const solution = JSON.parse(readFileSync(join(root, 'tsconfig.json'), 'utf8'));
  return solution.references.map((reference) => reference.path.replace(/^\.\//, ''));
}

function sourceFiles(root) {
  return projectFolders(root).flatMap((folder) => filesBelow(root, folder).filter(isSource));
}

/** A line for everything that the build depends on. */
function fingerprint(root, sources) {
  const settings = projectFolders(root).map((folder) => `${folder}/tsconfig.json`);
  const lines = [...sources, ...settings, 'tsconfig.json', 'test/tooling/tsconfig.base.json'].map((path) => {
    const stat = statSync(join(root, path), { throwIfNoEntry: false });
    return `${stat?.mtimeMs} ${stat?.size} ${path}`;
  });
  return [lockHash(root), ...lines].join('\n');
}

/**
 * The compiler compares times only, so it does not see a file that was replaced by an older one (from an archive, a
 * backup, another checkout). True when everything that changed since the last build is younger than that build.
 */
function timesTell(root, now) {
  const before = readIfThere(stampFile(root));
  if (before === undefined) return false;
  const builtMs = statSync(stampFile(root)).mtimeMs;
  const known = new Set(before.split('\n'));
  return now.split('\n').every((line) => known.has(line) || Number.parseFloat(line) > builtMs);
}

const outputOf = (source) => `dist/${source.replace(/\.ts$/, '.js')}`;
const missingOutputs = (root, sources) => sources.filter((source) => !existsSync(join(root, outputOf(source))));

export function buildIsFresh(root) {
  const sources = sourceFiles(root);
  return readIfThere(stampFile(root)) === fingerprint(root, sources) && missingOutputs(root, sources).length === 0;
}

function compile(root, args) {
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status } = spawnSync(process.execPath, [compiler, '-b', ...args], { cwd: root, stdio: ['ignore', 2, 2] });
  if (status !== 0) throw new SetUpError('the build failed: see the messages of tsc above');
}

function removeOrphans(root) {
  for (const folder of projectFolders(root)) {
    if (!existsSync(join(root, 'dist', folder))) continue;
    for (const path of filesBelow(root, `dist/${folder}`)) {
      const source = path.replace(/^dist\//, '').replace(OUTPUT, '.ts');
      if (OUTPUT.test(path) && !existsSync(join(root, source))) {
        rmSync(join(root, path));
        if (readdirSync(dirname(join(root, path))).length === 0) rmSync(dirname(join(root, path)), { recursive: true });
      }
    }
  }
}

export function build(root) {
  say('building ...');
  // Taken before the build: a source that changes meanwhile makes the next start build again.
  const sources = sourceFiles(root);
  const stamp = fingerprint(root, sources);
  const incremental = timesTell(root, stamp);
  rmSync(stampFile(root), { force: true });
  compile(root, incremental ? [] : ['--force']);
  // The compiler trusts its own notes; it does not see that somebody removed an output.
  if (missingOutputs(root, sources).length > 0) compile(root, ['--force']);
  removeOrphans(root);
  writeFileSync(stampFile(root), stamp);
}
