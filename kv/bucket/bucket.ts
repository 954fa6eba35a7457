/**
 * A bucket on this node: a supervisor with the children `<bucket>.Acceptor`, `.Proposer` and `.Learner`. It must run on at least a
 * quorum of the cluster's nodes, ideally on all. Stopped on all nodes at once, its keys are gone; stopped on some, the others go on.
 */
import { realEnv, type Env } from '../../runtime/env.ts';
import { BadArgumentError, QuorateError } from '../../runtime/errors.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { Supervisor, type CallerOptions, type ChildSpec, type SupervisorInit } from '../../supervisors/index.ts';
import { AcceptorServer } from './acceptor-server.ts';
import { LearnerServer } from './learner-server.ts';
import { ProposerServer } from './proposer-server.ts';
import { createShared } from './table.ts';
import { acceptorName, learnerName, proposerName } from './view.ts';

export interface BucketOptions {
  /** The name of the bucket, the same on all nodes. Names that begin with `$` are kept for the cluster. */
  readonly bucket: string;
  /** What the supervisor is registered as; default: the bucket's name; null: nothing. The children's names always come from the bucket. */
  readonly name?: string | null;
  /** Only 1 in this release. */
  readonly partitions?: number;
  /** @internal time and randomness, for tests */
  readonly env?: Env;
}

class BucketSupervisor extends Supervisor<BucketOptions> {
  static readonly module: string = import.meta.url;
  static readonly exported: string = 'BucketSupervisor';

  override init(options: BucketOptions): SupervisorInit {
    checkBucketOptions(options);
    const { bucket, partitions = 1, env = realEnv } = options;
    const shared = createShared(bucket, partitions, env);
    const withOwner = (start: (self: Self) => Promise<Pid>) => (self: Self) => {
      shared.ownerPid = self.pid;
      return start(self);
    };
    return {
      strategy: 'oneForOne',
      intensity: 5,
      periodMs: 5000,
      children: [
        {
          id: 'learner',
          start: withOwner((self) => LearnerServer.startLink(shared, { self, name: learnerName(bucket) })),
        },
        {
          id: 'acceptor',
          start: withOwner((self) => AcceptorServer.startLink(shared, { self, name: acceptorName(bucket) })),
        },
        {
          id: 'proposer',
          start: withOwner((self) => ProposerServer.startLink(shared, { self, name: proposerName(bucket) })),
        },
      ],
    };
  }
}

export { BucketSupervisor };

/** @throws `badarg`, `not_supported` */
export function checkBucketOptions(options: BucketOptions): void {
  const { bucket, partitions = 1 } = options;
  if (typeof bucket !== 'string' || bucket === '')
    throw new BadArgumentError('a bucket needs a name: { bucket: "Name" }');
  if (bucket.startsWith('$'))
    throw new BadArgumentError(`bucket ${bucket}: names that begin with $ are the cluster's own`);
  nameAtom(acceptorName(bucket));
  if (!Number.isInteger(partitions) || partitions < 1) {
    throw new BadArgumentError(`bucket ${bucket}: partitions must be a whole number from 1, not ${String(partitions)}`);
  }
  if (partitions !== 1) {
    throw new QuorateError(
      'not_supported',
      `bucket ${bucket}: more than one partition is not supported in this release`,
    );
  }
}

function registeredAs(options: BucketOptions): { readonly name?: string } {
  if (options.name === null) return {};
  return { name: options.name ?? options.bucket };
}

export const Bucket: {
  /**
   * Starts a bucket, linked to the calling process. Rejects with `badarg`, `not_supported` or a StartError (`start_failed` when no cluster runs on
   * this node, `already_started`).
   */
  startLink(options: BucketOptions, caller?: CallerOptions): Promise<Pid>;
  /** The bucket as a child of a supervisor. */
  childSpec(options: BucketOptions): ChildSpec;
} = {
  startLink(options, caller = {}) {
    checkBucketOptions(options);
    return BucketSupervisor.startLink(options, { ...registeredAs(options), ...caller });
  },
  childSpec(options) {
    checkBucketOptions(options);
    return { ...BucketSupervisor.childSpec(options, {}, registeredAs(options)), id: options.bucket };
  },
};
