/**
 * What the replies to a plain read allow (register protocol, section 6): one round trip when they agree, and
 * nothing is changed. What is not known to be chosen is not answered, tombstones included: more replies may
 * settle it, otherwise a classic attempt finishes it first.
 */
import { choice, knownChosen, quorumSize } from './quorum.ts';
import type { Cell, Config, Holding } from './messages.ts';

/** `cell` null: nothing was ever chosen. */
export type ReadDecision = { readonly kind: 'done'; readonly cell: Cell | null } | { readonly kind: 'unsettled' };

export function decideRead(replies: readonly Holding[], config: Config): ReadDecision {
  if (replies.length < quorumSize(config.N)) return { kind: 'unsettled' };
  const chosen = choice(replies);
  if (chosen === null) return { kind: 'done', cell: null };
  return knownChosen(chosen, replies, config) ? { kind: 'done', cell: chosen.cell } : { kind: 'unsettled' };
}
