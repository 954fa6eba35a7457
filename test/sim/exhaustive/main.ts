import { EXHAUSTIVE_CONTROLS } from './controls.ts';
import { runScenario } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const only = process.argv[2];
const off = EXHAUSTIVE_CONTROLS.find((c) => c.name === process.argv[3]) ?? null;
for (const s of SCENARIOS) {
  if (only !== undefined && only !== 'all' && s.name !== only) continue;
  const r = await runScenario(s, off, { statesMax: 3e6, mustStop: () => false });
  console.log(s.name, r.states, r.transitions, r.depth, r.isComplete, r.violation, r.seconds.toFixed(1));
  for (const l of r.trace) console.log('  ' + l);
}
