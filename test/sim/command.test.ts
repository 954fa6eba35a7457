/** The command of the simulations, run as a program. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CONTROLS } from './controls/index.ts';
import { SCENARIOS } from './scenarios.ts';

const MAIN = fileURLToPath(new URL('main.js', import.meta.url));

function run(...args: readonly string[]): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [MAIN, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  return { code: status, out: stdout, err: stderr };
}

describe('the command of the simulations, as a program', () => {
  it('lists the scenarios without arguments, and the rules that can be switched off with --controls', () => {
    const { code, out } = run();
    assert.equal(code, 0);
    for (const { name } of SCENARIOS) assert.ok(out.includes(name), name);
    const controls = run('--controls').out;
    for (const { name } of CONTROLS) assert.ok(controls.includes(name), name);
  });

  it('records a run, finds it the same again, and finds the event that is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'quorate-sim-test-'));
    try {
      const file = join(folder, 'events');
      assert.equal(run('losing/c2p2k2', 'record', '3', '--file', file).code, 0);
      assert.equal(run('losing/c2p2k2', 'replay', '--file', file).code, 0);
      const lines = readFileSync(file, 'utf8').split('\n');
      lines[40] = 'what did not happen';
      writeFileSync(file, lines.join('\n'));
      const { code, err } = run('losing/c2p2k2', 'replay', '--file', file);
      assert.equal(code, 1);
      assert.match(err, /event 40 .*\n.*what did not happen/);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('reports a violation with code 1, shrunk, and the command it prints finds it again', () => {
    const { code, err } = run('one-configuration', '--off', 'no-promise-check', '--seeds', '100');
    assert.equal(code, 1);
    const replay = /replay: npm run sim -- (.*)/g;
    const commands = [...err.matchAll(replay)].map(([, command = '']) => command.split(' '));
    assert.equal(commands.length, 2);
    for (const command of commands) assert.equal(run(...command, '--no-shrink').code, 1, command.join(' '));
    assert.notDeepEqual(commands[0], commands[1]);
  });

  it('prints JSON on request: whether it held, and the counts', () => {
    const result = JSON.parse(run('shuffling/c1p1k1', '--seeds', '3', '--json').out) as Record<string, unknown>;
    assert.deepEqual([result['ok'], result['scenario'], result['seeds']], [true, 'shuffling/c1p1k1', 3]);
  });

  it('refuses a wrong command line with code 2', () => {
    assert.equal(run('no/such/scenario').code, 2);
    assert.equal(run('all', '--seeds', 'x').code, 2);
    assert.equal(run('everything', '--off', 'no-such-control').code, 2);
  });

  it('soaks until it is told to stop, and then says what it did', async () => {
    const child = spawn(process.execPath, [MAIN, 'soak', 'shuffling'], { stdio: ['ignore', 'pipe', 'inherit'] });
    let out = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      if (out === '') child.kill('SIGTERM');
      out += text;
    });
    const code = await new Promise((resolve) => child.on('close', resolve));
    assert.equal(code, 0);
    assert.match(out, /ended without a violation/);
  });
});
