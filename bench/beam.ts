/**
 * The BEAM as an anchor, when `erl` is installed. The snippets are compiled by erlc into a temporary folder first: what `-eval` gets
 * is interpreted, and many times slower.
 */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

const execute = promisify(execFile);

/** For `Variant.missing`. */
export function missingBeam(): string | null {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const isThere = ['erl', 'erlc'].every((program) => folders.some((folder) => existsSync(join(folder, program))));
  return isThere ? null : 'no erl and erlc in the PATH; install Erlang/OTP to compare with the BEAM';
}

/**
 * Compiles `source`, a module `quorate_bench` whose `run/2` takes the number of rounds and the work of one round and returns a list of
 * microseconds, and runs it. Returns the microseconds of each round. `schedulers`: as many threads as the machine has cores, as
 * erl starts by default, or one; with one, many small processes are often faster.
 */
export async function runOnBeam(
  source: string,
  rounds: number,
  work: number,
  schedulers: 'default' | 'one' = 'one',
): Promise<number[]> {
  const options = [...(schedulers === 'one' ? ['+S', '1:1'] : []), '+P', '1000000'];
  const values = await runErlang(source, `run(${rounds}, ${work})`, { options });
  if (!Array.isArray(values) || values.length !== rounds) throw new Error(`erl printed ${JSON.stringify(values)}`);
  return values as number[];
}

export interface ErlangOptions {
  readonly options: readonly string[];
  /** Added to the environment. */
  readonly environment?: Readonly<Record<string, string>>;
}

/** Compiles the module `quorate_bench`, calls a function of it and returns the value, which is made of lists and numbers. */
export async function runErlang(
  source: string,
  call: string,
  { options, environment }: ErlangOptions,
): Promise<unknown> {
  const folder = await mkdtemp(join(tmpdir(), 'quorate-bench-'));
  try {
    const file = join(folder, 'quorate_bench.erl');
    await writeFile(file, source);
    await execute('erlc', ['-Werror', '-o', folder, file]);
    const code = `io:format("~w~n", [quorate_bench:${call}]), halt().`;
    const { stdout } = await execute('erl', [...options, '-noshell', '-pa', folder, '-eval', code], {
      env: { ...process.env, ERL_CRASH_DUMP: '/dev/null', ...environment },
    });
    return JSON.parse(stdout) as unknown;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
