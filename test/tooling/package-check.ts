/**
 * Checks the package that users would get: packs it, lets publint and attw judge the tarball, installs it into an empty
 * folder, imports every export there, compiles a program that uses the types of every export, and runs the command.
 *
 * `checkPackage` takes the folder to pack, so that the tests can show that a broken package is refused.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from './repository.ts';

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types?: string; readonly default?: string }>>;
  readonly bin?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
}

class PackageProblem extends Error {}

function run(what: string, cwd: string, program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, { cwd, encoding: 'utf8' });
  if (error !== undefined) throw new PackageProblem(`${what}: ${error.message}`);
  if (status !== 0) throw new PackageProblem(`${what} ended with ${status}:\n${stdout}${stderr}`);
  return stdout;
}

const runTool = (what: string, cwd: string, path: string, ...args: readonly string[]): string =>
  run(what, cwd, process.execPath, [join(repositoryRoot, 'node_modules', path), ...args]);

function pack(folder: string, target: string): string {
  // Packing runs no script: what is packed is what the caller has built.
  const output = run('npm pack', folder, 'npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', target]);
  const parsed: unknown = JSON.parse(output);
  const report = (Array.isArray(parsed) ? parsed[0] : Object.values(parsed as object)[0]) as { filename: string };
  return join(target, report.filename);
}

function checkManifest(manifest: Manifest, installed: string): void {
  for (const script of ['preinstall', 'install', 'postinstall']) {
    if (manifest.scripts?.[script] !== undefined)
      throw new PackageProblem(`the package has an install script: ${script}`);
  }
  for (const [path, target] of Object.entries(manifest.exports)) {
    if (path.endsWith('.json')) continue;
    const types = typeof target === 'string' ? undefined : target.types;
    if (types === undefined || !existsSync(join(installed, types))) {
      throw new PackageProblem(`the export ${path} has no types (${types ?? 'none named'})`);
    }
  }
}

/** Dependencies that would run code at install time. */
function checkDependencies(consumer: string): void {
  const lock = JSON.parse(readFileSync(join(consumer, 'package-lock.json'), 'utf8')) as {
    packages: Record<string, { hasInstallScript?: boolean }>;
  };
  const scripted = Object.keys(lock.packages).filter((name) => lock.packages[name]?.hasInstallScript);
  if (scripted.length > 0) throw new PackageProblem(`install scripts in dependencies: ${scripted.join(', ')}`);
}

/** Imports every export as users do, in JavaScript and in TypeScript. */
function useExports(manifest: Manifest, consumer: string): void {
  const names = Object.keys(manifest.exports)
    .filter((path) => !path.endsWith('.json'))
    .map((path) => manifest.name + path.slice(1));
  writeFileSync(join(consumer, 'use.mjs'), names.map((name) => `await import('${name}');\n`).join(''));
  run('importing every export', consumer, process.execPath, ['use.mjs']);
  const lines = names.map(
    (name, index) => `import * as m${index} from '${name}';\nexport const k${index} = m${index};\n`,
  );
  writeFileSync(join(consumer, 'use.mts'), lines.join(''));
  mkdirSync(join(consumer, 'node_modules', '@types'), { recursive: true });
  symlinkSync(join(repositoryRoot, 'node_modules', '@types', 'node'), join(consumer, 'node_modules', '@types', 'node'));
  const options = ['--noEmit', '--strict', '--module', 'nodenext', '--target', 'es2022', '--types', 'node'];
  runTool(
    'compiling against the types',
    consumer,
    'typescript/bin/tsc',
    ...options,
    '--skipLibCheck',
    'false',
    'use.mts',
  );
}

function runCommands(manifest: Manifest, consumer: string, smoke: Smoke): void {
  for (const name of Object.keys(manifest.bin ?? {})) {
    const output = run(`${name} --help`, consumer, join(consumer, 'node_modules', '.bin', name), ['--help']);
    if (!output.includes(name)) throw new PackageProblem(`${name} --help printed no usage: ${output}`);
    const [args, expected] = smoke;
    if (args.length === 0) continue;
    const printed = run(`${name} ${args.join(' ')}`, consumer, join(consumer, 'node_modules', '.bin', name), args);
    if (printed !== expected) throw new PackageProblem(`${name} ${args.join(' ')} printed ${printed}`);
  }
}

/** Arguments for the package's command that make it do its work, and what it prints then. */
export type Smoke = readonly [args: readonly string[], printed: string];

/** Throws with what is wrong with the package that the folder packs to. */
export function checkPackage(folder: string, smoke: Smoke = [[], '']): void {
  const work = mkdtempSync(join(tmpdir(), 'quorate-package-'));
  try {
    const tarball = pack(folder, work);
    runTool('publint', work, 'publint/src/cli.js', 'run', tarball, '--strict');
    runTool('attw', work, '@arethetypeswrong/cli/dist/index.js', tarball, '--profile', 'esm-only', '--no-color');
    const consumer = join(work, 'consumer');
    mkdirSync(consumer);
    writeFileSync(join(consumer, 'package.json'), '{ "private": true, "type": "module" }\n');
    const args = ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--loglevel=error', tarball];
    run('installing the tarball', consumer, 'npm', args);
    const packed = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { name: string };
    const installed = join(consumer, 'node_modules', packed.name);
    const manifest = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8')) as Manifest;
    checkManifest(manifest, installed);
    checkDependencies(consumer);
    useExports(manifest, consumer);
    runCommands(manifest, consumer, smoke);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  try {
    // A node with its worker thread, its wire and its store; of a number that nobody is likely to use.
    const node = ['node', '987', '--state-dir', 'state', '--wait', '0', '--eval', "await put('apple', 1)"];
    checkPackage(repositoryRoot, [node, "{ ok: false, error: 'no_quorum' }\n"]);
    console.log('the package installs into an empty folder, and every export works there with its types');
  } catch (error) {
    if (!(error instanceof PackageProblem)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}
