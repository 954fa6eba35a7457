/**
 * A supervisor of tasks: they end with it, are never restarted, and a task that fails takes nobody with it unless it was started with `async`.
 *
 * ```ts
 * const tasks = await TaskSupervisor.startLink();
 * const task = await TaskSupervisor.asyncNolink(tasks, () => risky());
 * const outcome = await Task.yield(task); // { kind: 'ok', value } or { kind: 'exit', reason }
 * ```
 *
 * Source: Elixir 1.14, Task.Supervisor.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom } from '../runtime/term/atom.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { inProcess, requireCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec, ModuleStart, Shutdown } from './child-spec.ts';
import { DynamicSupervisor } from './dynamic-supervisor.ts';
import { SupervisorError } from './errors.ts';
import type { MaybePromise, ServerRef } from './gen-server-types.ts';
import { loadExport } from './load.ts';
import { runWaitingTask } from './task-process.ts';
import { streamTasks, type StreamOptions } from './task-stream.ts';
import type { TaskFunction, TaskOutcome } from './task-result.ts';
import { awaitable, type Task } from './task.ts';

export interface SupervisedTaskOptions extends CallerOptions {
  /** How the supervisor ends it; default 5000. */
  readonly shutdown?: Shutdown;
}

/** A function for a supervisor of the caller's thread; an exported one, called with the task's self and its args, for any. */
export type SupervisedFunction<Result> = TaskFunction<Result> | ModuleStart;

export class TaskSupervisor extends DynamicSupervisor {
  /** Starts a task linked to the supervisor and to the caller, which may await it. @throws SupervisorError (rejects) `max_children` */
  static async<Result>(
    supervisor: ServerRef,
    fn: SupervisedFunction<Result>,
    options: SupervisedTaskOptions = {},
  ): Promise<Task<Result>> {
    return startAwaited(requireCaller(options.self, 'TaskSupervisor.async'), supervisor, fn, true, options.shutdown);
  }

  /** As `async` without the link to the caller: a task that fails is an outcome, not the caller's end. */
  static asyncNolink<Result>(
    supervisor: ServerRef,
    fn: SupervisedFunction<Result>,
    options: SupervisedTaskOptions = {},
  ): Promise<Task<Result>> {
    const self = requireCaller(options.self, 'TaskSupervisor.asyncNolink');
    return startAwaited(self, supervisor, fn, false, options.shutdown);
  }

  /** Starts a task that nobody waits for. `restart`: default temporary. @throws SupervisorError (rejects) `max_children` */
  static startTask(
    supervisor: ServerRef,
    fn: SupervisedFunction<unknown>,
    options: SupervisedTaskOptions & Pick<ChildSpec, 'restart'> = {},
  ): Promise<Pid> {
    return inProcess(options.self, (self) =>
      startChildTask(self, supervisor, fn, null, options.shutdown, options.restart),
    );
  }

  /** The pids of its tasks. */
  static async children(supervisor: ServerRef, options?: CallerOptions): Promise<Pid[]> {
    const all = await DynamicSupervisor.whichChildren(supervisor, options);
    return all.flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** As `Task.asyncStream`, with supervised tasks; one that fails is an outcome. */
  static asyncStream<Item, Result>(
    supervisor: ServerRef,
    items: Iterable<Item> | AsyncIterable<Item>,
    fn: (item: Item, self: Self) => MaybePromise<Result>,
    options: StreamOptions & SupervisedTaskOptions = {},
  ): AsyncGenerator<TaskOutcome<Result>, void, undefined> {
    const start = (self: Self, run: TaskFunction<Result>): Promise<Task<Result>> =>
      startAwaited(self, supervisor, run, false, options.shutdown);
    return streamTasks(items, fn, start, { ...options, linked: false });
  }
}

async function startAwaited<Result>(
  self: Self,
  supervisor: ServerRef,
  fn: SupervisedFunction<Result>,
  link: boolean,
  shutdown: Shutdown | undefined,
): Promise<Task<Result>> {
  const pid = await startChildTask(self, supervisor, fn, self.pid, shutdown, undefined);
  if (link) self.link(pid);
  return awaitable(self, pid);
}

async function startChildTask(
  self: Self,
  supervisor: ServerRef,
  fn: SupervisedFunction<unknown>,
  owner: Pid | null,
  shutdown: Shutdown = 5000,
  restart: ChildSpec['restart'] = 'temporary',
): Promise<Pid> {
  const start: ChildSpec['start'] =
    typeof fn === 'function'
      ? (parent) => parent.spawnLink((own) => (owner === null ? fn(own) : runWaitingTask(own, owner, fn)))
      : { module: import.meta.url, exported: 'startLinkedTask', args: [fn, owner] };
  const pid = await DynamicSupervisor.startChild(supervisor, { id: 'Task', start, restart, shutdown }, { self });
  if (pid !== undefined) return pid;
  throw new SupervisorError('start_failed', 'the start of a task', nameAtom('ignore'));
}

/**
 * The start function of a supervised task, for a supervisor on another thread.
 *
 * @public
 */
export function startLinkedTask(self: Self, start: ModuleStart, owner: Pid | null): Pid {
  return self.spawnLink(async (own) => {
    const fn = await loadExport(start.module, start.exported);
    const run = (task: Self): unknown => fn(task, ...(start.args ?? []));
    if (owner === null) await run(own);
    else await runWaitingTask(own, owner, run);
  });
}
