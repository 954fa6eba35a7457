/** The tour as a person runs it, what it leaves behind, and that a step which does not hold is found out. */
import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { pathToFileURL } from 'node:url';
import { repositoryRoot } from '../../tooling/repository.ts';
import { Machine } from './command.ts';

test('the tour holds in every step, ends with 0 and leaves nothing behind', async (context) => {
  const machine = await Machine.create(context);
  const { status, stdout, stderr } = await machine.run([]);
  assert.equal(status, 0, stdout + stderr);
  assert.match(stdout, /All \d+ expectations held\./);
  assert.doesNotMatch(stdout, /DID NOT HOLD/);
  assert.match(stdout, /\[quorum:yes\] \[cluster:2\/3\]/);
  assert.match(stdout, /n3 was killed with SIGKILL/);
  assert.deepEqual(readdirSync(machine.folder), []);
});

test('with --json each check is a line of JSON', async (context) => {
  const machine = await Machine.create(context);
  const { status, stdout } = await machine.run(['--json', '--no-repl']);
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; held?: boolean; failed?: number });
  assert.equal(status, 0, stdout);
  assert.ok(lines.filter(({ event, held }) => event === 'check' && held === true).length > 10);
  assert.equal(lines.at(-1)?.failed, 0);
});

/** A program that runs the tour command with other steps. */
function writeTour(folder: string, steps: readonly object[]): string {
  const url = (path: string): string => pathToFileURL(join(repositoryRoot, 'dist', path)).href;
  const program = join(folder, 'tour.mjs');
  writeFileSync(
    program,
    `import { realEnv } from '${url('runtime/env.js')}';
     import { endWith } from '${url('kv/cli/exit-codes.js')}';
     import { runTourCommand } from '${url('kv/cli/tour-command.js')}';
     const command = { command: 'tour', json: false, repl: false };
     process.exitCode = await endWith(() => runTourCommand(command, realEnv, ${JSON.stringify(steps)}));`,
  );
  return program;
}

test('a step that does not hold is told, and ends with 1', async (context) => {
  const machine = await Machine.create(context);
  const steps = [
    { kind: 'say', text: 'a false promise' },
    { kind: 'start', node: 1 },
    { kind: 'check', node: 1, code: '1 + 1', expected: '2' },
    { kind: 'check', node: 1, code: '1 + 1', expected: '3', withinMs: 100 },
    { kind: 'check', node: 1, code: 'nothing.there', expected: '4' },
  ];
  const { status, stdout } = await machine.start([], writeTour(machine.folder, steps)).ended;
  assert.equal(status, 1, stdout);
  assert.match(stdout, /expected {2}3\n {6}happened {2}2 {3}DID NOT HOLD/);
  assert.match(stdout, /happened {2}ReferenceError: nothing is not defined {3}DID NOT HOLD/);
  assert.match(stdout, /2 of 3 expectations did not hold\./);
  assert.deepEqual(readdirSync(machine.folder), ['tour.mjs']);
});

test('a tour that nothing was expected of does not hold', async (context) => {
  const machine = await Machine.create(context);
  assert.equal((await machine.start([], writeTour(machine.folder, [])).ended).status, 1);
});

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  test(`a tour that is ended by ${signal} leaves no process and no file`, async (context) => {
    const machine = await Machine.create(context);
    const program = writeTour(machine.folder, [
      { kind: 'start', node: 1 },
      { kind: 'check', node: 1, code: 'process.pid', expected: '' },
      { kind: 'check', node: 1, code: '1', expected: 'never', withinMs: 60_000 },
    ]);
    const tour = machine.start([], program);
    const pid = Number((await tour.until(/happened {2}(\d+)/))[1]);
    assert.ok(isAlive(pid));
    tour.child.kill(signal);
    assert.equal((await tour.ended).status, 130);
    assert.ok(!isAlive(pid), 'the node is gone');
    assert.deepEqual(readdirSync(machine.folder), ['tour.mjs']);
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
