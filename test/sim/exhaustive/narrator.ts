/** Tells the steps of a trace in words. Members keep their names A, B, C... although a search sorts them. */
import { ballotText } from './intern.ts';
import { LEARNED, TIMEOUT } from './proposal-step.ts';
import { NO_REPLY, replyText, requestText } from './words.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Model } from './model.ts';
import type { MemberStep } from './members.ts';
import type { ProposalStep } from './proposal-step.ts';

export class Narrator {
  readonly #model: Model;
  readonly #names: readonly string[];
  readonly #told: (() => string)[] = [];
  /** How the members of the state that was made last were sorted. */
  order: number[] = [];

  constructor(model: Model, names: readonly string[]) {
    this.#model = model;
    this.#names = names;
  }

  push(tell: () => string): void {
    this.#told.push(tell);
  }

  pop(): void {
    this.#told.pop();
  }

  /** The steps on the way to the state that is being given. */
  lines(): string[] {
    return this.#told.map((tell) => tell()).filter((line) => line !== '');
  }

  newOrder(): number[] {
    this.order = this.#names.map((_, m) => m);
    return this.order;
  }

  delivery(m: number, request: number, step: MemberStep): string {
    const { slot, message } = this.#model.words.requests.at(request);
    const reply = step.reply === NO_REPLY ? '' : ` and replies ${replyText(this.#model.words.replies.at(step.reply))}`;
    return `${this.#name(m)} gets ${this.#operation(slot)}'s ${requestText(message)}${reply}; it stands at ${this.#model.members.describe(step.state)}`;
  }

  proposal(slot: number, step: ProposalStep): string {
    const { words } = this.#model;
    const parts = step.inputs.map(([m, reply]) => {
      if (m === LEARNED) return `hearing of epoch ${reply}`;
      return m === TIMEOUT ? 'a timeout' : `${words.replies.at(reply).kind} of ${this.#name(m)}`;
    });
    const does: string[] = [];
    for (const request of step.sent) does.push(`sends ${requestText(words.requests.at(request).message)}`);
    const answer = words.answers.at(step.answer);
    if (answer !== null) {
      const result =
        answer.result === undefined ? '' : answer.result === null ? ' nothing' : ` [${String(answer.result)}]`;
      does.push(`answers ${answer.kind}${result}`);
    }
    const head = parts.length === 0 ? 'begins' : `after ${parts.join(', ')}`;
    return `${this.#operation(slot)} ${head}: ${does.join(', ')}`;
  }

  observation(m: number, life: number): string {
    const { ver } = this.#model.words.lives.at(life);
    return `${this.#name(m)} observes the end of what ${ballotText(ver)} is bound to`;
  }

  adoption(m: number, config: Config): string {
    return `${this.#name(m)} adopts epoch ${config.e}`;
  }

  gift(giver: number, joiner: number, sealed: number): string {
    const state = this.#model.members.describeSealed(sealed);
    return `${this.#name(giver)}, sealed, gives its state to ${this.#name(joiner)}: ${state}`;
  }

  #operation(slot: number): string {
    return `${String(this.#model.variant.operations[slot]?.kind)} ${slot}`;
  }

  #name(m: number): string {
    return this.#names[m] ?? '?';
  }
}

export function memberNames(count: number): string[] {
  return Array.from({ length: count }, (_, m) => String.fromCharCode(65 + m));
}
