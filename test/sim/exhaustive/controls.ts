/** Rules switched off */
import type { Replacement } from '../cores.ts';
export interface ExhaustiveControl {
  readonly name: string;
  readonly rule: string;
  readonly scenario: string;
  readonly replacements: readonly Replacement[];
  readonly servesUnsealed?: true;
}
export const EXHAUSTIVE_CONTROLS: readonly ExhaustiveControl[] = [];
