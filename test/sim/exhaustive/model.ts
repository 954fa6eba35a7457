/**
 * What may happen next in a state: a message that was ever sent arrives (again), an operation goes on with the replies that came and
 * with timeouts, a member observes the end of what it watches, and configurations are adopted and merged (epochs.ts).
 *
 * Lost messages are those that never arrive. An operation's step that only sends is taken together with the first arrival of what
 * it sent: before that nobody can tell, and a call so late leaves the fewest excuses for the answers.
 */
import { isLower } from '../../../kv/paxos/ballot.ts';
import { quorumSize } from '../../../kv/paxos/quorum.ts';
import { expandEpochs } from './epochs.ts';
import { Members } from './members.ts';
import { incarnation, memberName, memberNumber } from './names.ts';
import type { Narrator } from './narrator.ts';
import { Properties } from './properties.ts';
import { ENDED, UNSTARTED } from './proposal-step.ts';
import { Proposals } from './proposals.ts';
import { copyMember, copyState, decode, encodeHead, encodeMember, initialState, join, withNumber } from './state.ts';
import { NO_REPLY, Words } from './words.ts';
import type { Config, Incarnation } from '../../../kv/paxos/messages.ts';
import type { Cores } from '../cores.ts';
import type { MemberStep } from './members.ts';
import type { ProposalStep } from './proposal-step.ts';
import type { OperationPlan, Scope } from './scenario.ts';
import type { MemberState, Shape, State } from './state.ts';

/** Gets each next state; `violation` says what is wrong with it. */
export type Emit = (text: string, violation: string | null) => void;

export interface Arrival {
  readonly step: MemberStep;
  readonly next: MemberState;
  readonly chosen: State | null;
  readonly violation: string | null;
}

export class Model {
  readonly words: Words = new Words();
  readonly members: Members;
  readonly proposals: Proposals;
  readonly properties: Properties;
  readonly variant: Scope;
  readonly shape: Shape;
  /** Set while a trace is told; a search has none. */
  narrator: Narrator | null = null;
  readonly #proposerOf: readonly number[];
  readonly #sharesProposer: readonly boolean[];
  readonly #alike: readonly (readonly [number, number])[];
  #emit: Emit = () => undefined;
  #blocks: readonly string[] = [];
  #head: string = '';

  constructor(cores: Cores, variant: Scope) {
    this.variant = variant;
    const incarnations = membersOf(variant.configs);
    const proposers = [...new Set(variant.operations.map(({ p }) => p))];
    this.#proposerOf = variant.operations.map(({ p }) => proposers.indexOf(p));
    this.#sharesProposer = variant.operations.map(({ p }) => variant.operations.filter((o) => o.p === p).length > 1);
    this.shape = { operations: variant.operations.length, proposers: proposers.length, members: incarnations.length };
    this.#alike = variant.alike ?? (variant.configs.length === 1 ? [[0, incarnations.length]] : []);
    this.members = new Members(cores, this.words, incarnations);
    this.proposals = new Proposals(cores, this.words, variant, incarnations.length);
    this.properties = new Properties(variant, this.words);
  }

  /** Members of the first configuration are active in it, the others know nothing. */
  initial(): State {
    const first = this.variant.configs[0] as Config;
    const acceptors: number[] = [];
    for (let m = 0; m < this.shape.members; m++) {
      const blank = this.members.blank(m);
      const isMember = first.M.some((one) => one.name === memberName(m));
      acceptors.push(isMember ? this.members.adopt(blank, m, first).state : blank);
    }
    return initialState(this.shape, acceptors);
  }

  /** The text of a state; with a narrator, its members' names move along. */
  encode(state: State): string {
    return join(encodeHead(state), state.members.map(encodeMember), this.#alike, null);
  }

  expand(text: string, emit: Emit): void {
    const { state, head, blocks } = decode(text, this.shape);
    this.#emit = emit;
    this.#head = head;
    this.#blocks = blocks;
    for (let m = 0; m < this.shape.members; m++) {
      for (const request of state.sent) this.#deliver(state, m, request, true);
      this.#observe(state, m);
    }
    for (let slot = 0; slot < this.shape.operations; slot++) this.#proceed(state, slot);
    if (this.variant.configs.length > 1) expandEpochs(this, state);
  }

  /** What the operation can do next, by itself. */
  #proceed(state: State, slot: number): void {
    const core = state.cores[slot] as number;
    if (core === ENDED) return;
    if (core === UNSTARTED) return this.#start(state, slot);
    for (const step of this.goOn(state, slot)) this.#take(state, slot, step);
    if (this.proposals.hasEnded(core)) return;
    for (const config of this.variant.configs) {
      if (config.e <= this.proposals.epochOf(core)) continue;
      for (const step of this.proposals.learn(slot, core, this.#cacheOf(state, slot), config))
        this.#take(state, slot, step);
    }
  }

  #start(state: State, slot: number): void {
    const plan = this.#plan(slot);
    for (const before of plan.after ?? []) if (!this.proposals.hasEnded(state.cores[before] as number)) return;
    for (const life of this.#aims(state, plan)) {
      const called = this.called(state, slot, life);
      for (const config of this.variant.configs) {
        for (const step of this.begin(called, slot, config, life)) this.#take(called, slot, step);
      }
    }
  }

  /** The state in which the operation has been called. */
  called(from: State, slot: number, life: number): State {
    const state = copyState(from);
    if (this.#plan(slot).kind !== 'collect') state.called[slot] = 1 + this.#answeredMask(from);
    state.aims[slot] = life + 1;
    return state;
  }

  begin(state: State, slot: number, config: Config, life: number): readonly ProposalStep[] {
    if ((this.#plan(slot).rounds[config.e - 1] ?? []).length === 0) return [];
    return this.proposals.start(slot, this.#cacheOf(state, slot), config, life);
  }

  /** The visible steps that an operation can take with what has come and with timeouts. */
  goOn(state: State, slot: number): readonly ProposalStep[] {
    const marks = state.members.map((member) => member.marks[slot] as number);
    const replies = state.members.map((member) => member.replies[slot] as number[]);
    return this.proposals.go(slot, state.cores[slot] as number, this.#cacheOf(state, slot), marks, replies);
  }

  #cacheOf(state: State, slot: number): number {
    return state.caches[this.#proposerOf[slot] as number] as number;
  }

  /** The incarnations whose end was observed, for an erase; -1 for all others. */
  #aims(state: State, plan: OperationPlan): readonly number[] {
    if (plan.kind !== 'erase') return [-1];
    return [...new Set(state.members.flatMap((member) => member.observed))];
  }

  #answeredMask(state: State): number {
    let mask = 0;
    state.answers.forEach((answer, slot) => {
      const kind = this.words.answers.at(answer)?.kind;
      if (kind === 'ok' || kind === 'applied') mask |= 1 << slot;
    });
    return mask;
  }

  #take(from: State, slot: number, step: ProposalStep): void {
    const state = this.taken(from, slot, step);
    this.narrator?.push(() => this.narrator?.proposal(slot, step) ?? '');
    let violation = step.violation ?? (step.erases < 0 ? null : this.#judgeErase(state, step.erases));
    if (step.answer !== 0) violation ??= this.properties.judge(state);
    if (step.answer !== 0 || violation !== null || this.#sharesProposer[slot]) this.#give(state, violation);
    if (step.answer === 0 && violation === null) {
      for (let m = 0; m < this.shape.members; m++) {
        for (const request of step.sent) this.#deliver(state, m, request, false);
      }
      this.#proceed(state, slot);
    }
    this.narrator?.pop();
  }

  /** The state after a visible step of an operation. */
  taken(from: State, slot: number, step: ProposalStep): State {
    const state = copyState(from);
    state.cores[slot] = step.core;
    state.caches[this.#proposerOf[slot] as number] = step.cache;
    for (const request of step.sent) state.sent = withNumber(state.sent, request);
    state.members.forEach((member, m) => {
      const next = copyMember(member);
      const marks = step.marks[m] as number;
      next.marks[slot] = marks;
      next.replies[slot] = (member.replies[slot] as number[]).filter((r) =>
        this.proposals.isUseful(step.core, marks, r),
      );
      state.members[m] = next;
    });
    if (step.answer !== 0 && this.#plan(slot).kind !== 'collect') state.answers[slot] = step.answer;
    return state;
  }

  /** A tombstone over a live cell has the observations of a quorum behind it, and they are true. */
  #judgeErase(state: State, life: number): string | null {
    const { creator } = this.words.lives.at(life);
    if (this.#plan(creator).mortal !== true)
      return `an erase of what operation ${creator} created, which has not ended`;
    const observers = state.members.filter((member) => member.observed.includes(life)).length;
    const { N } = this.variant.configs[0] as Config;
    return observers >= quorumSize(N) ? null : `an erase was proposed on ${observers} observations`;
  }

  /** `isAlone`: nothing else of the state has changed since it was decoded. */
  #deliver(state: State, m: number, request: number, isAlone: boolean): void {
    const arrived = this.arrived(state, m, request);
    if (arrived === null) return;
    const { step, next, chosen } = arrived;
    this.narrator?.push(() => this.narrator?.delivery(m, request, step) ?? '');
    if (chosen !== null) {
      this.#give(chosen, arrived.violation ?? this.properties.judge(chosen));
    } else if (isAlone && this.narrator === null) {
      const blocks = [...this.#blocks];
      blocks[m] = encodeMember(next);
      this.#emit(join(this.#head, blocks, this.#alike, null), arrived.violation);
    } else {
      const changed = copyState(state);
      changed.members[m] = next;
      this.#give(changed, arrived.violation);
    }
    this.narrator?.pop();
  }

  /** What a request does to a member; null: nothing that matters. `chosen` is the whole state when that makes a cell chosen. */
  arrived(state: State, m: number, request: number): Arrival | null {
    const member = state.members[m] as MemberState;
    const isOnce = this.variant.once === true && this.variant.arrivesTwice !== true;
    if (isOnce && member.got.includes(request)) return null;
    const step = this.members.deliver(member.acceptor, request);
    const { slot, message } = this.words.requests.at(request);
    const isHeard =
      step.reply !== NO_REPLY &&
      !(member.replies[slot] as number[]).includes(step.reply) &&
      this.proposals.isUseful(state.cores[slot] as number, member.marks[slot] as number, step.reply);
    const accepts =
      step.accepted >= 0 && !member.accepted.includes(step.accepted) && !state.chosen.includes(step.accepted);
    if (step.state === member.acceptor && !isHeard && !accepts) return null;
    const next = copyMember(member);
    next.acceptor = step.state;
    if (isOnce) next.got = withNumber(member.got, request);
    if (isHeard) next.replies[slot] = withNumber(member.replies[slot] as number[], step.reply);
    let violation = step.violation;
    if (step.accepted >= 0) {
      this.#watch(next);
      if (step.isNew && this.variant.forgets === true && !isLower(this.properties.forgottenAt(state.sent), message.b)) {
        violation ??= 'a ballot was accepted at or below that of a tombstone that may be forgotten';
      }
    }
    if (accepts) next.accepted = withNumber(member.accepted, step.accepted);
    if (!accepts || !this.#isNowChosen(state, m, step.accepted)) return { step, next, chosen: null, violation };
    const chosen = copyState(state);
    chosen.chosen = withNumber(state.chosen, step.accepted);
    chosen.members[m] = next;
    for (let other = 0; other < chosen.members.length; other++) forgetAcceptance(chosen, other, step.accepted);
    return { step, next, chosen, violation };
  }

  #isNowChosen(state: State, m: number, offer: number): boolean {
    const { b, fast } = this.words.offers.at(offer);
    const config = this.variant.configs[b.e - 1] as Config;
    let count = 0;
    config.M.forEach(({ name }) => {
      const at = memberNumber(name);
      if (at === m || (state.members[at] as MemberState).accepted.includes(offer)) count += 1;
    });
    return count >= (fast ? config.M.length : quorumSize(config.N));
  }

  /** What the member holds now may end at any time, also when it does not hold it any more. */
  #watch(member: MemberState): void {
    const life = this.members.boundLife(member.acceptor);
    if (life < 0 || this.#plan(this.words.lives.at(life).creator).mortal !== true) return;
    member.watched = withNumber(member.watched, life);
  }

  #observe(state: State, m: number): void {
    for (const life of (state.members[m] as MemberState).watched) {
      const changed = this.observed(state, m, life);
      if (changed === null) continue;
      this.narrator?.push(() => this.narrator?.observation(m, life) ?? '');
      this.#give(changed, null);
      this.narrator?.pop();
    }
  }

  /** The member saw the end of what the incarnation is bound to; null: the core has filed that already, or does not want it. */
  observed(state: State, m: number, life: number): State | null {
    const member = state.members[m] as MemberState;
    const acceptor = this.members.observe(member.acceptor, life);
    if (acceptor === member.acceptor) return null;
    const changed = copyState(state);
    changed.members[m] = { ...copyMember(member), acceptor, observed: withNumber(member.observed, life) };
    return changed;
  }

  /** For epochs.ts: a member's state was changed otherwise than by a request. */
  give(state: State, tell: (narrator: Narrator) => string): void {
    const { narrator } = this;
    narrator?.push(() => tell(narrator));
    for (const member of state.members) this.#watch(member);
    this.#give(state, null);
    narrator?.pop();
  }

  #give(state: State, violation: string | null): void {
    const order = this.narrator?.newOrder() ?? null;
    const text = join(encodeHead(state), state.members.map(encodeMember), this.#alike, order);
    this.#emit(text, violation);
  }

  #plan(slot: number): OperationPlan {
    return this.variant.operations[slot] as OperationPlan;
  }
}

function forgetAcceptance(state: State, m: number, offer: number): void {
  const member = state.members[m] as MemberState;
  if (!member.accepted.includes(offer)) return;
  state.members[m] = { ...copyMember(member), accepted: member.accepted.filter((other) => other !== offer) };
}

function membersOf(configs: readonly Config[]): readonly Incarnation[] {
  const names = new Set(configs.flatMap((config) => config.M.map(({ name }) => name)));
  return Array.from({ length: names.size }, (_, member) => incarnation(member));
}
