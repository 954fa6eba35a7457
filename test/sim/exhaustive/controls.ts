/**
 * Where the exhaustive checker catches each rule that is switched off. The rules are those of the simulation's controls, as far as they
 * concern what is modelled here; the rules of the shell are rules of the model.
 */
import { findControl } from '../controls/index.ts';
import { one } from '../controls/control.ts';
import type { Replacement } from '../cores.ts';

export interface ExhaustiveControl {
  readonly name: string;
  readonly rule: string;
  /** Where it is caught. */
  readonly scenario: string;
  readonly replacements: readonly Replacement[];
  readonly servesUnsealed?: boolean;
  readonly arrivesTwice?: boolean;
}

const CAUGHT_IN: readonly (readonly [scenario: string, controls: readonly string[]])[] = [
  ['put-put', ['fast-by-quorum', 'unanimous-ignored', 'highest-dominates']],
  ['put-change', ['no-promise-check']],
  ['put-erase', ['erase-on-one']],
  ['classic-read-read', ['read-without-write-back']],
  ['put-read-read', ['fast-known-by-quorum']],
  ['change-retry', ['retry-forgets-its-ballots']],
  ['extend-read', ['retry-answers-unsealed']],
  ['next-ballot', ['next-by-one-ack']],
  ['erase-read-read', ['empty-unsealed']],
  ['erase-retry', ['retry-sees-newest-only', 'cut-ignored']],
  ['forget-retry', ['floor-unknown-to-retries', 'no-floor', 'no-floor-fast', 'fast-in-retries']],
  ['erase-forget-change', ['forget-after-quorum']],
  ['forget-promised', ['forgets-over-promise']],
  ['two-lives', ['forgets-any-tombstone']],
  ['forget-read', ['read-across-forgetting']],
  ['late-end', ['versions-by-counter']],
  ['late-fast-value', ['put-finishes-by-read']],
  ['four-members', ['fast-by-three-quarters']],
  ['replace', ['no-epoch-check', 'joiner-votes-blank', 'merges-from-one', 'serves-unsealed']],
  ['low-rounds', ['round-leads-ballot']],
  ['low-floors', ['floor-by-round']],
  ['inherited-read', ['inherited-counts']],
  ['vacate-fill', ['no-merge-after-vacate']],
  ['three-two-one', ['no-merge-after-shrink']],
  ['skipped-decrease', ['serves-though-skipped']],
  ['grow-replace', ['few-merge-always']],
  ['fresh-retry', ['fresh-forgets-retries']],
];

function shared(name: string, scenario: string): ExhaustiveControl {
  const control = findControl(name);
  if (control === undefined) throw new Error(`no control is called '${name}'`);
  const { rule, replacements, shell = [] } = control;
  return { name, rule, scenario, replacements, servesUnsealed: shell.includes('seal') };
}

export const EXHAUSTIVE_CONTROLS: readonly ExhaustiveControl[] = [
  ...CAUGHT_IN.flatMap(([scenario, names]) => names.map((name) => shared(name, scenario))),
  {
    name: 'empty-read-unsealed',
    rule: 'a plain read answers that nothing is there only when that is known to be chosen',
    scenario: 'erase-read-read',
    replacements: one('read', 'return knownChosen(', 'return !chosen.cell.live || knownChosen('),
  },
  {
    name: 'refused-copies',
    rule: 'a retry takes the refusals of all for proof only where requests arrive once',
    scenario: 'refusals',
    replacements: [],
    arrivesTwice: true,
  },
];

export function findExhaustiveControl(name: string): ExhaustiveControl | undefined {
  return EXHAUSTIVE_CONTROLS.find((control) => control.name === name);
}
