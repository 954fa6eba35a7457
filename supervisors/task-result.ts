/** What a task gives its owner: a message `{Ref, Result}`, or the DOWN of the monitor with that reference. */
import type { Self } from '../runtime/process/self.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isRef, sameRef, type Ref } from '../runtime/term/ref.ts';
import { isTuple } from '../runtime/term/tuple.ts';
import { DOWN } from './atoms.ts';
import { describeDown } from './call.ts';
import type { MaybePromise } from './gen-server-types.ts';

/** Runs in the task's process. */
export type TaskFunction<Result> = (self: Self) => MaybePromise<Result>;

/** How a task ended. */
export type TaskOutcome<Result> =
  { readonly kind: 'ok'; readonly value: Result } | { readonly kind: 'exit'; readonly reason: unknown };

/** What is needed to know a task's messages. */
export interface TaskHandle {
  readonly pid: Pid;
  readonly ref: Ref;
}

/** Whether `message` is the result of the task with that reference, or its end. */
export function isResultOf(ref: Ref, message: unknown): message is readonly unknown[] {
  if (!isTuple(message)) return false;
  if (message.length === 2) return isRef(message[0]) && sameRef(message[0], ref);
  return message.length === 5 && message[0] === DOWN && isRef(message[1]) && sameRef(message[1], ref);
}

export function readOutcome<Result>(task: TaskHandle, message: readonly unknown[]): TaskOutcome<Result> {
  if (message.length === 2) return { kind: 'ok', value: message[1] as Result };
  return { kind: 'exit', reason: describeDown(message[4], task.pid).why };
}
