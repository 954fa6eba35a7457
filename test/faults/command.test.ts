import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startProgram, type Program } from '../kit/programs.ts';
import { parseOptions, UsageError } from './options.ts';

const MAIN = fileURLToPath(new URL('./main.js', import.meta.url));

function start(t: TestContext, ...args: string[]): Program {
  return startProgram(t, process.execPath, [MAIN, ...args]);
}

test('--help shows every option and starts nothing', async (t) => {
  const program = start(t, '--help');
  assert.equal(await program.ended(), 0);
  for (const option of ['minutes', 'seed', 'nodes', 'faults', 'clients', 'json']) {
    assert.ok(program.output().includes(`--${option}`));
  }
});

test('a wrong argument is refused in one line, with exit code 2', async (t) => {
  const program = start(t, '--nodes', '2');
  assert.equal(await program.ended(), 2);
  assert.match(program.output(), /^.+ \(see --help\)\n$/);
});

for (const args of [
  ['--minutes', 'soon'],
  ['--nodes', '6'],
  ['--faults', 'fire'],
  ['--faults', 'link,netns'],
  ['--nodse', '3'],
]) {
  test(`wrong arguments are refused: ${args.join(' ')}`, () => assert.throws(() => parseOptions(args, 1), UsageError));
}

test('SIGTERM ends a run in order: what was seen is checked and reported, no node is left', async (t) => {
  const program = start(t, '--minutes', '10', '--seed', '3', '--faults', 'stop', '--clients', '1', '--json');
  await program.printed(/SIGSTOP of \d/);
  program.kill('SIGTERM');
  assert.equal(await program.ended(), 0);
  const report = JSON.parse(program.output().split('\n').at(-2) ?? '') as { ok: boolean; command: string };
  assert.equal(report.ok, true);
  assert.equal(report.command, 'npm run faults -- --minutes 10 --seed 3 --nodes 3 --faults stop --clients 1');
});
