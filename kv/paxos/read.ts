/**
 * What the replies to a plain read allow (register protocol, section 6): one round trip when they agree, and
 * nothing is changed. What is not known to be chosen is not answered, tombstones included: more replies may
 * settle it, otherwise a classic attempt finishes it first.
 *
 * A read promises nothing, so its replies are of different moments. One may show a value that was erased before the read began,
 * from a member that the tombstone had not reached, with the hint that it was chosen; then the tombstone reaches it, all forget the
 * key, and the next reply shows nothing. What that member can still tell is its floor.
 */
import { isLower, sameBallot } from './ballot.ts';
import { choice, knownChosen, quorumSize } from './quorum.ts';
import type { Choice } from './quorum.ts';
import type { Cell, Config, Holding } from './messages.ts';

/** `cell` null: nothing was ever chosen. */
export type ReadDecision = { readonly kind: 'done'; readonly cell: Cell | null } | { readonly kind: 'unsettled' };

export function decideRead(replies: readonly Holding[], config: Config): ReadDecision {
  if (replies.length < quorumSize(config.N)) return { kind: 'unsettled' };
  const chosen = choice(replies);
  if (chosen === null) return { kind: 'done', cell: null };
  if (mayBeForgotten(chosen, replies, config)) return { kind: 'unsettled' };
  return knownChosen(chosen, replies, config) ? { kind: 'done', cell: chosen.cell } : { kind: 'unsettled' };
}

/**
 * A member that holds something else has forgotten what is later than the choice: perhaps this key, after the choice was erased. Not while a
 * quorum holds the choice: it would have met the tombstone.
 */
function mayBeForgotten({ ab, fast }: Choice, replies: readonly Holding[], config: Config): boolean {
  let holders = 0;
  let hasForgotten = false;
  for (const reply of replies) {
    if (reply.fast === fast && sameBallot(reply.ab, ab)) holders += 1;
    else if (isLower(ab, reply.fl)) hasForgotten = true;
  }
  return hasForgotten && holders < quorumSize(config.N);
}
