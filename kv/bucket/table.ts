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

export interface Table {
  /** Null until the first acceptor process has asked for a boot. */
  acceptor: Acceptor | null;
  /** A step has begun and not ended: what the table holds cannot be trusted. */
  isInStep: boolean;
  /** The process that may step it. */
  owner: Pid | null;
}

/** What the processes of one bucket on one thread share. */
export interface BucketShared {
  readonly bucket: string;
  readonly partitions: number;
  readonly env: Env;
  readonly table: Table;
  /** The bucket's supervisor: while it lives, the table does. */
  ownerPid: Pid | null;
  acceptor: AcceptorEngine | null;
  proposer: ProposerEngine | null;
  learner: Learned | null;
}

export function createShared(bucket: string, partitions: number, env: Env): BucketShared {
  const table: Table = { acceptor: null, isInStep: false, owner: null };
  return { bucket, partitions, env, table, ownerPid: null, acceptor: null, proposer: null, learner: null };
}
