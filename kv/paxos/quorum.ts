/**
 * What the replies of a quorum allow: the rule of the whole protocol (Lamport's choice of the highest accepted
 * ballot, with unanimous fast rounds beside it).
 *
 * - A classic acceptance dominates every fast one, whatever the ballots: it was made knowing that no fast
 *   value was chosen.
 * - A fast value is chosen only by all members, so a quorum that does not report it unanimously has seen that
 *   it is not chosen and, having promised, never will be.
 *
 * `null` stands for the choice "none": nothing was chosen below this ballot; differing fast values are void.
 */
import { compareBallots, isZero, sameBallot } from './ballot.ts';
import type { Ballot, Cell, Config, Holding, Incarnation } from './messages.ts';

/** Members are counted by the bits of one small integer. */
export const SEATS_MAX = 30;

/** Seats that must agree: floor(N / 2) + 1. */
export function quorumSize(seats: number): number {
  return Math.floor(seats / 2) + 1;
}

export function placeOf(config: Config, who: Incarnation): number {
  return config.M.findIndex((m) => sameIncarnation(m, who));
}

export function sameIncarnation(a: Incarnation, b: Incarnation): boolean {
  return a === b || (a.boot === b.boot && a.name === b.name && a.id === b.id);
}

export interface Choice {
  readonly fast: boolean;
  readonly ab: Ballot;
  readonly cell: Cell;
}

/** `replies` come from at least a quorum of different members. */
export function choice(replies: readonly Holding[]): Choice | null {
  let best: Holding | null = null;
  let unanimous = true;
  const first = replies[0] as Holding;
  for (const reply of replies) {
    if (reply.fast) {
      if (unanimous && !sameBallot(reply.ab, first.ab)) unanimous = false;
      continue;
    }
    unanimous = false;
    if (!isZero(reply.ab) && (best === null || compareBallots(reply.ab, best.ab) > 0)) best = reply;
  }
  if (best !== null) return { fast: false, ab: best.ab, cell: best.cell as Cell };
  return unanimous ? { fast: true, ab: first.ab, cell: first.cell as Cell } : null;
}

/**
 * Whether these replies prove that the choice is chosen. Only acceptances that members really made in this
 * epoch count: an inherited one says what a quorum of the former epoch allowed, not what one accepted.
 */
export function knownChosen(chosen: Choice | null, replies: readonly Holding[], config: Config): boolean {
  if (chosen === null) return false;
  let count = 0;
  for (const reply of replies) {
    if (reply.fast !== chosen.fast || !sameBallot(reply.ab, chosen.ab)) continue;
    if (reply.chosen) return true;
    if (reply.ae === config.e && chosen.ab.e === config.e) count += 1;
  }
  return count >= (chosen.fast ? config.M.length : quorumSize(config.N));
}
