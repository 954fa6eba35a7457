/** What a request is answered with, and how failures of the store become status codes. */
import { StoreError } from 'quorate';
import { QuorateError } from 'quorate/runtime';

export interface Answer {
  readonly status: number;
  readonly body: object;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Ends a request with a status and a sentence. */
export class HttpError extends Error {
  readonly status: number;
  readonly code: string;
  readonly headers: Readonly<Record<string, string>>;

  constructor(status: number, code: string, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

export function ok(body: object): Answer {
  return { status: 200, body };
}

export function noQuorum(): HttpError {
  const message = 'too few nodes of the cluster are connected; nothing was done, try again later';
  return new HttpError(503, 'no_quorum', message, { 'retry-after': '1' });
}

/** The answer to a request that threw: 503 when it surely had no effect, 504 when that cannot be known. */
export function answerFailure(error: unknown): Answer {
  if (error instanceof HttpError) {
    return { status: error.status, body: { error: error.code, message: error.message }, headers: error.headers };
  }
  if (error instanceof StoreError) {
    const status = error.outcome === 'not-applied' ? 503 : 504;
    return { status, body: { error: error.code, outcome: error.outcome, message: error.message } };
  }
  if (error instanceof QuorateError) return { status: 503, body: { error: error.code, message: error.message } };
  console.error(error);
  return { status: 500, body: { error: 'internal', message: 'a bug in the example, see its stderr' } };
}
