/** The table of features names tests that exist. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from './repository.ts';

interface Reference {
  readonly file: string;
  readonly name: string;
}

function findReferences(markdown: string): Reference[] {
  const found = markdown.matchAll(/`([\w/.-]+\.test\.ts): ([^`]+)`/g);
  return [...found].map(([, file = '', name = '']) => ({ file, name }));
}

/** What is wrong with a reference: the name must stand at the beginning of a string of the file. */
function findProblem({ file, name }: Reference): string | undefined {
  const path = join(repositoryRoot, 'test', file);
  if (!existsSync(path)) return `no such file: ${file}`;
  const text = readFileSync(path, 'utf8');
  return ["'", '"', '`'].some((quote) => text.includes(quote + name)) ? undefined : `no such test: ${file}: ${name}`;
}

test('every test that the table of features names is there', () => {
  const references = findReferences(readFileSync(join(repositoryRoot, 'test', 'FEATURES.md'), 'utf8'));
  assert.ok(references.length > 40);
  assert.deepEqual(
    references.map(findProblem).filter((problem) => problem !== undefined),
    [],
  );
});

test('a test that is not there is found out', () => {
  const gone = ['kv/gone.test.ts: x', `tooling/features.test.ts: ${'no'} such words`];
  assert.deepEqual(findReferences(gone.map((reference) => `\`${reference}\``).join(' and ')).map(findProblem), [
    'no such file: kv/gone.test.ts',
    'no such test: tooling/features.test.ts: no such words',
  ]);
});
