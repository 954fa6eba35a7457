/**
 * Negative controls: one rule of the protocol switched off each (register protocol, section 12). A control names how
 * it is caught: by random runs of a scenario within a number of seeds, by a script of steps (directed/), by both, or by a test elsewhere.
 */
import type { Replacement } from '../cores.ts';

export interface Control {
  readonly name: string;
  /** The rule, as it is when it is on. */
  readonly rule: string;
  /** Whose seeds, from 1 on, find it, and how many are allowed. */
  readonly seeds?: { readonly scenario: string; readonly most: number };
  readonly replacements: readonly Replacement[];
  /** Rules of the shell around the cores that are switched off. */
  readonly shell?: readonly ShellRule[];
  /** A rule that the simulation of the cores does not contain: the test that switches it off, as `file: how its name begins`. */
  readonly test?: string;
}

export type ShellRule =
  /** Who serves its state has adopted the configuration it is for. */
  | 'seal'
  /** Who lost its state is another incarnation. */
  | 'new-boot'
  /** All members lost their state before a fresh configuration is decided. */
  | 'fresh-by-all'
  /** State is lost, and steps are taken, only while enough members are left to go on. Not a rule of safety: with others. */
  | 'careful';

export function one(module: string, from: string, to: string): readonly Replacement[] {
  return [{ module, from, to }];
}
