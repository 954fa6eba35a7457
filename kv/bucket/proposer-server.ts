/**
 * The process `<bucket>.Proposer`: runs operations for callers on this node. A proposer that restarts has a new number, so none of its ballots
 * repeats; what it had running rejects.
 */
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import {
  GenServer,
  Next,
  type Call,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
  type RequestOf,
} from '../../supervisors/index.ts';
import { ClusterServer } from '../cluster/cluster-server.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';
import { dropLocal, keepLocal } from './local.ts';
import { ProposerEngine } from './proposer-engine.ts';
import { createOperationOf, outcomeTerm, type OperationRequest } from './requests.ts';
import type { BucketShared } from './table.ts';
import type { BucketView } from './view.ts';
import type { ViewCast } from './acceptor-server.ts';
import { readReplyTerm } from './wire.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);

export interface Readiness {
  /** A quorum of the bucket's members is connected. */
  readonly isReady: boolean;
  readonly waits: string | null;
}

export type ProposerCall =
  | Call<OperationRequest, readonly unknown[]>
  | Call<{ readonly kind: 'ready' }, Readiness>
  | Call<{ readonly kind: 'view' }, BucketView | null>;

export class ProposerServer extends GenServer<null, ProposerCall, ViewCast, unknown, BucketShared> {
  #engine!: ProposerEngine;
  #shared!: BucketShared;

  override async init(shared: BucketShared): Promise<InitResult<null>> {
    const { self } = this;
    this.#shared = shared;
    // A peer that does not read is lost after its tick time; until then it must not hold up the agreement of the others.
    self.setAsyncDist(true);
    this.#engine = new ProposerEngine(shared, self);
    const { bucket } = shared;
    const view = await ClusterServer.call(CLUSTER, { kind: 'watchBucket', bucket, pid: self.pid }, { self });
    this.#engine.onView(view);
    shared.proposer = this.#engine;
    keepLocal(self.nodeName, shared);
    self.signal.addEventListener('abort', () => {
      if (shared.proposer === this.#engine) {
        shared.proposer = null;
        dropLocal(self.nodeName, shared);
      }
      this.#engine.close();
    });
    return Next.ok(null);
  }

  override handleCall(
    request: RequestOf<ProposerCall>,
    from: From<readonly unknown[]>,
  ): CallResult<null, Readiness | BucketView | readonly unknown[] | null> {
    switch (request.kind) {
      case 'put':
      case 'get': {
        const { self } = this;
        const operation = createOperationOf(request, this.#shared.env.now(), (outcome) => {
          if (!self.signal.aborted) GenServer.reply(from, outcomeTerm(outcome), { self });
        });
        this.#engine.run(operation);
        return Next.noreply(null);
      }
      case 'ready':
        return Next.reply({ isReady: this.#engine.hasQuorum(), waits: this.#engine.view?.waits ?? null }, null);
      case 'view':
        return Next.reply(this.#engine.view, null);
    }
  }

  override handleCast(message: ViewCast): CastResult<null> {
    this.#engine.onView(message.view);
    return Next.noreply(null);
  }

  override handleInfo(message: unknown): CastResult<null> {
    const batch = readReplyTerm(message);
    if (batch !== null) this.#engine.onReplies(batch);
    return Next.noreply(null);
  }
}
