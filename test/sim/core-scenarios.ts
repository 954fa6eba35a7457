/** The simulations of the pure cores: acceptor, proposer, state transfer, below what TCP promises. */
import { findControl } from './controls.ts';
import { loadCores } from './cores.ts';
import { World } from './world.ts';
import type { Cores } from './cores.ts';
import type { Scenario } from './scenario.ts';

const loaded = new Map<string, Promise<Cores>>();

/** The compiled cores, or a copy with the control's rule switched off. Loaded once. */
function coresFor(off: string | undefined): Promise<Cores> {
  const name = off ?? '';
  let cores = loaded.get(name);
  if (cores === undefined) {
    const control = off === undefined ? undefined : findControl(off);
    if (off !== undefined && control === undefined)
      throw new Error(`no control is called '${off}'; --controls lists them`);
    cores = loadCores(control?.replacements);
    loaded.set(name, cores);
  }
  return cores;
}

export const CORE_SCENARIOS: readonly Scenario[] = [
  {
    name: 'everything',
    about: 'puts, changes, reads, erasing, forgetting; all faults at once, parameters drawn from the seed',
    async run(seed, { print, off }) {
      const report = new World(await coresFor(off), seed, print).run();
      const { answered, unknown, erased, forgotten, messages, events, digest } = report;
      const counts = { answered, unknown, erased, forgotten, messages };
      return { violation: report.violation, parameters: report.parameters, counts, events, digest };
    },
  },
];
