/**
 * One simulated node: the shell around a proposer and, on members, an acceptor with its store, its monitors and
 * its erasers. What the real shells do with processes, sockets and disks happens here on a schedule.
 */
import { sameBallot, ZERO } from '../../kv/paxos/ballot.ts';
import {
  pushReply,
  pushRequest,
  readReplies,
  readReplyTerm,
  readRequests,
  readRequestTerm,
  replyTerm,
  requestTerm,
} from '../../kv/bucket/wire.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { describeCell } from './invariants.ts';
import type { Acceptor, AcceptorEffect } from '../../kv/paxos/acceptor.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import type { Ballot, Entry, Key, RegisterReply, RegisterRequest } from '../../kv/paxos/messages.ts';
import type { Proposer, ProposerEffect, ProposerLimits } from '../../kv/paxos/proposer-state.ts';
import type { World } from './world.ts';

const LIMITS: ProposerLimits = {
  attemptMs: 40,
  backOffMsMax: 60,
  slowMsMin: 1,
  slowMsMax: 20,
  cachedKeysMax: 100,
  forgets: false,
};
const SWEEP_MS = 150;

export class SimulatedNode {
  readonly #world: World;
  readonly place: number;
  acceptor: Acceptor | null = null;
  proposer: Proposer;
  /** Grows with every start of the proposer: replies to an earlier one are lost. */
  #generation = 0;
  #acceptorGeneration = 0;
  #isTicking = false;
  readonly #stored: Map<Key, Entry> = new Map();
  #storedFloor: Ballot = ZERO;
  readonly #erasing: Set<string> = new Set();

  constructor(world: World, place: number) {
    this.#world = world;
    this.place = place;
    if (place < world.config.M.length) this.#startAcceptor();
    this.proposer = this.#createProposer();
    world.schedule.after(world.random.between(0, SWEEP_MS), () => this.#sweep());
  }

  startOperation(operation: Operation): void {
    this.#propose((out) => this.#world.cores.startOperation(this.proposer, operation, this.#world.nowMs, out));
  }

  /** A new proposer: what the old one was doing gets no answer. */
  crashProposer(): void {
    this.#world.trace(this.place, 'proposer crashes');
    this.#generation += 1;
    for (const operation of this.proposer.running.values()) this.#world.onLost(operation);
    this.proposer = this.#createProposer();
    this.#erasing.clear();
  }

  /** A durable member stops and comes back with what it had stored. */
  restartAcceptor(): void {
    this.#world.trace(this.place, 'acceptor restarts from its store');
    this.#startAcceptor();
  }

  onConnection(to: number, isUp: boolean): void {
    this.#propose((out) => this.#world.cores.stepConnected(this.proposer, to, isUp, this.#world.nowMs, out));
  }

  onOwnerEnded(owner: string): void {
    for (const [key, { cell }] of this.acceptor?.keys ?? []) {
      if (cell !== null && cell.live && cell.bind?.node === owner) this.#observeSoon(key, cell.ver, 40);
    }
  }

  #createProposer(): Proposer {
    const { cores, config, parameters } = this.#world;
    const proposer = cores.createProposer(this.#world.nextProposerId(), { ...LIMITS, forgets: parameters.forgets });
    proposer.config = config;
    for (let to = 0; to < config.M.length; to++) {
      if (this.#world.isConnected(this.place, to)) proposer.connected |= 1 << to;
    }
    return proposer;
  }

  #startAcceptor(): void {
    const { cores, config } = this.#world;
    const acceptor = cores.createAcceptor(config.M[this.place] as (typeof config.M)[number], this.#world.isDurable);
    cores.adopt(acceptor, config);
    this.#acceptorGeneration += 1;
    acceptor.floor = this.#storedFloor;
    acceptor.clock = this.#storedFloor.r;
    for (const [key, entry] of this.#stored) {
      acceptor.keys.set(key, { ...entry, chosen: false, seen: [] });
      acceptor.clock = Math.max(acceptor.clock, entry.p.r);
    }
    this.acceptor = acceptor;
    const effects: AcceptorEffect[] = [];
    cores.watchAll(acceptor, effects);
    for (const effect of effects) this.#perform(effect, null, null);
  }

  #onRequest(term: unknown, reply: (term: unknown) => void): void {
    const { acceptor } = this;
    const batch = readRequestTerm(term);
    if (batch === null) throw new Error('a request is not one on the wire');
    if (acceptor !== null) {
      readRequests(batch, acceptor.clock, (message) => this.#stepAcceptor(acceptor, message, reply));
    }
  }

  #stepAcceptor(acceptor: Acceptor, message: RegisterRequest, reply: (term: unknown) => void): void {
    const { cores, invariants } = this.#world;
    this.#world.trace(this.place, `gets ${describeMessage(message)}`);
    const before = invariants.before(acceptor, message.key);
    const effects: AcceptorEffect[] = [];
    cores.stepAcceptor(acceptor, message, effects);
    invariants.after(acceptor, message.key, before);
    const entry = acceptor.keys.get(message.key);
    if (!acceptor.isDurable && entry !== undefined) invariants.onAccepted(message.key, entry, this.place);
    for (const effect of effects) this.#perform(effect, reply, acceptor);
  }

  #perform(effect: AcceptorEffect, reply: ((term: unknown) => void) | null, acceptor: Acceptor | null): void {
    switch (effect.kind) {
      case 'reply':
        reply?.(encodeReply(effect.message));
        break;
      case 'persist':
        this.#store(effect, reply, acceptor);
        break;
      case 'watch':
        if (this.#world.hasEnded(effect.cell.bind)) this.#observeSoon(effect.key, effect.cell.ver, 3);
        break;
      case 'eraseSoon':
        this.#eraseSoon(effect.key, effect.ver);
        break;
      case 'learned':
      case 'forgotten':
        break;
    }
  }

  /** Writes in order, after a while; what is not written when the acceptor stops is lost, replies included. */
  #store(
    effect: AcceptorEffect & { kind: 'persist' },
    reply: ((term: unknown) => void) | null,
    acceptor: Acceptor | null,
  ): void {
    const { record, then } = effect;
    const entry = record.kind === 'entry' ? { ...record.entry } : null;
    const generation = this.#acceptorGeneration;
    this.#world.schedule.after(0.5, () => {
      if (generation !== this.#acceptorGeneration) return;
      if (entry !== null) {
        this.#stored.set(record.key, entry);
        this.#world.invariants.onAccepted(record.key, entry, this.place);
      } else if (record.kind === 'forgotten') {
        this.#stored.delete(record.key);
        this.#storedFloor = record.floor;
      }
      for (const inner of then) this.#perform(inner, reply, acceptor);
    });
  }

  #observeSoon(key: Key, ver: Ballot, mostMs: number): void {
    const { schedule, random, cores, invariants } = this.#world;
    schedule.after(random.between(0, mostMs), () => {
      if (this.acceptor === null) return;
      const effects: AcceptorEffect[] = [];
      cores.observe(this.acceptor, key, ver, effects);
      if (effects.length > 0) {
        this.#world.trace(this.place, `observes the end of ${key}`);
        invariants.onObservation(key, ver, this.place);
      }
      for (const effect of effects) this.#perform(effect, null, this.acceptor);
    });
  }

  #eraseSoon(key: Key, ver: Ballot): void {
    const { schedule, random, cores, config } = this.#world;
    schedule.after(cores.eraseDelayMs(config, this.place, key, random.unit()), () => {
      const cell = this.acceptor?.keys.get(key)?.cell;
      if (cell === undefined || cell === null || !cell.live || !sameBallot(cell.ver, ver)) return;
      const creator = (cell.value as readonly number[])[0] as number;
      this.#world.onErase(key, creator);
      this.#background(`erase ${key} ${ver.r}.${ver.p}`, cores.createErase(key, ver, this.#backgroundSettings()));
    });
  }

  /** Does what lost messages left undone: erases, collects what is not live, resolves what is not known chosen. */
  #sweep(): void {
    const { schedule, cores, parameters, random } = this.#world;
    schedule.after(SWEEP_MS * random.between(0.8, 1.2), () => this.#sweep());
    for (const [key, { cell, chosen }] of this.acceptor?.keys ?? []) {
      if (cell !== null && cell.live) {
        if (this.#world.hasEnded(cell.bind)) this.#observeSoon(key, cell.ver, 3);
        if (!chosen && random.chance(0.2)) {
          this.#background(`resolve ${key}`, cores.createSettle(key, this.#backgroundSettings()));
        }
      } else if (parameters.forgets && random.chance(0.4)) {
        this.#collectSoon(key);
      }
    }
  }

  #collectSoon(key: Key): void {
    const { schedule, random, cores, parameters } = this.#world;
    if (!parameters.forgets) return;
    schedule.after(random.between(0, 20), () =>
      this.#background(`collect ${key}`, cores.createCollect(key, this.#backgroundSettings())),
    );
  }

  #backgroundSettings(): { deadlineMs: number; tag: string } {
    return { deadlineMs: this.#world.nowMs + 300, tag: 'background' };
  }

  #background(name: string, operation: Operation): void {
    if (this.#erasing.has(name)) return;
    this.#erasing.add(name);
    this.#world.schedule.after(100, () => this.#erasing.delete(name));
    this.startOperation(operation);
  }

  #propose(step: (out: ProposerEffect[]) => void): void {
    const out: ProposerEffect[] = [];
    step(out);
    for (const effect of out) this.#carryOut(effect);
    this.#tick();
  }

  #carryOut(effect: ProposerEffect): void {
    switch (effect.kind) {
      case 'send':
        this.#sendTo(effect.to, effect.message);
        break;
      case 'hint':
        this.#world.onForgetSent(effect.message);
        this.#sendTo((1 << this.#world.config.M.length) - 1, effect.message);
        break;
      case 'backOff': {
        const { operation, leastMs, mostMs } = effect;
        operation.wakeAtMs = this.#world.nowMs + this.#world.random.between(leastMs, mostMs);
        break;
      }
      case 'answer':
        this.#onAnswer(effect.operation, effect.outcome);
        break;
      case 'litter':
        this.#collectSoon(effect.key);
        break;
      case 'adopt':
      case 'teach':
        throw new Error(`unexpected in one configuration: ${effect.kind}`);
    }
  }

  #onAnswer(operation: Operation, outcome: Outcome): void {
    const cell = outcome.kind === 'ok' ? describeCell(outcome.cell) : '';
    this.#world.trace(this.place, `answers ${operation.kind} ${operation.key}: ${outcome.kind} ${cell}`);
    this.#world.onAnswer(operation, outcome);
  }

  #sendTo(places: number, message: RegisterRequest): void {
    const world = this.#world;
    const running = this.proposer.running.get(message.b.r);
    if (running !== undefined) world.onSent(message, running);
    const generation = this.#generation;
    const request = encodeRequest(this.#pid(), message);
    for (let to = 0; to < world.config.M.length; to++) {
      if ((places & (1 << to)) === 0) continue;
      world.network.send(this.place, to, () =>
        (world.nodes[to] as SimulatedNode).#onRequest(request, (reply) =>
          world.network.send(to, this.place, () => {
            if (generation === this.#generation) this.#onReply(reply, to);
          }),
        ),
      );
    }
  }

  #onReply(term: unknown, from: number): void {
    const batch = readReplyTerm(term, this.proposer.clock);
    if (batch === null) throw new Error('a reply is not one on the wire');
    this.#world.cores.stepClock(this.proposer, batch.clock);
    readReplies(batch, this.proposer.running, (reply) => {
      this.#world.trace(this.place, `gets ${describeReply(reply)} from ${from}`);
      this.#propose((out) => this.#world.cores.stepReply(this.proposer, reply, this.#world.nowMs, out));
    });
  }

  #pid(): Pid {
    return new Pid(nameAtom(`n${this.place}@sim`), this.#generation, 0, 1);
  }

  #tick(): void {
    if (this.#isTicking || this.proposer.running.size === 0) return;
    this.#isTicking = true;
    this.#world.schedule.after(1, () => {
      this.#isTicking = false;
      this.#propose((out) => this.#world.cores.stepTime(this.proposer, this.#world.nowMs, out));
    });
  }
}

function encodeRequest(from: Pid, message: RegisterRequest): unknown {
  const list: unknown[] = [];
  pushRequest(list, message);
  return requestTerm(from, 0, message.e, message.b.p, list);
}

function encodeReply(message: RegisterReply): unknown {
  const list: unknown[] = [];
  pushReply(list, message);
  return replyTerm(message.from, message.e, message.clock, list);
}

function at(b: Ballot): string {
  return `${b.r}.${b.p}`;
}

function describeMessage(m: RegisterRequest): string {
  if (m.kind === 'prepare')
    return `prepare ${m.key} ${at(m.b)}${m.fast === null ? '' : ` fast ${describeCell(m.fast)}`}`;
  if (m.kind === 'accept')
    return `accept ${m.key} ${at(m.b)} ${describeCell(m.cell)}${m.next === null ? '' : ` next ${at(m.next)}`}`;
  return `${m.kind} ${m.key} ${at(m.b)}`;
}

function describeReply(reply: RegisterReply): string {
  const head = `${reply.kind} ${at(reply.b)}`;
  if (reply.kind === 'nack') return `${head} promised ${at(reply.p)}`;
  if (reply.kind !== 'promise' && reply.kind !== 'state') return head;
  return `${head} holding ${reply.fast ? 'fast ' : ''}${at(reply.ab)} ${describeCell(reply.cell)}${reply.chosen ? ' chosen' : ''}`;
}
