/**
 * The runner of the supervisor and gen_server kit: `node dist/test/conformance/supervisors/main.js FILES...` prints one trace as JSON per line,
 * in the shape of the goldens, for the kit's compare.mjs.
 */
import { readFileSync } from 'node:fs';
import { runServerScenario, type ServerScenario } from './server-scenario.ts';
import { runSupervisorScenario, type SupervisorScenario } from './supervisor-scenario.ts';
import type { Json } from './terms.ts';

/** Scenarios mostly wait, so several run at once; few enough that waits stay about as long as they say. */
const AT_ONCE = 8;

async function runFile(file: string): Promise<Json> {
  const scenario = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  if ('supervisor' in scenario) return runSupervisorScenario(scenario as unknown as SupervisorScenario);
  if ('servers' in scenario) return runServerScenario(scenario as unknown as ServerScenario);
  throw new TypeError(`${file} is no scenario that this runner knows`);
}

async function main(files: readonly string[]): Promise<void> {
  const queue = [...files];
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      try {
        process.stdout.write(`${JSON.stringify(await runFile(file))}\n`);
      } catch (error) {
        process.stderr.write(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
}

await main(process.argv.slice(2));
