/**
 * Errors of this folder. Calls and starts fail by *exiting* on the BEAM, so `CallError` and `StartError` carry the exit reason: a process that
 * lets one pass ends with that reason, as if it had called `exit(reason)`. Match on `code`:
 *
 * - CallError: `noproc` nobody there, `timeout` no reply in time, `noconnection` the server's node was lost,
 *   `calling_self`, `exit` the server ended before it replied.
 * - StartError: `already_started`, `ignore` (init said so), `timeout`, `start_failed` (anything else).
 * - ChildSpecError: `bad_child_spec` or `bad_supervisor_flags`; SupervisorError: the atom that OTP answers with, for example `not_found`.
 */
import { QuorateError } from '../runtime/errors.ts';
import { ProcessExit } from '../runtime/process/exit.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { isTagged } from '../runtime/term/tuple.ts';

export type CallErrorCode = 'noproc' | 'timeout' | 'noconnection' | 'calling_self' | 'exit';

/** A call got no reply. After `timeout`, `noconnection` and `exit` the server may or may not have acted on it. */
export class CallError extends ProcessExit {
  override readonly code: CallErrorCode;
  /** Why, without the `{gen_server, call, ...}` around it: `noproc`, `timeout`, `{nodedown, Node}` or the server's exit reason. */
  readonly why: unknown;

  /** `reason` is the exit reason for the caller: `{Why, {gen_server, call, [Server, Request]}}`. */
  constructor(code: CallErrorCode, why: unknown, reason: unknown, message: string) {
    super(reason);
    this.name = 'CallError';
    this.message = message;
    this.code = code;
    this.why = why;
  }
}

export type StartErrorCode = 'already_started' | 'ignore' | 'timeout' | 'start_failed';

const ALREADY_STARTED: Atom = nameAtom('already_started');
const TIMEOUT: Atom = nameAtom('timeout');

/** A server or supervisor did not start. `reason` is OTP's `{error, Reason}`, or the atom `ignore`. */
export class StartError extends ProcessExit {
  override readonly code: StartErrorCode;
  /** Who holds the name, for `already_started`. */
  readonly pid: Pid | undefined;

  constructor(what: string, reason: unknown, ignored = false) {
    super(reason);
    this.name = 'StartError';
    this.code = ignored ? 'ignore' : startErrorCode(reason);
    this.pid = isTagged(reason, ALREADY_STARTED, 2) && isPid(reason[1]) ? reason[1] : undefined;
    this.message = ignored
      ? `start of ${what}: its init returned ignore, there is no process`
      : `start of ${what} failed: ${describeTerm(reason)}`;
  }
}

function startErrorCode(reason: unknown): StartErrorCode {
  if (isTagged(reason, ALREADY_STARTED, 2)) return 'already_started';
  return reason === TIMEOUT ? 'timeout' : 'start_failed';
}

/** A child spec or a supervisor's flags are wrong. `reason` is the term that OTP gives, `field` the offending field. */
export class ChildSpecError extends QuorateError {
  readonly field: string;
  readonly reason: unknown;

  constructor(code: 'bad_child_spec' | 'bad_supervisor_flags', field: string, message: string, reason: unknown) {
    super(code, message, { details: { field } });
    this.name = 'ChildSpecError';
    this.field = field;
    this.reason = reason;
  }
}

/** A supervisor refused. `code` is OTP's word (`not_found`, `running`, `restarting`, `already_present` ...), else `start_failed`. */
export class SupervisorError extends QuorateError {
  readonly reason: unknown;
  readonly pid: Pid | undefined;

  constructor(code: string, what: string, reason: unknown, pid?: Pid) {
    super(code, `${what}: the supervisor answered {error, ${describeTerm(reason)}}`);
    this.name = 'SupervisorError';
    this.reason = reason;
    this.pid = pid;
  }
}
