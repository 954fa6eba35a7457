/**
 * Finds a real Erlang. Where there is none, tests that need it are skipped with a message, except in CI (`CI=true`),
 * where they fail: an interoperability that nobody checks is not one.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

let found: boolean | undefined;

export function hasErl(): boolean {
  found ??= spawnSync('erl', ['-version']).error === undefined;
  return found;
}

/** For the `skip` option of a test: false to run it, else why not. */
export function skipWithoutErl(): string | false {
  if (hasErl() || process.env['CI'] === 'true') return false;
  return 'there is no `erl` on the path (with CI=true this is a failure)';
}

/**
 * Evaluates an Erlang expression in a node of its own, in which `Input` is a binary; gives the binary (or iolist) that it
 * evaluates to. Through files, since standard input of an Erlang node is text. Rejects when the expression fails.
 */
export async function evalErl(expression: string, input: Uint8Array, deadlineMs = 60_000): Promise<Buffer> {
  const folder = await mkdtemp(join(tmpdir(), 'erl-'));
  try {
    await writeFile(join(folder, 'input'), input);
    const script = `{ok, Input} = file:read_file("input"), ok = file:write_file("output", begin ${expression} end), halt(0).`;
    await runErl(script, folder, deadlineMs);
    return await readFile(join(folder, 'output'));
  } finally {
    await rm(folder, { recursive: true });
  }
}

function runErl(script: string, cwd: string, deadlineMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = spawn('erl', ['-noinput', '-boot', 'start_clean', '-eval', script], { cwd, timeout: deadlineMs });
    const output: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => output.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`erl ended with ${code ?? signal}: ${Buffer.concat(output).toString()}`));
    });
  });
}
