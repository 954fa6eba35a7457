/**
 * The process `<bucket>.Acceptor`: it votes. It gets its boot from the cluster's process, once per table: killed and restarted it goes on with
 * the table it had, and with a new boot when a step threw in it.
 */
import { QuorateError } from '../../runtime/errors.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
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
import { ClusterServer, type ClusterCall } from '../cluster/cluster-server.ts';
import { createAcceptor } from '../paxos/acceptor.ts';
import type { Incarnation } from '../paxos/messages.ts';
import { sameIncarnation } from '../paxos/quorum.ts';
import { AcceptorEngine } from './acceptor-engine.ts';
import { Attachment } from './attach.ts';
import { takeOrDrop } from './cast.ts';
import { readSnapshot, readSnapshotAsk } from './joining.ts';
import { partitionsRefusal } from './partitions.ts';
import { selectsOf, type Selector } from './selector.ts';
import type { BucketShared } from './table.ts';
import type { BucketView } from './view.ts';
import { readRequestTerm } from './wire.ts';
import { entryTerm } from './wire-fields.ts';

const SWEEP: Atom = nameAtom('$sweep');
const GEN_CAST: Atom = nameAtom('$gen_cast');
const SWEEP_MS = 2000;

/** `keys`: what this acceptor holds, without values, for `PaxosKV.keys`. */
export type AcceptorCall = Call<{ readonly kind: 'keys'; readonly selector: Selector | null }, readonly unknown[]>;

export interface ViewCast {
  readonly kind: 'view';
  readonly view: BucketView;
}

/** What a step left half done cannot be trusted: a new boot begins with an empty table. With several partitions that is one for all of them. */
function dropTable(shared: BucketShared, self: Self): void {
  const { table, holderPid } = shared;
  table.acceptor = null;
  table.isInStep = false;
  if (shared.boot === null || holderPid === null) return;
  self.exit(holderPid, Exit.kill);
  throw new QuorateError('table_lost', `bucket ${shared.bucket}: the table of partition ${shared.partition} is lost`);
}

export class AcceptorServer extends GenServer<null, AcceptorCall, ViewCast, unknown, BucketShared> {
  #engine!: AcceptorEngine;
  #bucket = '';
  #shared!: BucketShared;
  #attachment!: Attachment;

  override async init(shared: BucketShared): Promise<InitResult<null>> {
    const { self } = this;
    const { bucket, partitions, table } = shared;
    this.#bucket = bucket;
    this.#shared = shared;
    if (table.isInStep) dropTable(shared, self);
    // A peer that does not read is lost after its tick time; until then it must not hold up the agreement of the others.
    self.setAsyncDist(true);
    this.#attachment = new Attachment(self, bucket, async (server, caller) => {
      const boot = table.acceptor?.me.boot ?? shared.boot;
      const owner = shared.ownerPid ?? self.pid;
      const request: RequestOf<ClusterCall> = { kind: 'bucketUp', bucket, partitions, boot, owner };
      const me: Incarnation = await ClusterServer.call(server, request, caller);
      table.acceptor ??= createAcceptor(me, false);
      if (sameIncarnation(me, table.acceptor.me)) return;
      table.isInStep = true;
      throw new QuorateError(
        'boot_given_up',
        `bucket ${bucket}: this node's record is another one now, the table was of the one before`,
      );
    });
    const view = await this.#attachment.attach();
    if (table.acceptor === null) throw new Error(`bucket ${bucket} got no boot`);
    const refusal = partitionsRefusal(view.configs.at(-1) ?? null, partitions);
    if (refusal !== null) throw new QuorateError('partitions_differ', refusal);
    this.#engine = new AcceptorEngine(shared, self, table.acceptor);
    shared.acceptor = this.#engine;
    self.signal.addEventListener('abort', () => {
      if (shared.acceptor === this.#engine) shared.acceptor = null;
      this.#engine.close();
    });
    // Given up as soon as it is there, when the record was renewed since the boot was taken: that must not fail the start of the node.
    if (!this.#engine.onView(view)) self.send(self.pid, tuple2(GEN_CAST, { kind: 'view', view }));
    self.sendAfter(SWEEP_MS, self.pid, SWEEP);
    return Next.ok(null);
  }

  override handleCall({ selector }: RequestOf<AcceptorCall>, _from: From): CallResult<null, readonly unknown[]> {
    const entries: unknown[] = [];
    const selects = selector === null ? null : selectsOf(selector);
    for (const [key, entry] of this.#engine.acceptor.keys) {
      const { cell } = entry;
      if (cell === null || selects?.(key) === false) continue;
      const hist = cell.hist.slice(0, 1);
      entries.push(entryTerm(key, { ...entry, cell: { ...cell, value: null, bind: null, hist } }));
    }
    return Next.reply(entries, null);
  }

  override handleCast(message: ViewCast): CastResult<null> {
    return this.#onView(message.view);
  }

  /** A boot that is given up ends here: what it holds is not whole for anybody, and the supervisor's restart begins with an empty table. */
  #onView(view: BucketView): CastResult<null> {
    if (this.#engine.onView(view)) return Next.noreply(null);
    this.#shared.table.isInStep = true;
    return Next.stop(Exit.shutdown, null);
  }

  override handleInfo(message: unknown): CastResult<null> | Promise<CastResult<null>> {
    if (message === SWEEP) {
      this.#engine.sweep();
      this.self.sendAfter(SWEEP_MS, this.self.pid, SWEEP);
    } else if (this.#attachment.isOurs(message)) return this.#attachAgain();
    else takeOrDrop(this.self, this.#bucket, () => this.#take(message));
    return Next.noreply(null);
  }

  #take(message: unknown): void {
    const batch = readRequestTerm(message);
    if (batch !== null) return this.#engine.onRequests(batch);
    const ask = readSnapshotAsk(message);
    if (ask !== null) return this.#engine.onSnapshotRequest(ask);
    const page = readSnapshot(message, this.#engine.acceptor.clock);
    if (page !== null) this.#engine.onSnapshot(page);
    else this.#engine.onLifetimeMessage(message);
  }

  async #attachAgain(): Promise<CastResult<null>> {
    const view = await this.#attachment.attachAgain();
    if (view === null) return Next.noreply(null);
    this.#engine.tellActive();
    return this.#onView(view);
  }
}
