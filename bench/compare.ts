/**
 * Two reports side by side, by their ratios: absolute figures of different runs cannot be compared. A ratio has changed when the quartiles
 * of then and now do not meet.
 */
import type { GoalResult } from './harness.ts';
import { nameGoal, significant, type Report } from './report.ts';

export interface RatioChange {
  readonly case: string;
  readonly goal: string;
  readonly before: number;
  readonly now: number;
  /** now / before */
  readonly change: number;
  readonly changed: boolean;
}

export function compareReports(before: Report, now: Report): RatioChange[] {
  return now.cases.flatMap((result) => {
    const former = before.cases.find(({ name }) => name === result.name);
    return result.goals.flatMap((goal) => {
      const then = former?.goals.find((candidate) => nameGoal(candidate) === nameGoal(goal));
      return then === undefined ? [] : [compareGoal(result.name, then, goal)];
    });
  });
}

function compareGoal(name: string, then: GoalResult, goal: GoalResult): RatioChange {
  return {
    case: name,
    goal: nameGoal(goal),
    before: then.median,
    now: goal.median,
    change: goal.median / then.median,
    changed: goal.low > then.high || goal.high < then.low,
  };
}

export function formatComparison(changes: readonly RatioChange[]): string {
  if (changes.length === 0) return 'The two reports have no ratio in common.\n';
  const lines = changes.map(({ case: name, goal, before, now, change, changed }) => {
    const verdict = changed ? '' : ' (within the spread)';
    return `${name}: ${goal}: ${significant(before)} -> ${significant(now)}, x ${significant(change)}${verdict}`;
  });
  return `${lines.join('\n')}\n`;
}

/** @throws Error saying what is wrong with the file */
export function readReport(text: string, file: string): Report {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${file} is not JSON; take a file that --json printed`, { cause });
  }
  const report = value as Partial<Report> | null;
  if (report?.format !== 1 || !Array.isArray(report.cases))
    throw new Error(`${file} is not a report of --json, format 1`);
  return report as Report;
}
