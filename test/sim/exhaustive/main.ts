import { EXHAUSTIVE_CONTROLS } from './controls.ts';
import { runScenario } from './run.ts';
import { SCENARIOS } from './scenarios.ts';

const only = process.argv[2];
const what = process.argv[3];
const statesMax = Number(process.argv[4] ?? 3e6);
const offs = what === 'every' ? EXHAUSTIVE_CONTROLS : [EXHAUSTIVE_CONTROLS.find((c) => c.name === what) ?? null];
for (const off of offs) for (const s of SCENARIOS) {
  if (only !== undefined && only !== 'all' && only !== 'own' && s.name !== only) continue;
  if (only === 'own' && s.name !== off?.scenario) continue;
  const r = await runScenario(s, off, { statesMax, mustStop: () => false });
  if (only === 'all' && off !== null && r.violation === null) continue;
  console.log(off?.name ?? '', s.name, r.states, r.transitions, r.depth, r.isComplete, r.violation?.split('\n')[0], r.seconds.toFixed(1));
  if (offs.length === 1) for (const l of r.trace) console.log('  ' + l);
}
