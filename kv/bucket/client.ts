/**
 * The way to a bucket from a thread that does not run it: one process per thread and partition, which sends what its thread asks for in a turn as
 * one message, and hands the outcomes out. It ends with the bucket's proposer; what was asked of that one rejects then.
 */
import { isDown } from '../../runtime/process/message.ts';
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { StoreError } from '../errors.ts';
import type { Outcome } from '../paxos/decide.ts';
import { isOutcomesTerm, pushRun, readOutcomes, runTerm, type OperationRequest, type Settle } from './requests.ts';
import { withRoute, type Route } from './routes.ts';
import { proposerName } from './view.ts';

interface Waiting {
  readonly settle: Settle;
  readonly fail: (error: Error) => void;
}

const clients: WeakMap<Scheduler, Map<string, StoreClient>> = new WeakMap();

/** Runs an operation through the proposer of this node's bucket. Rejects with `no_bucket`, or `unknown` when the proposer ends first. */
export function runElsewhere(scheduler: Scheduler, bucket: string, request: OperationRequest): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    withRoute(scheduler, bucket, request.key, (route) => {
      if (route === null) return reject(noBucket(bucket));
      clientOf(scheduler, bucket, route).run(request, { settle: resolve, fail: reject });
    });
  });
}

function clientOf(scheduler: Scheduler, bucket: string, { proposer, partition }: Route): StoreClient {
  let known = clients.get(scheduler);
  if (known === undefined) clients.set(scheduler, (known = new Map()));
  const at = proposerName(bucket, partition);
  let client = known.get(at);
  if (client === undefined || client.isClosed || !client.proposer.equals(proposer)) {
    client = new StoreClient(scheduler, bucket, proposer);
    known.set(at, client);
  }
  return client;
}

class StoreClient {
  readonly proposer: Pid;
  isClosed = false;
  readonly #bucket: string;
  readonly #scheduler: Scheduler;
  readonly #waiting: Map<number, Waiting> = new Map();
  #self: Self | null = null;
  #list: unknown[] = [];
  #isFlushing = false;
  #ids = 0;

  constructor(scheduler: Scheduler, bucket: string, proposer: Pid) {
    this.#scheduler = scheduler;
    this.#bucket = bucket;
    this.proposer = proposer;
    scheduler.spawn((self) => this.#live(self));
  }

  run(request: OperationRequest, waiting: Waiting): void {
    this.#ids += 1;
    this.#waiting.set(this.#ids, waiting);
    pushRun(this.#list, this.#ids, request);
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#scheduler.env.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    if (this.#self === null || this.isClosed || this.#list.length === 0) return;
    const list = this.#list;
    this.#list = [];
    this.#self.send(this.proposer, runTerm(this.#self.pid, list));
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

  readonly #settle = (id: number, outcome: Outcome): void => {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    waiting?.settle(outcome);
  };

  #close(): void {
    this.isClosed = true;
    for (const { fail } of this.#waiting.values()) {
      fail(new StoreError('unknown', 'unknown', `bucket ${this.#bucket}: its proposer ended before it had an answer`));
    }
    this.#waiting.clear();
  }
}

export function noBucket(bucket: string): StoreError {
  const message = `this node does not run bucket ${bucket}: start it with Bucket.startLink({ bucket: '${bucket}' })`;
  return new StoreError('no_bucket', 'not-applied', message);
}
