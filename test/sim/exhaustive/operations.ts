/** Operations of the cores as a search handles them: copied, compared as text, given their rounds, and what their answers say. */
import { sameBallot } from '../../../kv/paxos/ballot.ts';
import { ballotText, cellText } from './intern.ts';
import type { Change } from '../../../kv/paxos/change.ts';
import type { Offer, Outcome } from '../../../kv/paxos/decide.ts';
import type { Cell } from '../../../kv/paxos/messages.ts';
import type { Operation } from '../../../kv/paxos/operation.ts';
import type { Proposer, ProposerEffect } from '../../../kv/paxos/proposer-state.ts';
import type { Value } from '../linearizable.ts';
import type { OperationPlan } from './scenario.ts';
import type { Answer } from './words.ts';

export function isForget(effect: ProposerEffect): boolean {
  return effect.kind === 'hint' && effect.message.kind === 'forget';
}

/** The Accept that was just sent carries the operation's own change. */
export function isOwn({ offer, b }: Operation): boolean {
  return offer !== null && sameBallot(offer.b, b);
}

export function copyOperation(operation: Operation): Operation {
  const { offers, promises, states } = operation;
  return { ...operation, offers: [...offers], promises: [...promises], states: [...states] };
}

/** Appends the operation to the list of those that made the value; creates the list only if it may. */
export function appending(slot: number, creates: boolean): Change {
  return (cell) => {
    const isLive = cell !== null && cell.live;
    if (!isLive && !creates) return { draft: null, result: null };
    const value = [...(isLive ? (cell.value as readonly number[]) : []), slot];
    return { draft: { live: true, value, bind: isLive ? cell.bind : null }, result: value };
  };
}

export function answerOf(plan: OperationPlan, outcome: Outcome): Answer {
  if (outcome.kind === 'applied') return { kind: 'applied', result: outcome.result as Value, ver: null };
  if (outcome.kind !== 'ok') return { kind: outcome.kind, result: undefined, ver: null };
  const cell = outcome.cell !== null && outcome.cell.live ? outcome.cell : null;
  const ver = cell === null ? null : cell.ver;
  switch (plan.kind) {
    case 'put':
    case 'change':
    case 'extend':
      return { kind: 'ok', result: outcome.result as Value, ver: outcome.result === null ? null : ver };
    case 'read':
    case 'settle':
      return { kind: 'ok', result: cell === null ? null : (cell.value as readonly number[]), ver };
    case 'erase':
    case 'collect':
      return { kind: 'ok', result: null, ver: null };
  }
}

export function operationText(o: Operation, drawn: readonly number[]): string {
  const offer = ({ b, result }: Offer): string => `${ballotText(b)}=${String(result)}`;
  const outcome = o.outcome === null ? '' : outcomeText(o.outcome);
  return [
    o.kind,
    o.phase,
    o.config?.e,
    ballotText(o.b),
    o.offers.map(offer).join(),
    o.isExposed,
    o.offer === null ? '' : offer(o.offer),
    cellOrNone(o.fastCell),
    o.okCount,
    o.isPrepared,
    cellOrNone(o.cell),
    o.next === null ? '' : ballotText(o.next),
    outcome,
    o.tag,
    drawn.join(),
  ].join(';');
}

function outcomeText(outcome: Outcome): string {
  return outcome.kind === 'ok' ? `ok ${String(outcome.result)} ${cellText(outcome.cell)}` : outcome.kind;
}

function cellOrNone(cell: Cell | null): string {
  return cell === null ? '' : cellText(cell);
}

/** A clock that shows the planned round however far it is moved on. Gives how often it was. */
export function planClock(proposer: Proposer, next: number): () => number {
  let draws = 0;
  const get = (): number => next - 1 + draws;
  const set = (moved: number): void => {
    if (moved > get()) draws += 1;
  };
  Object.defineProperty(proposer, 'clock', { configurable: true, enumerable: true, get, set });
  return () => draws;
}
