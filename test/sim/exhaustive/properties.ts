/**
 * What must hold in every state (register protocol, section 11): of the answers given so far and of the cells that are chosen.
 * Both judges are asked again and again about the same thing, so they remember their verdicts.
 */
import { compareBallots, isLower, sameBallot, ZERO } from '../../../kv/paxos/ballot.ts';
import { historyOf } from '../../../kv/paxos/change.ts';
import { isLinearizable } from '../linearizable.ts';
import { ballotText, cellText } from './intern.ts';
import type { Ballot } from '../../../kv/paxos/messages.ts';
import type { HistoryOperation } from '../linearizable.ts';
import type { OperationPlan, Scope } from './scenario.ts';
import type { State } from './state.ts';
import type { Answer, Offer, Words } from './words.ts';

export class Properties {
  readonly #variant: Scope;
  readonly #words: Words;
  readonly #verdicts: Map<string, string | null> = new Map();

  constructor(variant: Scope, words: Words) {
    this.#variant = variant;
    this.#words = words;
  }

  /** What is wrong, or null. Asked after every answer and every newly chosen cell. */
  judge(state: State): string | null {
    const { called, answers, chosen, sent } = state;
    const forgotten = this.forgottenAt(sent);
    const at = `${called.join()} ${answers.join()} ${state.aims.join()} ${chosen.join()} ${ballotText(forgotten)}`;
    let verdict = this.#verdicts.get(at);
    if (verdict === undefined) {
      verdict = this.#judgeAnswers(state) ?? this.#judgeChosen(state, forgotten);
      this.#verdicts.set(at, verdict);
    }
    return verdict;
  }

  /** The highest tombstone that somebody may have forgotten; ZERO: none. */
  forgottenAt(sent: readonly number[]): Ballot {
    let highest = ZERO;
    for (const request of sent) {
      const { message } = this.#words.requests.at(request);
      if (message.kind === 'forget' && isLower(highest, message.b)) highest = message.b;
    }
    return highest;
  }

  #answer(state: State, slot: number): Answer | null {
    return this.#words.answers.at(state.answers[slot] as number);
  }

  #judgeAnswers(state: State): string | null {
    const history = this.#history(state);
    if (!isLinearizable(history)) return `the answers have no linear order:\n${describeHistory(history)}`;
    return this.#judgeTokens(state);
  }

  /** The operations as intervals: only who answered before whom was called is known, and any times that say so will do. */
  #history(state: State): HistoryOperation[] {
    const history: HistoryOperation[] = [];
    const operations = new Map<number, HistoryOperation>();
    let stamp = 0;
    const answer = (slot: number): void => {
      const operation = operations.get(slot);
      const said = this.#answer(state, slot);
      if (operation === undefined || operation.answeredAt !== Infinity || said === null) return;
      operation.answeredAt = ++stamp;
      operation.result = said.result;
    };
    const order = state.called.map((mask, slot) => ({ mask, slot })).filter(({ mask }) => mask > 0);
    order.sort((a, b) => countBits(a.mask - 1) - countBits(b.mask - 1) || a.slot - b.slot);
    for (const { mask, slot } of order) {
      for (let other = 0; other < state.called.length; other++) if (((mask - 1) >> other) & 1) answer(other);
      const { kind } = this.#variant.operations[slot] as OperationPlan;
      const said = this.#answer(state, slot)?.kind;
      if (kind === 'collect' || said === 'no_quorum') continue;
      const aim = (state.aims[slot] as number) - 1;
      const target = aim < 0 ? -1 : this.#words.lives.at(aim).creator;
      const operation = {
        id: slot,
        kind: kind === 'settle' ? ('read' as const) : kind,
        target,
        calledAt: ++stamp,
        answeredAt: Infinity,
        result: undefined,
      };
      operations.set(slot, operation);
      history.push(operation);
    }
    for (const slot of operations.keys()) if (isDefinite(this.#answer(state, slot))) answer(slot);
    return history;
  }

  /** What was answered before another operation was called is not of a later incarnation than that one's. */
  #judgeTokens(state: State): string | null {
    for (let later = 0; later < state.called.length; later++) {
      const mask = (state.called[later] as number) - 1;
      const to = this.#answer(state, later)?.ver ?? null;
      if (mask <= 0 || to === null) continue;
      for (let earlier = 0; earlier < state.called.length; earlier++) {
        const from = ((mask >> earlier) & 1) === 0 ? null : (this.#answer(state, earlier)?.ver ?? null);
        if (from === null || !isLower(to, from)) continue;
        return `operation ${later} was called after ${earlier} answered, and got the older token ${ballotText(to)}`;
      }
    }
    return null;
  }

  /** All was lost between them. What was chosen before must not be done again all the same. */
  #startsAnew(earlier: Offer, later: Offer): boolean {
    return this.#variant.configs.some(({ e, fresh }) => fresh === true && earlier.b.e < e && e <= later.b.e);
  }

  #judgeChosen(state: State, forgotten: Ballot): string | null {
    const chosen = state.chosen.map((id) => this.#words.offers.at(id));
    chosen.sort((a, b) => compareBallots(a.b, b.b) || Number(b.fast) - Number(a.fast));
    for (let i = 1; i < chosen.length; i++) {
      const [earlier, later] = [chosen[i - 1] as Offer, chosen[i] as Offer];
      if (this.#startsAnew(earlier, later)) continue;
      const broken = describeBreak(earlier, later, forgotten);
      if (broken !== null) return broken;
    }
    const lives = new Map<number, Ballot>();
    for (const { cell, b } of chosen) {
      if (!cell.live) continue;
      const value = cell.value as readonly number[];
      if (new Set(value).size !== value.length)
        return `an operation was applied twice: ${cellText(cell)} at ${ballotText(b)}`;
      for (const slot of value) {
        const ver = lives.get(slot);
        if (ver !== undefined && !sameBallot(ver, cell.ver)) {
          return `operation ${slot} was applied in two incarnations, ${ballotText(ver)} and ${ballotText(cell.ver)}`;
        }
        lives.set(slot, cell.ver);
        const broken = describeUntrue(slot, this.#answer(state, slot), cell.ver);
        if (broken !== null) return broken;
      }
    }
    return null;
  }
}

/** The answer of an operation that is in a chosen cell: it must not say otherwise. */
function describeUntrue(slot: number, answer: Answer | null, ver: Ballot): string | null {
  if (answer === null || answer.kind === 'unknown' || answer.kind === 'applied') return null;
  if (answer.kind === 'ok' && answer.result?.includes(slot) === true) return null;
  return `operation ${slot} answered that it did not take effect (${answer.kind}), but it did: ${ballotText(ver)}`;
}

/** Chosen cells form one lineage: the later history has the earlier's newest change, or a forgetting lies between. */
function describeBreak(earlier: Offer, later: Offer, forgotten: Ballot): string | null {
  const newest = historyOf(earlier.cell)[0];
  const history = historyOf(later.cell);
  const isAnew = !earlier.cell.live && !isLower(forgotten, earlier.b);
  const shows = `chosen at ${ballotText(later.b)}: ${cellText(later.cell)}; before at ${ballotText(earlier.b)}: ${cellText(earlier.cell)}`;
  if (newest === undefined || !isLower(later.cell.cut, newest)) return null;
  if (history.some((h) => sameBallot(h, newest))) return null;
  if (isAnew && history.every((h) => isLower(earlier.b, h))) return null;
  return `not one lineage: ${shows}`;
}

function isDefinite(answer: Answer | null): boolean {
  return answer !== null && (answer.kind === 'ok' || answer.kind === 'applied');
}

function countBits(mask: number): number {
  let count = 0;
  for (let rest = mask; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

function describeHistory(history: readonly HistoryOperation[]): string {
  return history
    .map((o) => {
      const result =
        o.answeredAt === Infinity ? 'no answer' : o.result === undefined ? 'applied' : `[${String(o.result)}]`;
      return `    ${o.kind} (operation ${o.id}) from ${o.calledAt} to ${o.answeredAt}: ${result}`;
    })
    .join('\n');
}
