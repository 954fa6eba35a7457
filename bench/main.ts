/**
 * `npm run bench`: measures, prints results to stdout and progress to stderr. Exit code 2 for a wrong command line, 1 when a variant failed;
 * a goal that is missed is shown and fails nothing.
 */
import { readFileSync } from 'node:fs';
import { availableParallelism, loadavg } from 'node:os';
import { benchCases } from './cases/index.ts';
import { compareReports, formatComparison, readReport } from './compare.ts';
import { runCase, type CaseResult } from './harness.ts';
import { describeUsage, isChosen, parseOptions, UsageError, type BenchOptions } from './options.ts';
import { formatReport, isDisturbed, type Report } from './report.ts';

const caseNames = benchCases.map(({ name }) => name);

async function measure({ names, smoke }: BenchOptions): Promise<Report> {
  const startedAt = performance.now();
  const loadBefore = loadavg()[0] as number;
  const cpus = availableParallelism();
  if (isDisturbed({ loadBefore, cpus })) {
    process.stderr.write(`the machine is busy: load average ${loadBefore.toFixed(1)} on ${cpus} cores\n`);
  }
  const cases: CaseResult[] = [];
  for (const benchCase of benchCases) {
    if (!isChosen(benchCase.name, names)) continue;
    const result = await runCase(benchCase, {
      smoke,
      onProgress: ({ name }, variant, pass, passes) => {
        const elapsed = ((performance.now() - startedAt) / 1000).toFixed(0).padStart(3);
        process.stderr.write(`${elapsed} s  ${name}: ${variant.name} (${pass} of ${passes})\n`);
      },
    });
    cases.push(result);
  }
  const elapsedMs = Math.round(performance.now() - startedAt);
  return { format: 1, node: process.version, cpus, loadBefore, smoke, elapsedMs, cases };
}

async function main(args: readonly string[]): Promise<number> {
  const options = parseOptions(args, caseNames);
  if (options.help) process.stdout.write(describeUsage(caseNames));
  else if (options.list) process.stdout.write(`${caseNames.join('\n')}\n`);
  else return run(options);
  return 0;
}

async function run(options: BenchOptions): Promise<number> {
  const { compare } = options;
  const before = compare === null ? null : readReport(readFileSync(compare, 'utf8'), compare);
  const report = await measure(options);
  const changes = before === null ? null : compareReports(before, report);
  if (options.json)
    process.stdout.write(`${JSON.stringify(changes === null ? report : { ...report, changes }, null, 2)}\n`);
  else {
    process.stdout.write(formatReport(report));
    if (changes !== null) process.stdout.write(`\n${formatComparison(changes)}`);
  }
  return report.cases.some(({ variants }) => variants.some(({ error }) => error !== null)) ? 1 : 0;
}

main(process.argv.slice(2)).then(
  (code) => (process.exitCode = code),
  (error: Error) => {
    process.stderr.write(`bench: ${error.message}\n`);
    process.exitCode = error instanceof UsageError ? 2 : 1;
  },
);
