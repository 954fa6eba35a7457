/**
 * Breadth-first search of all states of a model, so that the first violation is reached in the fewest steps. Texts of states are kept
 * for two levels only; a trace is found again by replaying which successor each state was.
 */
import { memberNames, Narrator } from './narrator.ts';
import { Visited } from './visited.ts';
import type { Model } from './model.ts';

export interface Limits {
  readonly statesMax: number;
  /** Asked between batches of states: true ends the search with what it has covered. Awaited, so signals get through. */
  readonly mustStop: (progress: SearchReport) => boolean | Promise<boolean>;
}

export interface SearchReport {
  readonly states: number;
  readonly transitions: number;
  /** Steps to the states that are farthest away. */
  readonly depth: number;
  /** Every state was found and expanded. */
  readonly isComplete: boolean;
  readonly violation: string | null;
  /** The steps to the violation, one line each. */
  readonly trace: readonly string[];
}

const BATCH = 512;

export async function search(model: Model, initial: string, limits: Limits): Promise<SearchReport> {
  const visited = new Visited();
  visited.add(initial, 0, 0);
  let [transitions, depth] = [0, 0];
  let level: string[] = [initial];
  let firstOfLevel = 0;
  let violation: string | null = null;
  let last: readonly [number, number] = [0, 0];
  let isCut = false;
  while (level.length > 0 && violation === null && !isCut) {
    const next: string[] = [];
    for (let i = 0; i < level.length && violation === null && !isCut; i++) {
      const parent = firstOfLevel + i;
      let ordinal = 0;
      model.expand(level[i] as string, (text, wrong) => {
        if (violation !== null) return;
        transitions += 1;
        if (wrong !== null) {
          violation = wrong;
          last = [parent, ordinal];
        } else if (visited.add(text, parent, ordinal)) next.push(text);
        ordinal += 1;
      });
      if (i % BATCH !== 0 && visited.count < limits.statesMax) continue;
      const report = { states: visited.count, transitions, depth, isComplete: false, violation: null, trace: [] };
      isCut = visited.count >= limits.statesMax || (await limits.mustStop(report));
    }
    firstOfLevel += level.length;
    if (next.length > 0) depth += 1;
    level = next;
  }
  const trace = violation === null ? [] : retrace(model, initial, visited, last);
  const isComplete = violation === null && !isCut;
  return { states: visited.count, transitions, depth, isComplete, violation, trace };
}

function retrace(model: Model, initial: string, visited: Visited, last: readonly [number, number]): string[] {
  const ordinals = [last[1]];
  for (let state = last[0]; state !== 0; state = visited.parentOf(state)) ordinals.unshift(visited.ordinalOf(state));
  const lines: string[] = [];
  let names: readonly string[] = memberNames(model.shape.members);
  let text = initial;
  for (const wanted of ordinals) {
    const narrator = new Narrator(model, names);
    model.narrator = narrator;
    let ordinal = 0;
    let [found, order]: [string, readonly number[]] = ['', []];
    model.expand(text, (successor) => {
      if (ordinal === wanted) {
        [found, order] = [successor, narrator.order];
        lines.push(...narrator.lines());
      }
      ordinal += 1;
    });
    text = found;
    const before = names;
    names = order.map((m) => before[m] as string);
  }
  model.narrator = null;
  return lines;
}
