/** Runs scenarios of the supervisor and gen_server kit and prints one trace as JSON per line, in the shape of the goldens. */
import { readFileSync } from 'node:fs';
import { runServerScenario, type ServerScenario } from './server-scenario.ts';
import { runSupervisorScenario, type SupervisorScenario } from './supervisor-scenario.ts';
import type { Json } from './terms.ts';

/** Scenarios mostly wait, so several run at once; few enough that waits stay about as long as they say. */
const AT_ONCE = 8;

/** Traces go to standard output; what could not be run, with the reason, to standard error. Resolves to how many could not. */
export async function runSupervisorKit(files: readonly string[]): Promise<number> {
  const queue = [...files];
  let failures = 0;
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
      try {
        process.stdout.write(`${JSON.stringify(await runFile(file))}\n`);
      } catch (error) {
        failures += 1;
        process.stderr.write(`${file}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`);
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return failures;
}

async function runFile(file: string): Promise<Json> {
  const scenario = JSON.parse(readFileSync(file, 'utf8')) as Record<string, unknown>;
  if ('supervisor' in scenario) return runSupervisorScenario(scenario as unknown as SupervisorScenario);
  if ('servers' in scenario) return runServerScenario(scenario as unknown as ServerScenario);
  throw new TypeError('this is neither a supervisor nor a gen_server scenario');
}
