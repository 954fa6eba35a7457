/** Runs scenarios of the supervisor and gen_server kit and gives one trace per scenario, in the shape of the goldens. */
import { readFileSync } from 'node:fs';
import { createPlace, type Place, type Placement, type Stage } from './place.ts';
import { runServerScenario, type ServerScenario } from './server-scenario.ts';
import { runSupervisorScenario, type SupervisorScenario } from './supervisor-scenario.ts';
import type { Json } from './terms.ts';

/** Scenarios mostly wait, so several run at once, but few where they wait by the clock of the machine. */
const AT_ONCE: Readonly<Record<Placement, number>> = { thread: 8, threads: 2, nodes: 1 };
/** Of a wait; a step waits 30 ms, and the kit's scenarios tell apart what is 20 ms further away. */
const LATE_MS_MAX = 15;
const ATTEMPTS_MAX = 10;
/** What is about other nodes, or about names and calls that reach them. */
const OF_NODES = ['nodes', 'multi_call', 'global'];

export interface KitOutput {
  trace(line: string): void;
  /** A scenario could not be run. */
  failed(file: string, error: unknown): void;
}

/** Of either kind, as it is in its file. */
export type SupervisorsScenario = Readonly<Record<string, unknown>> & { readonly name: string };

export interface KitFile {
  readonly path: string;
  readonly scenario: SupervisorsScenario;
}

export function readScenarios(paths: readonly string[]): KitFile[] {
  return paths.map((path) => ({ path, scenario: JSON.parse(readFileSync(path, 'utf8')) as SupervisorsScenario }));
}

function requiresOf({ scenario }: KitFile): readonly string[] {
  return (scenario['requires'] ?? []) as readonly string[];
}

/** Several nodes need placement `nodes`; what has nothing to do with nodes is not run there. */
export function appliesTo(placement: Placement, kitFile: KitFile): boolean {
  if (placement === 'nodes') return requiresOf(kitFile).some((need) => OF_NODES.includes(need));
  const steps = (kitFile.scenario['steps'] ?? []) as readonly { readonly op?: unknown }[];
  return !steps.some(({ op }) => op === 'start_node');
}

/** Resolves to how many could not be run. */
export async function runSupervisorKit(
  files: readonly KitFile[],
  placement: Placement,
  output: KitOutput,
): Promise<number> {
  // There is one keeper of global names in a thread, so what uses them runs alone.
  const isGlobal = (file: KitFile): boolean => requiresOf(file).includes('global');
  const applying = files.filter((file) => appliesTo(placement, file));
  const together = applying.filter((file) => !isGlobal(file));
  const alone = applying.filter(isGlobal);
  const failures = await runAll(together, placement, AT_ONCE[placement], output);
  return failures + (await runAll(alone, placement, 1, output));
}

async function runAll(
  files: readonly KitFile[],
  placement: Placement,
  atOnce: number,
  output: KitOutput,
): Promise<number> {
  const queue = [...files];
  let failures = 0;
  const work = async (): Promise<void> => {
    const place = await createPlace(placement);
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      try {
        output.trace(JSON.stringify(await runOne(next, place)));
      } catch (error) {
        failures += 1;
        output.failed(next.path, error);
      }
    }
    await place.close();
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, work));
  return failures;
}

/** A trace with a wait that was much too long says nothing: it is made again, whatever is in it. On one thread waits are exact. */
async function runOne({ scenario }: KitFile, place: Place): Promise<Json> {
  for (let attempt = 1; ; attempt++) {
    const stage = place.open();
    try {
      const trace = await runIn(stage, scenario);
      if (stage.lateMs <= LATE_MS_MAX || attempt === ATTEMPTS_MAX) return trace;
    } catch (error) {
      if (stage.lateMs <= LATE_MS_MAX || attempt === ATTEMPTS_MAX) throw error;
    }
  }
}

function runIn(stage: Stage, scenario: KitFile['scenario']): Promise<Json> {
  if ('supervisor' in scenario) return runSupervisorScenario(scenario as unknown as SupervisorScenario, stage);
  if ('servers' in scenario) return runServerScenario(scenario as unknown as ServerScenario, stage);
  throw new TypeError('this is neither a supervisor nor a gen_server scenario');
}
