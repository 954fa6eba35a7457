/**
 * How a process ends from inside: `exit(reason)` and `error(reason)` throw, and what leaves its function becomes the
 * exit reason, as on the BEAM: a return is `normal`, an exit its reason, an error `{Reason, Stack}`, any other thrown value `{{nocatch, V}, Stack}`.
 */
import { QuorateError } from '../errors.ts';
import { nameAtom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { describeTerm } from '../term/describe.ts';
import { tuple, tuple2 } from '../term/tuple.ts';

const NOCATCH = nameAtom('nocatch');
const FILE = nameAtom('file');
const LINE = nameAtom('line');
const JS = nameAtom('js');
const CALL = nameAtom('call');
const FUNCTION = nameAtom('function');

/** Only errors know where they were thrown. */
const SOMEWHERE = tuple(JS, CALL, 0, []);

/** What `exit(reason)` throws. Let it pass, or rethrow it, to end the process. */
export class ProcessExit extends Error {
  readonly code: string = 'exit';
  readonly reason: unknown;
  constructor(reason: unknown) {
    super(`exit(${describeTerm(reason)})`);
    this.name = 'ProcessExit';
    this.reason = reason;
  }
}

/** What `error(reason)` throws: ends the process with `{Reason, Stack}`. */
export class ProcessError extends Error {
  readonly code = 'error';
  readonly reason: unknown;
  constructor(reason: unknown) {
    super(`error(${describeTerm(reason)})`);
    this.name = 'ProcessError';
    this.reason = reason;
  }
}

/** Thrown by every call on the `self` of a process that has ended. */
export function createDeadError(what: string): QuorateError {
  return new QuorateError('noproc', `${what}: this process has ended; nothing can be done in its name any more`);
}

/** The exit reason of a process whose function threw `thrown`. Always a term that can be sent. */
export function reasonOf(thrown: unknown): unknown {
  if (thrown instanceof ProcessExit) return sendable(thrown.reason);
  if (thrown instanceof ProcessError) return tuple2(sendable(thrown.reason), stackOf(thrown));
  if (thrown instanceof Error) return tuple2(sendable(thrown), stackOf(thrown));
  return tuple2(tuple2(NOCATCH, sendable(thrown)), [SOMEWHERE]);
}

/** True when the reason came from an uncaught error and not from an exit: what a crash report is for. */
export function isCrash(thrown: unknown): boolean {
  return !(thrown instanceof ProcessExit);
}

function sendable(value: unknown): unknown {
  try {
    return copyTerm(value, 'reason');
  } catch {
    return describeTerm(value);
  }
}

const FRAMES_MAX = 8;
const FRAME = /^\s*at (?:(.*?) \()?(.*?):(\d+):\d+\)?$/;

/** `[{js, call, 0, [{function, F}, {file, File}, {line, Line}]}, ...]`, the shape of a stack trace of the BEAM. */
function stackOf(error: Error): unknown[] {
  const frames: unknown[] = [];
  for (const line of (error.stack ?? '').split('\n')) {
    const found = FRAME.exec(line);
    if (found === null) continue;
    const where = [tuple2(FUNCTION, found[1] ?? ''), tuple2(FILE, found[2] ?? ''), tuple2(LINE, Number(found[3]))];
    frames.push(tuple(JS, CALL, 0, where));
    if (frames.length === FRAMES_MAX) break;
  }
  return frames;
}
