/** The proposer's side of `client.ts`: outcomes for one client go back as one message per turn. */
import type { Env } from '../../runtime/env.ts';
import type { Self } from '../../runtime/process/self.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { ProposerEngine } from './proposer-engine.ts';
import { createOperationOf, outcomesTerm, pushOutcome, readRuns } from './requests.ts';

interface Outbox {
  readonly client: Pid;
  list: unknown[];
}

export class ClientService {
  readonly #engine: ProposerEngine;
  readonly #self: Self;
  readonly #env: Env;
  readonly #outboxes: Map<string, Outbox> = new Map();
  #isFlushing = false;

  constructor(engine: ProposerEngine, self: Self, env: Env) {
    this.#engine = engine;
    this.#self = self;
    this.#env = env;
  }

  onRun(client: Pid, list: readonly unknown[]): void {
    const now = this.#env.now();
    readRuns(list, (id, request) => {
      const withCell = request.kind === 'get';
      const settle = (outcome: Parameters<typeof pushOutcome>[2]): void => {
        pushOutcome(this.#outboxOf(client).list, id, outcome, withCell);
        this.#armFlush();
      };
      this.#engine.run(createOperationOf(request, now, settle));
    });
  }

  #outboxOf(client: Pid): Outbox {
    const known = this.#outboxes.get(client.key);
    if (known !== undefined) return known;
    const outbox: Outbox = { client, list: [] };
    this.#outboxes.set(client.key, outbox);
    return outbox;
  }

  #armFlush(): void {
    if (this.#isFlushing) return;
    this.#isFlushing = true;
    this.#env.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#isFlushing = false;
    if (this.#self.signal.aborted) return;
    for (const { client, list } of this.#outboxes.values()) this.#self.send(client, outcomesTerm(list));
    this.#outboxes.clear();
  };
}
