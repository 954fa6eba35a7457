/**
 * One-shot work in a process of its own, whose result comes back.
 *
 * ```ts
 * const task = Task.async(() => fetchPrice('tea'));
 * const price = await Task.await(task);
 * ```
 *
 * A task is linked to the process that started it, its owner, and only the owner can await it. The result is a message `{Ref, Result}`, which
 * `Task.await` takes from the mailbox: a server that starts tasks sees it in `handleInfo` instead (`Task.readResult`). After a timeout or a shutdown no late
 * result arrives.
 *
 * Source: Elixir 1.14, Task.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { samePid, type Pid } from '../runtime/term/pid.ts';
import type { Ref } from '../runtime/term/ref.ts';
import { tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { isDown } from '../runtime/process/message.ts';
import { timeoutTerm } from './call.ts';
import { requireCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec, ModuleStart } from './child-spec.ts';
import { CallError } from './errors.ts';
import type { MaybePromise } from './gen-server-types.ts';
import { sendGo, startPlacedTask } from './task-process.ts';
import { isResultOf, readOutcome, type TaskFunction, type TaskHandle, type TaskOutcome } from './task-result.ts';
import { streamTasks, type StreamOptions } from './task-stream.ts';
import { scheduler } from '../runtime/node/default.ts';
import { currentSelf } from '../runtime/process/context.ts';

export interface TaskOptions extends CallerOptions {
  /** How long to wait in all; default 5000, Infinity for ever. */
  readonly timeoutMs?: number;
}

const TASK_TIMEOUT_MS = 5000;
const TASK: Atom = nameAtom('Task');

export class Task<Result = unknown> implements TaskHandle {
  readonly pid: Pid;
  /** The first element of its result's message. */
  readonly ref: Ref;
  readonly owner: Pid;
  /** @internal names the result for inference; nothing at run time */
  declare readonly '~result'?: Result;

  /** @internal use `Task.async` */
  constructor(pid: Pid, ref: Ref, owner: Pid) {
    this.pid = pid;
    this.ref = ref;
    this.owner = owner;
  }

  /** Starts `fn` in a process linked to the caller, on its thread. @throws `badarg` outside of a process */
  static async<Result>(fn: TaskFunction<Result>, options?: CallerOptions): Task<Result> {
    return startTask(requireCaller(options?.self, 'Task.async'), fn, true);
  }

  /** As `async`, for an exported function, called with the task's self and `args`, on any thread. */
  static async asyncPlaced(
    start: ModuleStart,
    options: CallerOptions & { readonly thread?: number } = {},
  ): Promise<Task> {
    const self = requireCaller(options.self, 'Task.asyncPlaced');
    const where = options.thread === undefined ? {} : { thread: options.thread };
    return awaitable(self, await startPlacedTask(self, start, { ...where, link: true }));
  }

  /**
   * The result of a task of this process.
   *
   * @throws CallError (rejects): `timeout` (the task is not ended, its result is dropped), `exit`, `noconnection`. A task that ended also ends its
   * owner through the link, unless that traps exits.
   */
  static async await<Result>(task: Task<Result>, options: TaskOptions = {}): Promise<Result> {
    const { timeoutMs = TASK_TIMEOUT_MS } = options;
    const self = ownerOf(task, options.self, 'Task.await');
    const outcome = (await receiveOutcome(self, task, timeoutMs)) ?? (await giveUp(self, task));
    if (outcome?.kind === 'ok') return outcome.value;
    throw createTaskError('await', task, outcome?.reason, timeoutMs);
  }

  /** The results in the order of the tasks; all must come within `timeoutMs`. @throws CallError (rejects) */
  static async awaitMany<Results extends readonly unknown[]>(
    tasks: { readonly [K in keyof Results]: Task<Results[K]> },
    options: TaskOptions = {},
  ): Promise<Results> {
    const results: unknown[] = [];
    const left = countdown(options.timeoutMs ?? TASK_TIMEOUT_MS);
    for (const task of tasks as readonly Task[]) {
      results.push(await Task.await(task, { ...options, timeoutMs: left() }));
    }
    return results as unknown as Results;
  }

  /** How the task ended, or undefined after `timeoutMs`; it goes on and can be asked for again. */
  static yield<Result>(task: Task<Result>, options: TaskOptions = {}): Promise<TaskOutcome<Result> | undefined> {
    const self = ownerOf(task, options.self, 'Task.yield');
    return receiveOutcome(self, task, options.timeoutMs ?? TASK_TIMEOUT_MS);
  }

  /** As `yield` for several within one `timeoutMs`. */
  static async yieldMany<Result>(
    tasks: readonly Task<Result>[],
    options: TaskOptions = {},
  ): Promise<(TaskOutcome<Result> | undefined)[]> {
    const outcomes: (TaskOutcome<Result> | undefined)[] = [];
    const left = countdown(options.timeoutMs ?? TASK_TIMEOUT_MS);
    for (const task of tasks) outcomes.push(await Task.yield(task, { ...options, timeoutMs: left() }));
    return outcomes;
  }

  /**
   * Unlinks the task and ends it: told to shut down and killed after `timeoutMs`, or killed at once. Resolves when it is gone, to its result if it had
   * one, to its reason if it ended otherwise, else to undefined.
   */
  static async shutdown<Result>(
    task: Task<Result>,
    shutdown: number | 'infinity' | 'brutalKill' = TASK_TIMEOUT_MS,
    options?: CallerOptions,
  ): Promise<TaskOutcome<Result> | undefined> {
    const self = ownerOf(task, options?.self, 'Task.shutdown');
    self.unlink(task.pid);
    const isGone = isDown(self.monitor(task.pid));
    self.exit(task.pid, shutdown === 'brutalKill' ? Exit.kill : Exit.shutdown);
    const timeoutMs = typeof shutdown === 'number' ? shutdown : Infinity;
    if ((await self.receive(isGone, { timeoutMs, otherwise: null })) === null) {
      self.exit(task.pid, Exit.kill);
      await self.receive(isGone);
    }
    const outcome = await receiveOutcome(self, task, 0);
    self.demonitor(task.ref, { flush: true });
    if (outcome?.kind === 'exit' && (outcome.reason === Exit.shutdown || outcome.reason === Exit.killed))
      return undefined;
    return outcome;
  }

  /** Lets a task go on without its owner: unlinked, its result dropped. */
  static ignore(task: Task, options?: CallerOptions): void {
    const self = ownerOf(task, options?.self, 'Task.ignore');
    self.unlink(task.pid);
    self.demonitor(task.ref, { flush: true });
  }

  /** How a task ended, if that is what `message` says: for servers, in `handleInfo`. */
  static readResult<Result>(task: Task<Result>, message: unknown): TaskOutcome<Result> | undefined {
    return isResultOf(task.ref, message) ? readOutcome(task, message) : undefined;
  }

  /** Starts work that nobody waits for. */
  static start(fn: TaskFunction<unknown>, options?: CallerOptions): Pid {
    const self = options?.self ?? currentSelf();
    return self === undefined ? scheduler().spawn(fn) : self.spawn(fn);
  }

  /** As `start`, linked to the caller: what a supervisor's start function returns. */
  static startLink(fn: TaskFunction<unknown>, options?: CallerOptions): Pid {
    return requireCaller(options?.self, 'Task.startLink').spawnLink(fn);
  }

  /** The spec of a task as a child: temporary unless `spec` says otherwise. */
  static childSpec(fn: TaskFunction<unknown>, spec: Partial<ChildSpec> = {}): ChildSpec {
    return { id: 'Task', start: (self) => self.spawnLink(fn), restart: 'temporary', ...spec };
  }

  /**
   * Runs `fn` for each item in a process of its own, at most `maxConcurrency` at once, and gives the outcomes as they are asked for. Nothing
   * starts before the first is asked for; when the loop is left early, what runs is killed. Works outside of any process too.
   */
  static asyncStream<Item, Result>(
    items: Iterable<Item> | AsyncIterable<Item>,
    fn: (item: Item, self: Self) => MaybePromise<Result>,
    options: StreamOptions & CallerOptions = {},
  ): AsyncGenerator<TaskOutcome<Result>, void, undefined> {
    const start = (self: Self, run: TaskFunction<Result>): Promise<Task<Result>> =>
      Promise.resolve(startTask(self, run, true));
    return streamTasks(items, fn, start, { ...options, linked: true });
  }
}

/** @internal a task of `self` on its thread */
export function startTask<Result>(self: Self, fn: TaskFunction<Result>, link: boolean): Task<Result> {
  // The process begins when this code has finished: by then the reference is there.
  const pid = self.spawn(async (own) => reply(own, ref, await fn(own)), { link });
  const ref: Ref = self.monitor(pid, { alias: 'replyDemonitor' });
  return new Task<Result>(pid, ref, self.pid);
}

function reply(own: Self, ref: Ref, result: unknown): void {
  own.send(ref, tuple2(ref, result));
}

/** @internal the task that waits in `pid` for its owner to say where its result is to go */
export function awaitable<Result>(self: Self, pid: Pid): Task<Result> {
  const ref = self.monitor(pid, { alias: 'replyDemonitor' });
  sendGo(self, pid, ref);
  return new Task<Result>(pid, ref, self.pid);
}

function ownerOf(task: Task, given: Self | undefined, what: string): Self {
  const self = requireCaller(given, what);
  if (samePid(self.pid, task.owner)) return self;
  throw new BadArgumentError(
    `${what}: the task is of ${task.owner.toString()}, which alone gets its result, not of ${self.pid.toString()}`,
  );
}

async function receiveOutcome<Result>(
  self: Self,
  task: Task<Result>,
  timeoutMs: number,
): Promise<TaskOutcome<Result> | undefined> {
  const isResult = (message: unknown): message is readonly unknown[] => isResultOf(task.ref, message);
  const message = await self.receive(isResult, { timeoutMs, otherwise: null });
  return message === null ? undefined : readOutcome(task, message);
}

/** The time is up. A result that came between the deadline and the end of the alias still counts. */
async function giveUp<Result>(self: Self, task: Task<Result>): Promise<TaskOutcome<Result> | undefined> {
  self.demonitor(task.ref, { flush: true });
  return receiveOutcome(self, task, 0);
}

/** `{Why, {Task, Function, [Pid, Timeout]}}`; `why` undefined: the time is up. */
function createTaskError(fn: string, task: Task, why: unknown, timeoutMs: number): CallError {
  const timedOut = why === undefined;
  const found = timedOut ? Exit.timeout : why;
  const reason = tuple2(found, tuple3(TASK, nameAtom(fn), [task.pid, timeoutTerm(timeoutMs)]));
  const limit = timedOut ? ` within ${timeoutMs} ms` : '';
  const message = `${fn} of the task ${task.pid.toString()} got no result${limit}: ${describeTerm(found)}`;
  return new CallError(timedOut ? 'timeout' : 'exit', found, reason, message);
}

/** What is left of so many milliseconds, each time it is asked. */
function countdown(timeoutMs: number): () => number {
  const { env } = (currentSelf() as Process | undefined)?.scheduler ?? scheduler();
  const endsAt = env.now() + timeoutMs;
  return () => Math.max(0, endsAt - env.now());
}
