/** Outcomes of callbacks: whether one is well-formed, and the term that OTP would have seen in its place. */
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { tuple, tuple2 } from '../runtime/term/tuple.ts';
import { IGNORE, OK } from './atoms.ts';
import { Outcome, type After, type AnyOutcome } from './gen-server-types.ts';

const REPLY: Atom = nameAtom('reply');
const NOREPLY: Atom = nameAtom('noreply');
const CONTINUE: Atom = nameAtom('continue');
const HIBERNATE: Atom = nameAtom('hibernate');
const STOP: Atom = nameAtom('stop');

/** What an outcome may ask for next; anything else is a bad return. */
export function isAfter(after: unknown): after is After {
  if (typeof after !== 'object' || after === null) return false;
  if (!('timeoutMs' in after)) return 'continue' in after || 'hibernate' in after;
  return typeof after.timeoutMs === 'number' && after.timeoutMs >= 0;
}

/** The last element of an outcome as OTP has it: a timeout, `{continue, Term}`, `hibernate`. */
function afterTerms(after: After | undefined): unknown[] {
  if (after === undefined) return [];
  if ('continue' in after) return [tuple2(CONTINUE, after.continue)];
  return ['timeoutMs' in after ? after.timeoutMs : HIBERNATE];
}

/** An outcome as the term that OTP would have seen, for `{bad_return_value, Term}`. Other values as they are. */
export function outcomeTerm(value: unknown): unknown {
  if (!(value instanceof Outcome)) return value;
  const outcome = value as AnyOutcome;
  switch (outcome.kind) {
    case 'ok':
      return tuple(OK, outcome.state, ...afterTerms(outcome.after));
    case 'ignore':
      return IGNORE;
    case 'stopInit':
      return tuple2(STOP, outcome.reason);
    case 'reply':
      return tuple(REPLY, outcome.reply, outcome.state, ...afterTerms(outcome.after));
    case 'noreply':
      return tuple(NOREPLY, outcome.state, ...afterTerms(outcome.after));
    case 'stop':
      return tuple(STOP, outcome.reason, outcome.state);
    case 'stopReply':
      return tuple(STOP, outcome.reason, outcome.reply, outcome.state);
  }
}
