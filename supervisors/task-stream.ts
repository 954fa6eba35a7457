/**
 * Many tasks over a list of items, a bounded number at once. A process of its own starts them, keeps their deadlines, and ends them when its consumer ends
 * or stops asking. What is started but not yet taken by the consumer counts as running, so that a slow consumer is never flooded.
 */
import { availableParallelism } from 'node:os';
import { scheduler } from '../runtime/node/default.ts';
import { currentSelf } from '../runtime/process/context.ts';
import { isDown } from '../runtime/process/message.ts';
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { BadArgumentError } from '../runtime/errors.ts';
import { CallError } from './errors.ts';
import type { MaybePromise } from './gen-server-types.ts';
import { isResultOf, readOutcome, type TaskFunction, type TaskHandle, type TaskOutcome } from './task-result.ts';

export interface StreamOptions {
  /** Default: the number of processors. */
  readonly maxConcurrency?: number;
  /** Outcomes in the order of the items (default), or as they come. */
  readonly ordered?: boolean;
  /** How long one task may take; default 5000. */
  readonly timeoutMs?: number;
  /** What a task that takes longer does: `exit` ends the stream with an error (default), `killTask` gives `{ kind: 'exit', reason: timeout }`. */
  readonly onTimeout?: 'exit' | 'killTask';
}

interface RunOptions extends StreamOptions {
  readonly self?: Self;
  /** A task that fails ends the consumer's process, unless that traps exits. */
  readonly linked: boolean;
}

export type StartTask<Result> = (self: Self, fn: TaskFunction<Result>) => Promise<TaskHandle>;

interface Entry<Result> {
  readonly task: TaskHandle;
  readonly endsAt: number;
  outcome: TaskOutcome<Result> | null;
}

interface Waiting<Result> {
  resolve(result: TaskOutcome<Result> | null): void;
  reject(error: unknown): void;
}

const WAKE: Atom = nameAtom('$wake');
const STREAM_TIMEOUT_MS = 5000;

export async function* streamTasks<Item, Result>(
  items: Iterable<Item> | AsyncIterable<Item>,
  fn: (item: Item, self: Self) => MaybePromise<Result>,
  start: StartTask<Result>,
  options: RunOptions,
): AsyncGenerator<TaskOutcome<Result>, void, undefined> {
  const stream = new Stream(items, fn, start, options);
  stream.begin();
  try {
    for (;;) {
      const outcome = await stream.next();
      if (outcome === null) return;
      yield outcome;
    }
  } finally {
    stream.stop();
  }
}

class Stream<Item, Result> {
  readonly #fn: (item: Item, self: Self) => MaybePromise<Result>;
  readonly #start: StartTask<Result>;
  readonly #iterator: Iterator<Item> | AsyncIterator<Item>;
  readonly #maxConcurrency: number;
  readonly #ordered: boolean;
  readonly #timeoutMs: number;
  readonly #options: RunOptions;
  readonly #owner: Self | undefined;
  #process: Self | null = null;
  /** Started and not yet given to the consumer, in the order of the items. */
  #entries: Entry<Result>[] = [];
  #finished: Entry<Result>[] = [];
  readonly #items: Item[] = [];
  #pulling = false;
  #exhausted = false;
  #stopped = false;
  /** Its process is over: nothing is started or finished any more. */
  #over = false;
  #failure: { readonly error: unknown } | null = null;
  #consumer: Waiting<Result> | null = null;

  constructor(
    items: Iterable<Item> | AsyncIterable<Item>,
    fn: (item: Item, self: Self) => MaybePromise<Result>,
    start: StartTask<Result>,
    options: RunOptions,
  ) {
    const { maxConcurrency = availableParallelism(), ordered = true, timeoutMs = STREAM_TIMEOUT_MS } = options;
    if (!(maxConcurrency >= 1)) {
      throw new BadArgumentError(`Task.asyncStream: maxConcurrency must be at least 1, not ${maxConcurrency}`);
    }
    this.#fn = fn;
    this.#start = start;
    this.#iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
    this.#maxConcurrency = maxConcurrency;
    this.#ordered = ordered;
    this.#timeoutMs = timeoutMs;
    this.#options = options;
    this.#owner = options.self ?? currentSelf();
  }

  begin(): void {
    const run = (self: Self): Promise<void> => this.#run(self);
    const own = (this.#owner as Process | undefined)?.scheduler ?? scheduler();
    own.spawn(run, { trapExit: true });
  }

  /** The next outcome, null at the end. */
  next(): Promise<TaskOutcome<Result> | null> {
    return new Promise((resolve, reject) => {
      this.#consumer = { resolve, reject };
      if (this.#over) this.#deliver();
      else this.#wake();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#wake();
  }

  #wake(): void {
    const process = this.#process;
    if (process !== null && !this.#over) process.send(process.pid, WAKE);
  }

  async #run(self: Self): Promise<void> {
    this.#process = self;
    const owner = this.#owner === undefined ? null : isDown(self.monitor(this.#owner.pid));
    try {
      while (!this.#stopped) {
        await this.#startMore(self);
        this.#deliver();
        const message = await self.receive({ timeoutMs: this.#patience(self), otherwise: null });
        if (owner !== null && owner(message)) return;
        this.#take(self, message);
        this.#expire(self);
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#over = true;
      this.#deliver();
      for (const { task, outcome } of this.#entries) if (outcome === null) self.exit(task.pid, Exit.kill);
      await this.#iterator.return?.();
    }
  }

  #patience(self: Self): number {
    const now = nowOf(self);
    let endsAt = Infinity;
    for (const entry of this.#entries) if (entry.outcome === null) endsAt = Math.min(endsAt, entry.endsAt);
    return Math.max(0, endsAt - now);
  }

  /** Pulls items while there is room; of a slow source one at a time, without waiting for it. */
  async #startMore(self: Self): Promise<void> {
    while (!this.#exhausted && this.#failure === null && this.#entries.length < this.#maxConcurrency) {
      if (this.#items.length === 0) this.#pull();
      if (this.#items.length === 0) return;
      const item = this.#items.shift() as Item;
      const task = await this.#start(self, (own) => this.#fn(item, own));
      this.#entries.push({ task, endsAt: nowOf(self) + this.#timeoutMs, outcome: null });
    }
  }

  #pull(): void {
    if (this.#pulling) return;
    const next = this.#iterator.next();
    if (!(next instanceof Promise)) return this.#pulled(next);
    this.#pulling = true;
    const arrived = (fn: () => void): void => {
      this.#pulling = false;
      fn();
      this.#wake();
    };
    next.then(
      (found) => arrived(() => this.#pulled(found)),
      (error: unknown) => arrived(() => this.#fail(error)),
    );
  }

  #pulled(found: IteratorResult<Item>): void {
    if (found.done === true) this.#exhausted = true;
    else this.#items.push(found.value);
  }

  #take(self: Self, message: unknown): void {
    const entry = this.#entries.find(({ task, outcome }) => outcome === null && isResultOf(task.ref, message));
    if (entry === undefined) return;
    this.#finish(entry, readOutcome(entry.task, message as readonly unknown[]));
    const outcome = entry.outcome as TaskOutcome<Result> | null;
    if (outcome?.kind !== 'exit' || !this.#options.linked || this.#owner === undefined) return;
    self.exit(this.#owner.pid, outcome.reason);
  }

  #finish(entry: Entry<Result>, outcome: TaskOutcome<Result>): void {
    entry.outcome = outcome;
    this.#finished.push(entry);
  }

  #expire(self: Self): void {
    const now = nowOf(self);
    for (const entry of this.#entries) {
      if (entry.outcome !== null || entry.endsAt > now) continue;
      if (this.#options.onTimeout !== 'killTask') throw createStreamTimeout(this.#timeoutMs);
      self.demonitor(entry.task.ref, { flush: true });
      self.exit(entry.task.pid, Exit.kill);
      this.#finish(entry, { kind: 'exit', reason: Exit.timeout });
    }
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
  }

  #deliver(): void {
    const consumer = this.#consumer;
    if (consumer === null) return;
    const entry = this.#ordered ? this.#entries[0] : this.#finished[0];
    if (entry !== undefined && entry.outcome !== null) {
      this.#entries = this.#entries.filter((one) => one !== entry);
      this.#finished = this.#finished.filter((one) => one !== entry);
      this.#consumer = null;
      consumer.resolve(entry.outcome);
      this.#wake();
    } else if (this.#failure !== null) {
      this.#consumer = null;
      consumer.reject(this.#failure.error);
    } else if (this.#exhausted && this.#entries.length === 0) {
      this.#consumer = null;
      consumer.resolve(null);
    }
  }
}

function nowOf(self: Self): number {
  return (self as Process).scheduler.env.now();
}

function createStreamTimeout(timeoutMs: number): CallError {
  const reason = tuple2(Exit.timeout, tuple3(nameAtom('Task'), nameAtom('async_stream'), [timeoutMs]));
  return new CallError('timeout', Exit.timeout, reason, `a task of the stream took longer than ${timeoutMs} ms`);
}
