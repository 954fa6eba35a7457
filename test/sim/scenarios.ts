/** The list of everything that `npm run sim` can run. Whoever adds a scenario or a command adds it here. */
import { CLUSTER_SCENARIOS } from './cluster/scenarios.ts';
import { CORE_SCENARIOS } from './core-scenarios.ts';
import { EXHAUSTIVE_COMMAND } from './exhaustive/main.ts';
import type { Command, Scenario } from './scenario.ts';

export const SCENARIOS: readonly Scenario[] = [...CORE_SCENARIOS, ...CLUSTER_SCENARIOS];

export const COMMANDS: readonly Command[] = [EXHAUSTIVE_COMMAND];

/** The scenarios of that name, or whose name begins with `name/`, or `all`. */
export function findScenarios(name: string): readonly Scenario[] {
  if (name === 'all') return SCENARIOS;
  const prefix = name.endsWith('/') ? name : `${name}/`;
  return SCENARIOS.filter((scenario) => scenario.name === name || scenario.name.startsWith(prefix));
}
