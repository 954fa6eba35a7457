/**
 * What has happened before a search begins: operations that ran one after the other while some members answered, without loss or
 * delay. Everything they sent may still arrive later, as anything sent may.
 */
import { adoptTogether } from './epochs.ts';
import { memberNames } from './narrator.ts';
import { UNSTARTED } from './proposal-step.ts';
import { copyState } from './state.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Model } from './model.ts';
import type { ProposalStep } from './proposal-step.ts';
import type { PrefixStep, Variant } from './scenario.ts';
import type { MemberState, State } from './state.ts';

/** The text of the state in which the search begins. */
export function runPrefix(model: Model): string {
  let state = model.initial();
  for (const step of model.variant.prefix ?? []) state = runStep(model, state, step);
  return model.encode(state);
}

/** What runs before the search, for people. */
export function describePrefix({ prefix = [], operations }: Variant): string[] {
  return prefix.map(({ members, does, operation = 0, steps, epoch }) => {
    const who = members.map((m) => memberNames(m + 1)[m]).join(', ');
    const what = `${String(operations[operation]?.kind)} ${operation}`;
    if (does === 'observe') return `before: ${who} observe the end of what they watch`;
    if (does === 'adopt') return `before: ${who} adopt epoch ${String(epoch)}, and merge`;
    if (does === 'hints') return `before: ${who} get the hints of ${what}`;
    return `before: ${what} ${steps === undefined ? 'runs' : `takes ${steps} steps`} and reaches ${who}`;
  });
}

function runStep(model: Model, initial: State, step: PrefixStep): State {
  if (step.does === 'observe') return observe(model, initial, step.members);
  if (step.does === 'adopt') {
    const config = model.variant.configs[(step.epoch ?? 1) - 1] as Config;
    return adoptTogether(model, initial, step.members, config);
  }
  const slot = step.operation ?? 0;
  if (step.does === 'hints') return deliver(model, initial, slot, step.members, true);
  let state = initial;
  for (let left = step.steps ?? Infinity; left > 0; left--) {
    const next = nextStep(model, state, slot);
    if (next === null) break;
    state = model.taken(next.from, slot, next.step);
    state = deliver(model, state, slot, step.members, false);
  }
  return state;
}

function nextStep(
  model: Model,
  state: State,
  slot: number,
): { readonly from: State; readonly step: ProposalStep } | null {
  if (state.cores[slot] === UNSTARTED) {
    const life = model.variant.operations[slot]?.kind === 'erase' ? (state.members[0]?.observed[0] ?? -1) : -1;
    const from = model.called(state, slot, life);
    const [step] = model.begin(from, slot, model.variant.configs[0] as Config, life);
    if (step === undefined) throw new Error(`operation ${slot} of ${model.variant.name} cannot begin`);
    return { from, step };
  }
  const timeouts = (step: ProposalStep): number => step.inputs.filter(([m]) => m < 0).length;
  const steps = model.goOn(state, slot).filter((step) => timeouts(step) <= 1 && step.answer + step.sent.length > 0);
  steps.sort((a, b) => timeouts(a) - timeouts(b) || b.inputs.length - a.inputs.length);
  const step = steps.find((one) => one.inputs.some(([m]) => m >= 0));
  return step === undefined ? null : { from: state, step };
}

function deliver(model: Model, initial: State, slot: number, members: readonly number[], hints: boolean): State {
  let state = initial;
  for (const request of initial.sent) {
    const { slot: sender, message } = model.words.requests.at(request);
    const isHint = message.kind === 'forget' || message.kind === 'chosen';
    if (sender !== slot || isHint !== hints) continue;
    for (const m of members) {
      const arrived = model.arrived(state, m, request);
      if (arrived === null) continue;
      const next = arrived.chosen ?? copyState(state);
      if (arrived.chosen === null) next.members[m] = arrived.next;
      state = next;
    }
  }
  return state;
}

function observe(model: Model, initial: State, members: readonly number[]): State {
  let state = initial;
  for (const m of members) {
    for (const life of (state.members[m] as MemberState).watched) state = model.observed(state, m, life) ?? state;
  }
  return state;
}
