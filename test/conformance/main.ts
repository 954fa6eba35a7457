/**
 * The conformance runner.
 *
 *   npm run conformance                                            all that this machine can, as tables
 *   npm run -s conformance -- signals [--placement P] FILES...     traces as JSON lines, for the compare.mjs of the kit
 *   npm run -s conformance -- supervisors [--placement P] FILES... the same, for the kit of supervisors and servers
 *   npm run -s conformance -- responder OPTIONS                    the node of the interoperability contract (responder/)
 *   node dist/test/conformance/main.js peer --name N --cookie C    a node in the foreground, until its standard input closes
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { findSignalsKit, readScenario, type ScenarioFile } from './kit.ts';
import { serveResponder } from './responder/responder.ts';
import { startMember } from './signals/member.ts';
import { runOracle } from './signals/oracle.ts';
import { appliesTo, canRun, PEER_THREADS, PLACEMENTS, startRunner, type Placement } from './signals/placements.ts';
import { runSupervisors } from './supervisors/command.ts';
import { runEverything } from './table.ts';

const [command, ...rest] = process.argv.slice(2);
if (command === undefined) process.exitCode = (await runEverything()) ? 0 : 1;
else if (command === 'signals') await runSignals(rest);
else if (command === 'supervisors') process.exitCode = await runSupervisors(rest);
else if (command === 'peer') await servePeer(rest);
else if (command === 'responder') await serveResponder(rest);
else fail('usage: conformance [signals|supervisors [--placement P] FILES... | responder OPTIONS | peer OPTIONS]');

/** Without a placement: what has one node on one thread, what has several on processes of the operating system. */
async function runSignals(args: string[]): Promise<void> {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { placement: { type: 'string' } },
  });
  const placement = values.placement as Placement | undefined;
  if (placement !== undefined && !PLACEMENTS.includes(placement)) {
    fail(`placement must be one of ${PLACEMENTS.join(', ')}, not ${placement}`);
  }
  const files = positionals.map(readScenario).sort((a, b) => a.scenario.nodes.length - b.scenario.nodes.length);
  for (const chosen of placement === undefined ? (['thread', 'nodes'] as const) : [placement]) {
    const isFor = placement === undefined ? appliesTo : canRun;
    const able = files.filter(({ scenario }) => isFor(chosen, scenario));
    if (able.length > 0) await runAll(chosen, able);
    else if (placement !== undefined)
      fail(`none of the ${files.length} scenarios can be run in placement ${placement}`);
  }
}

async function runAll(placement: Placement, files: readonly ScenarioFile[]): Promise<void> {
  const oracle = oracleFor(files[0] as ScenarioFile);
  if (placement === 'otp-driver') {
    const paths = files.map((file) => path.resolve(file.path));
    process.stdout.write(await runOracle(oracle, paths));
    return;
  }
  const runner = await startRunner(placement, oracle);
  for (const file of files) {
    try {
      process.stdout.write(`${JSON.stringify(await runner.run(file.scenario))}\n`);
    } catch (error) {
      process.exitCode = 1;
      process.stderr.write(
        `${file.path}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
      );
    }
  }
  await runner.stop();
}

/** Where the kit's Erlang sources are: with the scenarios, or with the kit beside the checkout. */
function oracleFor(file: ScenarioFile): string {
  const near = path.resolve(path.dirname(file.path), '../../oracle');
  const kit = findSignalsKit();
  return existsSync(near) || typeof kit === 'string' ? near : path.join(kit.folder, 'oracle');
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
