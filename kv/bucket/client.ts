/**
 * The way to a bucket from a thread that does not run it: one process per thread and partition, which sends what its thread asks for in a turn as
 * one message, and hands the outcomes out. It ends with the bucket's proposer; what that one may have done is `unknown` then, and the rest
 * `ended`. Deadlines are the proposer's; should its thread not answer at all, the caller's own clock ends the wait a little later.
 */
import type { TimerHandle } from '../../runtime/env.ts';
import { isDown } from '../../runtime/process/message.ts';
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { UNKNOWN } from '../paxos/decide.ts';
import {
  cancelTerm,
  isOutcomesTerm,
  pushRun,
  readOutcomes,
  runTerm,
  type OperationRequest,
  type Settle,
  type Settled,
} from './requests.ts';
import { withRoute, type Route } from './routes.ts';
import { acceptorName, learnerName, proposerName } from './view.ts';

/** How much longer than its deadline an operation waits for the thread of the proposer. */
const GRACE_MS = 1000;
const LOOK_MS = 250;
const ENDED: Settled = { kind: 'ended' };
const NEVER = (): void => undefined;
const NO_QUORUM: Settled = { kind: 'no_quorum' };

interface Waiting {
  readonly settle: Settle;
  readonly isRead: boolean;
  readonly untilMs: number;
}

/** Ends one operation; its outcome still comes. */
export type Cancel = () => void;

const clients: WeakMap<Scheduler, Map<string, StoreClient>> = new WeakMap();

/** Hands an operation to the proposer of this node that has its key; `ended` when there is none now. */
export function runElsewhere(
  scheduler: Scheduler,
  bucket: string,
  request: OperationRequest,
  isCancellable: boolean,
  settle: Settle,
): Cancel {
  let client: StoreClient | null = null;
  let id = 0;
  let isCancelled = false;
  withRoute(scheduler, bucket, request.key, (route) => {
    if (route === null || isCancelled) return settle(ENDED);
    client = clientOf(scheduler, bucket, route);
    id = client.run(request, isCancellable, settle);
  });
  if (!isCancellable) return NEVER;
  return () => {
    isCancelled = true;
    client?.cancel(id);
  };
}

/** Does this node run the bucket? Its processes are restarted one by one, so that one of them may be missing for a moment. */
export function isBucketHere(scheduler: Scheduler, bucket: string): boolean {
  const names = [proposerName(bucket), acceptorName(bucket), learnerName(bucket)];
  return names.some((name) => scheduler.whereis(name) !== undefined);
}

function clientOf(scheduler: Scheduler, bucket: string, { proposer, partition }: Route): StoreClient {
  let known = clients.get(scheduler);
  if (known === undefined) clients.set(scheduler, (known = new Map()));
  const at = proposerName(bucket, partition);
  let client = known.get(at);
  if (client === undefined || client.isClosed || !client.proposer.equals(proposer)) {
    client = new StoreClient(scheduler, proposer);
    known.set(at, client);
  }
  return client;
}

class StoreClient {
  readonly proposer: Pid;
  isClosed = false;
  readonly #scheduler: Scheduler;
  readonly #waiting: Map<number, Waiting> = new Map();
  #self: Self | null = null;
  #list: unknown[] = [];
  #cancelled: number[] = [];
  #isFlushing = false;
  #ids = 0;
  #sentIds = 0;
  #look: TimerHandle | null = null;

  constructor(scheduler: Scheduler, proposer: Pid) {
    this.#scheduler = scheduler;
    this.proposer = proposer;
    scheduler.spawn((self) => this.#live(self));
  }

  /** The operation's id. */
  run(request: OperationRequest, isCancellable: boolean, settle: Settle): number {
    const { env } = this.#scheduler;
    const id = ++this.#ids;
    const untilMs = env.now() + request.timeoutMs + GRACE_MS;
    this.#waiting.set(id, { settle, isRead: request.kind === 'get', untilMs });
    pushRun(this.#list, id, request, isCancellable);
    this.#armFlush();
    this.#look ??= env.setTimer(LOOK_MS, this.#onLook, true);
    return id;
  }

  cancel(id: number): void {
    if (!this.#waiting.has(id)) return;
    this.#cancelled.push(id);
    this.#armFlush();
  }

  #armFlush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#scheduler.env.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    const self = this.#self;
    if (self === null || this.isClosed) return;
    const [list, cancelled] = [this.#list, this.#cancelled];
    if (list.length > 0) {
      this.#list = [];
      this.#sentIds = this.#ids;
      self.send(this.proposer, runTerm(self.pid, list));
    }
    if (cancelled.length > 0) {
      this.#cancelled = [];
      self.send(this.proposer, cancelTerm(self.pid, cancelled));
    }
  };

  async #live(self: Self): Promise<void> {
    this.#self = self;
    self.signal.addEventListener('abort', () => this.#close());
    const isGone = isDown(self.monitor(this.proposer));
    this.#flush();
    for (;;) {
      const message = await self.receive();
      if (isOutcomesTerm(message)) readOutcomes(message[1], this.#settle);
      else if (isGone(message)) return this.#close();
    }
  }

  readonly #settle = (id: number, settled: Settled): void => {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.settle(settled);
  };

  /** The proposer's thread has not said a word long after it should have. */
  readonly #onLook = (): void => {
    this.#look = null;
    const now = this.#scheduler.env.now();
    for (const [id, { isRead, untilMs }] of this.#waiting) {
      if (now >= untilMs) this.#settle(id, isRead ? NO_QUORUM : UNKNOWN);
    }
    if (this.#waiting.size > 0) this.#look = this.#scheduler.env.setTimer(LOOK_MS, this.#onLook, true);
  };

  #close(): void {
    this.isClosed = true;
    this.#look?.cancel();
    for (const [id, { isRead }] of Array.from(this.#waiting)) {
      this.#settle(id, isRead || id > this.#sentIds ? ENDED : UNKNOWN);
    }
  }
}
