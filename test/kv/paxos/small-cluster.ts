/**
 * A few members and proposers without time or randomness: messages wait in order until a test delivers, holds back
 * or drops them. For tests on the public step functions.
 */
import { createAcceptor, stepAcceptor } from '../../../kv/paxos/acceptor.ts';
import { createProposer, startOperation, stepReply, stepTime } from '../../../kv/paxos/proposer.ts';
import { adopt } from '../../../kv/paxos/transfer.ts';
import type { Acceptor, AcceptorEffect } from '../../../kv/paxos/acceptor.ts';
import type { Outcome } from '../../../kv/paxos/decide.ts';
import type { Operation } from '../../../kv/paxos/operation.ts';
import type { Proposer, ProposerEffect, ProposerLimits } from '../../../kv/paxos/proposer-state.ts';
import type { Cell, Config, Incarnation, RegisterReply, RegisterRequest } from '../../../kv/paxos/messages.ts';

export interface InFlight {
  readonly proposer: number;
  readonly member: number;
  /** A request to the member, or the member's reply. */
  readonly message: RegisterRequest | RegisterReply;
  readonly isReply: boolean;
}

export function configOf(members: number, e = 1): Config {
  const M: Incarnation[] = [];
  for (let i = 0; i < members; i++) M.push({ name: `n${i}`, id: `r${i}`, boot: 1 });
  const r = members - Math.floor(members / 2);
  return { cluster: 'c', e, N: members, M, r, uniform: false, mergeAll: false, prev: null };
}

/** Proposer i lives on member i; it has the id 10 * (i + 1). */
export class SmallCluster {
  readonly config: Config;
  readonly acceptors: Acceptor[] = [];
  readonly proposers: Proposer[] = [];
  readonly outcomes: Map<Operation, Outcome> = new Map();
  /** Configurations that members told a proposer of, and epochs of members that have to be told. */
  readonly adopted: Config[] = [];
  readonly taught: number[] = [];
  inFlight: InFlight[] = [];
  /** Messages between different nodes, hints (Chosen, Forget) counted apart. */
  messages = 0;
  hints = 0;
  /** The same messages by the proposer that asked or was answered. */
  messagesOf: number[] = [];
  nowMs = 0;

  constructor(members: number, limits?: Partial<ProposerLimits>) {
    this.config = configOf(members);
    for (let i = 0; i < members; i++) {
      const acceptor = createAcceptor(this.config.M[i] as Incarnation, false);
      adopt(acceptor, this.config);
      this.acceptors.push(acceptor);
      const base = createProposer(10 * (i + 1));
      const proposer: Proposer = { ...base, limits: { ...base.limits, ...limits } };
      proposer.config = this.config;
      proposer.connected = (1 << members) - 1;
      this.proposers.push(proposer);
    }
  }

  start(proposer: number, operation: Operation): Operation {
    // The clock is one per node: its acceptor's and its proposer's.
    const own = this.proposers[proposer] as Proposer;
    own.clock = Math.max(own.clock, (this.acceptors[proposer] as Acceptor).clock);
    this.#propose(proposer, (out) => startOperation(this.proposers[proposer] as Proposer, operation, this.nowMs, out));
    return operation;
  }

  /** Runs an operation to its end while everything is delivered in order. */
  finish(proposer: number, operation: Operation): Outcome {
    this.start(proposer, operation);
    this.deliverAll();
    return this.outcomeOf(operation);
  }

  outcomeOf(operation: Operation): Outcome {
    const outcome = this.outcomes.get(operation);
    if (outcome === undefined) throw new Error(`the ${operation.kind} has no outcome yet (${operation.phase})`);
    return outcome;
  }

  /** Delivers the oldest message that fits; false when there is none. */
  deliverOne(fits: (m: InFlight) => boolean = () => true): boolean {
    const at = this.inFlight.findIndex(fits);
    if (at < 0) return false;
    const [m] = this.inFlight.splice(at, 1) as [InFlight];
    if (m.isReply) {
      const reply = m.message as RegisterReply;
      this.#propose(m.proposer, (out) => stepReply(this.proposers[m.proposer] as Proposer, reply, this.nowMs, out));
      return true;
    }
    const effects: AcceptorEffect[] = [];
    stepAcceptor(this.acceptors[m.member] as Acceptor, m.message as RegisterRequest, effects);
    for (const effect of effects) {
      if (effect.kind === 'reply') this.#send({ ...m, message: effect.message, isReply: true });
    }
    return true;
  }

  deliverAll(fits: (m: InFlight) => boolean = () => true): void {
    while (this.deliverOne(fits));
  }

  drop(fits: (m: InFlight) => boolean): void {
    this.inFlight = this.inFlight.filter((m) => !fits(m));
  }

  /** Lets time pass for one proposer: back-offs end, and waits for the slowest. */
  pass(proposer: number, ms: number): void {
    this.nowMs += ms;
    this.#propose(proposer, (out) => stepTime(this.proposers[proposer] as Proposer, this.nowMs, out));
  }

  cellAt(member: number, key: string): Cell | null {
    return this.acceptors[member]?.keys.get(key)?.cell ?? null;
  }

  #propose(proposer: number, step: (out: ProposerEffect[]) => void): void {
    const out: ProposerEffect[] = [];
    step(out);
    for (const effect of out) {
      if (effect.kind === 'adopt') this.adopted.push(effect.config);
      if (effect.kind === 'teach') this.taught.push(effect.e);
      if (effect.kind === 'answer') this.outcomes.set(effect.operation, effect.outcome);
      if (effect.kind !== 'send' && effect.kind !== 'hint') continue;
      for (let member = 0; member < this.config.M.length; member++) {
        if (effect.kind === 'send' && (effect.to & (1 << member)) === 0) continue;
        if (effect.kind === 'hint' && member !== proposer) this.hints += 1;
        this.#send({ proposer, member, message: effect.message, isReply: false });
      }
    }
  }

  #send(m: InFlight): void {
    this.inFlight.push(m);
    if (m.proposer === m.member || m.message.kind === 'chosen' || m.message.kind === 'forget') return;
    this.messages += 1;
    this.messagesOf[m.proposer] = (this.messagesOf[m.proposer] ?? 0) + 1;
  }
}

/** The value of an answer, for tests that know it is one. */
export function resultOf(outcome: Outcome): unknown {
  if (outcome.kind !== 'ok') throw new Error(`answered ${outcome.kind}`);
  return outcome.result;
}
