/** Short words for writing scenarios down. */
import { foundConfig } from '../../../kv/cluster/config.ts';
import { incarnation, memberName } from './names.ts';
import type { ConfigStep } from '../../../kv/cluster/config.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Replacement } from '../cores.ts';
import type { OperationPlan, PrefixStep, Variant } from './scenario.ts';

export type Kind = OperationPlan['kind'];
type More = Partial<OperationPlan>;

/** An operation of the proposer `p` in one configuration. */
export function op(kind: Kind, p: number, rounds: readonly number[], more: More = {}): OperationPlan {
  return { kind, p, rounds: [rounds], ...more };
}

/** An operation over several epochs, with the rounds of each. */
export function across(kind: Kind, p: number, rounds: readonly (readonly number[])[], more: More = {}): OperationPlan {
  return { kind, p, rounds, ...more };
}

export function only(operations: readonly OperationPlan[], rest: Partial<Variant> = {}): readonly Variant[] {
  return [{ name: 'one', first: founded(3), operations, ...rest }];
}

/** The first configuration: members 0, 1, ... on that many seats or more. */
export function founded(members: number, seats: number = members): Config {
  const M = Array.from({ length: members }, (_, m) => incarnation(m));
  return foundConfig({ cluster: 'search', clusterSize: seats, members: M });
}

export const fill = (m: number): ConfigStep => ({ kind: 'fill', member: incarnation(m) });
/** Anew, with this one member. */
export const fresh = (m: number): ConfigStep => ({ kind: 'fresh', members: [incarnation(m)] });
export const vacate = (m: number): ConfigStep => ({ kind: 'vacate', name: memberName(m) });
export const shrink = (m: number): ConfigStep => ({ kind: 'shrink', name: memberName(m) });
export const grow = (m: number | null): ConfigStep => ({ kind: 'grow', member: m === null ? null : incarnation(m) });
export const replace = (leaving: number, m: number): ConfigStep => {
  return { kind: 'replace', member: incarnation(m), leaving: memberName(leaving) };
};

/** With so many ballots of history in a cell. */
export function history(kept: number): readonly Replacement[] {
  return [{ module: 'change', from: 'HISTORY_MAX = 16', to: `HISTORY_MAX = ${kept}` }];
}

/** So many members, from 0 on. */
export function count(members: number): readonly number[] {
  return Array.from({ length: members }, (_, m) => m);
}

/** What operation 0 creates is there at these members, and its end is observed by all of them. */
export function createdAndEnded(members: readonly number[]): readonly PrefixStep[] {
  return [
    { operation: 0, members },
    { does: 'observe', members },
  ];
}

export type Draft = Omit<OperationPlan, 'rounds' | 'p'> & { readonly draws: number };

/** One variant per order of the operations' ballots: each draws its own in order, all others' may lie between. */
export function everyOrder(drafts: readonly Draft[], rest: Omit<Variant, 'operations' | 'name'>): readonly Variant[] {
  return ordersOf(drafts.map(({ draws }) => draws)).map((slots) => {
    const operations = drafts.map(({ draws: _, ...plan }, slot): OperationPlan => {
      return op(plan.kind, slot + 1, roundsOf(slots, slot), plan);
    });
    return { ...rest, name: slots.join(''), operations };
  });
}

function roundsOf(slots: readonly number[], slot: number): number[] {
  return slots.flatMap((other, i) => (other === slot ? [i + 1] : []));
}

/** All ways to interleave so many draws of each. */
function ordersOf(draws: readonly number[]): number[][] {
  if (draws.every((count) => count === 0)) return [[]];
  return draws.flatMap((count, slot) => {
    if (count === 0) return [];
    const rest = draws.map((other, i) => (i === slot ? other - 1 : other));
    return ordersOf(rest).map((order) => [slot, ...order]);
  });
}
