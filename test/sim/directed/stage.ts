/**
 * A stage for directed scripts: members and proposers without time, chance or a network of their own. Every message that
 * was ever sent stays at hand; a script says which one is delivered next, to whom, and whether the reply gets through.
 * Nothing happens by itself. At the end the invariants and the histories of the simulation judge what happened.
 *
 * A step that is not possible (there is no such message, the operation is over) does nothing: with its rule on, a script
 * goes another way than with its rule off.
 */
import { History } from '../history.ts';
import { Invariants, Violation } from '../invariants.ts';
import { placeOf, quorumSize } from '../../../kv/paxos/quorum.ts';
import type { Acceptor, AcceptorEffect, SealedState } from '../../../kv/paxos/acceptor.ts';
import type { Change } from '../../../kv/paxos/change.ts';
import type { Outcome } from '../../../kv/paxos/decide.ts';
import type { Bind, Cell, Config, Incarnation, RegisterRequest } from '../../../kv/paxos/messages.ts';
import type { Operation } from '../../../kv/paxos/operation.ts';
import type { Proposer, ProposerEffect } from '../../../kv/paxos/proposer-state.ts';
import type { ConfigStep } from '../../../kv/cluster/config.ts';
import type { ShellRule } from '../controls/control.ts';
import type { Cores } from '../cores.ts';
import type { HistoryOperation, Value } from '../linearizable.ts';

const KEY = 'k';
const BIND: Bind = { pid: null, node: 'owner', key: null, until: null };
const ATTEMPT_MS = 100;

interface Sent {
  readonly to: string;
  readonly message: RegisterRequest;
}

interface Actor {
  readonly proposer: Proposer;
  readonly sent: Sent[];
}

/** The member of that letter, as configurations list it. */
export function incarnationOf(name: string): Incarnation {
  return { name, id: `record of ${name}`, boot: 1 };
}

export class Stage {
  readonly #cores: Cores;
  readonly #off: readonly ShellRule[];
  readonly #invariants = new Invariants();
  readonly #history = new History();
  readonly #acceptors = new Map<string, Acceptor>();
  readonly #actors = new Map<string, Actor>();
  readonly #open = new Map<Operation, HistoryOperation | null>();
  readonly #erases = new Map<number, true>();
  #ids = 0;
  #nowMs = 0;

  /** `members`: letters of the founders, one seat each. */
  constructor(cores: Cores, members: string, off: readonly ShellRule[] = []) {
    this.#cores = cores;
    this.#off = off;
    const M = [...members].map(incarnationOf);
    const N = M.length;
    const r = N - quorumSize(N) + 1;
    this.#invariants.onConfig({ cluster: 'c', e: 1, N, M, r, uniform: true, mergeAll: false, prev: null });
    for (const name of members) this.adopt(name);
  }

  /** A proposer outside of the members; the letter's place in the alphabet is its number, so Z's ballots beat X's. */
  proposer(name: string, clock = 0): void {
    const base = this.#cores.createProposer(name.charCodeAt(0));
    const limits = {
      ...base.limits,
      attemptMs: ATTEMPT_MS,
      slowMsMin: 0,
      slowMsMax: 0,
      forgets: true,
      deliversOnce: false,
    };
    const proposer: Proposer = { ...base, limits, clock };
    this.#actors.set(name, { proposer, sent: [] });
    this.learns(name);
  }

  put(name: string, isBound = false): Operation {
    const id = ++this.#ids;
    return this.#start(name, this.#cores.createPut(KEY, [id], isBound ? BIND : null, { tag: id }), 'put', id);
  }

  change(name: string): Operation {
    const id = ++this.#ids;
    return this.#start(name, this.#cores.createChange(KEY, appending(id), { tag: id }), 'change', id);
  }

  read(name: string): Operation {
    const id = ++this.#ids;
    return this.#start(name, this.#cores.createRead(KEY, { tag: id }), 'read', id);
  }

  /** Erases what this member holds; the members observe the end of its owner first. */
  erase(name: string, holder: string, observers: string): Operation | null {
    const cell = this.cellAt(holder);
    if (cell === null || !cell.live) return null;
    for (const one of observers) {
      const acceptor = this.#at(one);
      const effects: AcceptorEffect[] = [];
      this.#cores.observe(acceptor, KEY, cell.ver, effects);
      if (effects.length > 0) this.#invariants.onObservation(KEY, cell.ver, acceptor.me);
    }
    const creator = (cell.value as number[])[0] as number;
    if (!this.#erases.has(creator)) this.#history.call(KEY, -1, 'erase', creator);
    this.#erases.set(creator, true);
    return this.#start(name, this.#cores.createErase(KEY, cell.ver, { tag: -1 }), null, -1);
  }

  collect(name: string): Operation {
    return this.#start(name, this.#cores.createCollect(KEY, { tag: -1 }), null, -1);
  }

  /** Delivers the newest request of this kind (or an older one: `nth` from the first) to each; replies come back. */
  deliver(name: string, to: string, kind: RegisterRequest['kind'], nth = -1): void {
    for (const member of to) this.#deliver(name, member, kind, nth, true);
  }

  /** The same, but the replies are lost. */
  deliverSilently(name: string, to: string, kind: RegisterRequest['kind'], nth = -1): void {
    for (const member of to) this.#deliver(name, member, kind, nth, false);
  }

  /** Whatever the proposer sent last goes to these and back, then what it sends on that, until it sends nothing new. */
  round(name: string, to: string): void {
    const { sent } = this.#actor(name);
    for (let last = sent.at(-1); last !== undefined && !isHint(last); last = sent.at(-1)) {
      this.deliver(name, to, last.message.kind);
      if (sent.at(-1) === last) return;
    }
  }

  /** What its present attempt waits for does not come: it decides with what it has, or begins the next one. */
  retry(name: string): void {
    const { sent } = this.#actor(name);
    const before = sent.length;
    for (let i = 0; i < 2 && sent.length === before; i++) {
      this.#nowMs += 2 * ATTEMPT_MS;
      this.goOn(name);
    }
  }

  /** It waits no longer for the slowest. */
  goOn(name: string): void {
    this.#propose(name, (proposer, out) => this.#cores.stepTime(proposer, this.#nowMs, out));
  }

  /** These members are cut off from the proposer, as it knows. */
  cut(name: string, members: string): void {
    const { proposer } = this.#actor(name);
    for (const member of members) {
      const place = placeOf(proposer.config as Config, incarnationOf(member));
      if (place < 0) continue;
      this.#propose(name, (_, out) => this.#cores.stepConnected(proposer, place, false, this.#nowMs, out));
    }
  }

  cellAt(member: string): Cell | null {
    return this.#at(member).keys.get(KEY)?.cell ?? null;
  }

  /** Decides the next configuration; nobody knows it yet. */
  decide(step: ConfigStep): void {
    this.#invariants.onConfig(this.#cores.nextConfig(this.#newest, step));
  }

  /** The member adopts configurations up to that epoch (the newest), in order. A blank one begins with the last of them. */
  adopt(name: string, e: number = this.#newest.e): void {
    const acceptor = this.#at(name);
    const first = acceptor.e === 0 ? e : acceptor.e + 1;
    for (let next = first; next <= e; next++) this.#cores.adopt(acceptor, this.#invariants.configAt(next));
    if (acceptor.active) this.#invariants.onActive(acceptor.me, acceptor.e);
  }

  /** The proposer learns the configuration of that epoch (the newest). */
  learns(name: string, e: number = this.#newest.e): void {
    const config = this.#invariants.configAt(e);
    const all = (1 << config.M.length) - 1;
    this.#propose(name, (proposer, out) => this.#cores.stepConfig(proposer, config, all, this.#nowMs, out));
  }

  /** It merges from as many of these as it needs, in this order; they adopt the configuration before they serve. */
  merge(name: string, sources: string): void {
    const acceptor = this.#at(name);
    const config = acceptor.config as Config;
    const adoption = this.#cores.sourcesOf(config);
    const states: SealedState[] = [];
    for (const source of sources) {
      if (this.#at(source).e < config.e && !this.#off.includes('seal')) this.adopt(source, config.e);
      const state = this.#cores.serveSnapshot(this.#at(source), config);
      if (state !== null && states.length < adoption.need) states.push(state);
    }
    if (acceptor.active || states.length < adoption.need) return;
    this.#cores.merge(acceptor, states, adoption.from, []);
    this.#invariants.onActive(acceptor.me, acceptor.e);
  }

  /** What was broken, or null. */
  judge(): string | null {
    try {
      this.#invariants.finish();
      this.#history.finish();
      return null;
    } catch (error) {
      if (error instanceof Violation) return error.message;
      throw error;
    }
  }

  get #newest(): Config {
    return this.#invariants.configs.at(-1) as Config;
  }

  #at(name: string): Acceptor {
    let acceptor = this.#acceptors.get(name);
    if (acceptor === undefined) {
      acceptor = this.#cores.createAcceptor(incarnationOf(name), false);
      this.#acceptors.set(name, acceptor);
    }
    return acceptor;
  }

  #actor(name: string): Actor {
    const actor = this.#actors.get(name);
    if (actor === undefined) throw new Error(`there is no proposer ${name}`);
    return actor;
  }

  #start(name: string, operation: Operation, kind: HistoryOperation['kind'] | null, id: number): Operation {
    this.#open.set(operation, kind === null ? null : this.#history.call(KEY, id, kind));
    this.#propose(name, (proposer, out) => this.#cores.startOperation(proposer, operation, this.#nowMs, out));
    return operation;
  }

  #deliver(name: string, to: string, kind: RegisterRequest['kind'], nth: number, isAnswered: boolean): void {
    const fitting = this.#actor(name).sent.filter((s) => s.to === to && s.message.kind === kind);
    const sent = fitting.at(nth);
    if (sent === undefined) return;
    const acceptor = this.#at(to);
    const before = this.#invariants.before(acceptor, KEY);
    const effects: AcceptorEffect[] = [];
    this.#cores.stepAcceptor(acceptor, sent.message, effects);
    this.#invariants.after(acceptor, KEY, before);
    const entry = acceptor.keys.get(KEY);
    if (entry !== undefined) this.#invariants.onAccepted(KEY, entry, acceptor.me);
    if (!isAnswered) return;
    for (const effect of effects) {
      if (effect.kind !== 'reply') continue;
      this.#propose(name, (proposer, out) => this.#cores.stepReply(proposer, effect.message, this.#nowMs, out));
    }
  }

  #propose(name: string, step: (proposer: Proposer, out: ProposerEffect[]) => void): void {
    const actor = this.#actor(name);
    const out: ProposerEffect[] = [];
    step(actor.proposer, out);
    for (const effect of out) {
      if (effect.kind === 'send') this.#send(actor, effect.message, effect.to);
      else if (effect.kind === 'hint') {
        if (effect.message.kind === 'forget') this.#invariants.onForget(KEY, effect.message.b);
        this.#send(actor, effect.message, -1);
      } else if (effect.kind === 'backOff') effect.operation.wakeAtMs = this.#nowMs;
      else if (effect.kind === 'answer') this.#answer(effect.operation, effect.outcome);
    }
  }

  #send(actor: Actor, message: RegisterRequest, places: number): void {
    if (message.kind === 'prepare' && message.fast !== null) {
      this.#invariants.onOffer(KEY, message.b, true, message.fast);
    } else if (message.kind === 'accept') this.#invariants.onOffer(KEY, message.b, false, message.cell);
    const { M } = actor.proposer.config as Config;
    M.forEach((m, place) => {
      if ((places & (1 << place)) !== 0) actor.sent.push({ to: m.name, message });
    });
  }

  #answer(operation: Operation, outcome: Outcome): void {
    const called = this.#open.get(operation) ?? null;
    this.#open.delete(operation);
    if (called === null) return;
    if (outcome.kind === 'no_quorum') this.#history.withdraw(KEY, called);
    else if (outcome.kind === 'applied') this.#history.answer(called, undefined);
    else if (outcome.kind === 'ok') {
      const isRead = operation.kind === 'read';
      this.#history.answer(called, isRead ? valueOf(outcome.cell) : (outcome.result as Value));
    }
  }
}

function isHint({ message }: Sent): boolean {
  return message.kind === 'chosen' || message.kind === 'forget';
}

function valueOf(cell: Cell | null): Value {
  return cell !== null && cell.live ? (cell.value as number[]) : null;
}

function appending(id: number): Change {
  return (cell) => {
    const value = [...(valueOf(cell) ?? []), id];
    return { draft: { live: true, value, bind: cell?.live === true ? cell.bind : null }, result: value };
  };
}
