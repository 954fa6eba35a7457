/**
 * Functions and classes cannot be sent. To a process of the same thread goes a ticket in their place, which it exchanges; on another thread the ticket
 * is worth nothing.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom } from '../runtime/term/atom.ts';
import { isRef } from '../runtime/term/ref.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';

const TICKET = nameAtom('$parked');
const parked = new Map<string, unknown>();

export interface Parked {
  readonly ticket: unknown;
  /** Takes back a ticket that was not used. */
  release(): void;
}

export function park(self: Self, value: unknown): Parked {
  const ref = self.makeRef();
  parked.set(ref.key, value);
  return { ticket: tuple2(TICKET, ref), release: () => void parked.delete(ref.key) };
}

/** What the ticket stands for, once; undefined for anything that is no ticket of this thread. */
export function takeParked(ticket: unknown): unknown {
  if (!isTagged(ticket, TICKET, 2) || !isRef(ticket[1])) return undefined;
  const found = parked.get(ticket[1].key);
  parked.delete(ticket[1].key);
  return found;
}
