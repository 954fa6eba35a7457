/** What a proposer holds, what it does to the world, and how long it waits. The steps are in `proposer.ts` and `attempt.ts`. */
import type { Outcome } from './decide.ts';
import type { Ballot, Cell, Chosen, Config, Forget, Key, RegisterRequest } from './messages.ts';
import type { Operation } from './operation.ts';

export interface ProposerLimits {
  /** An attempt whose quorum does not answer ends after this time. */
  readonly attemptMs: number;
  readonly backOffMsMax: number;
  /** How long a quorum waits for the slowest member, at least and at most. */
  readonly slowMsMin: number;
  readonly slowMsMax: number;
  readonly cachedKeysMax: number;
  /** Forget a key everywhere when all members accepted its tombstone. */
  readonly forgets: boolean;
  /** The transport delivers a request once or not at all, as one connection does: what a member refused it never took before. */
  readonly deliversOnce: boolean;
}

export const PROPOSER_LIMITS: ProposerLimits = {
  attemptMs: 500,
  backOffMsMax: 200,
  slowMsMin: 1,
  slowMsMax: 20,
  cachedKeysMax: 10_000,
  forgets: true,
  deliversOnce: true,
};

/** A quorum promised `next` when it accepted `cell`: the next change of the key may start with its Accept. */
export interface Prepared {
  readonly next: Ballot;
  readonly cell: Cell;
}

export interface Proposer {
  readonly p: number;
  readonly limits: ProposerLimits;
  clock: number;
  config: Config | null;
  /** Bit i: the member at place i is connected (the own acceptor counts as connected). */
  connected: number;
  /** Smoothed time until a quorum has answered. */
  roundTripMs: number;
  /** By the round of the present ballot or read id. */
  readonly running: Map<number, Operation>;
  readonly cache: Map<Key, Prepared>;
}

export type ProposerEffect =
  | { readonly kind: 'send'; readonly to: number; readonly message: RegisterRequest }
  /** To all members, when convenient. */
  | { readonly kind: 'hint'; readonly message: Chosen | Forget }
  | { readonly kind: 'backOff'; readonly operation: Operation; readonly leastMs: number; readonly mostMs: number }
  | { readonly kind: 'answer'; readonly operation: Operation; readonly outcome: Outcome }
  /** Promises are left on a key that is not live: collect it after a while. */
  | { readonly kind: 'litter'; readonly key: Key }
  /** A member stands at this newer configuration: adopt it (in order), then call `stepConfig`. */
  | { readonly kind: 'adopt'; readonly config: Config }
  /** The sender of this reply lacks the configurations after `e`. */
  | { readonly kind: 'teach'; readonly e: number };

export type ProposerEffects = ProposerEffect[];
