/**
 * Ballots: numbers of attempts, compared in the order epoch, round, proposer. Never by round alone: rounds
 * may start low again in a new epoch, and two proposers may use the same round.
 */
import type { Ballot } from './messages.ts';

export const ZERO: Ballot = { e: 0, r: 0, p: 0 };

/** Below zero when `a` is lower, 0 when they are the same ballot. */
export function compareBallots(a: Ballot, b: Ballot): number {
  if (a.e !== b.e) return a.e - b.e;
  if (a.r !== b.r) return a.r - b.r;
  return a.p - b.p;
}

export function sameBallot(a: Ballot, b: Ballot): boolean {
  return a === b || (a.r === b.r && a.p === b.p && a.e === b.e);
}

export function isLower(a: Ballot, b: Ballot): boolean {
  if (a.e !== b.e) return a.e < b.e;
  if (a.r !== b.r) return a.r < b.r;
  return a.p < b.p;
}

/** True for "no acceptance": no attempt has the round 0. */
export function isZero(a: Ballot): boolean {
  return a.r === 0 && a.e === 0 && a.p === 0;
}

export function maxBallot(a: Ballot, b: Ballot): Ballot {
  return isLower(a, b) ? b : a;
}

/** The lowest full ballot above every ballot of `b`'s round: what a floor is raised to when `b` is forgotten. */
export function floorAbove(b: Ballot): Ballot {
  return { e: b.e, r: b.r + 1, p: 0 };
}

/** Fencing token: grows with the ballot, `e * 2^106 + r * 2^53 + p`. */
export function ballotToken(b: Ballot): bigint {
  return (BigInt(b.e) << 106n) + (BigInt(b.r) << 53n) + BigInt(b.p);
}

/** The token as 40 hexadecimal digits, which sort as the ballots do. */
export function ballotHex(b: Ballot): string {
  return ballotToken(b).toString(16).padStart(40, '0');
}

/** One short line for logs and traces: `epoch.round.proposer`. */
export function describeBallot(b: Ballot): string {
  return isZero(b) ? '-' : `${b.e}.${b.r}.${b.p.toString(36)}`;
}
