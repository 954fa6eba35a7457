/** What the interoperability tests share: the responder as a program of its own, and Erlang nodes that have the module `contract`. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { freePort } from '../kit/ports.ts';
import { startErlang, startProgram, type Program } from '../kit/programs.ts';

export const COOKIE = 'interop-contract';
export const OURS = 'ours@127.0.0.1';

export interface ResponderOptions {
  readonly epmdPort?: number;
  readonly name?: string;
  readonly more?: readonly string[];
}

export interface Responder {
  readonly program: Program;
  readonly epmdPort: number;
}

/** The node under test. Without `epmdPort` it serves EPMD on a free port. */
export async function startResponder(test: TestContext, options: ResponderOptions = {}): Promise<Responder> {
  const { epmdPort = await freePort(), name = OURS, more = [] } = options;
  const path = fileURLToPath(new URL('../conformance/main.js', import.meta.url));
  const args = [path, 'responder', '--name', name, '--cookie', COOKIE, ...more];
  const program = startProgram(test, process.execPath, args, { ERL_EPMD_PORT: String(epmdPort) });
  await program.printed(/^ready /m);
  return { program, epmdPort };
}

/** Compiles the Erlang modules beside the test sources into a folder that is gone after the test. */
function compile(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'contract-'));
  test.after(() => rmSync(folder, { recursive: true }));
  const source = fileURLToPath(new URL('../../../test/interop/contract.erl', import.meta.url));
  const { status, stdout, stderr } = spawnSync('erlc', ['-o', folder, source], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`erlc: ${stdout}${stderr}`);
  return folder;
}

/** Drives the responder through groups of the contract; resolves to what the Erlang node printed. */
export async function driveContract(
  test: TestContext,
  epmdPort: number,
  groups: readonly string[],
  timeoutMs = 120_000,
): Promise<string> {
  const erlang = startErlang(test, {
    name: `driver${groups[0]}@127.0.0.1`,
    cookie: COOKIE,
    epmdPort,
    more: ['-pa', compile(test)],
    run: `contract:run('${OURS}', [${groups.join(', ')}]), io:format("finished~n"), halt().`,
  });
  await erlang.printed(/^finished$/m, timeoutMs);
  return erlang.output();
}
