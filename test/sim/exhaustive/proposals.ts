/**
 * The operations of a search as numbered states. Every step is the core's own, taken on a copy once per different input.
 *
 * A step here goes from one thing that others can see (a message, an answer) to the next: which of the replies that wait at the
 * proposer came, in which order, and what timed out before, is tried out in all ways. Replies that changed nothing others see
 * go on waiting instead, as they may come right before the step that uses them.
 */
import { sameBallot } from '../../../kv/paxos/ballot.ts';
import { PROPOSER_LIMITS } from '../../../kv/paxos/proposer-state.ts';
import { ballotText, cellText, Interner } from './intern.ts';
import { KEY } from './members.ts';
import { memberName } from './names.ts';
import { answerOf, appending, copyOperation, isForget, isOwn, operationText, planClock } from './operations.ts';
import { ACCEPTED, ENDED, LEARNED, PROMISED, TIMEOUT } from './proposal-step.ts';
import type { Ballot, Config, RegisterReply } from '../../../kv/paxos/messages.ts';
import type { Operation } from '../../../kv/paxos/operation.ts';
import type { Prepared, Proposer, ProposerEffect } from '../../../kv/paxos/proposer-state.ts';
import type { Cores } from '../cores.ts';
import type { Input, ProposalStep } from './proposal-step.ts';
import type { OperationPlan, Scope } from './scenario.ts';
import type { Words } from './words.ts';

const NOTHING_PREPARED = 0;
/** What the clock shows when the plan has no more rounds: a step that draws from it is not taken. */
const NO_MORE_ROUNDS = 1_000_000;
const LATER_MS = 1e9;

interface Held {
  readonly operation: Operation | null;
  /** How many rounds were drawn, per epoch. */
  readonly drawn: readonly number[];
}

interface Attempted {
  readonly proposer: Proposer;
  readonly operation: Operation;
  readonly drawn: number[];
  readonly inputs: readonly Input[];
}

export class Proposals {
  readonly #cores: Cores;
  readonly #words: Words;
  readonly #variant: Scope;
  readonly #cells: Interner<Held> = new Interner('states of operations');
  readonly #caches: Interner<Prepared | null> = new Interner('prepared ballots');
  readonly #steps: Map<string, readonly ProposalStep[]> = new Map();

  readonly #members: number;

  constructor(cores: Cores, words: Words, variant: Scope, members: number) {
    this.#members = members;
    this.#cores = cores;
    this.#words = words;
    this.#variant = variant;
    this.#cells.id('unstarted', () => ({ operation: null, drawn: [] }));
    this.#cells.id('ended', () => ({ operation: null, drawn: [] }));
    this.#caches.id('', () => null);
  }

  /** Whether the reply may still do something to the operation at the member's marks. */
  isUseful(core: number, marks: number, reply: number): boolean {
    const { operation } = this.#cells.at(core);
    if (operation === null) return false;
    const m = this.#words.replies.at(reply);
    if (!sameBallot(m.b, operation.b) || m.e !== operation.config?.e) return false;
    const { phase } = operation;
    switch (m.kind) {
      case 'promise':
        return (marks & PROMISED) === 0 && phase === 'preparing';
      case 'taken':
        if ((marks & PROMISED) !== 0 || operation.fastCell === null) return false;
        return phase === 'preparing' || phase === 'accepting';
      case 'accepted':
        return (marks & ACCEPTED) === 0 && (phase === 'accepting' || phase === 'collecting');
      case 'state':
        return phase === 'reading' && (marks & PROMISED) === 0;
      case 'nack':
        return this.#variant.nacks === true && phase !== 'collecting';
      case 'inactive':
      case 'behind':
      case 'oldEpoch':
        return false;
    }
  }

  hasEnded(core: number): boolean {
    if (core === ENDED) return true;
    return this.#cells.at(core).operation?.phase === 'collecting';
  }

  epochOf(core: number): number {
    return this.#cells.at(core).operation?.config?.e ?? 0;
  }

  describe(core: number): string {
    const { operation } = this.#cells.at(core);
    if (operation === null) return core === ENDED ? 'ended' : 'not started';
    return `${operation.phase} at ${ballotText(operation.b)}`;
  }

  /** `life` is what an erase is for, else -1. */
  start(slot: number, cache: number, config: Config, life: number): readonly ProposalStep[] {
    const at = `s${slot} ${cache} ${config.e} ${life}`;
    return this.#remember(at, () => {
      const operation = this.#create(slot, life);
      const drawn = this.#variant.configs.map(() => 0);
      const attempted: Attempted = {
        proposer: this.#proposer(slot, config, cache, null),
        operation,
        drawn,
        inputs: [],
      };
      if (operation.kind === 'put' && this.#plan(slot).classic === true) attempted.proposer.connected &= ~1;
      const step = this.#take(slot, attempted, config, (out) =>
        this.#cores.startOperation(attempted.proposer, operation, 0, out),
      );
      return step === null || step.visible === null ? [] : [step.visible];
    });
  }

  /** The proposer learns of a newer configuration while the operation runs. */
  learn(slot: number, core: number, cache: number, config: Config): readonly ProposalStep[] {
    return this.#remember(`c${slot} ${core} ${cache} ${config.e}`, () => {
      const attempted = this.#restore(slot, core, cache, [], [[LEARNED, config.e]]);
      const all = (1 << config.M.length) - 1;
      const step = this.#take(slot, attempted, config, (out) =>
        this.#cores.stepConfig(attempted.proposer, config, all, 0, out),
      );
      return step === null || step.visible === null ? [] : [step.visible];
    });
  }

  /** All visible steps that these waiting replies (by member) and timeouts allow. */
  go(
    slot: number,
    core: number,
    cache: number,
    marks: readonly number[],
    waiting: readonly number[][],
  ): readonly ProposalStep[] {
    const held = this.#cells.at(core);
    if (held.operation === null) return [];
    let at = String.fromCharCode(slot, core, cache);
    for (let m = 0; m < marks.length; m++) {
      const replies = waiting[m] as number[];
      at += String.fromCharCode(marks[m] as number, replies.length, ...replies);
    }
    return this.#remember(at, () => this.#explore(slot, core, cache, marks, waiting));
  }

  #explore(
    slot: number,
    core: number,
    cache: number,
    marks: readonly number[],
    waiting: readonly number[][],
  ): readonly ProposalStep[] {
    const found = new Map<string, ProposalStep>();
    const seen = new Set<string>();
    const config = this.#cells.at(core).operation?.config as Config;
    const open: Attempted[] = [this.#restore(slot, core, cache, marks)];
    for (let attempted = open.shift(); attempted !== undefined; attempted = open.shift()) {
      for (const input of this.#inputs(attempted, waiting)) {
        const copy = copyOf(attempted, input);
        const step = this.#take(slot, copy, config, (out) => this.#feed(copy, input, out));
        if (step === null) continue;
        if (step.visible !== null) {
          const text = `${step.visible.core} ${step.visible.cache} ${step.visible.sent} ${step.visible.answer} ${step.visible.marks}`;
          if (!found.has(text)) found.set(text, step.visible);
          continue;
        }
        const text = `${copy.operation.phase} ${copy.inputs.map(String).sort().join(' ')}`;
        if (seen.has(text)) continue;
        seen.add(text);
        open.push(copy);
      }
    }
    return [...found.values()];
  }

  /** Replies that may come next, or a timeout. Acceptances say nothing but themselves: they come in one order. */
  #inputs({ operation, inputs }: Attempted, waiting: readonly number[][]): Input[] {
    const next: Input[] = [];
    let hasAccepted = false;
    const config = operation.config as Config;
    waiting.forEach((replies, member) => {
      const bit = 1 << this.#placeOf(config, member);
      for (const reply of replies) {
        if (inputs.some(([m, r]) => m === member && r === reply)) continue;
        const { kind } = this.#words.replies.at(reply);
        if (kind === 'accepted') {
          if (hasAccepted || (operation.accepted & bit) !== 0) continue;
          hasAccepted = true;
        } else if (kind !== 'nack' && (operation.answered & bit) !== 0) continue;
        next.push([member, reply]);
      }
    });
    if (operation.phase !== 'ended' && operation.phase !== 'collecting') next.push([TIMEOUT, 0]);
    return next;
  }

  #feed({ proposer, operation }: Attempted, [member, reply]: Input, out: ProposerEffect[]): void {
    if (member === TIMEOUT) return this.#cores.stepTime(proposer, LATER_MS, out);
    const from = this.#placeOf(operation.config as Config, member);
    const message: RegisterReply = { ...this.#words.replies.at(reply), from };
    this.#cores.stepReply(proposer, message, 0, out);
  }

  #placeOf(config: Config, member: number): number {
    return config.M.findIndex((m) => m.name === memberName(member));
  }

  /** Takes a core step with the plan's next round on the clock. Null: it would draw a round that the plan does not have. */
  #take(
    slot: number,
    attempted: Attempted,
    config: Config,
    step: (out: ProposerEffect[]) => void,
  ): { readonly visible: ProposalStep | null } | null {
    const { proposer, operation, drawn } = attempted;
    const cache = this.#keepCache(proposer);
    const next = this.#plan(slot).rounds[config.e - 1]?.[drawn[config.e - 1] as number] ?? NO_MORE_ROUNDS;
    const draws = planClock(proposer, next);
    operation.wakeAtMs = 0;
    const out: ProposerEffect[] = [];
    step(out);
    if (draws() > 1) throw new Error('one step drew two ballots');
    if (draws() === 1) {
      if (next === NO_MORE_ROUNDS) return null;
      drawn[config.e - 1] = (drawn[config.e - 1] as number) + 1;
    }
    // Another operation of the proposer drew later rounds already: its clock would not show this one any more.
    if (operation.next !== null && operation.next.r < operation.b.r) return null;
    const isVisible = out.some((effect) => effect.kind === 'send' || effect.kind === 'answer' || isForget(effect));
    if (!isVisible && this.#keepCache(proposer) === cache) return { visible: null };
    return { visible: this.#describeStep(slot, attempted, out) };
  }

  #describeStep(slot: number, attempted: Attempted, out: readonly ProposerEffect[]): ProposalStep {
    const { proposer, operation, inputs } = attempted;
    const sent: number[] = [];
    let answer = 0;
    let violation: string | null = null;
    let erases = -1;
    for (const effect of out) {
      if (effect.kind === 'answer') answer = this.#words.answer(answerOf(this.#plan(slot), effect.outcome));
      if (effect.kind !== 'send' && !(effect.kind === 'hint' && this.#keepsHint(effect.message.kind))) continue;
      sent.push(this.#words.request(slot, effect.message));
      if (effect.message.kind !== 'accept' || !isOwn(operation)) continue;
      if (!operation.isExposed) violation = 'an own change was sent by an operation that may still answer no_quorum';
      if (operation.kind === 'erase') erases = operation.tag as number;
    }
    const marks = this.#marksOf(operation);
    const core = this.#keep(attempted);
    return { core, cache: this.#keepCache(proposer), sent, answer, marks, erases, violation, inputs };
  }

  #keepsHint(kind: 'chosen' | 'forget'): boolean {
    return kind === 'forget' || this.#variant.hints === true;
  }

  #marksOf(operation: Operation): number[] {
    const config = operation.config;
    const marks: number[] = [];
    const countsOks = operation.fastCell !== null && operation.phase === 'accepting';
    const countsAccepted = operation.phase === 'accepting' || operation.phase === 'collecting';
    for (let member = 0; member < this.#members; member++) {
      const place = config === null ? -1 : this.#placeOf(config, member);
      const bit = place < 0 ? 0 : 1 << place;
      marks.push(
        (countsOks && (operation.answered & bit) !== 0 ? PROMISED : 0) |
          (countsAccepted && (operation.accepted & bit) !== 0 ? ACCEPTED : 0),
      );
    }
    return marks;
  }

  #plan(slot: number): OperationPlan {
    return this.#variant.operations[slot] as OperationPlan;
  }

  #create(slot: number, life: number): Operation {
    const { kind, classic, mortal, bound } = this.#plan(slot);
    const bind = mortal === true || bound === true ? { pid: null, node: `owner${slot}`, key: null, until: null } : null;
    const ver = life < 0 ? null : this.#words.lives.at(life).ver;
    const settings = { startsClassic: classic === true, tag: life };
    switch (kind) {
      case 'put':
        return this.#cores.createPut(KEY, [slot], bind, settings);
      case 'change':
      case 'extend':
        return this.#cores.createChange(KEY, appending(slot, kind === 'change'), settings);
      case 'read':
        return this.#cores.createRead(KEY, settings);
      case 'erase':
        return this.#cores.createErase(KEY, ver as Ballot, settings);
      case 'collect':
        return this.#cores.createCollect(KEY, settings);
      case 'settle':
        return this.#cores.createSettle(KEY, settings);
    }
  }

  #proposer(slot: number, config: Config, cache: number, operation: Operation | null): Proposer {
    const limits = {
      ...PROPOSER_LIMITS,
      forgets: this.#variant.forgets === true,
      deliversOnce: this.#variant.once === true,
    };
    const proposer = this.#cores.createProposer(this.#plan(slot).p, limits);
    proposer.config = config;
    proposer.connected = (1 << config.M.length) - 1;
    const prepared = this.#caches.at(cache);
    if (prepared !== null) proposer.cache.set(KEY, prepared);
    if (operation !== null) proposer.running.set(operation.b.r, operation);
    return proposer;
  }

  #restore(
    slot: number,
    core: number,
    cache: number,
    marks: readonly number[],
    inputs: Attempted['inputs'] = [],
  ): Attempted {
    const held = this.#cells.at(core);
    const operation = copyOperation(held.operation as Operation);
    const config = operation.config as Config;
    marks.forEach((mark, member) => {
      const bit = 1 << Math.max(0, this.#placeOf(config, member));
      if ((mark & PROMISED) !== 0) {
        operation.answered |= bit;
        operation.answeredCount += 1;
      }
      if ((mark & ACCEPTED) !== 0) {
        operation.accepted |= bit;
        operation.acceptedCount += 1;
      }
    });
    return { proposer: this.#proposer(slot, config, cache, operation), operation, drawn: [...held.drawn], inputs };
  }

  #keepCache(proposer: Proposer): number {
    const prepared = proposer.cache.get(KEY);
    if (prepared === undefined) return NOTHING_PREPARED;
    return this.#caches.id(`${ballotText(prepared.next)} ${cellText(prepared.cell)}`, () => prepared);
  }

  /** Without what cannot matter any more: who was counted is kept with the members, timing is not kept at all. */
  #keep({ operation, drawn }: Attempted): number {
    if (operation.phase === 'ended') return ENDED;
    const isOver = operation.phase === 'collecting';
    const kept: Operation = {
      ...operation,
      ...(isOver ? { offers: [], offer: null, fastCell: null, okCount: 0, cell: null, outcome: null, next: null } : {}),
      attempts: 1,
      answered: 0,
      answeredCount: 0,
      promises: [],
      states: [],
      refused: 0,
      nackCount: 0,
      elsewhereCount: 0,
      accepted: 0,
      acceptedCount: 0,
      sentAtMs: 0,
      wakeAtMs: 0,
    };
    return this.#cells.id(operationText(kept, drawn), () => ({ operation: kept, drawn: [...drawn] }));
  }

  #remember(at: string, make: () => readonly ProposalStep[]): readonly ProposalStep[] {
    let steps = this.#steps.get(at);
    if (steps === undefined) {
      steps = make();
      this.#steps.set(at, steps);
    }
    return steps;
  }
}

function copyOf(attempted: Attempted, input: Input): Attempted {
  const operation = copyOperation(attempted.operation);
  const { proposer } = attempted;
  const running = new Map([[operation.b.r, operation]]);
  const copy: Proposer = { ...proposer, running, cache: new Map(proposer.cache) };
  return { proposer: copy, operation, drawn: [...attempted.drawn], inputs: [...attempted.inputs, input] };
}
