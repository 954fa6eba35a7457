import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Goal, Samples } from '../../bench/case.ts';
import { compareReports } from '../../bench/compare.ts';
import { evaluateGoal, type GoalResult } from '../../bench/harness.ts';
import { parseOptions } from '../../bench/options.ts';
import { formatGoal, formatReport, formatValue, type Report } from '../../bench/report.ts';
import { quantileOf, summarize } from '../../bench/statistics.ts';

test('quantiles lie between the samples, and a summary does not depend on their order', () => {
  assert.equal(quantileOf([1, 2, 3, 4], 0.5), 2.5);
  assert.equal(quantileOf([7], 0.99), 7);
  assert.ok(Number.isNaN(quantileOf([], 0.5)));
  assert.deepEqual(summarize([5, 1, 3, 2, 4]), { median: 3, low: 2, high: 4, samples: 5 });
});

const goal: Goal = { figure: 'rate', of: 'ours', to: 'theirs', atLeast: 1.5 };

function samplesOf(ours: number[][], theirs: number[][]): Map<string, Samples[]> {
  return new Map([
    ['ours', ours.map((rate) => ({ rate }))],
    ['theirs', theirs.map((rate) => ({ rate }))],
  ]);
}

test('a ratio is taken within each pass, so that drift of the machine between passes cancels', () => {
  const result = evaluateGoal(goal, samplesOf([[20], [200], [2000]], [[10], [100], [1000]]));
  assert.deepEqual([result?.median, result?.low, result?.high, result?.met], [2, 2, 2, true]);
});

test('a goal is missed from either side, and has no result when a side did not run', () => {
  assert.equal(evaluateGoal(goal, samplesOf([[14]], [[10]]))?.met, false);
  assert.equal(evaluateGoal({ ...goal, atLeast: 1, atMost: 1.2 }, samplesOf([[14]], [[10]]))?.met, false);
  assert.equal(evaluateGoal(goal, samplesOf([[14]], [])), null);
  assert.equal(evaluateGoal({ figure: 'rate', of: 'ours', atMost: 13 }, samplesOf([[14]], []))?.met, false);
  assert.equal(evaluateGoal({ figure: 'rate', of: 'ours', atMost: 15 }, samplesOf([[14]], []))?.met, true);
});

test('values are shown with three digits and their unit', () => {
  assert.equal(formatValue(1_234_567, 'per_s'), '1.23 M/s');
  assert.equal(formatValue(999, 'per_s'), '999 /s');
  assert.equal(formatValue(0.0123, 'us'), '0.0123 us');
  assert.equal(formatValue(1200.4, 'bytes'), '1200 B');
  const missed: GoalResult = { ...goal, median: 1.4, low: 1.3, high: 1.45, samples: 3, met: false };
  assert.equal(formatGoal(missed), 'ours / theirs rate: x 1.40 [1.30 .. 1.45], to reach >= 1.5: NO');
});

test('a comparison calls a ratio changed only when the quartiles do not meet', () => {
  const reportOf = (median: number, spread: number): Report => ({
    format: 1,
    node: 'v20.0.0',
    cpus: 2,
    loadBefore: 0,
    smoke: false,
    elapsedMs: 1,
    cases: [
      {
        name: 'case',
        about: '',
        variants: [],
        goals: [{ ...goal, median, low: median - spread, high: median + spread, samples: 3, met: true }],
      },
    ],
  });
  const changed = (now: number): boolean | undefined =>
    compareReports(reportOf(2, 0.2), reportOf(now, 0.2))[0]?.changed;
  assert.equal(changed(2.3), false);
  assert.equal(changed(2.5), true);
  assert.equal(changed(1.5), true);
  assert.deepEqual(compareReports({ ...reportOf(2, 0), cases: [] }, reportOf(2, 0)), []);
});

test('cases are chosen by name or by what stands before the slash', () => {
  const known = ['process/spawn', 'process/memory', 'codec'];
  assert.deepEqual(parseOptions(['process', '--json'], known).names, ['process']);
  assert.throws(() => parseOptions(['proc'], known), /there is no case proc/);
  assert.throws(() => parseOptions(['--compare'], known), /--compare/);
});

test('a report made on a busy machine says that it is not to be trusted', () => {
  const report: Report = { format: 1, node: 'v20', cpus: 2, loadBefore: 3.5, smoke: false, elapsedMs: 1, cases: [] };
  assert.match(formatReport(report), /load average 3.5 on 2 cores before it began\): do not trust/);
  assert.doesNotMatch(formatReport({ ...report, loadBefore: 0.4 }), /do not trust/);
});
