/** The command `npm run faults`: see --help. SIGTERM and SIGINT end the faults; what was seen until then is still checked. */
import { whyNoNamespaces } from './namespaces.ts';
import { parseOptions, replayCommand, usage, UsageError, type FaultsOptions } from './options.ts';
import { run, type RunReport } from './run.ts';

function describe(report: RunReport, options: FaultsOptions): string {
  const { operations, faults, failures, violations, troubles } = report;
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${count} ${name}`)
      .join(', ') || 'none';
  return [
    `${report.nodes} nodes, ${(report.elapsedMs / 1000).toFixed(0)} s, faults: ${list(faults)}`,
    `${operations.answered} operations answered, ${operations.unknown} unknown, ${operations.refused} refused (${list(failures)})`,
    `${operations.keys} keys, at most ${operations.mostOnOneKey} operations on one; longest time without any answer ${report.longestGapMs} ms`,
    `time without any answer, for each kind of fault, median and most: ${describeGaps(report)}`,
    ...violations.map(({ key, what, about }) => `VIOLATION of ${key}: ${what}: ${about}`),
    ...troubles.map((trouble) => `TROUBLE: ${trouble}`),
    isGood(report) ? 'linearizable; nothing lost, nothing applied twice' : 'FAILED',
    `again: ${replayCommand(options)}`,
  ].join('\n');
}

function describeGaps({ gapsMs }: RunReport): string {
  const texts = Object.entries(gapsMs).map(([kind, gaps]) => `${kind} ${gaps[gaps.length >> 1]} and ${gaps.at(-1)} ms`);
  return texts.join(', ') || 'none';
}

function isGood({ violations, troubles }: RunReport): boolean {
  return violations.length === 0 && troubles.length === 0;
}

async function main(): Promise<number> {
  const options = parseOptions(process.argv.slice(2), Math.floor(Math.random() * 1e6));
  if (options.help) {
    process.stdout.write(usage());
    return 0;
  }
  const obstacle = options.faults.includes('netns') ? whyNoNamespaces() : null;
  if (obstacle !== null)
    throw new UsageError(`--faults netns: ${obstacle}; use link, which breaks connections by proxies`);
  const stopping = new AbortController();
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => stopping.abort());
  console.error(replayCommand(options));
  const report = await run({
    ...options,
    durationMs: options.minutes * 60_000,
    cheat: 'none',
    signal: stopping.signal,
    progress: (line) => console.error(line),
  });
  console.log(
    options.json
      ? JSON.stringify({ ...report, command: replayCommand(options), ok: isGood(report) })
      : describe(report, options),
  );
  return isGood(report) ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof UsageError ? `${error.message} (see --help)` : error);
  process.exitCode = 2;
}
