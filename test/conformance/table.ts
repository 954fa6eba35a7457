/** Everything that this machine can run of the kits, as a table of groups and placements. */
import { hasErl } from '../kit/erl.ts';
import { compareTraces, filesFor, findSignalsKit, runInProgram, type SignalsKit } from './kit.ts';
import { PLACEMENTS, type Placement } from './signals/placements.ts';

interface Cell {
  passed: number;
  total: number;
}

/** Prints the table. True when all passed. */
export async function runEverything(): Promise<boolean> {
  const kit = findSignalsKit();
  if (typeof kit === 'string') {
    console.error(`${kit}: nothing to run`);
    return false;
  }
  const placements = PLACEMENTS.filter((placement) => hasErl() || !placement.startsWith('otp'));
  if (placements.length < PLACEMENTS.length) console.error('no `erl` on the path: otp and otp-driver are left out');
  const table = new Map<string, Map<Placement, Cell>>();
  let allPassed = true;
  for (const placement of placements) allPassed = (await runPlacement(kit, placement, table)) && allPassed;
  print(table, placements);
  return allPassed;
}

async function runPlacement(
  kit: SignalsKit,
  placement: Placement,
  table: Map<string, Map<Placement, Cell>>,
): Promise<boolean> {
  const files = filesFor(kit, placement);
  const { failed, report } = compareTraces(kit, files, await runInProgram(placement, files));
  if (failed.length > 0) console.log(`-- ${placement}\n${report}`);
  for (const { scenario } of files) {
    const group = scenario.name.split('/')[0] ?? '';
    const row = table.get(group) ?? new Map<Placement, Cell>();
    const cell = row.get(placement) ?? { passed: 0, total: 0 };
    cell.total += 1;
    if (!failed.includes(scenario.name)) cell.passed += 1;
    table.set(group, row.set(placement, cell));
  }
  return failed.length === 0;
}

function print(table: ReadonlyMap<string, ReadonlyMap<Placement, Cell>>, placements: readonly Placement[]): void {
  const line = (name: string, cells: readonly string[]): void =>
    console.log(name.padEnd(16) + cells.map((cell) => cell.padStart(12)).join(''));
  line('signals', placements);
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
  line(
    'all',
    sums.map(({ passed, total }) => `${passed}/${total}`),
  );
}
