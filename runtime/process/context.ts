/**
 * Finding the calling process without being handed its `self`: one AsyncLocalStorage, entered once per process when it starts.
 * Nothing on the path of a message touches it. On Node 20 the first use of it slows every await of the thread; a node or a
 * process started with `implicitSelf: false` never turns it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import type { Self } from './self.ts';

const storage = new AsyncLocalStorage<Self>();

export function runAs<T>(self: Self, fn: (self: Self) => T): T {
  return storage.run(self, fn, self);
}

/** The process whose code runs now, if it was started with `implicitSelf`. */
export function currentSelf(): Self | undefined {
  return storage.getStore();
}

/** Whether a process's function goes on after it has returned. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function';
}
