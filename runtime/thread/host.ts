/**
 * What only the thread that started the node can do, for all its threads: start a thread for a process, terminate one, run offloaded work.
 * Other threads ask it through the mesh.
 */
import type { OffloadWork } from '../process/outside.ts';
import type { Pid } from '../term/pid.ts';
import type { OffloadAnswer } from './offload-answer.ts';

export interface ThreadHost {
  /** @throws (rejects) `system_limit`, `thread_ended`, `notsup` */
  isolate(memoryLimitMb: number | undefined): Promise<number>;
  /** Somebody has sent `kill` to a process of an isolated thread: if it does not end by itself in no time, its thread is terminated. */
  enforceKill(pid: Pid): void;
  /** @throws (rejects) `aborted`, `thread_ended` */
  offload(work: OffloadWork, signal: AbortSignal): Promise<OffloadAnswer>;
}
