/** The proposer's side of `client.ts`: outcomes for one client go back as one message per turn, and what it cancels is cancelled. */
import type { Env } from '../../runtime/env.ts';
import type { Self } from '../../runtime/process/self.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Operation } from '../paxos/operation.ts';
import type { ProposerEngine } from './proposer-engine.ts';
import { createOperationOf, outcomesTerm, pushOutcome, readRuns, type Settle } from './requests.ts';

interface Outbox {
  readonly client: Pid;
  list: unknown[];
}

export class ClientService {
  readonly #engine: ProposerEngine;
  readonly #self: Self;
  readonly #env: Env;
  readonly #outboxes: Map<string, Outbox> = new Map();
  /** Operations that may be cancelled, by client and id; only those, since most are not. */
  readonly #cancellable: Map<string, Operation> = new Map();
  #isFlushing = false;

  constructor(engine: ProposerEngine, self: Self, env: Env) {
    this.#engine = engine;
    this.#self = self;
    this.#env = env;
  }

  onRun(client: Pid, list: readonly unknown[]): void {
    const now = this.#env.now();
    readRuns(list, (id, request, isCancellable) => {
      const withCell = request.kind === 'get' || request.kind === 'swap';
      const at = isCancellable ? placeOf(client, id) : null;
      const settle: Settle = (settled) => {
        if (at !== null) this.#cancellable.delete(at);
        // `ended` too, which is sent only by a proposer that lives: it has another part of the keys
        pushOutcome(this.#outboxOf(client).list, id, settled, withCell);
        this.#armFlush();
      };
      const operation = createOperationOf(request, now, settle);
      if (at !== null) this.#cancellable.set(at, operation);
      this.#engine.run(operation);
    });
  }

  onCancel(client: Pid, ids: readonly number[]): void {
    for (const id of ids) {
      const operation = this.#cancellable.get(placeOf(client, id));
      if (operation !== undefined) this.#engine.cancel(operation);
    }
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

function placeOf(client: Pid, id: number): string {
  return `${client.key} ${id}`;
}
