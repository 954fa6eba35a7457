/**
 * An acceptor at work inside its process: feeds requests to the pure steps and carries their effects out. Requests of the proposer on the same thread
 * are plain calls; those of other nodes come in batches and are answered in one batch each. It has the table only while it is the present
 * owner, and holds nothing itself that a restarted acceptor process would miss.
 */
import { QuorateError } from '../../runtime/errors.ts';
import { reasonOf } from '../../runtime/process/exit.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { stepAcceptor, type Acceptor, type AcceptorEffect } from '../paxos/acceptor.ts';
import { isZero } from '../paxos/ballot.ts';
import { sameIncarnation } from '../paxos/quorum.ts';
import { adopt, merge, sourcesOf, watchAll } from '../paxos/transfer.ts';
import type { Config, RegisterReply, RegisterRequest, Snapshot } from '../paxos/messages.ts';
import { hasMember, stepRefusal } from '../cluster/config.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';
import { castTo } from './cast.ts';
import { Joining, Snapshots, type SnapshotAsk } from './joining.ts';
import { Lifetimes } from './lifetime-watch.ts';
import { partitionsRefusal } from './partitions.ts';
import type { BucketShared } from './table.ts';
import { Upkeep } from './upkeep.ts';
import type { BucketView, ClusterCast } from './view.ts';
import { pushReply, readRequests, replyTerm, sealOf, type RequestBatch } from './wire.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);

const EFFECTS_KEPT = 64;

export class AcceptorEngine {
  readonly acceptor: Acceptor;
  readonly snapshots: Snapshots;
  readonly #shared: BucketShared;
  readonly #self: Self;
  readonly #lifetimes: Lifetimes;
  readonly #upkeep: Upkeep;
  readonly #effects: AcceptorEffect[] = [];
  /** How many of the effects are carried out; emptying the list each time would allocate it anew each time. */
  #carried = 0;
  #joining: Joining | null = null;
  #view: BucketView | null = null;
  #toldActive = -1;
  /** Of the requests that are meant for this incarnation; none before it knows its cluster. */
  #seal = -1;
  #localReply: RegisterReply | null = null;
  readonly #keepReply = (reply: RegisterReply): void => void (this.#localReply = reply);

  constructor(shared: BucketShared, self: Self, acceptor: Acceptor) {
    this.#shared = shared;
    this.#self = self;
    this.acceptor = acceptor;
    this.snapshots = new Snapshots(shared.bucket);
    this.#lifetimes = new Lifetimes(shared, self, acceptor);
    this.#upkeep = new Upkeep(shared, acceptor);
    shared.upkeep = this.#upkeep;
    shared.table.owner = self.pid;
    if (acceptor.config !== null) this.#seal = sealOf(acceptor.config.cluster, shared, acceptor.me);
    watchAll(acceptor, this.#effects);
    this.#carryOut(null);
    shared.learner?.gap('restarted');
    this.#joinAgain();
    this.#tellActive();
  }

  /** A request of the proposer on this thread; the reply, if it has one. A step that throws ends this acceptor, not the caller. */
  local(message: RegisterRequest): RegisterReply | null {
    this.#localReply = null;
    try {
      this.#step(message);
      this.#carryOut(this.#keepReply);
    } catch (error) {
      if (!this.#self.signal.aborted) this.#self.exit(this.#self.pid, reasonOf(error));
    }
    return this.#localReply;
  }

  /** A batch of another node's proposer: answered in one message. */
  onRequests(batch: RequestBatch): void {
    const list: unknown[] = [];
    if (batch.seal !== this.#seal) return this.#refuse(batch, list);
    readRequests(batch, this.acceptor.clock, (message) => {
      this.#step(message);
      this.#carryOut((reply) => pushReply(list, reply));
    });
    if (list.length === 0) return;
    const { place, e, clock } = this.acceptor;
    this.#self.send(batch.from, replyTerm(place, e, clock, list));
  }

  /** Sent to another incarnation, or to a member of another cluster, that had this name: nobody votes in its place. */
  #refuse(batch: RequestBatch, list: unknown[]): void {
    readRequests(batch, this.acceptor.clock, ({ kind, e, b }) => {
      if (kind !== 'chosen' && kind !== 'forget') pushReply(list, { kind: 'inactive', from: -1, e, b, clock: 0 });
    });
    if (list.length > 0) this.#self.send(batch.from, replyTerm(-1, batch.e, 0, list));
  }

  /** False: this boot has to be given up, and its table with it. */
  onView(view: BucketView): boolean {
    this.#view = view;
    if (this.#isGivenUp(view)) return false;
    if (partitionsRefusal(view.configs.at(-1) ?? null, this.#shared.partitions) !== null) return true;
    for (const config of view.configs) this.#adopt(config);
    this.#joining?.ask(this.#self, view, false);
    // those between are kept nowhere any more
    return this.acceptor.e >= (view.configs.at(-1)?.e ?? 0);
  }

  #isGivenUp({ me, renew }: BucketView): boolean {
    const { acceptor } = this;
    if (me === null || !sameIncarnation(me, acceptor.me) || renew === 'removed') return true;
    const isBlank = !acceptor.active && acceptor.sealed === null && acceptor.keys.size === 0 && isZero(acceptor.floor);
    return renew === 'hopeless' && isBlank;
  }

  /** A joiner asks for this acceptor's state: adopting its configuration seals it. */
  onSnapshotRequest({ from, config, page }: SnapshotAsk): void {
    const { config: known } = this.acceptor;
    if (known !== null && stepRefusal(known, config) === null) {
      this.#adopt(config);
      this.#cast({ kind: 'learned', bucket: this.#shared.bucket, config });
    }
    const term = this.snapshots.answer(this.acceptor, from, config, page);
    if (term !== null) this.#self.send(from, term);
  }

  onSnapshot(page: Snapshot): void {
    const joining = this.#joining;
    if (joining === null) return;
    joining.take(this.#self, page);
    this.#mergeWhenWhole(joining);
  }

  #mergeWhenWhole(joining: Joining): void {
    if (joining.states.length < joining.need) return;
    this.#joining = null;
    merge(this.acceptor, joining.states, joining.from, this.#effects);
    this.#carryOut(null);
    this.#shared.learner?.gap('merged');
    this.#tellActive();
  }

  /** Repeats what may have been lost: snapshots asked for, erases proposed. */
  sweep(): void {
    if (this.#view !== null) this.#joining?.ask(this.#self, this.#view, true);
    this.#lifetimes.sweep(this.#effects);
    this.#carryOut(null);
    this.#upkeep.sweep();
    this.snapshots.dropOld(this.#shared.env.now());
  }

  /** DOWN, nodedown and timers of lifetimes; true when the message was one. */
  onLifetimeMessage(message: unknown): boolean {
    const isOurs = this.#lifetimes.onMessage(message, this.#effects);
    if (isOurs) this.#carryOut(null);
    return isOurs;
  }

  close(): void {
    this.#lifetimes.close();
    this.#upkeep.close();
    if (this.#shared.upkeep === this.#upkeep) this.#shared.upkeep = null;
    if (this.#shared.table.owner === this.#self.pid) this.#shared.table.owner = null;
  }

  #adopt(config: Config): void {
    const { acceptor } = this;
    const adoption = adopt(acceptor, config);
    this.#seal = sealOf(config.cluster, this.#shared, acceptor.me);
    if (adoption.kind === 'known' || adoption.kind === 'lags') return;
    if (config.fresh === true) this.#lifetimes.clear();
    this.#joining = null;
    // what happens from now on until it votes (again), it does not hear of
    if (!acceptor.active || config.fresh === true) this.#shared.learner?.gap('merged');
    if (adoption.kind === 'merges') this.#join(config);
    this.#tellActive();
  }

  /** An acceptor process that was killed while it merged left a table that waits for it. */
  #joinAgain(): void {
    const { config, place, active } = this.acceptor;
    if (config === null || config.prev === null || place < 0 || active) return;
    this.#join(config);
  }

  /** Asks for what a merge needs; the own sealed state is part of it. */
  #join(config: Config): void {
    const { from, need } = sourcesOf(config);
    const joining = new Joining(this.#shared, config, from, need);
    const { me, sealed } = this.acceptor;
    if (sealed !== null && hasMember(from, me)) joining.states.push(sealed);
    this.#joining = joining;
    if (this.#view !== null) joining.ask(this.#self, this.#view, false);
    this.#mergeWhenWhole(joining);
  }

  #step(message: RegisterRequest): void {
    const { table } = this.#shared;
    if (table.owner !== this.#self.pid)
      throw new QuorateError('not_owner', 'the table of this bucket belongs to another acceptor process');
    if (table.isInStep) throw new QuorateError('not_whole', 'a step on the table of this bucket did not end');
    const { learner } = this.#shared;
    if (learner?.isWatched === true) learner.offered(message);
    table.isInStep = true;
    stepAcceptor(this.acceptor, message, this.#effects);
    table.isInStep = false;
  }

  #carryOut(reply: ((message: RegisterReply) => void) | null): void {
    const effects = this.#effects;
    while (this.#carried < effects.length) {
      const effect = effects[this.#carried++] as AcceptorEffect;
      switch (effect.kind) {
        case 'reply':
          reply?.(effect.message);
          break;
        case 'watch':
          this.#lifetimes.watch(effect.key, effect.cell, effects);
          break;
        case 'learned':
          this.#shared.learner?.learned(effect.key, effect.cell);
          this.#lifetimes.onKeyChanged(effect.key, effects);
          break;
        case 'forgotten':
          this.#shared.learner?.forgotten(effect.key);
          this.#lifetimes.onKeyChanged(effect.key, effects);
          break;
        case 'eraseSoon':
          this.#upkeep.eraseSoon(effect.key, effect.ver);
          break;
        case 'persist':
          effects.push(...effect.then); // only durable acceptors ask for it, and there are none yet
          break;
      }
    }
    if (effects.length < EFFECTS_KEPT) return;
    effects.length = 0;
    this.#carried = 0;
  }

  /** The cluster's process says in its Hello whether this bucket boot votes. */
  tellActive(): void {
    const { bucket, partition } = this.#shared;
    this.#cast({ kind: 'bucketActive', bucket, boot: this.acceptor.me.boot, partition, e: this.#activeIn() });
  }

  #tellActive(): void {
    if (this.#activeIn() === this.#toldActive) return;
    this.#toldActive = this.#activeIn();
    this.tellActive();
  }

  #activeIn(): number {
    return this.acceptor.active ? this.acceptor.e : 0;
  }

  #cast(message: ClusterCast): void {
    castTo(this.#self, CLUSTER, message);
  }
}
