/** A step of an operation that others can see: from one message or answer to the next. */

/** Bits per member and operation: its promise was counted, its acceptance was counted. */
export const PROMISED = 1;
export const ACCEPTED = 2;

/** What led to a step: the number of a member and its reply; or one of these, LEARNED with the epoch that the proposer heard of. */
export type Input = readonly [number, number];
export const TIMEOUT = -1;
export const LEARNED = -2;

export const UNSTARTED = 0;
export const ENDED = 1;

/** One visible step of an operation. */
export interface ProposalStep {
  readonly core: number;
  readonly cache: number;
  readonly sent: readonly number[];
  readonly answer: number;
  /** Which members' replies the operation has counted, by member. */
  readonly marks: readonly number[];
  /** A tombstone of its own for this incarnation was proposed; -1: none. */
  readonly erases: number;
  readonly violation: string | null;
  readonly inputs: readonly Input[];
}
