/** The vocabulary: the README's table and the words as the code explains them. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { repositoryRoot } from '../tooling/repository.ts';

function read(...path: string[]): string {
  return readFileSync(join(repositoryRoot, ...path), 'utf8');
}

/** First column of the table below "## Words". */
function wordsOf(readme: string): string[] {
  const [, section = ''] = readme.split('## Words');
  const [table = ''] = section.split('\n## ');
  const rows = table.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) => row.split('|')[1]?.trim() ?? '');
}

test("every word of the README's table is one that the protocol's messages explain", () => {
  const words = wordsOf(read('README.md'));
  const header = read('kv', 'paxos', 'messages.ts').split('*/')[0] ?? '';
  const unexplained = words.filter((word) => !header.includes(word));
  assert.ok(words.length > 5);
  assert.deepEqual(unexplained, []);
});

test('a word that nobody explains is found', () => {
  assert.deepEqual(wordsOf('## Words\n\n| here | there |\n| --- | --- |\n| gizmo | x |\n\n## Next\n| no |'), ['gizmo']);
});
