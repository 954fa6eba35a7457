/**
 * The acceptors of a search as numbered states of one key. Every step is the core's own, taken on a copy once per
 * different (state, message), and checked there for what holds of one member by itself (register protocol, 11.1).
 */
import { compareBallots, isLower, sameBallot } from '../../../kv/paxos/ballot.ts';
import { ballotText, cellText, Interner } from './intern.ts';
import { NO_REPLY } from './words.ts';
import type { Acceptor, AcceptorEffect, SealedState } from '../../../kv/paxos/acceptor.ts';
import type { Config, Entry, Incarnation, RegisterRequest } from '../../../kv/paxos/messages.ts';
import type { Cores } from '../cores.ts';
import type { Words } from './words.ts';

export const KEY = 'k';

export interface MemberStep {
  readonly state: number;
  readonly reply: number;
  /** The cell at a ballot whose acceptance was replied, or -1. */
  readonly accepted: number;
  /** It was not what the member held before. */
  readonly isNew: boolean;
  readonly violation: string | null;
}

export interface AdoptStep {
  readonly state: number;
  /** How many states have to be merged before it votes; 0: none. */
  readonly need: number;
}

const PAIRED = 0x10000;
/** What a copy's clock shows before each step: higher than any round of a scenario, so a clock that is set back is seen. */
const CLOCK = 1_000_000;

export class Members {
  readonly #cores: Cores;
  readonly #words: Words;
  readonly #incarnations: readonly Incarnation[];
  readonly #states: Interner<Acceptor> = new Interner('states of members');
  readonly #sealed: Interner<SealedState> = new Interner('sealed states');
  readonly #steps: Map<number, MemberStep> = new Map();
  readonly #observations: Map<number, number> = new Map();
  readonly #needs: Map<number, number> = new Map();
  readonly #adoptions: Map<string, AdoptStep> = new Map();

  constructor(cores: Cores, words: Words, incarnations: readonly Incarnation[]) {
    this.#cores = cores;
    this.#words = words;
    this.#incarnations = incarnations;
  }

  blank(member: number): number {
    return this.#keep(this.#cores.createAcceptor(this.#incarnations[member] as Incarnation, false));
  }

  at(state: number): Acceptor {
    return this.#states.at(state);
  }

  /** The incarnation that the member holds, to be watched; -1: none, or not bound to anything. */
  boundLife(state: number): number {
    const cell = this.at(state).keys.get(KEY)?.cell ?? null;
    return cell === null || !cell.live || cell.bind === null ? -1 : this.#words.life(cell);
  }

  deliver(state: number, request: number): MemberStep {
    const at = state * PAIRED + request;
    let step = this.#steps.get(at);
    if (step === undefined) {
      step = this.#deliver(state, this.#words.requests.at(request).message);
      this.#steps.set(at, step);
    }
    return step;
  }

  #deliver(state: number, message: RegisterRequest): MemberStep {
    const before = this.at(state);
    const acceptor = this.#copy(state, 0);
    const effects: AcceptorEffect[] = [];
    this.#cores.stepAcceptor(acceptor, message, effects);
    const replied = effects.find((effect) => effect.kind === 'reply');
    const reply = replied?.kind === 'reply' ? replied.message : null;
    const entry = acceptor.keys.get(KEY);
    const violation = describeRegress(before, acceptor);
    const isAcceptance = reply?.kind === 'accepted' || reply?.kind === 'taken';
    let accepted = -1;
    if (isAcceptance && entry !== undefined && entry.cell !== null) {
      const cell = message.kind === 'accept' ? message.cell : entry.cell;
      accepted = this.#words.offer(message.b, message.kind === 'prepare', cell);
    }
    const held = before.keys.get(KEY);
    const isNew = held === undefined || !sameBallot(held.ab, message.b) || held.fast !== (message.kind === 'prepare');
    const kept = reply === null ? NO_REPLY : this.#words.reply(reply);
    return { state: this.#keep(acceptor), reply: kept, accepted, isNew, violation };
  }

  /** The state after the member observed that what the incarnation is bound to has ended. */
  observe(state: number, life: number): number {
    const at = state * PAIRED + life;
    let after = this.#observations.get(at);
    if (after === undefined) {
      const acceptor = this.#copy(state, 0);
      this.#cores.observe(acceptor, KEY, this.#words.lives.at(life).ver, []);
      after = this.#keep(acceptor);
      this.#observations.set(at, after);
    }
    return after;
  }

  adopt(state: number, member: number, config: Config): AdoptStep {
    const at = `${state} ${member} ${config.e}`;
    let step = this.#adoptions.get(at);
    if (step === undefined) {
      const acceptor = this.#copy(state, member);
      const adoption = this.#cores.adopt(acceptor, config);
      const need = adoption.kind === 'merges' ? adoption.need : 0;
      if (need > 0) this.#needs.set(config.e, need);
      step = { state: adoption.kind === 'lags' ? state : this.#keep(acceptor), need };
      this.#adoptions.set(at, step);
    }
    return step;
  }

  /** How many states those need who merge into the configuration; 0: nobody has had to. */
  needFor(config: Config): number {
    return this.#needs.get(config.e) ?? 0;
  }

  /** The sealed state that the member hands to those that merge into `config`, or -1. */
  serve(state: number, member: number, config: Config): number {
    const sealed = this.#cores.serveSnapshot(this.#copy(state, member), config);
    return sealed === null ? -1 : this.#keepSealed(sealed);
  }

  /** Its own state at the end of the former epoch, for its own merge; -1: it was not active in it. */
  ownSealed(state: number): number {
    const { sealed } = this.at(state);
    return sealed === null ? -1 : this.#keepSealed(sealed);
  }

  merge(state: number, member: number, sealed: readonly number[], prev: Config): number {
    const acceptor = this.#copy(state, member);
    const states = sealed.map((id) => this.#sealed.at(id));
    this.#cores.merge(acceptor, states, prev, []);
    return this.#keep(acceptor);
  }

  describe(state: number): string {
    return acceptorText(this.at(state));
  }

  describeSealed(sealed: number): string {
    return sealedText(this.#sealed.at(sealed));
  }

  #copy(state: number, member: number): Acceptor {
    const acceptor = this.at(state);
    const me = this.#incarnations[member] as Incarnation;
    const keys = new Map<string, Entry>();
    const entry = acceptor.keys.get(KEY);
    if (entry !== undefined) keys.set(KEY, { ...entry });
    const place = acceptor.config?.M.findIndex((m) => m.name === me.name && m.boot === me.boot) ?? -1;
    return { ...acceptor, me, place, keys, clock: CLOCK };
  }

  /** The clock is left out: it only shapes ballots, and those are the scenario's. */
  #keep(acceptor: Acceptor): number {
    return this.#states.id(acceptorText(acceptor), () => ({ ...acceptor, clock: 0 }));
  }

  #keepSealed(sealed: SealedState): number {
    return this.#sealed.id(sealedText(sealed), () => sealed);
  }
}

function acceptorText(acceptor: Acceptor): string {
  const { e, active, floor, sealed } = acceptor;
  const head = `e${e}${active ? '' : ' inactive'} floor ${ballotText(floor)}: ${entryText(acceptor.keys.get(KEY))}`;
  return sealed === null ? head : `${head} | ${sealedText(sealed)}`;
}

function sealedText({ e, floor, entries }: SealedState): string {
  return `sealed for e${e} floor ${ballotText(floor)}: ${entryText(entries[0]?.[1])}`;
}

function entryText(entry: Entry | undefined): string {
  if (entry === undefined) return 'unknown';
  const { p, ab, fast, cell, chosen, ae, fl, seen } = entry;
  const held = `${fast ? 'fast ' : ''}${ballotText(ab)} ${cellText(cell)}${chosen ? ' chosen' : ''}`;
  return `p ${ballotText(p)} ${held} ae ${ae} fl ${ballotText(fl)} seen ${seen.map((o) => ballotText(o.ver)).join(' ')}`;
}

/** What must never go down, and what holds of one entry by itself; null: all is well. */
function describeRegress(before: Acceptor, after: Acceptor): string | null {
  if (isLower(after.floor, before.floor)) return 'a floor went down';
  if (after.e < before.e) return 'an epoch went down';
  if (after.clock < CLOCK) return 'a clock went down';
  const [was, is] = [before.keys.get(KEY), after.keys.get(KEY)];
  if (is === undefined) return null;
  if (was !== undefined && isLower(is.p, was.p)) return 'a promise went down';
  if (compareBallots(is.ab, is.p) > 0) return 'an acceptance is above the promise';
  if (was === undefined && isLower(is.p, before.floor)) return 'an entry was made below the floor';
  return null;
}
