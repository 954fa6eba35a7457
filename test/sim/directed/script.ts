/** A directed script: the steps of one schedule that breaks when a rule is off and holds when it is on. */
import { Stage } from './stage.ts';
import type { ShellRule } from '../controls/control.ts';
import type { Cores } from '../cores.ts';

export interface Script {
  /** The control whose rule it is about; null: it holds for a reason that no one rule gives. */
  readonly control: string | null;
  readonly story: string;
  /** Letters of the founders, one seat each. */
  readonly members: string;
  readonly steps: (stage: Stage) => void;
}

/** What was broken, or null. */
export function play(script: Script, cores: Cores, off: readonly ShellRule[] = []): string | null {
  const stage = new Stage(cores, script.members, off);
  script.steps(stage);
  return stage.judge();
}
