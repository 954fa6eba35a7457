/** The set-up of a fresh clone, on small projects in temporary folders with the real compiler and the real npm. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { repositoryRoot } from './repository.ts';

let root: string;

const write = (path: string, text: string): void => {
  mkdirSync(join(root, path, '..'), { recursive: true });
  writeFileSync(join(root, path), text);
};

/** A project of one folder that builds with this repository's compiler and settings. */
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'quorate-setup-'));
  for (const path of [
    'test/tooling/setup.mjs',
    'test/tooling/setup',
    'test/tooling/tsconfig.base.json',
    'package-lock.json',
  ]) {
    cpSync(join(repositoryRoot, path), join(root, path), { recursive: true });
  }
  write('package.json', '{ "name": "sample", "version": "1.0.0", "type": "module" }');
  write('tsconfig.json', '{ "files": [], "references": [{ "path": "./kv" }] }');
  const compilerOptions = { tsBuildInfoFile: '../dist/kv/.tsbuildinfo' };
  write(
    'kv/tsconfig.json',
    JSON.stringify({ extends: '../test/tooling/tsconfig.base.json', compilerOptions, include: ['./**/*.ts'] }),
  );
  write('kv/main.ts', "console.log('first', process.argv.slice(2).join(' '));\n");
  symlinkSync(join(repositoryRoot, 'node_modules'), join(root, 'node_modules'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

interface Run {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function setUp(...args: readonly string[]): Run {
  return spawnSync(process.execPath, [join(root, 'test/tooling/setup.mjs'), ...args], {
    cwd: tmpdir(),
    encoding: 'utf8',
  });
}

function setUpLater(...args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'test/tooling/setup.mjs'), ...args]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => (stdout += String(chunk)));
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    child.on('close', (status) => resolve({ status, stdout, stderr }));
  });
}

test('the first start builds and says so, the second does nothing', () => {
  assert.deepEqual({ ...setUp('dist/kv/main.js', 'a', '--b') }.stdout, 'first a --b\n');
  const second = setUp('dist/kv/main.js');
  assert.deepEqual([second.status, second.stdout, second.stderr], [0, 'first \n', '']);
});

test('a changed source is built, whether its time went forward or back', () => {
  setUp();
  write('kv/main.ts', "console.log('second');\n");
  utimesSync(join(root, 'kv/main.ts'), 1000, 1000);
  const { stdout, stderr } = setUp('dist/kv/main.js');
  assert.deepEqual([stdout, stderr], ['second\n', 'quorate: building ...\n']);
});

test('an output that somebody removed is made again, one whose source is gone is removed', () => {
  write('kv/deep/old.ts', 'export const old = 1;\n');
  setUp();
  assert.ok(existsSync(join(root, 'dist/kv/deep/old.js')));
  rmSync(join(root, 'dist/kv/main.js'));
  rmSync(join(root, 'kv/deep/old.ts'));
  assert.equal(setUp('dist/kv/main.js').stdout, 'first \n');
  assert.ok(!existsSync(join(root, 'dist/kv/deep')));
});

test('sources that do not compile end the start with one line, and are tried again', () => {
  write('kv/main.ts', 'export const a: number = "b";\n');
  for (const attempt of [1, 2]) {
    const { status, stderr } = setUp('dist/kv/main.js');
    assert.deepEqual(
      [attempt, status, /TS2322/.test(stderr), /quorate: the build failed/.test(stderr)],
      [attempt, 1, true, true],
    );
  }
});

test('two starts at once both work, and one of them waits for the other', async () => {
  const runs = await Promise.all([
    setUpLater('dist/kv/main.js'),
    setUpLater('dist/kv/main.js'),
    setUpLater('dist/kv/main.js'),
  ]);
  assert.deepEqual(
    runs.map(({ status, stdout }) => [status, stdout]),
    runs.map(() => [0, 'first \n']),
  );
  assert.equal(runs.filter(({ stderr }) => stderr.includes('building')).length, 1);
});

test('the lock of a process that died is taken over', () => {
  const { pid } = spawnSync(process.execPath, ['--version']);
  write('dist/.setup-lock', String(pid));
  assert.equal(setUp('dist/kv/main.js').status, 0);
  assert.ok(!existsSync(join(root, 'dist/.setup-lock')));
});

test('linked dependencies that do not match are not touched', () => {
  write('package-lock.json', '{ "lockfileVersion": 3, "packages": { "node_modules/gone": { "version": "1.0.0" } } }');
  const { status, stderr } = setUp();
  assert.deepEqual([status, /node_modules is a link and does not match/.test(stderr)], [1, true]);
});

test('dependencies are installed from the lock file when missing and when stale', () => {
  // A package in the project itself, so that npm needs no network; it is the compiler too, one that writes a constant.
  rmSync(join(root, 'node_modules'));
  write('compiler/package.json', '{ "name": "typescript", "version": "1.0.0" }');
  write(
    'compiler/bin/tsc',
    "require('fs').mkdirSync('dist/kv',{recursive:true});require('fs').writeFileSync('dist/kv/main.js','')",
  );
  const lock = (extra: object): string =>
    JSON.stringify({
      name: 'sample',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: {
        '': { name: 'sample', version: '1.0.0', dependencies: { typescript: 'file:compiler' }, ...extra },
        compiler: { name: 'typescript', version: '1.0.0' },
        'node_modules/typescript': { resolved: 'compiler', link: true },
      },
    });
  const manifest = { name: 'sample', version: '1.0.0', dependencies: { typescript: 'file:compiler' } };
  write('package.json', JSON.stringify(manifest));
  write('package-lock.json', lock({}));
  assert.match(setUp().stderr, /installing dependencies \(npm ci\)/);
  assert.ok(existsSync(join(root, 'node_modules/typescript/package.json')));
  assert.equal(setUp().stderr, '');

  write('compiler/package.json', '{ "name": "typescript", "version": "2.0.0" }');
  write(
    'package-lock.json',
    lock({ license: 'MIT' }).replace('"name":"typescript","version":"1.0.0"', '"name":"typescript","version":"2.0.0"'),
  );
  assert.match(setUp().stderr, /dependencies are stale, installing them/);
  assert.equal(setUp().stderr, '');
  assert.match(readFileSync(join(root, 'node_modules/.package-lock.json'), 'utf8'), /2\.0\.0/);
});

test('an old Node is told what is needed', () => {
  const script = readFileSync(join(root, 'test/tooling/setup.mjs'), 'utf8').replace(
    'NODE_MAJOR_MIN = 20',
    'NODE_MAJOR_MIN = 999',
  );
  write('test/tooling/setup.mjs', script);
  const { status, stderr } = setUp();
  assert.deepEqual([status, stderr.trim().split('\n').length], [1, 1]);
  assert.match(stderr, /Node 999 or newer is needed/);
});
