/**
 * The fuzzer of the wire: `node dist/test/fuzz/main.js [--runs N] [--seed S]`. Feeds mutated real terms, frames, streams, handshake and EPMD messages to
 * what reads them, and stops at the first that does something else than accept or refuse. Prints the seed, the failing input in hex, and the largest
 * memory that the program used. Exit code 1 for a failure, 2 for a wrong command line.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { makeCorpus } from './corpus.ts';
import { fuzz } from './fuzz.ts';
import { createTargets } from './targets.ts';

function numberOf(text: string, option: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  process.stderr.write(`fuzz: --${option} must be a whole number, not ${text}\n`);
  process.exit(2);
}

const USAGE = 'npm run fuzz -- [--runs N] [--seed S]   (default: 100000 runs from seed 1)';

function readArguments(): { readonly runs: string; readonly seed: string } {
  const text = (value: string): { readonly type: 'string'; readonly default: string } => ({
    type: 'string',
    default: value,
  });
  try {
    const { values } = parseArgs({ options: { runs: text('100000'), seed: text('1'), help: { type: 'boolean' } } });
    if (values.help !== true) return values;
    process.stdout.write(`${USAGE}\n`);
    process.exit(0);
  } catch (error) {
    process.stderr.write(`fuzz: ${(error as Error).message}\n${USAGE}\n`);
    process.exit(2);
  }
}

const values = readArguments();
const runs = numberOf(values.runs, 'runs');
const seed = numberOf(values.seed, 'seed');
const startedAt = performance.now();
let rssMax = 0;

const report = await fuzz({
  runs,
  seed,
  targets: createTargets(),
  corpus: makeCorpus(seed),
  async onTurn(done) {
    rssMax = Math.max(rssMax, process.memoryUsage.rss());
    await nextTurn();
    if (done % 100_000 === 0) process.stderr.write(`${done} inputs\n`);
  },
});

const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
for (const [name, { runs: had, accepted }] of report.counts) {
  console.log(`${name.padEnd(20)} ${String(had).padStart(9)} inputs, ${accepted} accepted`);
}
console.log(
  `${report.runs} inputs with seed ${seed} in ${seconds} s; slowest ${report.slowestMs.toFixed(1)} ms; memory at most ${(rssMax / 1e6).toFixed(0)} MB`,
);
if (report.failure !== null) {
  const { target, run, input, error } = report.failure;
  console.log(`FAILED: input ${run}, to ${target}:\n${Buffer.from(input).toString('hex')}`);
  console.log(error instanceof Error ? error.stack : error);
  process.exitCode = 1;
}
