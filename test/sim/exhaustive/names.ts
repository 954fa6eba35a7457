/** Members of a search have numbers; configurations know them by these incarnations. */
import type { Incarnation } from '../../../kv/paxos/messages.ts';

export function memberName(member: number): string {
  return `m${member}`;
}

export function incarnation(member: number): Incarnation {
  return { name: memberName(member), id: `record${member}`, boot: 1 };
}

export function memberNumber(name: string): number {
  return Number(name.slice(1));
}
