/** Results as a table for people and as JSON for machines. Pure. */
import type { Unit } from './case.ts';
import type { CaseResult, FigureResult, GoalResult } from './harness.ts';

export interface Report {
  /** Grows when the shape changes. */
  readonly format: 1;
  readonly node: string;
  readonly cpus: number;
  /** Programs that ran or wanted to run in the minute before, on average. */
  readonly loadBefore: number;
  readonly smoke: boolean;
  readonly elapsedMs: number;
  readonly cases: readonly CaseResult[];
}

/** Whether others used so much of the machine that even ratios are doubtful. */
export function isDisturbed({ loadBefore, cpus }: Pick<Report, 'loadBefore' | 'cpus'>): boolean {
  return loadBefore > cpus / 2;
}

export function formatReport(report: Report): string {
  const lines: string[] = [];
  for (const result of report.cases) lines.push(...formatCase(result), '');
  lines.push(
    `Node ${report.node}, ${report.cpus} cores, ${(report.elapsedMs / 1000).toFixed(0)} s. Medians; quartiles in brackets.`,
  );
  if (isDisturbed(report)) {
    const load = `load average ${report.loadBefore.toFixed(1)} on ${report.cpus} cores before it began`;
    lines.push(
      `Other programs were at work (${load}): do not trust the figures, least of all those of several processes.`,
    );
  }
  if (report.smoke) lines.push('Run with --smoke: the figures mean nothing.');
  return `${lines.join('\n')}\n`;
}

function formatCase(result: CaseResult): string[] {
  const lines = [`${result.name}: ${result.about}`];
  const width = Math.max(...result.variants.map(({ name }) => name.length));
  for (const { name, figures, missing, error } of result.variants) {
    const label = `  ${name.padEnd(width)}  `;
    if (missing !== null) lines.push(`${label}not run: ${missing}`);
    else if (error !== null) lines.push(`${label}FAILED: ${error}`);
    else lines.push(...formatFigures(label, figures));
  }
  for (const goal of result.goals) lines.push(`  -> ${formatGoal(goal)}`);
  return lines;
}

/** Figures that end in the same `@level` stand on a line of their own. */
function formatFigures(label: string, figures: Readonly<Record<string, FigureResult>>): string[] {
  const levels = new Map<string, string[]>();
  for (const [name, figure] of Object.entries(figures)) {
    const [what = name, level = ''] = name.split('@');
    const line = levels.get(level) ?? [];
    line.push(formatFigure([what, figure]));
    levels.set(level, line);
  }
  return [...levels].map(([level, line], i) => {
    const start = i === 0 ? label : ' '.repeat(label.length);
    return `${start}${level === '' ? '' : `@${level.padEnd(4)} `}${line.join('   ')}`;
  });
}

function formatFigure([name, figure]: [string, FigureResult]): string {
  const { unit, median, low, high } = figure;
  return `${name} ${formatValue(median, unit)} [${formatValue(low, unit)} .. ${formatValue(high, unit)}]`;
}

export function formatValue(value: number, unit: Unit): string {
  if (unit === 'us') return `${significant(value)} us`;
  if (unit === 'bytes') return `${Math.round(value)} B`;
  if (value >= 1e6) return `${significant(value / 1e6)} M/s`;
  if (value >= 1e3) return `${significant(value / 1e3)} k/s`;
  return `${significant(value)} /s`;
}

/** `spawn / beam rate: x 1.42 [1.40 .. 1.45], to reach >= 1.3: yes` */
export function formatGoal(goal: GoalResult): string {
  const what = nameGoal(goal);
  const times = goal.to === undefined ? '' : 'x ';
  const value = `${times}${significant(goal.median)} [${significant(goal.low)} .. ${significant(goal.high)}]`;
  const limits = [
    ...(goal.atLeast === undefined ? [] : [`>= ${goal.atLeast}`]),
    ...(goal.atMost === undefined ? [] : [`<= ${goal.atMost}`]),
  ];
  if (limits.length === 0) return `${what}: ${value}`;
  return `${what}: ${value}, to reach ${limits.join(' and ')}: ${goal.met ? 'yes' : 'NO'}`;
}

/** What tells a goal from the others of its case. */
export function nameGoal({ figure, of, to, toFigure }: Pick<GoalResult, 'figure' | 'of' | 'to' | 'toFigure'>): string {
  if (to === undefined) return `${of} ${figure}`;
  return toFigure === undefined ? `${of} / ${to} ${figure}` : `${of} ${figure} / ${to} ${toFigure}`;
}

export function significant(value: number): string {
  if (!Number.isFinite(value)) return '-';
  if (Math.abs(value) >= 100) return value.toFixed(0);
  return value.toPrecision(3);
}
