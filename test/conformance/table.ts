/** Everything that this machine can run of the kits, as tables of groups and placements. */
import { hasErl } from '../kit/erl.ts';
import { compareTraces, filesFor, findSignalsKit, findSupervisorsKit, runInProgram, type Kit } from './kit.ts';
import { PLACEMENTS } from './signals/placements.ts';
import { PLACEMENTS as SUPERVISOR_PLACEMENTS } from './supervisors/place.ts';
import { appliesTo } from './supervisors/runner.ts';

interface Cell {
  passed: number;
  total: number;
}

/** By group and placement. */
type Table = Map<string, Map<string, Cell>>;

/** A kit with the placements that can be run and what is run in each. */
interface Plan {
  readonly kit: Kit;
  readonly placements: readonly string[];
  filesFor(placement: string): Kit['files'];
}

/** Prints the tables. True when there was something to run, and all of it passed. */
export async function runEverything(): Promise<boolean> {
  const plans = [planSignals(), planSupervisors()];
  let allPassed = true;
  for (const plan of plans) {
    if (typeof plan === 'string') console.error(`${plan}: nothing to run`);
    allPassed = typeof plan !== 'string' && (await runPlan(plan)) && allPassed;
  }
  return allPassed;
}

function planSignals(): Plan | string {
  const kit = findSignalsKit();
  if (typeof kit === 'string') return kit;
  const placements = PLACEMENTS.filter((placement) => hasErl() || !placement.startsWith('otp'));
  if (placements.length < PLACEMENTS.length) console.error('no `erl` on the path: otp and otp-driver are left out');
  return { kit, placements, filesFor: (placement) => filesFor(kit, placement as (typeof PLACEMENTS)[number]) };
}

function planSupervisors(): Plan | string {
  const kit = findSupervisorsKit();
  if (typeof kit === 'string') return kit;
  return {
    kit,
    placements: SUPERVISOR_PLACEMENTS,
    filesFor: (given) => {
      const placement = SUPERVISOR_PLACEMENTS.find((one) => one === given) ?? 'thread';
      return kit.files.filter((file) => appliesTo(placement, file));
    },
  };
}

async function runPlan(plan: Plan): Promise<boolean> {
  const table: Table = new Map();
  let allPassed = true;
  for (const placement of plan.placements) allPassed = (await runPlacement(plan, placement, table)) && allPassed;
  print(plan, table);
  return allPassed;
}

async function runPlacement({ kit, filesFor: choose }: Plan, placement: string, table: Table): Promise<boolean> {
  const files = choose(placement);
  const { failed, report } = compareTraces(kit, files, await runInProgram(kit.name, placement, files));
  if (failed.length > 0) console.log(`-- ${kit.name}, ${placement}\n${report}`);
  for (const { scenario } of files) {
    const group = scenario.name.split('/')[0] ?? '';
    const row = table.get(group) ?? new Map<string, Cell>();
    const cell = row.get(placement) ?? { passed: 0, total: 0 };
    cell.total += 1;
    if (!failed.includes(scenario.name)) cell.passed += 1;
    table.set(group, row.set(placement, cell));
  }
  return failed.length === 0;
}

function print({ kit, placements }: Plan, table: Table): void {
  const line = (name: string, cells: readonly string[]): void =>
    console.log(name.padEnd(20) + cells.map((cell) => cell.padStart(12)).join(''));
  line(kit.name, placements);
  const sums = placements.map(() => ({ passed: 0, total: 0 }));
  for (const [group, row] of [...table].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const cells = placements.map((placement, i) => {
      const cell = row.get(placement);
      if (cell === undefined) return '-';
      const sum = sums[i] as Cell;
      sum.passed += cell.passed;
      sum.total += cell.total;
      return `${cell.passed}/${cell.total}`;
    });
    line(group, cells);
  }
  const all = sums.map(({ passed, total }) => `${passed}/${total}`);
  line('all', all);
}
