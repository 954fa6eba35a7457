/**
 * The errors of the runtime. Match on `code`, never on the message or the class: two copies of a
 * library in one program break `instanceof`, and an error that crossed a thread or a node has lost
 * its class. Every message says what was attempted, what was found, and what would be right.
 */

/** Facts that go with an error: small, printable, safe to send. */
export type ErrorDetails = Readonly<Record<string, unknown>>;

export interface QuorateErrorOptions {
  readonly cause?: unknown;
  readonly details?: ErrorDetails;
}

/** Base of every error that quorate throws or rejects with on purpose. */
export class QuorateError extends Error {
  /** Stable and lower-case, for example `badarg`, `noproc`, `timeout`. */
  readonly code: string;
  readonly details: ErrorDetails;

  constructor(code: string, message: string, options: QuorateErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'QuorateError';
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** The caller passed something that the function cannot take. `code` is `badarg`. */
export class BadArgumentError extends QuorateError {
  constructor(message: string, options: QuorateErrorOptions = {}) {
    super('badarg', message, options);
    this.name = 'BadArgumentError';
  }
}

/**
 * A value that cannot be sent (a function, a symbol, a cycle, an instance with private state ...).
 * `path` says where in the value it was found, as in `msg.users[3].socket`. `code` is `not_sendable`.
 */
export class NotSendableError extends QuorateError {
  readonly path: string;
  constructor(what: string, path: string) {
    super('not_sendable', `cannot send ${what} at ${path}: only terms (plain data, pids, refs, tuples) travel`, {
      details: { path },
    });
    this.name = 'NotSendableError';
    this.path = path;
  }
}

/** Bytes that are not what the wire format says. `code` is `bad_frame`; `offset` is where in the input. */
export class WireError extends QuorateError {
  readonly offset: number;
  constructor(message: string, offset: number, options: QuorateErrorOptions = {}) {
    super('bad_frame', `${message} (at byte ${offset})`, { ...options, details: { ...options.details, offset } });
    this.name = 'WireError';
    this.offset = offset;
  }
}

/** True for an error of ours with that code, whichever copy of the library made it. */
export function hasCode(error: unknown, code: string): boolean {
  return typeof error === 'object' && error !== null && (error as { code?: unknown }).code === code;
}

/** An error of ours as plain data, since errors lose their code and fields between threads. */
export interface PlainError {
  readonly code: string;
  readonly message: string;
  readonly details: ErrorDetails;
}

export function toPlainError(error: unknown): PlainError {
  if (error instanceof QuorateError) return { code: error.code, message: error.message, details: error.details };
  return { code: 'failed', message: error instanceof Error ? error.message : String(error), details: {} };
}

export function fromPlainError({ code, message, details }: PlainError): QuorateError {
  return new QuorateError(code, message, { details });
}
