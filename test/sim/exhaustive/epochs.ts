/**
 * Epochs in a search: configurations are decided elsewhere, in order and at any time. A member adopts the next one whenever it likes,
 * or when it is asked for its state; a joiner merges as soon as it has the states that it needs, each as it was when it was given.
 */
import { memberName } from './names.ts';
import { copyMember, copyState } from './state.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Model } from './model.ts';
import type { MemberState, State } from './state.ts';

export function expandEpochs(model: Model, state: State): void {
  for (const config of model.variant.configs.slice(1)) {
    for (let m = 0; m < state.members.length; m++) {
      const adopted = copyState(state);
      if (adoptAt(model, adopted, m, config)) model.give(adopted, (narrator) => narrator.adoption(m, config));
      giveTo(model, state, m, config);
    }
  }
}

/** All these members adopt the configuration, and those that have to merge do, from the first that can give. */
export function adoptTogether(model: Model, initial: State, members: readonly number[], config: Config): State {
  let state = copyState(initial);
  for (const m of members) adoptAt(model, state, m, config);
  for (const m of members) {
    for (let giver = 0; giver < state.members.length; giver++)
      state = given(model, state, m, giver, config)?.state ?? state;
  }
  return state;
}

/** True when the member stands at the configuration now, and did not before. */
function adoptAt(model: Model, state: State, m: number, config: Config): boolean {
  const before = state.members[m] as MemberState;
  const { e } = model.members.at(before.acceptor);
  if (e >= config.e || (e > 0 && e !== config.e - 1)) return false;
  const member = copyMember(before);
  const { state: acceptor, need } = model.members.adopt(before.acceptor, m, config);
  member.acceptor = acceptor;
  member.collected = [];
  member.givers = 0;
  const own = need === 0 ? -1 : model.members.ownSealed(acceptor);
  if (own >= 0) member.collected = [own];
  state.members[m] = member;
  mergeWhenDue(model, member, m, config);
  return true;
}

function mergeWhenDue(model: Model, member: MemberState, m: number, config: Config): void {
  const need = model.members.needFor(config);
  if (need === 0 || member.collected.length < need || model.members.at(member.acceptor).active) return;
  member.acceptor = model.members.merge(member.acceptor, m, member.collected, config.prev as Config);
  member.collected = [];
  member.givers = 0;
}

/** Each member of the epoch before may give its state to a joiner, once; asked for it, it adopts the configuration first. */
function giveTo(model: Model, state: State, joiner: number, config: Config): void {
  for (let giver = 0; giver < state.members.length; giver++) {
    const next = given(model, state, joiner, giver, config);
    if (next !== null) model.give(next.state, (narrator) => narrator.gift(giver, joiner, next.sealed));
  }
}

interface Given {
  readonly state: State;
  readonly sealed: number;
}

function given(model: Model, state: State, joiner: number, giver: number, config: Config): Given | null {
  const { acceptor, givers } = state.members[joiner] as MemberState;
  const { e, active } = model.members.at(acceptor);
  if (e !== config.e || active || !isMember(config, joiner) || model.members.needFor(config) === 0) return null;
  if (giver === joiner || (givers & (1 << giver)) !== 0) return null;
  const next = copyState(state);
  if (model.variant.servesUnsealed !== true) adoptAt(model, next, giver, config);
  const sealed = model.members.serve((next.members[giver] as MemberState).acceptor, giver, config);
  if (sealed < 0) return null;
  const member = copyMember(next.members[joiner] as MemberState);
  next.members[joiner] = member;
  member.collected = [...member.collected, sealed].sort((a, b) => a - b);
  member.givers |= 1 << giver;
  mergeWhenDue(model, member, joiner, config);
  return { state: next, sealed };
}

function isMember(config: Config, m: number): boolean {
  return config.M.some(({ name }) => name === memberName(m));
}
