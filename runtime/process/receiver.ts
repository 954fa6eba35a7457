/**
 * The mailbox of a process and its receive: selective, with a timeout, and without looking again at what was refused.
 *
 * A message that comes while the process waits is handed over directly, unless the thread's turn is used up: then it waits
 * in the mailbox for the next turn, so that processes that talk to each other cannot starve I/O.
 */
import { QuorateError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import { createDeadError } from './exit.ts';
import { assertReceiveOptions } from './assert-options.ts';
import { receiveHeld } from './hold.ts';
import type { Scheduler } from './scheduler.ts';
import type { Matcher, Predicate, ReceiveOptions, ReceiveOrOptions } from './self.ts';
import type { Timer } from './timers.ts';

interface Mail {
  readonly message: unknown;
  next: Mail | null;
}

interface AnyReceiveOptions {
  readonly timeoutMs?: number;
  readonly otherwise?: unknown;
}

const NOTHING: unique symbol = Symbol('nothing');

let captured: ((value: unknown) => void) | null = null;
const capture = (resolve: (value: unknown) => void): void => {
  captured = resolve;
};

/** What a wait resolves with to make `receive` reject. Promises that are adopted reject their adopter. */
function rejection(error: QuorateError): Promise<never> {
  return Promise.reject(error);
}

export abstract class Receiver {
  readonly scheduler: Scheduler;
  readonly pid: Pid;
  alive = true;
  /** Nodes that hold it back. */
  heldBy: Set<Atom> | null = null;

  mailFirst: Mail | null = null;
  mailLast: Mail | null = null;
  mailCount = 0;

  #wake: ((value: unknown) => void) | null = null;
  #match: Predicate | null = null;
  #deadline: Timer | null = null;
  /** In the next turn's queue, with messages that nobody has looked at yet. */
  #resuming = false;

  constructor(scheduler: Scheduler, pid: Pid) {
    this.scheduler = scheduler;
    this.pid = pid;
  }

  /** A message arrived. It must be the receiver's own: copied, decoded or immutable. */
  deliver(message: unknown): void {
    const wake = this.#wake;
    if (wake === null || this.#resuming || !this.#accepts(message)) {
      this.enqueue(message);
    } else if (this.scheduler.spendTurn()) {
      this.#settle();
      wake(message);
    } else {
      this.enqueue(message);
      this.#resumeLater();
    }
  }

  enqueue(message: unknown): void {
    const mail: Mail = { message, next: null };
    if (this.mailLast === null) this.mailFirst = mail;
    else this.mailLast.next = mail;
    this.mailLast = mail;
    this.mailCount += 1;
  }

  /** Its turn is over: what is in its mailbox is looked at in the next one. */
  #resumeLater(): void {
    if (this.#resuming) return;
    this.#resuming = true;
    this.scheduler.resumeNextTurn(this);
  }

  #accepts(message: unknown): boolean {
    const match = this.#match;
    if (match === null) return true;
    try {
      return match(message);
    } catch (thrown) {
      const wake = this.#wake;
      this.#settle();
      wake?.(Promise.reject(thrown));
      return false;
    }
  }

  /** Looks at the mailbox again, when its turn has come. */
  resume(): void {
    this.#resuming = false;
    const wake = this.#wake;
    if (wake === null || !this.alive) return;
    let message: unknown;
    try {
      message = this.#take(this.#match);
    } catch (thrown) {
      this.#settle();
      wake(Promise.reject(thrown));
      return;
    }
    if (message === NOTHING) return;
    this.#settle();
    wake(message);
  }

  #take(match: Predicate | null): unknown {
    let before: Mail | null = null;
    for (let mail = this.mailFirst; mail !== null; before = mail, mail = mail.next) {
      if (match !== null && !match(mail.message)) continue;
      if (before === null) this.mailFirst = mail.next;
      else before.next = mail.next;
      if (mail.next === null) this.mailLast = before;
      // A taken mail that has grown old would keep all that came after it from being collected early.
      mail.next = null;
      this.mailCount -= 1;
      return mail.message;
    }
    return NOTHING;
  }

  #settle(): void {
    this.#wake = null;
    this.#match = null;
    if (this.#deadline !== null) {
      this.scheduler.timers.drop(this.#deadline);
      this.#deadline = null;
    }
  }

  get waiting(): boolean {
    return this.#wake !== null;
  }

  /** The first message that `remove` accepts leaves the mailbox. */
  discardFirst(remove: Predicate): void {
    this.#take(remove);
  }

  /** Nothing reaches it any more; what it waits for never comes. */
  close(): void {
    this.#settle();
    this.mailFirst = null;
    this.mailLast = null;
    this.mailCount = 0;
  }

  receive<T>(
    first?: Matcher<T> | Predicate | ReceiveOptions | ReceiveOrOptions<unknown>,
    second?: ReceiveOptions | ReceiveOrOptions<unknown>,
  ): Promise<T> {
    if (!this.alive) throw createDeadError('receive');
    if (this.#wake !== null) throw createBusyError(this.pid);
    if (this.heldBy !== null)
      return receiveHeld(this, () => this.receive(first as Matcher<T>, second as ReceiveOptions));
    const match = typeof first === 'function' ? first : null;
    const options = (typeof first === 'function' ? second : first) as AnyReceiveOptions | undefined;
    if (options !== undefined) assertReceiveOptions(options);
    if (this.mailFirst !== null && this.scheduler.spendTurn()) {
      const message = this.#take(match);
      if (message !== NOTHING) return Promise.resolve(message) as Promise<T>;
    } else if (this.mailFirst !== null) {
      this.#resumeLater();
    }
    return this.#wait(match, options) as Promise<T>;
  }

  /**
   * As `receive(match, { timeoutMs, otherwise: null })` with `read` applied to what it resolves to, in one promise instead of two: what `read`
   * throws rejects. @internal
   */
  receiveRead<T>(match: Predicate, timeoutMs: number, read: (message: unknown) => T | Promise<T>): Promise<T> {
    const promise = this.receive(match, { timeoutMs, otherwise: null });
    const wake = this.#wake;
    if (wake === null) return promise.then(read);
    this.#wake = (message) => {
      try {
        wake(message instanceof Promise ? message : read(message));
      } catch (thrown) {
        wake(Promise.reject(thrown as Error));
      }
    };
    return promise as Promise<T>;
  }

  #wait(match: Predicate | null, options: AnyReceiveOptions | undefined): Promise<unknown> {
    const timeoutMs = options?.timeoutMs;
    const promise = new Promise(capture);
    this.#wake = captured;
    this.#match = match;
    if (timeoutMs !== undefined && timeoutMs !== Infinity) {
      this.#startDeadline(timeoutMs, options as AnyReceiveOptions);
    }
    return promise;
  }

  #startDeadline(timeoutMs: number, options: AnyReceiveOptions): void {
    const expire = (): void => {
      if (this.#resuming) this.resume();
      const wake = this.#wake;
      this.#settle();
      wake?.('otherwise' in options ? options.otherwise : rejection(createTimeoutError(this.pid, timeoutMs)));
    };
    if (timeoutMs === 0 && this.scheduler.spendTurn()) expire();
    else this.#deadline = this.scheduler.timers.add(timeoutMs, expire);
  }
}

function createTimeoutError(pid: Pid, timeoutMs: number): QuorateError {
  return new QuorateError('timeout', `receive in ${pid.toString()}: no matching message within ${timeoutMs} ms`, {
    details: { timeoutMs },
  });
}

function createBusyError(pid: Pid): QuorateError {
  return new QuorateError(
    'receive_pending',
    `receive in ${pid.toString()}: it waits in another receive already; a process takes one message at a time, so await each receive`,
  );
}
