/**
 * How the command ends. Every foreseeable failure has an exit code of its own and one line that says what was found and
 * what to do; anything else is a bug and shows its stack.
 */
import { QuorateError } from '../../runtime/errors.ts';

export const EXIT_CODES = {
  ok: { code: 0, meaning: 'all went well' },
  failed: { code: 1, meaning: 'a step of the tour did not hold, or code that was given threw' },
  usage: { code: 2, meaning: 'wrong arguments' },
  portInUse: { code: 3, meaning: 'a port is in use by another program' },
  nameTaken: { code: 4, meaning: 'a node of that name runs already' },
  wrongCookie: { code: 5, meaning: 'the other nodes have another cookie' },
  state: { code: 6, meaning: 'the state folder cannot be used' },
  unreachable: { code: 7, meaning: 'no running node answers' },
  refused: { code: 8, meaning: 'the cluster refused what was asked for, or it was not done in time' },
  bug: { code: 70, meaning: 'a bug: please report the stack' },
  interrupted: { code: 130, meaning: 'the tour was interrupted' },
} as const;

export type ExitName = keyof typeof EXIT_CODES;

/** A failure of the command that one line explains. `code` is the name of its exit code. */
export class CommandError extends QuorateError {
  readonly exit: ExitName;

  constructor(exit: ExitName, message: string, cause?: unknown) {
    super(exit, message, cause === undefined ? {} : { cause });
    this.name = 'CommandError';
    this.exit = exit;
  }
}

/** Does the work of a command; what it throws is told on stderr, and becomes its exit code. */
export async function endWith(work: () => number | Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (error) {
    const isForeseen = error instanceof CommandError && error.exit !== 'bug';
    process.stderr.write(`quorate: ${isForeseen ? error.message : describeBug(error)}\n`);
    return isForeseen ? EXIT_CODES[error.exit].code : EXIT_CODES.bug.code;
  }
}

const describeBug = (error: unknown): string =>
  error instanceof Error ? (error.stack ?? error.message) : String(error);
