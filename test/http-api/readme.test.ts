/** Every command of the example's README does what it says, one after the other, as somebody would type them. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { findBlocks } from '../docs/blocks.ts';
import { freePort } from '../kit/ports.ts';
import { Machine, type RunningCommand } from '../kv/cli/command.ts';
import { repositoryRoot } from '../tooling/repository.ts';

const PATIENCE_MS = 60_000;

interface Step {
  readonly command: string;
  /** Lines that it prints; `...` stands for anything. Null: nothing is said of it. */
  readonly promised: readonly string[] | null;
}

function stepsOf(code: string): Step[] {
  const steps: { command: string; promised: string[] | null }[] = [];
  for (const line of code.split('\n')) {
    const promise = /^# -> (.*)$/.exec(line)?.[1];
    if (promise !== undefined)
      (steps.at(-1) as { promised: string[] | null }).promised = [...(steps.at(-1)?.promised ?? []), promise];
    else if (line !== '') steps.push({ command: line, promised: null });
  }
  return steps;
}

function runShell(command: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn('sh', ['-c', command], { cwd: repositoryRoot, timeout: PATIENCE_MS });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += String(chunk)));
    child.stderr.on('data', (chunk: Buffer) => (output += String(chunk)));
    child.on('error', reject).on('close', (status, signal) => {
      if (status === 0) resolve(output);
      else reject(new Error(`${command} ended with ${status ?? signal}: ${output}`));
    });
  });
}

function isAsPromised(line: string, promise: string): boolean {
  const parts = promise.split('...').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`));
  return new RegExp(`^${parts.join('.*')}$`).test(line);
}

test('every command of the README of the example does what it says', async (t) => {
  if (spawnSync('curl', ['--version']).error !== undefined && process.env['CI'] !== 'true')
    return t.skip('there is no curl');
  const machine = await Machine.create(t);
  const ports = new Map<string, number>();
  for (const port of ['8081', '8082', '8083']) ports.set(port, await freePort());
  const readme = readFileSync(join(repositoryRoot, 'examples', 'http-api', 'README.md'), 'utf8');
  const nodes: RunningCommand[] = [];
  for (const { language, code } of findBlocks(readme)) {
    assert.equal(language, 'sh');
    for (const step of stepsOf(code)) {
      const command = step.command.replaceAll(/\b808\d\b/g, (port) => String(ports.get(port)));
      if (command.startsWith('npm run') && !command.includes('--help')) {
        const node = machine.startShell(command);
        await node.until(/serves http/);
        nodes.push(node);
        continue;
      }
      const lines = (await runShell(command)).split('\n').filter((line) => line !== '');
      const promised = step.promised ?? lines;
      const fits = promised.every((promise, index) => isAsPromised(lines[index] ?? '', promise));
      assert.ok(fits, `${command}\npromised ${promised.join('\n')}\nprinted  ${lines.join('\n')}`);
    }
  }
  assert.equal(nodes.length, 4);
});
