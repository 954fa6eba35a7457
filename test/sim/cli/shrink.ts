/**
 * Makes a failing run smaller: each knob of the scenario is lowered in turn (0, half, one less; in groups for planned
 * things) as long as the run still fails, until nothing can be lowered any more or the tries are used up. Any
 * violation counts as the same failure: a smaller run that breaks otherwise is as good a find.
 */
import type { Knobs, Scenario, ScenarioReport } from '../scenario.ts';

export interface Shrunk {
  readonly knobs: Knobs;
  readonly report: ScenarioReport;
  readonly tries: number;
}

export interface ShrinkLimits {
  readonly triesMax: number;
  readonly secondsMax: number;
}

const LIMITS: ShrinkLimits = { triesMax: 3000, secondsMax: 30 };

export async function shrink(
  scenario: Scenario,
  seed: number,
  failing: { readonly knobs: Knobs; readonly off: string | null; readonly report: ScenarioReport },
  limits: ShrinkLimits = LIMITS,
): Promise<Shrunk> {
  let { knobs, report } = failing;
  let tries = 0;
  const untilMs = performance.now() + limits.secondsMax * 1000;
  const drawn = { ...scenario.knobs?.(seed), ...knobs };

  const attempt = async (changes: Knobs): Promise<boolean> => {
    if (tries >= limits.triesMax || performance.now() > untilMs) return false;
    tries += 1;
    const candidate = { ...knobs, ...changes };
    const off = failing.off === null ? {} : { off: failing.off };
    const result = await scenario.run(seed, { print: null, knobs: candidate, ...off });
    if (result.violation === null) return false;
    knobs = candidate;
    report = result;
    Object.assign(drawn, changes);
    return true;
  };

  for (let lowered = true; lowered;) {
    lowered = await dropGroups(drawn, attempt);
    for (const name of Object.keys(drawn)) {
      for (const value of lowerThan(drawn[name] ?? 0)) {
        if (!(await attempt({ [name]: value }))) continue;
        lowered = true;
        break;
      }
    }
  }
  return { knobs, report, tries };
}

/** Planned things (`op3`, `fault1`): halves of what is left of them, then quarters, and so on; singles come with the rest. */
async function dropGroups(drawn: Knobs, attempt: (changes: Knobs) => Promise<boolean>): Promise<boolean> {
  let lowered = false;
  const left = (): string[] => Object.keys(drawn).filter((name) => /\d$/.test(name) && drawn[name] !== 0);
  for (let size = left().length >> 1; size > 1; size >>= 1) {
    for (let from = 0; from < left().length;) {
      const group = left().slice(from, from + size);
      if (await attempt(Object.fromEntries(group.map((name) => [name, 0])))) lowered = true;
      else from += size;
    }
  }
  return lowered;
}

function lowerThan(value: number): readonly number[] {
  if (value <= 0) return [];
  if (!Number.isInteger(value))
    return [0, ...(value > 0.02 ? [Math.round(value * 50) / 100] : [])].filter((v) => v < value);
  return [...new Set([0, value >> 1, value - 1])].filter((lower) => lower < value);
}
