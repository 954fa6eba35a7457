/** What a piece of code came to, as text: how results look in the REPL, in a pipe, and in the JSON lines between the tour and its nodes. */
import { inspect } from 'node:util';
import type { Evaluation } from './evaluator.ts';

export interface Reply {
  readonly kind: 'value' | 'error' | 'incomplete';
  /** Empty for an undefined value, of which nothing is shown. */
  readonly text: string;
}

export function describeEvaluation(evaluation: Evaluation, colors: boolean): Reply {
  const options = { colors, depth: 8, breakLength: 120 };
  switch (evaluation.kind) {
    case 'value':
      return { kind: 'value', text: evaluation.value === undefined ? '' : inspect(evaluation.value, options) };
    case 'error':
      return { kind: 'error', text: describeThrown(evaluation.error, options) };
    case 'incomplete':
      return { kind: 'incomplete', text: '' };
  }
}

/** An error of ours speaks for itself; others need their stack. */
function describeThrown(thrown: unknown, options: { readonly colors: boolean }): string {
  if (thrown instanceof Error && 'code' in thrown) return `${thrown.name} [${String(thrown.code)}]: ${thrown.message}`;
  return thrown instanceof Error ? (thrown.stack ?? String(thrown)) : `Uncaught ${inspect(thrown, options)}`;
}
