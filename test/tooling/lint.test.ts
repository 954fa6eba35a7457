/**
 * Shows that the lint settings catch what they are there to catch: each case plants one offence in a folder laid out like
 * the repository, and the linter must name exactly the expected rule. The clean case shows that it does not cry always.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { repositoryRoot } from './repository.ts';

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), 'quorate-lint-'));
  symlinkSync(join(repositoryRoot, 'node_modules'), join(folder, 'node_modules'));
  const compilerOptions = { strict: true, module: 'nodenext', target: 'es2022', types: ['node'], noEmit: true };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['**/*.ts'] }));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
});
after(() => rmSync(folder, { recursive: true, force: true }));

interface Finding {
  readonly code: string;
}

/** The rules that the linter names for these files. */
function lint(files: Readonly<Record<string, string>>): string[] {
  const paths = Object.keys(files).map((path) => join(folder, path));
  Object.values(files).forEach((text, index) => {
    const path = paths[index] ?? '';
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text);
  });
  const linter = join(repositoryRoot, 'node_modules', 'oxlint', 'bin', 'oxlint');
  const config = join(repositoryRoot, 'test', 'tooling', 'oxlint.json');
  const args = [linter, '-c', config, '--type-aware', '--format=json', ...paths];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
  for (const path of paths) rmSync(path);
  assert.match(stdout, /"diagnostics"/, `the linter did not work: ${stderr}${stdout}`);
  const found = (JSON.parse(stdout) as { diagnostics: Finding[] }).diagnostics.map(({ code }) => code);
  assert.equal(status === 0, found.length === 0, 'a finding makes the linter fail');
  return [...new Set(found)];
}

const globals = 'eslint(no-restricted-globals)';
const properties = 'eslint(no-restricted-properties)';
const imports = 'eslint(no-restricted-imports)';

const planted: readonly (readonly [what: string, path: string, text: string, rule: string])[] = [
  ['Date.now in kv', 'kv/a.ts', 'export const a = Date.now();', properties],
  ['Math.random in supervisors', 'supervisors/a.ts', 'export const a = Math.random();', properties],
  ['setTimeout in runtime', 'runtime/a.ts', 'setTimeout(() => {}, 1);', globals],
  ['setInterval in runtime', 'runtime/a.ts', 'setInterval(() => {}, 1);', globals],
  ['setImmediate in runtime', 'runtime/a.ts', 'setImmediate(() => {});', globals],
  ['queueMicrotask in runtime', 'runtime/a.ts', 'queueMicrotask(() => {});', globals],
  ['performance.now in runtime', 'runtime/a.ts', 'export const a = performance.now();', globals],
  ['globalThis.setTimeout in kv', 'kv/a.ts', 'globalThis.setTimeout(() => {}, 1);', properties],
  ['crypto.randomUUID in kv', 'kv/a.ts', 'export const a = crypto.randomUUID();', globals],
  ['imported random bytes', 'kv/a.ts', "export { randomBytes } from 'node:crypto';", imports],
  ['imported timers', 'runtime/dist/a.ts', "export { setTimeout } from 'node:timers/promises';", imports],
  ['node:net in the Paxos core', 'kv/paxos/a.ts', "export { connect } from 'node:net';", imports],
  ['node:buffer in the Paxos core', 'kv/paxos/a.ts', "export { Buffer } from 'node:buffer';", imports],
  ['node:fs in the codec', 'runtime/codec/a.ts', "export { readFileSync } from 'node:fs';", imports],
  [
    'codec importing process',
    'runtime/codec/a.ts',
    "import type { A } from '../process/b.ts';\nexport type B = A;",
    imports,
  ],
  ['the package by path in an example', 'examples/a/a.ts', "export { a } from '../../kv/index.ts';", imports],
  ['the package by name', 'test/a.ts', "export { a } from 'quorate/kv';", imports],
  [
    'a floating promise',
    'kv/a.ts',
    'export async function a(): Promise<void> {}\na();',
    'typescript(no-floating-promises)',
  ],
  [
    'a switch that forgets a case',
    'kv/a.ts',
    "export function a(k: 'x' | 'y'): void {\n  switch (k) {\n    case 'x':\n      break;\n  }\n}",
    'typescript(switch-exhaustiveness-check)',
  ],
  ['any', 'kv/a.ts', 'export const a: any = 1;', 'typescript(no-explicit-any)'],
  ['a default export', 'kv/a.ts', 'export default 1;', 'import(no-default-export)'],
  [
    'a function of 80 lines',
    'kv/a.ts',
    `export function a(): number {\n  let b = 0;\n${'  b += 1;\n'.repeat(80)}  return b;\n}`,
    'eslint(max-lines-per-function)',
  ],
];

for (const [what, path, text, rule] of planted) {
  test(`${what} is refused`, () => assert.deepEqual(lint({ [path]: `${text}\n` }), [rule]));
}

test('an import cycle is refused', () => {
  const found = lint({
    'kv/a.ts': "import { b } from './b.ts';\nexport const a = (): unknown => b;\n",
    'kv/b.ts': "import { a } from './a.ts';\nexport const b = (): unknown => a;\n",
  });
  assert.deepEqual(found, ['import(no-cycle)']);
});

test('what is allowed passes: the clock in runtime/env.ts, node:buffer in the codec, timers in tests', () => {
  const found = lint({
    'runtime/env.ts': 'export const now = (): number => Date.now() + performance.now() + Math.random();\n',
    'runtime/codec/a.ts': "export { Buffer } from 'node:buffer';\n",
    'test/a.ts': 'setTimeout(() => {}, Date.now());\n',
  });
  assert.deepEqual(found, []);
});
