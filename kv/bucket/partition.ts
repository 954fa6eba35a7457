/**
 * The processes of one partition of a bucket: learner, acceptor and proposer under a supervisor that holds their table. Partitions of one
 * bucket live on different threads of the node, where there are some.
 */
import { realEnv, type Env } from '../../runtime/env.ts';
import { hasCode, QuorateError } from '../../runtime/errors.ts';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { Supervisor, type ChildSpec, type StartError, type SupervisorInit } from '../../supervisors/index.ts';
import { ClusterServer } from '../cluster/cluster-server.ts';
import { AcceptorServer } from './acceptor-server.ts';
import { askAtStart, clusterProcess } from './attach.ts';
import { LearnerServer } from './learner-server.ts';
import { ProposerServer } from './proposer-server.ts';
import { SWEEP_TIMES, type SweepTimes } from './sweep.ts';
import { createShared, type BucketShared, type PartitionOptions } from './table.ts';
import { acceptorName, learnerName, proposerName } from './view.ts';

export const INTENSITY: Pick<SupervisorInit, 'intensity' | 'periodMs'> = { intensity: 5, periodMs: 5000 };

/** A thread that died is replaced within this time; until then nothing can be started on it. */
const THREAD_WAIT_MS = 5000;
const THREAD_RETRY_MS = 50;
const NAME_WAIT_MS = 2000;

/** Learner, acceptor and proposer around one table. The supervisor that runs this holds it. */
export function tripleOf(shared: BucketShared): SupervisorInit {
  const { bucket, partition } = shared;
  const withHolder = (start: (self: Self) => Promise<Pid>) => (self: Self) => {
    shared.holderPid = self.pid;
    shared.ownerPid ??= self.pid;
    return start(self);
  };
  const children: ChildSpec[] = [
    {
      id: 'learner',
      start: withHolder((self) => LearnerServer.startLink(shared, { self, name: learnerName(bucket, partition) })),
    },
    {
      id: 'acceptor',
      start: withHolder((self) => AcceptorServer.startLink(shared, { self, name: acceptorName(bucket, partition) })),
    },
    {
      id: 'proposer',
      start: withHolder((self) => ProposerServer.startLink(shared, { self, name: proposerName(bucket, partition) })),
    },
  ];
  return { ...INTENSITY, strategy: 'oneForOne', children };
}

interface PartitionArgs extends PartitionOptions {
  readonly env?: Env;
}

class PartitionSupervisor extends Supervisor<PartitionArgs> {
  static readonly module: string = import.meta.url;
  static readonly exported: string = 'PartitionSupervisor';

  override init({ env = realEnv, ...options }: PartitionArgs): SupervisorInit {
    return tripleOf(createShared(options, env));
  }
}

export { PartitionSupervisor };

interface BucketSettings {
  readonly bucket: string;
  readonly env?: Env;
  readonly sweepTimes?: SweepTimes;
}

/** The partitions as children of the bucket's supervisor, which starts and ends them together. */
export function partitionSpecs(
  { bucket, env, sweepTimes = SWEEP_TIMES }: BucketSettings,
  partitions: number,
): ChildSpec[] {
  let boot = 0;
  return Array.from({ length: partitions }, (_, partition) => ({
    id: `partition ${partition}`,
    type: 'supervisor' as const,
    start: async (self: Self): Promise<Pid> => {
      if (partition === 0) boot = await takeBoot(self, bucket, partitions);
      const args: PartitionArgs = { bucket, partitions, partition, boot, ownerPid: self.pid, sweepTimes };
      if (env !== undefined && env !== realEnv) return PartitionSupervisor.startLink({ ...args, env }, { self });
      await waitForNames(self, bucket, partition);
      return startSomewhere(self, args);
    },
  }));
}

/** All tables of the boot before are gone when the first partition is started: the others ended with their supervisors. */
async function takeBoot(self: Self, bucket: string, partitions: number): Promise<number> {
  const server = clusterProcess(self, bucket);
  const request = { kind: 'bucketUp', bucket, partitions, boot: null, owner: self.pid } as const;
  const { boot } = await askAtStart(bucket, (timeoutMs) => ClusterServer.call(server, request, { self, timeoutMs }));
  return boot;
}

/** Processes of a partition outlive for a moment a supervisor that died with another thread. */
async function waitForNames(self: Self, bucket: string, partition: number): Promise<void> {
  for (const name of [acceptorName, proposerName, learnerName].map((of) => nameAtom(of(bucket, partition)))) {
    const pid = self.whereis(name);
    if (pid === undefined) continue;
    const ref = self.monitor(pid);
    await self.receive(isDown(ref), { timeoutMs: NAME_WAIT_MS, otherwise: null });
    self.demonitor(ref, { flush: true });
  }
}

/** On the next of the node's threads; a thread that just died is passed over, or waited for. */
async function startSomewhere(self: Self, args: PartitionArgs): Promise<Pid> {
  const until = realEnv.now() + THREAD_WAIT_MS;
  for (;;) {
    try {
      return await PartitionSupervisor.startLink(args, { self, thread: 'roundRobin' });
    } catch (error) {
      if (!isThreadGone(error) || realEnv.now() > until) throw error;
    }
    await new Promise<void>((resolve) => realEnv.setTimer(THREAD_RETRY_MS, resolve));
  }
}

function isThreadGone(error: unknown): boolean {
  if (error instanceof QuorateError && hasCode(error, 'thread_ended')) return true;
  const { reason } = error as StartError;
  return reason === Exit.noproc || reason === Exit.killed || reason === Exit.noconnection;
}
