/**
 * A proposer at work inside its process: runs any number of operations at a time through the pure steps, with one timer for all of them. What
 * goes to one member in a turn goes as one message; the acceptor on the same thread is called directly.
 *
 * An operation is answered exactly once. When the process ends, operations that are still running are `unknown` if their change was sent,
 * since it may have been accepted, and `ended` if not.
 */
import type { TimerHandle } from '../../runtime/env.ts';
import { reasonOf } from '../../runtime/process/exit.ts';
import type { RemoteName, Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';
import { sameIncarnation } from '../paxos/quorum.ts';
import type { Operation } from '../paxos/operation.ts';
import {
  cancelOperation,
  createProposer,
  startOperation,
  stepClock,
  stepConfig,
  stepConnected,
  stepReply,
  stepTime,
} from '../paxos/proposer.ts';
import { UNKNOWN } from '../paxos/decide.ts';
import type { Proposer, ProposerEffect } from '../paxos/proposer-state.ts';
import type { Chosen, Config, Forget, Key, RegisterReply, RegisterRequest } from '../paxos/messages.ts';
import { castTo } from './cast.ts';
import { ChangeQueue } from './change-queue.ts';
import { Forgetting } from './forgetting.ts';
import { partitionOf, partitionsRefusal } from './partitions.ts';
import type { Settle, Settled } from './requests.ts';
import type { BucketShared } from './table.ts';
import { acceptorName, type BucketView } from './view.ts';
import { pushRequest, readReplies, requestTerm, sealOf, type ReplyBatch } from './wire.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
const TICK_MS = 2;
const EFFECTS_KEPT = 64;
/** Nothing was done: the successor of this proposer may be asked. */
const ENDED: Settled = { kind: 'ended' };
const NOT_DONE: Settled = { kind: 'no_quorum' };

/** What is to go to one member. */
interface Outbox {
  readonly to: RemoteName;
  readonly seal: number;
  list: unknown[];
  /** Hints wait for company, at most until the next tick. */
  isUrgent: boolean;
}

export class ProposerEngine {
  readonly core: Proposer;
  readonly #shared: BucketShared;
  readonly #self: Self;
  readonly #effects: ProposerEffect[] = [];
  /** How many of the effects are carried out; emptying the list each time would allocate it anew each time. */
  #carried = 0;
  readonly #changes: ChangeQueue = new ChangeQueue();
  #isPumping = false;
  #nowMs = 0;
  #outboxes: (Outbox | null)[] = [];
  #ownPlace = -1;
  #flushArmed = false;
  #tick: TimerHandle | null = null;
  #isClosed = false;
  view: BucketView | null = null;
  readonly #forgetting: Forgetting;

  constructor(shared: BucketShared, self: Self) {
    this.#shared = shared;
    this.#self = self;
    const { env } = shared;
    this.#forgetting = new Forgetting(env, (messages) => this.#forget(messages));
    this.core = createProposer(Math.floor(env.random() * 2 ** 53));
  }

  /** Starts an operation, whose tag gets its outcome. */
  run(operation: Operation): void {
    if (this.#isClosed || !this.#isOurs(operation.key)) return this.#settle(operation, ENDED);
    if (operation.kind === 'change' && !this.#changes.enter(operation)) return this.#armTick();
    this.#takeClock();
    startOperation(this.core, operation, this.#look(), this.#effects);
    this.#pump();
  }

  /** A caller who was told of another number of partitions, before the bucket was stopped and started, asks again. */
  #isOurs(key: Key): boolean {
    const { partition, partitions } = this.#shared;
    return partitionOf(key, partitions) === partition;
  }

  /** The caller gives up. */
  cancel(operation: Operation): void {
    if (this.#changes.remove(operation)) return this.#settle(operation, NOT_DONE);
    cancelOperation(this.core, operation, this.#effects);
    this.#pump();
  }

  onReplies(batch: ReplyBatch): void {
    const now = this.#look();
    stepClock(this.core, batch.clock);
    readReplies(batch, this.core.running, (reply) => {
      stepReply(this.core, reply, now, this.#effects);
      this.#pump();
    });
  }

  onView(view: BucketView): void {
    this.view = view;
    const config = view.configs.at(-1) ?? null;
    if (config === null) return;
    const refusal = partitionsRefusal(config, this.#shared.partitions);
    // whoever counts the partitions otherwise would look for a key in another one's registers
    if (refusal !== null) return castTo(this.#self, CLUSTER, { kind: 'misunderstood', text: refusal });
    // after a restart of the cluster's process the view may come before this node's boot is known to it
    this.#ownPlace = config.M.findIndex((m) => view.me !== null && sameIncarnation(m, view.me));
    const connected = maskOf(config, view);
    const now = this.#look();
    if (config.e !== this.core.config?.e) {
      this.#flush();
      this.#address(config);
      stepConfig(this.core, config, connected, now, this.#effects);
    } else {
      for (let place = 0; place < config.M.length; place++) {
        const is = (connected & (1 << place)) !== 0;
        const was = (this.core.connected & (1 << place)) !== 0;
        if (is !== was) stepConnected(this.core, place, is, now, this.#effects);
      }
    }
    this.#pump();
  }

  /** Is every member of the bucket connected? Only then can anything be forgotten. */
  isWhole(): boolean {
    const { config, connected } = this.core;
    return config !== null && connected === (1 << config.M.length) - 1;
  }

  /** Are enough members connected for anything to be decided? */
  hasQuorum(): boolean {
    const { config, connected } = this.core;
    if (config === null) return false;
    let count = 0;
    for (let rest = connected; rest !== 0; rest &= rest - 1) count += 1;
    return count > config.N / 2;
  }

  get runningCount(): number {
    return this.core.running.size + this.#changes.count;
  }

  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
    for (const operation of this.#changes.all()) this.#settle(operation, ENDED);
    this.#forgetting.close();
    for (const operation of this.core.running.values()) {
      // one that collects has had its answer
      if (operation.phase !== 'collecting') this.#settle(operation, operation.isExposed ? UNKNOWN : ENDED);
    }
  }

  /** One clock for the node's acceptor and proposer: rounds that others used are not tried again, nor those before a restart. */
  #takeClock(): void {
    const { acceptor } = this.#shared.table;
    if (acceptor !== null && acceptor.clock > this.core.clock) this.core.clock = acceptor.clock;
  }

  /** Looks at the clock: once for everything that one call from outside leads to. */
  #look(): number {
    return (this.#nowMs = this.#shared.env.now());
  }

  /** Carries effects out until there are none: replies of the own acceptor make new ones. */
  #pump(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    const effects = this.#effects;
    try {
      while (this.#carried < effects.length) this.#carryOut(effects[this.#carried++] as ProposerEffect);
    } catch (error) {
      // whoever called must not suffer, and this proposer is not to be trusted any more
      if (!this.#self.signal.aborted) this.#self.exit(this.#self.pid, reasonOf(error));
    }
    if (effects.length >= EFFECTS_KEPT) {
      effects.length = 0;
      this.#carried = 0;
    }
    this.#isPumping = false;
    if (this.runningCount > 0) this.#armTick();
  }

  #carryOut(effect: ProposerEffect): void {
    switch (effect.kind) {
      case 'send':
        return this.#send(effect.to, effect.message);
      case 'hint':
        return this.#hint(effect.message);
      case 'answer':
        this.#settle(effect.operation, effect.outcome);
        if (effect.operation.kind === 'change') this.#startNextChange(effect.operation.key);
        return;
      case 'backOff': {
        const { leastMs, mostMs } = effect;
        effect.operation.wakeAtMs = this.#nowMs + leastMs + this.#shared.env.random() * (mostMs - leastMs);
        return;
      }
      case 'litter':
        return this.#shared.upkeep?.collectLater(effect.key);
      case 'adopt':
        return castTo(this.#self, CLUSTER, { kind: 'learned', bucket: this.#shared.bucket, config: effect.config });
      case 'teach':
        return; // the member hears of it from the Hello that every change of configuration sends
    }
  }

  #send(places: number, message: RegisterRequest): void {
    const outboxes = this.#outboxes;
    for (let place = 0; place < outboxes.length; place++) {
      if ((places & (1 << place)) === 0) continue;
      const outbox = outboxes[place];
      if (!outbox) continue;
      pushRequest(outbox.list, message);
      outbox.isUrgent = true;
    }
    this.#armFlush();
    if (this.#ownPlace >= 0 && (places & (1 << this.#ownPlace)) !== 0) this.#sendLocal(message);
  }

  #sendLocal(message: RegisterRequest): void {
    const { acceptor } = this.#shared;
    const reply: RegisterReply | null =
      acceptor === null
        ? { kind: 'inactive', from: this.#ownPlace, e: message.e, b: message.b, clock: 0 }
        : acceptor.local(message);
    if (reply !== null) stepReply(this.core, reply, this.#nowMs, this.#effects);
  }

  /** Everybody may know that it is chosen; nobody waits for it. */
  #hint(message: Chosen | Forget): void {
    if (message.kind === 'forget') return this.#forgetting.add(message);
    this.#tellAll(message);
    this.#armTick();
  }

  #tellAll(message: RegisterRequest): void {
    const outboxes = this.#outboxes;
    for (let place = 0; place < outboxes.length; place++) {
      const outbox = outboxes[place];
      if (outbox && (this.core.connected & (1 << place)) !== 0) pushRequest(outbox.list, message);
    }
    if (this.#ownPlace >= 0) this.#shared.acceptor?.local(message);
  }

  #forget(messages: readonly Forget[]): void {
    if (this.#isClosed) return;
    for (const message of messages) if (message.e === this.core.config?.e) this.#tellAll(message);
    this.#flush();
  }

  #startNextChange(key: Key): void {
    const next = this.#changes.next(key);
    if (next !== null) startOperation(this.core, next, this.#nowMs, this.#effects);
  }

  #settle(operation: Operation, settled: Settled): void {
    (operation.tag as Settle | undefined)?.(settled);
  }

  #address(config: Config): void {
    const name = nameAtom(acceptorName(this.#shared.bucket, this.#shared.partition));
    const own = this.#self.nodeName.name;
    this.#outboxes = config.M.map((m) =>
      m.name === own
        ? null
        : {
            to: tuple2(name, nameAtom(m.name)),
            seal: sealOf(config.cluster, this.#shared, m),
            list: [],
            isUrgent: false,
          },
    );
  }

  #armFlush(): void {
    if (this.#flushArmed) return;
    this.#flushArmed = true;
    // answers that came together lead to puts that leave together
    this.#shared.env.endOfTurn(this.#flushUrgent);
  }

  readonly #flushUrgent = (): void => {
    this.#flushArmed = false;
    if (this.#isClosed) return;
    for (const outbox of this.#outboxes) if (outbox?.isUrgent === true) this.#post(outbox);
  };

  #flush(): void {
    for (const outbox of this.#outboxes) if (outbox !== null && outbox.list.length > 0) this.#post(outbox);
  }

  #post(outbox: Outbox): void {
    const { list } = outbox;
    outbox.list = [];
    outbox.isUrgent = false;
    const { config, p } = this.core;
    if (config !== null) this.#self.send(outbox.to, requestTerm(this.#self.pid, outbox.seal, config.e, p, list));
  }

  #armTick(): void {
    if (this.#tick !== null || this.#isClosed) return;
    this.#tick = this.#shared.env.setTimer(TICK_MS, this.#onTick, true);
  }

  readonly #onTick = (): void => {
    this.#tick = null;
    if (this.#isClosed) return;
    stepTime(this.core, this.#look(), this.#effects);
    for (const operation of this.#changes.late(this.#nowMs)) this.cancel(operation);
    this.#pump();
    this.#flush();
  };
}

/** The members whose very incarnation is connected. */
function maskOf(config: Config, view: BucketView): number {
  let mask = 0;
  for (const [place, member] of config.M.entries()) {
    if (view.present.some((p) => sameIncarnation(p, member))) mask |= 1 << place;
  }
  return mask;
}
