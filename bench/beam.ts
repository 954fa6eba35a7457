/**
 * The BEAM as an anchor, when `erl` is installed. The snippets are compiled by erlc into a temporary folder first: what `-eval` gets
 * is interpreted, and many times slower.
 */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

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
export function runOnBeam(
  source: string,
  rounds: number,
  work: number,
  schedulers: 'default' | 'one' = 'one',
): number[] {
  const folder = mkdtempSync(join(tmpdir(), 'quorate-bench-'));
  try {
    writeFileSync(join(folder, 'quorate_bench.erl'), source);
    execFileSync('erlc', ['-Werror', '-o', folder, join(folder, 'quorate_bench.erl')], { stdio: ['ignore', 2, 2] });
    const call = `io:format("~w~n", [quorate_bench:run(${rounds}, ${work})]), halt().`;
    const options = [
      ...(schedulers === 'one' ? ['+S', '1:1'] : []),
      '+P',
      '1000000',
      '-noshell',
      '-pa',
      folder,
      '-eval',
      call,
    ];
    const printed = execFileSync('erl', options, { encoding: 'utf8' });
    const values = JSON.parse(printed) as unknown;
    if (!Array.isArray(values) || values.length !== rounds) throw new Error(`erl printed ${printed.slice(0, 200)}`);
    return values as number[];
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
