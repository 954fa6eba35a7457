/**
 * Work that would hold up a thread's processes, on threads of its own: the BEAM's dirty schedulers. The pool is made at the first call; a
 * call that is aborted, or whose process ended, is taken out of the queue, or its thread is terminated and replaced.
 */
import { availableParallelism } from 'node:os';
import { Piscina } from 'piscina';
import { QuorateError } from '../errors.ts';
import { createNoThreadsError, type OffloadWork } from '../process/outside.ts';
import type { ThreadHost } from '../thread/host.ts';
import type { OffloadAnswer } from '../thread/offload-answer.ts';
import type { OffloadTask } from './offload-entry.ts';
import type { Threads } from './threads.ts';

export interface OffloadingOptions {
  /** Most threads; default: one less than the machine has cores, at least one. */
  readonly threads?: number;
  readonly resolveFrom: string;
}

/** An idle thread ends after this time. */
const IDLE_MS = 10_000;

export class Offloading {
  readonly #options: OffloadingOptions;
  #pool: Piscina | null = null;

  constructor(options: OffloadingOptions) {
    this.#options = options;
  }

  /** @throws (rejects) `aborted`, `thread_ended` when the thread died of the work (out of memory, `process.exit`) */
  async run(work: OffloadWork, signal: AbortSignal): Promise<OffloadAnswer> {
    if (signal.aborted) throw createAbortedError(work, signal);
    const task: OffloadTask = { ...work, resolveFrom: this.#options.resolveFrom };
    try {
      return (await this.#open().run(task, { signal })) as OffloadAnswer;
    } catch (error) {
      if (signal.aborted) throw createAbortedError(work, signal);
      const why = error instanceof Error ? error.message : String(error);
      throw new QuorateError('thread_ended', `offload of ${work.module} ${work.exported}: its thread ended: ${why}`, {
        cause: error,
      });
    }
  }

  async close(): Promise<void> {
    await this.#pool?.destroy();
    this.#pool = null;
  }

  #open(): Piscina {
    if (this.#pool !== null) return this.#pool;
    this.#pool = new Piscina({
      filename: new URL('./offload-entry.js', import.meta.url).href,
      name: 'runOffloaded',
      minThreads: 0,
      maxThreads: this.#options.threads ?? Math.max(1, availableParallelism() - 1),
      concurrentTasksPerWorker: 1,
      idleTimeout: IDLE_MS,
      atomics: 'disabled',
      recordTiming: false,
    });
    this.#pool.on('error', () => undefined);
    return this.#pool;
  }
}

function createAbortedError(work: OffloadWork, signal: AbortSignal): QuorateError {
  return new QuorateError('aborted', `offload of ${work.module} ${work.exported}: it was aborted`, {
    cause: signal.reason,
  });
}

/** What the thread that started the node does for all threads. */
export function createHost(threads: Threads | null, offloading: Offloading): ThreadHost {
  return {
    isolate: async (memoryLimitMb) => {
      if (threads === null) throw createNoThreadsError('spawn with isolated: true');
      return threads.isolate(memoryLimitMb);
    },
    enforceKill: (pid) => threads?.enforceKill(pid),
    offload: (work, signal) => offloading.run(work, signal),
  };
}
