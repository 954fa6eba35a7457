/** What a server answers to `{system, From, Request}`, in the terms of OTP's `sys`: an Erlang node can ask too. */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isTagged, tuple, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';

const TERMINATE: Atom = nameAtom('terminate');
const GET_STATE: Atom = nameAtom('get_state');
const GET_STATUS: Atom = nameAtom('get_status');
const SUSPEND: Atom = nameAtom('suspend');
const RESUME: Atom = nameAtom('resume');
const DEBUG: Atom = nameAtom('debug');
const TRACE: Atom = nameAtom('trace');
const NO_DEBUG: Atom = nameAtom('no_debug');
const STATUS: Atom = nameAtom('status');
const MODULE: Atom = nameAtom('module');
const RUNNING: Atom = nameAtom('running');
const SUSPENDED: Atom = nameAtom('suspended');
const DATA: Atom = nameAtom('data');
const HEADER: Atom = nameAtom('header');
const UNKNOWN_SYSTEM_MSG: Atom = nameAtom('unknown_system_msg');
/** `{'$replace_state', Old, New}`: takes New if the state is still Old. OTP sends a function instead, which cannot come here. */
export const REPLACE_STATE: Atom = nameAtom('$replace_state');
export const CHANGED: Atom = nameAtom('changed');

/** What the requests are about. */
export interface SystemTarget {
  readonly self: Self;
  readonly name: string;
  readonly parent: Pid | null;
  state: unknown;
  isSuspended: boolean;
  isTraced: boolean;
}

/** `end`: the server is to terminate with that reason. */
export function answerSystem(server: SystemTarget, request: unknown): { reply: unknown; end?: { reason: unknown } } {
  if (isTagged(request, TERMINATE, 2)) return { reply: OK, end: { reason: request[1] } };
  if (request === GET_STATE) return { reply: server.state };
  if (request === GET_STATUS) return { reply: statusTerm(server) };
  if (isTagged(request, REPLACE_STATE, 3)) return { reply: replaceState(server, request[1], request[2]) };
  if (request === SUSPEND || request === RESUME) {
    server.isSuspended = request === SUSPEND;
    return { reply: OK };
  }
  const traced = isTagged(request, DEBUG, 2) ? readTrace(request[1]) : undefined;
  if (traced === undefined) return { reply: tuple2(ERROR, tuple2(UNKNOWN_SYSTEM_MSG, request)) };
  server.isTraced = traced;
  return { reply: OK };
}

function replaceState(server: SystemTarget, before: unknown, after: unknown): unknown {
  if (!equalTerms(server.state, before)) return tuple2(ERROR, CHANGED);
  server.state = after;
  return tuple2(OK, after);
}

function readTrace(asked: unknown): boolean | undefined {
  if (asked === NO_DEBUG) return false;
  return isTagged(asked, TRACE, 2) && typeof asked[1] === 'boolean' ? asked[1] : undefined;
}

/** `{status, Pid, {module, Class}, [Dictionary, running | suspended, Parent, Debug, Misc]}`. */
function statusTerm({ self, name, parent, state, isSuspended, isTraced }: SystemTarget): unknown {
  const running = isSuspended ? SUSPENDED : RUNNING;
  const details = [
    tuple2('Status', running),
    tuple2('Parent', parent ?? self.pid),
    tuple2('Name', self.processInfo().registeredName ?? self.pid),
  ];
  const misc = [tuple2(HEADER, `Status for ${name}`), tuple2(DATA, details), tuple2(DATA, [tuple2('State', state)])];
  const debug = isTraced ? [tuple2(TRACE, true)] : [];
  return tuple(STATUS, self.pid, tuple2(MODULE, nameAtom(name)), [[], running, parent ?? self.pid, debug, misc]);
}
