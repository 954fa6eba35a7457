/**
 * The process `<bucket>.Proposer`: runs operations for callers on this node. A proposer that restarts has a new number, so none of its ballots
 * repeats; what it had running rejects.
 */
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
import { Attachment } from './attach.ts';
import { takeOrDrop } from './cast.ts';
import { ClientService } from './client-service.ts';
import { dropLocal, keepLocal } from './local.ts';
import { ProposerEngine } from './proposer-engine.ts';
import { isCancelTerm, isRunTerm } from './requests.ts';
import type { BucketShared } from './table.ts';
import type { BucketView } from './view.ts';
import type { ViewCast } from './acceptor-server.ts';
import { readReplyTerm } from './wire.ts';

export interface Readiness {
  /** A quorum of the bucket's members is connected. */
  readonly isReady: boolean;
  readonly partitions: number;
  readonly waits: string | null;
}

export type ProposerCall =
  Call<{ readonly kind: 'ready' }, Readiness> | Call<{ readonly kind: 'view' }, BucketView | null>;

export class ProposerServer extends GenServer<null, ProposerCall, ViewCast, unknown, BucketShared> {
  #engine!: ProposerEngine;
  #bucket = '';
  #partitions = 1;
  #clients!: ClientService;
  #attachment!: Attachment;

  override async init(shared: BucketShared): Promise<InitResult<null>> {
    const { self } = this;
    this.#bucket = shared.bucket;
    this.#partitions = shared.partitions;
    // A peer that does not read is lost after its tick time; until then it must not hold up the agreement of the others.
    self.setAsyncDist(true);
    this.#engine = new ProposerEngine(shared, self);
    this.#clients = new ClientService(this.#engine, self, shared.env);
    this.#attachment = new Attachment(self, shared.bucket);
    this.#engine.onView(await this.#attachment.attach());
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

  override handleCall(request: RequestOf<ProposerCall>, _from: From): CallResult<null, Readiness | BucketView | null> {
    switch (request.kind) {
      case 'ready':
        return Next.reply(
          {
            isReady: this.#engine.hasQuorum(),
            partitions: this.#partitions,
            waits: this.#engine.view?.waits ?? null,
          },
          null,
        );
      case 'view':
        return Next.reply(this.#engine.view, null);
    }
  }

  override handleCast(message: ViewCast): CastResult<null> {
    this.#engine.onView(message.view);
    return Next.noreply(null);
  }

  override handleInfo(message: unknown): CastResult<null> | Promise<CastResult<null>> {
    if (isRunTerm(message)) this.#clients.onRun(message[1], message[2]);
    else if (isCancelTerm(message)) this.#clients.onCancel(message[1], message[2]);
    else if (this.#attachment.isOurs(message)) return this.#attachAgain();
    else takeOrDrop(this.self, this.#bucket, () => this.#take(message));
    return Next.noreply(null);
  }

  #take(message: unknown): void {
    const batch = readReplyTerm(message, this.#engine.core.clock);
    if (batch !== null) this.#engine.onReplies(batch);
  }

  async #attachAgain(): Promise<CastResult<null>> {
    const view = await this.#attachment.attachAgain();
    if (view !== null) this.#engine.onView(view);
    return Next.noreply(null);
  }
}
