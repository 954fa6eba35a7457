/**
 * The conformance runner: prints the traces of scenarios as JSON lines, for the kit's `compare.mjs`.
 *
 *   npm run -s conformance -- signals [--placement P] FILES...
 *   npm run -s conformance -- supervisors [--placement P] FILES...
 *   node dist/test/conformance/main.js peer --name N --cookie C    a node in the foreground, until its standard input closes
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { startMember } from './signals/member.ts';
import { runOracle } from './signals/oracle.ts';
import { appliesTo, PEER_THREADS, PLACEMENTS, startRunner, type Placement } from './signals/placements.ts';
import type { Scenario } from './signals/scenario.ts';
import { runSupervisors } from './supervisors/command.ts';

const [command, ...rest] = process.argv.slice(2);
if (command === 'signals') await runSignals(rest);
else if (command === 'supervisors') process.exitCode = await runSupervisors(rest);
else if (command === 'peer') await servePeer(rest);
else fail('usage: conformance signals|supervisors [--placement P] FILES... | peer --name N --cookie C [--threads T]');

async function runSignals(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { placement: { type: 'string', default: 'thread' } },
  });
  const placement = values.placement as Placement;
  if (!PLACEMENTS.includes(placement)) fail(`placement must be one of ${PLACEMENTS.join(', ')}, not ${placement}`);
  const scenarios = positionals
    .map((file) => ({ file, scenario: JSON.parse(readFileSync(file, 'utf8')) as Scenario }))
    .filter(({ scenario }) => appliesTo(placement, scenario))
    .sort((a, b) => a.scenario.nodes.length - b.scenario.nodes.length);
  const [first] = scenarios;
  if (first === undefined) fail(`none of the ${positionals.length} scenarios can be run in placement ${placement}`);
  const oracle = path.resolve(path.dirname(first.file), '../../oracle');
  if (placement === 'otp-driver') {
    process.stdout.write(
      await runOracle(
        oracle,
        scenarios.map(({ file }) => path.resolve(file)),
      ),
    );
    return;
  }
  const runner = await startRunner(placement, oracle);
  for (const { file, scenario } of scenarios) {
    try {
      process.stdout.write(`${JSON.stringify(await runner.run(scenario))}\n`);
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
    }
  }
  await runner.stop();
}

async function servePeer(args: string[]): Promise<void> {
  const options = { name: { type: 'string' }, cookie: { type: 'string' }, threads: { type: 'string' } } as const;
  const { name, cookie, threads = String(PEER_THREADS) } = parseArgs({ args, options }).values;
  if (name === undefined || cookie === undefined) fail('peer needs --name and --cookie');
  process.stdin.on('end', () => process.exit(0)).resume();
  await startMember({ name, cookie, threads: Number(threads), epmdPort: Number(process.env['ERL_EPMD_PORT'] ?? 4369) });
}

function fail(message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(2);
}
