/** Watching keys: what is chosen for them, as it happens. */
import { currentSelf } from '../../runtime/process/context.ts';
import type { Self } from '../../runtime/process/self.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { GapReason } from '../bucket/learner.ts';
import { createPrefix, type Selector } from '../bucket/selector.ts';
import { StoreError } from '../errors.ts';
import { encodeKey, type Checked } from '../key.ts';
import { readWatchOptions, type WatchOptions } from '../kv-options.ts';
import { onAbort, presentScheduler } from '../run-request.ts';
import { EventQueue } from './event-queue.ts';
import { endOfWatch, Watcher, type WatchPlan } from './watcher.ts';

export type WatchEvent<T = unknown> =
  /** The key has this value. `version` grows with every change of the key, also across erasure. */
  | { readonly kind: 'value'; readonly key: unknown; readonly value: T; readonly version: bigint }
  /** A lifetime of the key ended. */
  | { readonly kind: 'erased'; readonly key: unknown }
  /** Something may have been missed, of this key, or of any (without `key`). What is there now and was not told follows. */
  | { readonly kind: 'gap'; readonly reason: GapReason; readonly key?: unknown };

/**
 * The values of a key, or with `{ prefix }` of all keys that begin so, as an async iterator: at first what is there, then every change that is
 * chosen, per key in the order in which they were made. What may be missing is told by a `gap`, never hidden.
 *
 * A prefix is a string (of keys that are strings), or an array or a tuple of the first elements (of keys that are arrays, or tuples). A key that is
 * itself an object with the single field `prefix` or `key` is watched as `{ key: thatKey }`.
 *
 * It waits for a quorum when there is none; without one nothing is told. A change is told some milliseconds after it was chosen; when the hint of
 * that was lost, seconds after it. It ends (`done`) with `return()`, a `break` out of the loop, `signal`, or the end of the calling process; begun
 * and left alone, it goes on. A reader that does not keep up finds a gap (`overflow`) after `eventsMax` events, and costs no more memory than twice that.
 *
 * The first `next()` rejects with `invalid_value` or `no_node`; any rejects with `no_bucket` when this node does not run the bucket (any more).
 */
export function watch<T = unknown>(
  what: unknown,
  options: WatchOptions = {},
): AsyncIterableIterator<WatchEvent<T>, undefined> {
  return new Watch<T>(what, options);
}

class Watch<T> implements AsyncIterableIterator<WatchEvent<T>, undefined> {
  readonly #what: unknown;
  readonly #options: WatchOptions;
  readonly #caller: Self | undefined = currentSelf();
  #queue: EventQueue<WatchEvent> | null = null;
  #process: Self | null = null;

  constructor(what: unknown, options: WatchOptions) {
    this.#what = what;
    this.#options = options;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<WatchEvent<T>, undefined>> {
    try {
      this.#queue ??= this.#start();
    } catch (error) {
      this.#queue = new EventQueue(1);
      this.#queue.end();
      return Promise.reject(error as Error);
    }
    return this.#queue.take() as Promise<IteratorResult<WatchEvent<T>, undefined>>;
  }

  return(): Promise<IteratorResult<WatchEvent<T>, undefined>> {
    this.#queue ??= new EventQueue(1);
    this.#stop();
    return Promise.resolve({ done: true, value: undefined });
  }

  throw(error: unknown): Promise<IteratorResult<WatchEvent<T>, undefined>> {
    void this.return();
    return Promise.reject(error as Error);
  }

  #start(): EventQueue<WatchEvent> {
    const plan = readPlan(this.#what, this.#options);
    if (!plan.ok) throw new StoreError('invalid_value', 'not-applied', `watch: ${plan.path}: ${plan.message}`);
    const queue = new EventQueue<WatchEvent>(plan.value.eventsMax);
    const { signal } = this.#options;
    const at = presentScheduler();
    const stop = (): void => this.#stop();
    const ends = [signal, this.#caller?.signal].filter((one) => one !== undefined);
    if (ends.some(({ aborted }) => aborted)) {
      queue.end();
      return queue;
    }
    const unlisten = ends.map((one) => onAbort(one, stop));
    at.spawn(async (self) => {
      this.#process = self;
      self.signal.addEventListener('abort', () => {
        queue.end();
        for (const end of unlisten) end();
      });
      if (queue.isEnded) return;
      await new Watcher(at, self, plan.value, queue).run().catch((error: unknown) => queue.end(endOfWatch(error)));
    });
    return queue;
  }

  #stop(): void {
    this.#queue?.end();
    const self = this.#process;
    if (self !== null && !self.signal.aborted) self.exit(self.pid, Exit.kill);
  }
}

function readPlan(what: unknown, options: WatchOptions): Checked<WatchPlan> {
  const read = readWatchOptions(options);
  if (!read.ok) return read;
  const selector = readSelector(what);
  if (!selector.ok) return selector;
  const { bucket, eventsMax } = read.value;
  return { ok: true, value: { bucket, selector: selector.value, eventsMax } };
}

function readSelector(what: unknown): Checked<Selector> {
  if (isOnly(what, 'prefix')) return createPrefix(what['prefix'], 'prefix');
  const key = encodeKey(isOnly(what, 'key') ? what['key'] : what);
  return key.ok ? { ok: true, value: { kind: 'key', key: key.value } } : key;
}

/** A plain object with that field and no other. */
function isOnly(what: unknown, field: string): what is Readonly<Record<string, unknown>> {
  if (typeof what !== 'object' || what === null || Object.getPrototypeOf(what) !== Object.prototype) return false;
  const fields = Object.keys(what);
  return fields.length === 1 && fields[0] === field;
}
