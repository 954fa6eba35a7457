/** What a search is given: members, operations with the rounds of their attempts, and what else may happen. */
import type { ConfigStep } from '../../../kv/cluster/config.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Replacement } from '../cores.ts';

export type OperationKind = 'put' | 'change' | 'extend' | 'read' | 'erase' | 'collect' | 'settle';

export interface OperationPlan {
  readonly kind: OperationKind;
  /** The proposer. Operations of one proposer share what it has prepared, and may overlap. */
  readonly p: number;
  /**
   * The rounds of its ballots and read ids in the order in which it draws them, one list per epoch: they bound its attempts. A change
   * also draws one with each Accept, for the ballot that it asks promises for.
   */
  readonly rounds: readonly (readonly number[])[];
  /** Starts when these (by position) have ended. */
  readonly after?: readonly number[];
  /** Not all members are connected when it starts: a put sends no fast value; a read prepares at once. */
  readonly classic?: boolean;
  /** What its value depends on may end, at any time. A bound value that never ends is bound too. */
  readonly mortal?: boolean;
  readonly bound?: boolean;
}

/** Done one after the other, before the search, by the steps of the cores: what one operation does while these members answer. */
export interface PrefixStep {
  readonly members: readonly number[];
  readonly operation?: number;
  /** It ends after its first visible steps: prepared, or prepared and accepted by the members, without an answer. */
  readonly steps?: number;
  /** These members get the operation's hints and forgettings, or observe the end of what they watch, or adopt the epoch and merge. */
  readonly does?: 'hints' | 'observe' | 'adopt';
  readonly epoch?: number;
}

export interface Scenario {
  readonly name: string;
  readonly about: string;
  /** The short set that CI runs whole. */
  readonly isQuick: boolean;
  /** Several searches when the ballots may be ordered in several ways; one after the other. */
  readonly variants: readonly Variant[];
}

export interface Variant {
  readonly name: string;
  /** The first configuration, and the steps from each to the next: decided in this order, each at any time. */
  readonly first: Config;
  readonly steps?: readonly ConfigStep[];
  readonly operations: readonly OperationPlan[];
  readonly prefix?: readonly PrefixStep[];
  /** Ranges [from, to) of members that may be exchanged for each other. */
  readonly alike?: readonly (readonly [number, number])[];
  /** Keys are forgotten when all members accepted the tombstone. */
  readonly forgets?: boolean;
  /** Members may learn that an acceptance is chosen. */
  readonly hints?: boolean;
  /** Refusals reach the proposers; without, timeouts have the same effects. */
  readonly nacks?: boolean;
  /** A request arrives once or not at all, and the proposers rely on it. */
  readonly once?: boolean;
  /** Of the cores: other constants. */
  readonly settings?: readonly Replacement[];
}

/** A variant with the configurations that the cores make of its steps, and the rules around the cores that are switched off. */
export interface Scope extends Variant {
  readonly configs: readonly Config[];
  /** Requests arrive twice, whatever the proposers rely on. */
  readonly arrivesTwice?: boolean;
  /** Members give their state before they have adopted the configuration it is for. */
  readonly servesUnsealed?: boolean;
}
