/** Keeps the repository tidy, and shows for each rule that it catches what it is there to catch. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRepositoryTexts } from './repository.ts';
import { FILE_LINES_MAX, findProblems } from './tidy.ts';

test('every text of the repository keeps the rules', () => {
  const texts = readRepositoryTexts();
  assert.ok(texts.some(({ path }) => path === 'runtime/env.ts') && texts.some(({ path }) => path === 'package.json'));
  assert.deepEqual(
    texts.flatMap(({ path, text }) => findProblems(path, text)),
    [],
  );
});

const header = '/** A file. */\n';
const planted: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['leftover', 'kv/a.ts', `${header}// TO${'DO'}: later\n`],
  ['leftover', 'README.md', `FIX${'ME'}\n`],
  ['only', 'test/a.test.ts', `test${'.only'}('x', () => {});\n`],
  ['only', 'test/a.test.ts', `test('x', { ${'only'}: true }, () => {});\n`],
  ['machine-path', 'README.md', `see /${'home'}/me/notes\n`],
  ['registry', 'package-lock.json', `"resolved": "https://npm-${'registry'}.example.com/a.tgz"\n`],
  ['clock', 'runtime/a.ts', `${header}const now = new ${'Date'}();\n`],
  ['export-star', 'runtime/index.ts', `${header}export * from './a.ts';\n`],
  ['line-length', 'test/a.ts', `const a = '${'x'.repeat(200)}';\n`],
  ['file-length', 'test/a.ts', 'const a = 1;\n'.repeat(FILE_LINES_MAX + 1)],
  ['header', 'kv/a.ts', 'export const a = 1;\n'],
];

for (const [rule, path, text] of planted) {
  test(`a planted problem of the kind ${rule} in ${path} is found`, () => {
    const rules = findProblems(path, text).map((problem) => problem.split(': ')[1]);
    assert.deepEqual(rules, [rule]);
  });
}

test('a file of exactly the greatest length, with a header, is fine', () => {
  assert.deepEqual(findProblems('kv/a.ts', header + 'const a = 1;\n'.repeat(FILE_LINES_MAX - 1)), []);
  assert.deepEqual(findProblems('package-lock.json', '"resolved": "https://registry.npmjs.org/a/-/a-1.tgz"\n'), []);
});
