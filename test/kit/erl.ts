/**
 * Finds a real Erlang. Where there is none, tests that need it are skipped with a message, except in CI (`CI=true`),
 * where they fail: an interoperability that nobody checks is not one.
 */
import { spawn, spawnSync } from 'node:child_process';

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

/** Evaluates an Erlang expression in a node of its own, with `input` on stdin; gives stdout. Rejects when it fails. */
export function evalErl(expression: string, input: Uint8Array, deadlineMs = 60_000): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const child = spawn('erl', ['-noinput', '-boot', 'start_clean', '-eval', expression], { timeout: deadlineMs });
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      if (code === 0) resolve(Buffer.concat(output));
      else reject(new Error(`erl ended with ${code ?? signal}: ${Buffer.concat([...output, ...errors]).toString()}`));
    });
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
  });
}
