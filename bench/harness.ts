/**
 * Runs the variants of a case, each in a process of its own, pass after pass; the order rotates so that drift of the machine meets all
 * of them. A ratio is taken within each pass and summarized over the passes.
 */
import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { BenchCase, Goal, Samples, Unit, Variant } from './case.ts';
import type { ChildReport } from './child.ts';
import { medianOf, summarize, type Summary } from './statistics.ts';

export interface FigureResult extends Summary {
  readonly unit: Unit;
}

export interface VariantResult {
  readonly name: string;
  readonly figures: Readonly<Record<string, FigureResult>>;
  /** Why it did not run; null when it did. */
  readonly missing: string | null;
  readonly error: string | null;
}

export interface GoalResult extends Goal, Summary {
  readonly met: boolean;
}

export interface CaseResult {
  readonly name: string;
  readonly about: string;
  readonly variants: readonly VariantResult[];
  readonly goals: readonly GoalResult[];
}

export interface RunOptions {
  readonly smoke: boolean;
  /** Told before each run of a variant. */
  onProgress(benchCase: BenchCase, variant: Variant, pass: number, passes: number): void;
}

const PASSES = 3;
const VARIANT_TIMEOUT_MS = 60_000;

export async function runCase(benchCase: BenchCase, options: RunOptions): Promise<CaseResult> {
  const passes = options.smoke ? 1 : (benchCase.passes ?? PASSES);
  const missing = new Map(benchCase.variants.map((variant) => [variant.name, variant.missing?.() ?? null]));
  const errors = new Map<string, string>();
  const samples = new Map<string, Samples[]>(benchCase.variants.map(({ name }) => [name, []]));
  for (let pass = 0; pass < passes; pass++) {
    for (const variant of rotate(benchCase.variants, pass)) {
      if (missing.get(variant.name) !== null || errors.has(variant.name)) continue;
      options.onProgress(benchCase, variant, pass + 1, passes);
      const report = await runInChild(benchCase.name, variant.name, options.smoke);
      if ('error' in report) errors.set(variant.name, report.error);
      else samples.get(variant.name)?.push(report.samples);
    }
  }
  return {
    name: benchCase.name,
    about: benchCase.about,
    variants: benchCase.variants.map(({ name }) => ({
      name,
      figures: summarizeFigures(samples.get(name) ?? [], benchCase.figures),
      missing: missing.get(name) ?? null,
      error: errors.get(name) ?? null,
    })),
    goals: benchCase.goals.flatMap((goal) => evaluateGoal(goal, samples) ?? []),
  };
}

function rotate<T>(items: readonly T[], by: number): T[] {
  const from = by % items.length;
  return [...items.slice(from), ...items.slice(0, from)];
}

function summarizeFigures(passes: readonly Samples[], units: BenchCase['figures']): Record<string, FigureResult> {
  const figures: Record<string, FigureResult> = {};
  for (const [figure, unit] of Object.entries(units)) {
    const all = passes.flatMap((pass) => pass[figure] ?? []);
    if (all.length > 0) figures[figure] = { unit, ...summarize(all) };
  }
  return figures;
}

/** Null when a side of it did not run. */
export function evaluateGoal(goal: Goal, samples: ReadonlyMap<string, readonly Samples[]>): GoalResult | null {
  const ours = samples.get(goal.of) ?? [];
  const anchors = goal.to === undefined ? null : (samples.get(goal.to) ?? []);
  const values: number[] = [];
  for (const [pass, own] of ours.entries()) {
    const value = medianOf(own[goal.figure] ?? []);
    const anchor = anchors === null ? 1 : medianOf(anchors[pass]?.[goal.toFigure ?? goal.figure] ?? []);
    if (Number.isFinite(value / anchor)) values.push(value / anchor);
  }
  if (values.length === 0) return null;
  const summary = summarize(values);
  const met = summary.median >= (goal.atLeast ?? -Infinity) && summary.median <= (goal.atMost ?? Infinity);
  return { ...goal, ...summary, met };
}

function runInChild(caseName: string, variantName: string, smoke: boolean): Promise<ChildReport> {
  return new Promise((resolve) => {
    const args = [caseName, variantName, smoke ? 'smoke' : 'real'];
    const child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), args, {
      execArgv: ['--expose-gc'],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      serialization: 'advanced',
    });
    let output = '';
    let report: ChildReport | null = null;
    for (const stream of [child.stdout, child.stderr])
      stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
    child.on('message', (message) => (report = message as ChildReport));
    const timer = setTimeout(() => child.kill('SIGKILL'), VARIANT_TIMEOUT_MS);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve(
        report ?? {
          error: `ended (${signal ?? code}) without a result within ${VARIANT_TIMEOUT_MS} ms\n${output}`.trim(),
        },
      );
    });
  });
}
