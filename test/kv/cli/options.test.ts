import assert from 'node:assert/strict';
import { test } from 'node:test';
import { EXIT_CODES } from '../../../kv/cli/exit-codes.ts';
import { OPTIONS, parseCommand } from '../../../kv/cli/options.ts';
import { usage } from '../../../kv/cli/usage.ts';

test('without arguments it is the tour', () => {
  assert.deepEqual(parseCommand([]), { command: 'tour', json: false, repl: undefined });
  assert.deepEqual(parseCommand(['--no-repl', '--json']), { command: 'tour', json: true, repl: false });
});

test('a node takes its number and its options', () => {
  const args = 'node 2 --eval 1+1 --name a@b --cookie c --cluster-size 5 --founders a@b,c@d --join e@f --port 4000';
  assert.deepEqual(parseCommand([...args.split(' '), '--state-dir', 'x y', '--wait', '0', '--json']), {
    command: 'node',
    number: 2,
    repl: undefined,
    code: '1+1',
    name: 'a@b',
    cookie: 'c',
    clusterSize: 5,
    founders: ['a@b', 'c@d'],
    join: ['e@f'],
    port: 4000,
    stateDir: 'x y',
    waitMs: 0,
    json: true,
  });
  const next = parseCommand(['node', '_']);
  assert.equal(next.command === 'node' && next.number, 'next');
});

test('help and version win over whatever else is there', () => {
  assert.deepEqual(parseCommand(['node', '--help']), { command: 'help' });
  assert.deepEqual(parseCommand(['help']), { command: 'help' });
  assert.deepEqual(parseCommand(['--version', 'conquer']), { command: 'version' });
});

const wrong: readonly (readonly [args: string, words: RegExp])[] = [
  ['conquer', /unknown command conquer: there are tour, node, /],
  ['node', /needs a number/],
  ['node x', /number of a node must be a whole number/],
  ['node 0', /from 1 to 999, or _, not "0"/],
  ['node 1 2', /one number, not 1 2/],
  ['node 1 --nonsense', /Unknown option '--nonsense'/],
  ['node 1 --eval', /--eval/],
  ['node 1 --json=yes', /--json/],
  ['node 1 --cluster-size three', /--cluster-size must be a whole number from 1 to 30, not "three"/],
  ['node 1 --port 70000', /--port must be/],
  ['node 1 --name n1', /--name must be a node name like/],
  ['node 1 --join a@b,,c@d', /--join must be a node name/],
  ['node 1 --repl --no-repl', /exclude each other/],
  ['node 1 --repl --eval 1', /exclude each other/],
  ['node 1 --cookie=', /--cookie must be 1 to 255/],
  ['reset --cookie x', /--cookie does not go with reset/],
  ['--cluster-size 3', /--cluster-size does not go with tour/],
  ['reset everything', /reset takes no everything/],
];

for (const [args, words] of wrong) {
  test(`"${args}" is refused in one line that points to the help`, () => {
    assert.throws(
      () => parseCommand(args.split(' ')),
      (error: Error & { exit?: string }) => {
        assert.equal(error.exit, 'usage');
        assert.match(error.message, words);
        assert.match(error.message, /^[^\n]+\(see --help\)$/);
        return true;
      },
    );
  });
}

test('the usage names every command, option and exit code, and fits a terminal', () => {
  const text = usage();
  for (const { name } of OPTIONS) assert.ok(text.includes(`--${name} `), name);
  for (const { code, meaning } of Object.values(EXIT_CODES)) assert.ok(text.includes(`${code}  ${meaning}`), meaning);
  for (const command of ['node NUMBER', 'reset', 'status', 'resize N', 'replace A B', 'force-reset'])
    assert.ok(text.includes(`quorate ${command}`), command);
  assert.ok(text.split('\n').every((line) => line.length <= 120));
});
