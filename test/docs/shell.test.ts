/** The examples of the shell, piped into the shell of a node that is a cluster by itself. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Machine } from '../kv/cli/command.ts';
import { repositoryRoot } from '../tooling/repository.ts';
import { findBlocks, promisedLines } from './blocks.ts';

const README = join(repositoryRoot, 'examples', 'shell', 'README.md');

for (const { line, code } of findBlocks(readFileSync(README, 'utf8')).filter(({ language }) => language === 'js')) {
  test(`the block of line ${line} prints in the shell what it promises`, async (context) => {
    const machine = await Machine.create(context);
    const { status, stdout, stderr } = await machine.run(['node', '1', '--cluster-size', '1'], code);
    assert.equal(status, 0, stderr);
    const promised = promisedLines(code);
    assert.ok(promised.length > 2);
    const printed = stdout.trimEnd().split('\n');
    assert.deepEqual(
      printed.filter((text) => promised.includes(text)),
      promised,
      stdout,
    );
  });
}
