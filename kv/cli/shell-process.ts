/**
 * The process that typed code runs in, so that `self()`, `receive()` and links work in a REPL as anywhere. When it is ended
 * - by an exit signal over a link that was made at the prompt - another takes its place, as the shell of the BEAM does.
 */
import { AsyncResource } from 'node:async_hooks';
import type { LocalNode, Self } from '../../runtime/index.ts';
import { hasCode } from '../../runtime/index.ts';

export class ShellProcess {
  readonly #node: LocalNode;
  readonly #onEnd: (reason: string) => void;
  #enter: ((fn: () => void) => void) | null = null;
  #stopped = false;

  constructor(node: LocalNode, onEnd: (reason: string) => void) {
    this.#node = node;
    this.#onEnd = onEnd;
  }

  /** Resolves when code can run in it. */
  start(): Promise<void> {
    return new Promise((resolve, reject) => {
      const live = (_self: Self): Promise<never> => {
        this.#enter = AsyncResource.bind((fn: () => void) => fn());
        resolve();
        return new Promise(() => {});
      };
      this.#node.run(live).catch((error: Error) => {
        reject(error);
        if (!this.#stopped && hasCode(error, 'exited')) this.#restart(error.message);
      });
    });
  }

  /** Calls `fn` as code of the process. */
  runInside(fn: () => void): void {
    if (this.#enter === null) throw new Error('the shell process has not started');
    this.#enter(fn);
  }

  /** To be called before the node stops. */
  stop(): void {
    this.#stopped = true;
  }

  #restart(reason: string): void {
    this.#onEnd(reason);
    // It can only fail when the node is about to stop, and then there is nobody left to tell.
    this.start().catch(() => {});
  }
}
