/**
 * What an acceptor must not lose while its node lives: it belongs to the bucket's supervisor and survives an acceptor process that is
 * killed. A step is never interrupted in JavaScript, so the table is whole between steps; a step that threw leaves it marked, and such a
 * table is dropped: the acceptor comes back as a new boot.
 */
import type { Env } from '../../runtime/env.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Acceptor } from '../paxos/acceptor.ts';
import type { AcceptorEngine } from './acceptor-engine.ts';
import type { ProposerEngine } from './proposer-engine.ts';
import type { Learned } from './learner.ts';
import { SWEEP_TIMES, type SweepTimes } from './sweep.ts';
import type { Upkeep } from './upkeep.ts';

export interface Table {
  /** Null until the first acceptor process has asked for a boot. */
  acceptor: Acceptor | null;
  /** A step has begun and not ended: what the table holds cannot be trusted. */
  isInStep: boolean;
  /** The process that may step it. */
  owner: Pid | null;
}

/** What the processes of one partition of a bucket share; they are on one thread. */
export interface BucketShared {
  readonly bucket: string;
  readonly partitions: number;
  readonly partition: number;
  readonly env: Env;
  readonly table: Table;
  readonly sweepTimes: SweepTimes;
  /** With several partitions: the boot that all of them have, taken by the bucket's supervisor. Null: the acceptor asks for its own. */
  readonly boot: number | null;
  /** The bucket's supervisor: while it lives, the bucket runs. */
  ownerPid: Pid | null;
  /** The supervisor that holds the table, and with it the table's life. */
  holderPid: Pid | null;
  acceptor: AcceptorEngine | null;
  proposer: ProposerEngine | null;
  upkeep: Upkeep | null;
  learner: Learned | null;
}

export interface PartitionOptions {
  readonly bucket: string;
  readonly partitions: number;
  readonly partition: number;
  readonly boot: number | null;
  readonly ownerPid: Pid | null;
  readonly sweepTimes?: SweepTimes;
}

export function createShared(options: PartitionOptions, env: Env): BucketShared {
  const table: Table = { acceptor: null, isInStep: false, owner: null };
  return {
    sweepTimes: SWEEP_TIMES,
    ...options,
    env,
    table,
    holderPid: null,
    acceptor: null,
    proposer: null,
    upkeep: null,
    learner: null,
  };
}
