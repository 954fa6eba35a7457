/**
 * A bucket on this node: a supervisor with the children `<bucket>.Acceptor`, `.Proposer` and `.Learner`. It must run on at least a
 * quorum of the cluster's nodes, ideally on all. Stopped on all nodes at once, its keys are gone; stopped on some, the others go on.
 */
import { realEnv, type Env } from '../../runtime/env.ts';
import { BadArgumentError } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { Supervisor, type CallerOptions, type ChildSpec, type SupervisorInit } from '../../supervisors/index.ts';
import { INTENSITY, partitionSpecs, tripleOf } from './partition.ts';
import { PARTITIONS_MAX } from './partitions.ts';
import { seatSpec } from './seat-server.ts';
import { SWEEP_TIMES, type SweepTimes } from './sweep.ts';
import { createShared } from './table.ts';
import { acceptorName } from './view.ts';

export interface BucketOptions {
  /** The name of the bucket, the same on all nodes. Names that begin with `$` are kept for the cluster. */
  readonly bucket: string;
  /** What the supervisor is registered as; default: the bucket's name; null: nothing. The children's names always come from the bucket. */
  readonly name?: string | null;
  /**
   * How many parts the keys are spread over, each with an acceptor, a proposer and a learner of its own on one of the node's threads; default 1: all on
   * the thread that starts the bucket. Agreed when the bucket is founded: a node that says another number does not take part.
   */
  readonly partitions?: number;
  /** @internal time and randomness, for tests: then all partitions run on the thread that starts the bucket */
  readonly env?: Env;
  /** @internal how soon the sweep acts, for tests */
  readonly sweepTimes?: SweepTimes;
}

/**
 * With one partition the supervisor holds the table itself. With more, each partition has a supervisor on its own thread that does, and one
 * that ends takes the others with it: the bucket's boot is lost with the first table, and the next is taken when all are gone.
 */
class BucketSupervisor extends Supervisor<BucketOptions> {
  static readonly module: string = import.meta.url;
  static readonly exported: string = 'BucketSupervisor';

  override init(options: BucketOptions): SupervisorInit {
    checkBucketOptions(options);
    const { bucket, partitions = 1, env = realEnv } = options;
    const { sweepTimes = SWEEP_TIMES } = options;
    const seat = seatSpec(bucket);
    if (partitions > 1) {
      const children = [...partitionSpecs(options, partitions), seat];
      return { ...INTENSITY, strategy: 'oneForAll', children };
    }
    const shared = createShared({ bucket, partitions, partition: 0, boot: null, ownerPid: null, sweepTimes }, env);
    const triple = tripleOf(shared);
    return { ...triple, children: [...(triple.children ?? []), seat] };
  }
}

export { BucketSupervisor };

/** @throws `badarg` */
export function checkBucketOptions(options: BucketOptions): void {
  const { bucket, partitions = 1 } = options;
  if (typeof bucket !== 'string' || bucket === '')
    throw new BadArgumentError('a bucket needs a name: { bucket: "Name" }');
  if (bucket.startsWith('$'))
    throw new BadArgumentError(`bucket ${bucket}: names that begin with $ are the cluster's own`);
  nameAtom(acceptorName(bucket, PARTITIONS_MAX));
  if (!Number.isInteger(partitions) || partitions < 1 || partitions > PARTITIONS_MAX) {
    throw new BadArgumentError(
      `bucket ${bucket}: partitions must be a whole number from 1 to ${PARTITIONS_MAX}, not ${String(partitions)}`,
    );
  }
}

function registeredAs(options: BucketOptions): { readonly name?: string } {
  if (options.name === null) return {};
  return { name: options.name ?? options.bucket };
}

export const Bucket: {
  /**
   * Starts a bucket, linked to the calling process. Rejects with `badarg` or a StartError (`already_started`; `start_failed` when no cluster runs
   * on this node, or the bucket was founded with another number of partitions).
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
