/** Each foreseeable failure of the command: one line that names the remedy, and its exit code. */
import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { test } from 'node:test';
import { EXIT_CODES } from '../../../kv/cli/exit-codes.ts';
import type { ExitName } from '../../../kv/cli/exit-codes.ts';
import { Machine } from './command.ts';
import type { Ended } from './command.ts';

function assertFailure({ status, stdout, stderr }: Ended, exit: ExitName, words: RegExp): void {
  const complaint = stderr.trim().split('\n').at(-1) ?? '';
  assert.deepEqual({ status, stdout }, { status: EXIT_CODES[exit].code, stdout: '' }, stderr);
  assert.match(complaint, words);
  assert.match(complaint, /^quorate: /);
  assert.doesNotMatch(stderr, /^\s+at /m, 'no stack');
}

test('--help prints the usage to stdout and is no failure', async (context) => {
  const { status, stdout, stderr } = await (await Machine.create(context)).run(['--help']);
  assert.deepEqual([status, stderr], [0, '']);
  assert.match(stdout, /^Usage: quorate \[command\] \[options\]\n/);
});

test('--version prints the version of the package', async (context) => {
  const { status, stdout } = await (await Machine.create(context)).run(['--version']);
  assert.equal(status, 0);
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
});

test('wrong arguments end with 2 before anything has started', async (context) => {
  const machine = await Machine.create(context);
  assertFailure(await machine.run(['node', 'one']), 'usage', /number of a node.*see --help/);
  assertFailure(await machine.run(['node', '1', '--clustersize', '3']), 'usage', /Unknown option '--clustersize'/);
});

test('a port that another program listens on ends with 3', async (context) => {
  const machine = await Machine.create(context);
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  context.after(() => other.close());
  const { port } = other.address() as AddressInfo;
  const ended = await machine.run(['node', '1', '--port', String(port), '--eval', '1']);
  assertFailure(ended, 'portInUse', new RegExp(`${port}: another program uses that port`));
});

test('a name that a running node has ends with 4', async (context) => {
  const machine = await Machine.create(context);
  const first = machine.start(['node', '1', '--no-repl']);
  await first.until(/n1@127\.0\.0\.1 is ready/);
  assertFailure(await machine.run(['node', '1', '--eval', '1']), 'nameTaken', /n1@127\.0\.0\.1/);
  // With a state folder of its own only the port mapper knows that the name is taken.
  const elsewhere = ['--state-dir', join(machine.folder, 'elsewhere'), '--eval', '1'];
  assertFailure(await machine.run(['node', '1', ...elsewhere]), 'nameTaken', /n1/);
});

test('a wrong cookie ends with 5', async (context) => {
  const machine = await Machine.create(context);
  const first = machine.start(['node', '1', '--no-repl', '--cookie', 'right']);
  await first.until(/is ready/);
  const ended = await machine.run(['node', '2', '--cookie', 'wrong', '--eval', '1']);
  assertFailure(ended, 'wrongCookie', /n1@127\.0\.0\.1 has another cookie.*--cookie/);
  first.child.kill('SIGTERM');
  assert.equal((await first.ended).status, 0, 'the node that was there first served on');
});

test('a state folder that cannot be one ends with 6', async (context) => {
  const machine = await Machine.create(context);
  const file = join(machine.folder, 'file');
  writeFileSync(file, '');
  assertFailure(await machine.run(['node', '1', '--state-dir', file, '--eval', '1']), 'state', /--state-dir/);
});

test('a damaged cookie file ends with 6, and the cookie is readable by its owner only', async (context) => {
  const machine = await Machine.create(context);
  const folder = join(machine.folder, 'own');
  assert.equal((await machine.run(['node', '1', '--state-dir', folder, '--eval', '1', '--wait', '0'])).status, 0);
  assert.equal(statSync(join(folder, 'cookie')).mode & 0o777, 0o600);
  chmodSync(join(folder, 'cookie'), 0o600);
  writeFileSync(join(folder, 'cookie'), '\n');
  assertFailure(await machine.run(['node', '1', '--state-dir', folder, '--eval', '1']), 'state', /holds no cookie/);
});

test('reset forgets stopped nodes, refuses running ones, and has nothing to do in an empty folder', async (context) => {
  const machine = await Machine.create(context);
  const folder = join(machine.folder, 'own');
  mkdirSync(folder);
  const empty = await machine.run(['reset', '--state-dir', folder]);
  assert.deepEqual([empty.status, empty.stdout], [0, `nothing to forget in ${folder}\n`]);
  const node = machine.start(['node', '1', '--state-dir', folder, '--no-repl']);
  await node.until(/is ready/);
  assertFailure(await machine.run(['reset', '--state-dir', folder]), 'state', /still running: n1@127\.0\.0\.1/);
  node.child.kill('SIGTERM');
  assert.equal((await node.ended).status, 0, 'SIGTERM is a clean stop');
  const done = await machine.run(['reset', '--state-dir', folder]);
  assert.equal(done.status, 0);
  assert.match(done.stdout, /^n1@127\.0\.0\.1 is forgotten\n/);
});
