import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCommand, UsageError, type ServeOptions } from '../../examples/http-api/options.ts';

function parse(...args: string[]): ServeOptions {
  const command = parseCommand(['--cookie', 'C', ...args]);
  assert.equal(command.kind, 'serve');
  return (command as Extract<typeof command, { kind: 'serve' }>).options;
}

/** What each node of a cluster thinks the founders are, when each joins all others. */
function foundersOf(names: readonly string[], clusterSize: number): (readonly string[] | undefined)[] {
  return names.map((name) => {
    const others = names.filter((other) => other !== name).reverse();
    return parse('--name', name, '--join', others.join(','), '--cluster-size', String(clusterSize)).founders;
  });
}

test('nodes that join each other come to the same founders, whatever their names and the order', () => {
  for (const names of [
    ['n1@127.0.0.1', 'n2@127.0.0.1', 'n3@127.0.0.1'],
    ['zoe@h', 'anna@h', 'max@h', 'n10@h', 'n9@h'],
    ['n7@a', 'n8@b', 'n9@c'],
  ]) {
    for (const founders of foundersOf(names, names.length)) assert.deepEqual(founders, [...names].sort());
  }
});

test('a further node takes those that it joins for the founders', () => {
  assert.deepEqual(parse('--name', 'd@h', '--join', 'c@h,a@h,b@h').founders, ['a@h', 'b@h', 'c@h']);
});

test('with too few names the founders are left to the library, or are given', () => {
  assert.equal(parse('--name', 'n1@h', '--join', 'n2@h').founders, undefined);
  assert.deepEqual(parse('--name', 'a@h', '--join', 'b@h', '--founders', 'a@h,b@h,c@h').founders, [
    'a@h',
    'b@h',
    'c@h',
  ]);
});

test('a node is not among those that it joins, and nobody is twice', () => {
  assert.deepEqual(parse('--name', 'a@h', '--join', 'a@h,b@h, b@h,c@h').join, ['b@h', 'c@h']);
});

test('what a node remembers is kept by its name and its cookie, without showing the cookie', () => {
  const { stateDir } = parse('--name', 'a@h');
  assert.equal(parse('--name', 'a@h').stateDir, stateDir);
  assert.notEqual(parse('--name', 'b@h').stateDir, stateDir);
  const other = parseCommand(['--name', 'a@h', '--cookie', 'topsecret']);
  assert.ok(
    other.kind === 'serve' && other.options.stateDir !== stateDir && !other.options.stateDir.includes('topsecret'),
  );
  assert.equal(parse('--name', 'a@h', '--state-dir', '/somewhere').stateDir, '/somewhere');
});

for (const [what, args] of [
  ['no name', ['--cookie', 'C']],
  ['no cookie', ['--name', 'n1@127.0.0.1']],
  ['a name without host', ['--name', 'n1', '--cookie', 'C']],
  ['a name to join without host', ['--name', 'n1@h', '--cookie', 'C', '--join', 'n2']],
  ['a port that is none', ['--name', 'n1@127.0.0.1', '--cookie', 'C', '--port', '80x']],
  ['a cluster of none', ['--name', 'n1@127.0.0.1', '--cookie', 'C', '--cluster-size', '0']],
  ['an unknown option', ['--name', 'n1@127.0.0.1', '--cookie', 'C', '--colour', 'red']],
] as const) {
  test(`wrong arguments are refused: ${what}`, () => assert.throws(() => parseCommand(args), UsageError));
}
