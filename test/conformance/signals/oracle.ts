/** The kit's own oracle, driving nodes of ours from a real Erlang node. It prints the traces itself. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../main.js', import.meta.url));

/** Resolves to what the oracle printed. @throws when it could not run all files */
export async function runOracle(oracle: string, files: readonly string[]): Promise<string> {
  const peer = `${process.execPath} ${main} peer --name {name} --cookie {cookie}`;
  const child = spawn(
    process.execPath,
    [path.join(oracle, 'run-oracle.mjs'), '--peer-cmd', peer, '--jsonl', ...files],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  const [code] = (await once(child, 'close')) as [number];
  if (code !== 0) process.exitCode = 1;
  return printed;
}
