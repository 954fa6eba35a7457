/**
 * Lifetimes (register protocol, section 7): each acceptor judges by itself that what a cell is bound to has
 * ended, and files that under the incarnation, never under the key alone. One observation erases nothing: it
 * makes this node's proposer try, and the try succeeds when a majority reports observations of its own.
 */
import { isLower, sameBallot } from './ballot.ts';
import { hashText } from './hash.ts';
import type { Acceptor, AcceptorEffect } from './acceptor.ts';
import type { Ballot, Bind, Config, Key } from './messages.ts';

/** One rank's share of the delay before an erase, so that one member usually does it for all. */
export const ERASE_RANK_MS = 20;

/** Files the observation that the incarnation's bound thing has ended. Ignored when the key holds another one. */
export function observe(acceptor: Acceptor, key: Key, ver: Ballot, effects: AcceptorEffect[]): void {
  const entry = acceptor.keys.get(key);
  if (entry === undefined || entry.cell === null || !entry.cell.live || !sameBallot(entry.cell.ver, ver)) return;
  if (!entry.seen.some((o) => o.ticket === null && sameBallot(o.ver, ver))) {
    entry.seen = [...entry.seen, { ver, ticket: null }];
  }
  effects.push({ kind: 'eraseSoon', key, ver });
}

/**
 * Whether the incarnation of another key is gone as far as this acceptor knows: its entry is known to be chosen,
 * later than that incarnation's creation and not it; or it knows nothing of the key and its floor is above.
 */
export function isIncarnationGone(acceptor: Acceptor, key: Key, ver: Ballot): boolean {
  const entry = acceptor.keys.get(key);
  if (entry === undefined) return isLower(ver, acceptor.floor);
  if (!entry.chosen || entry.cell === null || !isLower(ver, entry.ab)) return false;
  return !entry.cell.live || !sameBallot(entry.cell.ver, ver);
}

/** Whether a bind has ended by what can be computed: another key, or the time. Pids and nodes are monitored. */
export function isBindOver(acceptor: Acceptor, bind: Bind, systemMs: number): boolean {
  if (bind.until !== null && systemMs >= bind.until) return true;
  return bind.key !== null && isIncarnationGone(acceptor, bind.key.key, bind.key.ver);
}

/** How long this member waits before it tries to erase: its rank among the members, and a random part in [0, 1). */
export function eraseDelayMs(config: Config, place: number, key: Key, random: number): number {
  return (rankOf(config, place, key) + random) * ERASE_RANK_MS;
}

/** Place in the order of the members by hash of member and key; the same on all members. */
export function rankOf(config: Config, place: number, key: Key): number {
  const hashes = config.M.map((member) => hashText(`${member.name} ${key}`));
  const own = hashes[place];
  if (own === undefined) return config.M.length;
  let rank = 0;
  for (let other = 0; other < hashes.length; other++) {
    const hash = hashes[other] as number;
    if (hash < own || (hash === own && other < place)) rank += 1;
  }
  return rank;
}
