/** Shows that the package check accepts a sound package and refuses broken ones. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import type { Smoke } from './package-check.ts';
import { checkPackage } from './package-check.ts';

const manifest = {
  name: 'small-sample',
  version: '1.0.0',
  license: 'Apache-2.0',
  type: 'module',
  files: ['a.js', 'a.d.ts', 'cli.js'],
  exports: { '.': { types: './a.d.ts', default: './a.js' } },
  bin: { 'small-sample': 'cli.js' },
};

const files = {
  'a.js': 'export const a = 1;\n',
  'a.d.ts': 'export declare const a: number;\n',
  'cli.js': "#!/usr/bin/env node\nconsole.log('usage: small-sample');\n",
};

function check(changedManifest: object, changedFiles: Readonly<Record<string, string>> = {}, smoke?: Smoke): void {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-sample-'));
  try {
    const texts = { 'package.json': JSON.stringify({ ...manifest, ...changedManifest }), ...files, ...changedFiles };
    for (const [path, text] of Object.entries(texts)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    checkPackage(folder, smoke);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

test('a sound package passes', () => check({}));

test('a package with an install script is refused', () => {
  assert.throws(() => check({ scripts: { postinstall: 'node a.js' } }), /install script: postinstall/);
});

test('a package whose export has no types is refused', () => {
  assert.throws(() => check({ files: ['a.js', 'cli.js'] }), /publint ended|attw ended|no types/);
});

test('a package whose export throws when it is imported is refused', () => {
  assert.throws(
    () => check({}, { 'a.js': "import './gone.js';\nexport const a = 1;\n" }),
    /importing every export ended/,
  );
});

test('a package whose types do not compile is refused', () => {
  assert.throws(
    () => check({}, { 'a.d.ts': 'export declare const a: Nothing;\n' }),
    /compiling against the types ended/,
  );
});

test('a package whose command fails is refused', () => {
  assert.throws(() => check({}, { 'cli.js': '#!/usr/bin/env node\nprocess.exit(3);\n' }), /--help ended with 3/);
});

test('a package whose command prints something else than it should is refused', () => {
  check({}, {}, [['any'], 'usage: small-sample\n']);
  assert.throws(() => check({}, {}, [['any'], 'something else\n']), /small-sample any printed usage/);
});
