/**
 * The worker threads of a node, owned by piscina: one long-lived task per thread. Knows which thread runs which task, ends threads, and says when one
 * is gone and why; putting a new one in its place is the node's decision.
 */
import { Piscina } from 'piscina';
import { QuorateError } from '../errors.ts';
import { nameAtom } from '../term/atom.ts';
import { Exit } from '../term/exit-reason.ts';
import { tuple } from '../term/tuple.ts';
import type { ThreadTask } from './control.ts';

export interface ThreadPoolOptions {
  readonly threads: number;
  /** The module that runs in each worker: a file URL. */
  readonly entry: string;
  /** Most that the JavaScript heap of a thread may grow to, in megabytes. */
  readonly memoryLimitMb?: number | undefined;
  /** A thread ended that nobody asked to stop. `reason` is the exit reason of its processes. */
  onLost(thread: number, reason: unknown, error: unknown): void;
}

interface Running {
  readonly abort: AbortController;
  readonly ended: Promise<never>;
  killed: boolean;
  stopping: boolean;
}

const THREAD_EXIT = nameAtom('thread_exit');

export class ThreadPool {
  readonly #piscina: Piscina;
  readonly #options: ThreadPoolOptions;
  readonly #running = new Map<number, Running>();

  constructor(options: ThreadPoolOptions) {
    this.#options = options;
    this.#piscina = new Piscina({
      filename: options.entry,
      minThreads: options.threads,
      maxThreads: options.threads,
      concurrentTasksPerWorker: 1,
      idleTimeout: Infinity,
      // The default lets an idle worker sleep in Atomics.wait, where its timers and ports stop.
      atomics: 'disabled',
      recordTiming: false,
      ...(options.memoryLimitMb === undefined
        ? {}
        : { resourceLimits: { maxOldGenerationSizeMb: options.memoryLimitMb } }),
    });
    this.#piscina.on('error', () => undefined);
  }

  start(task: ThreadTask): void {
    const { thread } = task;
    const abort = new AbortController();
    const transferList = [task.control, ...task.ports.map(([, port]) => port)];
    const run = this.#piscina.run(task, { signal: abort.signal, transferList }) as Promise<void>;
    const ended = run.then(
      () => Promise.reject(createEndedError(thread)),
      (error: unknown) => Promise.reject(createEndedError(thread, error)),
    );
    const running: Running = { abort, ended, killed: false, stopping: false };
    this.#running.set(thread, running);
    ended.catch((error: QuorateError) => {
      if (this.#running.get(thread) === running) this.#running.delete(thread);
      if (running.stopping) return;
      const cause = error.cause;
      this.#options.onLost(thread, running.killed ? Exit.killed : tuple(THREAD_EXIT, describeEnd(cause)), cause);
    });
  }

  /** Settles as `call` does, or rejects with `thread_ended` when the thread ends first. */
  call<T>(thread: number, call: Promise<T>): Promise<T> {
    const running = this.#running.get(thread);
    if (running === undefined) return Promise.reject(createEndedError(thread));
    return Promise.race([call, running.ended]);
  }

  /** Terminates a thread, whatever it is doing. Its processes exit `killed`. */
  kill(thread: number): void {
    const running = this.#running.get(thread);
    if (running === undefined) return;
    running.killed = true;
    running.abort.abort();
  }

  /** The end of this thread is asked for, not a loss. */
  expectEnd(thread: number): void {
    const running = this.#running.get(thread);
    if (running !== undefined) running.stopping = true;
  }

  async destroy(): Promise<void> {
    for (const thread of this.#running.keys()) this.expectEnd(thread);
    await this.#piscina.destroy();
  }
}

function createEndedError(thread: number, cause?: unknown): QuorateError {
  return new QuorateError('thread_ended', `thread ${thread} has ended`, { cause });
}

/** Why a thread ended, in a word or a line: an error's code or message. */
function describeEnd(cause: unknown): string {
  if (!(cause instanceof Error)) return cause === undefined ? 'its task returned' : String(cause);
  const code = (cause as { code?: unknown }).code;
  return typeof code === 'string' ? `${code}: ${cause.message}` : cause.message;
}
