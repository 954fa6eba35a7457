/** What is logged, when it happened, and how it travels to the log. */
import { hrtime } from 'node:process';
import type { Atom } from '../../../runtime/term/atom.ts';
import { nameAtom } from '../../../runtime/term/atom.ts';
import { isTagged, tuple } from '../../../runtime/term/tuple.ts';

export type Event = readonly unknown[];

/** A term in an event, converted when the event is taken. */
export class Shown {
  readonly term: unknown;
  constructor(term: unknown) {
    this.term = term;
  }
}

/** What an operation came to. */
export type Result = { readonly value: unknown } | { readonly exit: unknown } | { readonly error: unknown };

export function isResult(value: unknown): value is Result {
  return typeof value === 'object' && value !== null && ('value' in value || 'exit' in value || 'error' in value);
}

/** Nanoseconds on the machine's clock, the same for all its threads and programs: an event has a later stamp than what it follows from. */
export function stamp(): number {
  const [seconds, nanoseconds] = hrtime();
  return seconds * 1e9 + nanoseconds;
}

const SHOWN: Atom = nameAtom('$shown');
const RESULT: Atom = nameAtom('$result');

/** An event as a list that can be sent. */
export function packEvent(event: Event): unknown[] {
  return event.map((part) => {
    if (part instanceof Shown) return tuple(SHOWN, part.term);
    if (!isResult(part)) return part;
    const [kind, term] = Object.entries(part)[0] as [string, unknown];
    return tuple(RESULT, kind, term);
  });
}

export function unpackEvent(packed: readonly unknown[]): Event {
  return packed.map((part) => {
    if (isTagged(part, SHOWN, 2)) return new Shown(part[1]);
    return isTagged(part, RESULT, 3) ? { [part[1] as string]: part[2] } : part;
  });
}
