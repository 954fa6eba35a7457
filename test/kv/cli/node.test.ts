/** Single nodes as a person starts them: in terminals of their own, with code given, piped or typed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Machine } from './command.ts';

test('code that is piped in is run, its result printed, and the node stops', async (context) => {
  const machine = await Machine.create(context);
  const first = machine.start(['node', '1', '--no-repl']);
  await first.until(/is ready/);
  const { status, stdout } = await machine.run(['node', '2'], 'await put("apple", 1)\n');
  assert.deepEqual([status, stdout], [0, '{ ok: true, value: 1 }\n']);
});

test('without quorum code runs after the wait, and says so', async (context) => {
  const machine = await Machine.create(context);
  const { status, stdout } = await machine.run(['node', '1', '--wait', '50', '--eval', 'await put("apple", 1)']);
  assert.deepEqual([status, stdout], [0, "{ ok: false, error: 'no_quorum' }\n"]);
});

test('code that throws ends with 1 and its error on stderr', async (context) => {
  const machine = await Machine.create(context);
  const given = await machine.run(['node', '1', '--wait', '0', '--eval', 'throw new Error("on purpose")']);
  assert.deepEqual([given.status, given.stdout], [1, '']);
  assert.match(given.stderr, /Error: on purpose/);
  const piped = await machine.run(['node', '1', '--wait', '0'], 'nothing.there\n"goes on"\n');
  assert.deepEqual([piped.status, piped.stdout], [1, "'goes on'\n"]);
});

test('three nodes in three terminals make a cluster; each sees what the others put', async (context) => {
  const machine = await Machine.create(context);
  const nodes = [1, 2, 3].map((number) => machine.start(['node', String(number), '--repl']));
  const [n1, n2, n3] = nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
  await Promise.all(nodes.map((node) => node.until(/\[quorum:yes\] \[cluster:3\/3\]/)));
  await n1.until(/n1@127\.0\.0\.1> /);
  // Each node learns for itself that the bucket of the new cluster works.
  await Promise.all(nodes.map((node) => node.type('await waitForBucket(); "up"', /'up'/)));
  await n1.type('await put("apple", "red")', /\{ ok: true, value: 'red' \}/);
  await n2.type('await put("apple", "green")', /\{ ok: true, value: 'red' \}/);
  await n3.type('await get("apple")', /\{ ok: true, value: 'red' \}/);
  await n3.type('await keys()', /\[ 'apple' \]/);

  await n1.type('register("shell", self().pid); 0', /\n?0\n/);
  await n2.type('send(tuple(atom("shell"), atom("n1@127.0.0.1")), "hello from n2"); 0', /\n?0\n/);
  await n1.type('await receive()', /'hello from n2'/);

  n3.child.kill('SIGKILL');
  await n1.until(/\[quorum:yes\] \[cluster:2\/3\](?![^]*3\/3)/);
  await n1.type('await get("apple")', /\{ ok: true, value: 'red' \}/);
  n2.child.stdin?.write('.exit\n');
  assert.equal((await n2.ended).status, 0);
  await n1.until(/\[quorum:no\] \[cluster:1\/3\](?![^]*2\/3)/);
  await n1.type('await put("late", 1)', /no_quorum/);
  n1.child.kill('SIGINT');
  await n1.ended;
});

test('npm start -- node runs a node, and takes it along when it is stopped', async (context) => {
  const machine = await Machine.create(context);
  const npm = machine.startByNpm(['node', '1', '--repl']);
  await npm.until(/n1@127\.0\.0\.1> /);
  const [, pid] = await npm.type('`pid ${process.pid}`', /'pid (\d+)'/);
  npm.child.kill('SIGTERM');
  await npm.ended;
  assert.throws(() => process.kill(Number(pid), 0), /ESRCH/);
});

test('_ takes the next free number', async (context) => {
  const machine = await Machine.create(context);
  for (const number of [1, 2]) {
    const node = machine.start(['node', '_', '--no-repl']);
    await node.until(new RegExp(`n${number}@127\\.0\\.0\\.1 is ready`));
  }
  const { stdout } = await machine.run(['node', '_', '--eval', 'self().nodeName.name']);
  assert.equal(stdout, "'n3@127.0.0.1'\n");
});

test('a shell process that is ended by a link is replaced', async (context) => {
  const machine = await Machine.create(context);
  const code = [
    'before = self().pid; spawnLink(() => { throw new Error("boom"); }); 0',
    'self().pid !== before',
    'isAlive(before)',
  ];
  const { stdout } = await machine.run(['node', '1', '--wait', '0'], `${code.join('\n')}\n`);
  assert.equal(stdout, '0\ntrue\nfalse\n');
});

test('with --json every event and every result is a line of JSON', async (context) => {
  const machine = await Machine.create(context);
  const { stdout } = await machine.run(['node', '1', '--json', '--wait', '0'], '1 + 1\nthrow 1\n');
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { event: string; kind?: string; text?: string });
  assert.ok(lines.some(({ event }) => event === 'ready'));
  const replies = lines.filter(({ event }) => event === 'reply').map(({ kind, text }) => [kind, text]);
  assert.deepEqual(replies, [
    ['value', '2'],
    ['error', 'Uncaught 1'],
  ]);
});
