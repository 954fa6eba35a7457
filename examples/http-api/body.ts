/** Reading a JSON body of limited size, as it streams in. */
import type { IncomingMessage } from 'node:http';
import { HttpError } from './answer.ts';

/** As much as the store takes in one value. */
export const BODY_BYTES_MAX: number = 1024 * 1024;
/** So much of a too large body is read and dropped, so that its sender gets to see the answer; then the connection is cut. */
const DROPPED_BYTES_MAX = 64 * BODY_BYTES_MAX;

/** @throws HttpError 400 or 413 */
export async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes <= BODY_BYTES_MAX) chunks.push(chunk);
    else chunks.length = 0;
    if (bytes > DROPPED_BYTES_MAX) break;
  }
  if (bytes > BODY_BYTES_MAX) throw tooLarge();
  return parseJson(decodeText(Buffer.concat(chunks)));
}

/** Whether the headers already say that the body is too large. */
export function declaresTooMuch(request: IncomingMessage): boolean {
  return Number(request.headers['content-length'] ?? 0) > BODY_BYTES_MAX;
}

export function tooLarge(): HttpError {
  return new HttpError(
    413,
    'too_large',
    `the body is larger than ${BODY_BYTES_MAX} bytes, which is the most that is taken`,
  );
}

function decodeText(bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new HttpError(400, 'bad_body', 'the body is not UTF-8: send JSON in UTF-8');
  }
}

function parseJson(text: string): unknown {
  if (text === '') throw new HttpError(400, 'bad_body', 'the body is empty: send JSON');
  try {
    return JSON.parse(text, refuseOverflow) as unknown;
  } catch (error) {
    const why = error instanceof RangeError ? 'it is nested too deeply' : (error as Error).message;
    throw new HttpError(400, 'bad_body', `the body is not JSON that can be stored: ${why}`);
  }
}

/** 1e999 would be stored as Infinity, which JSON has no word for. */
function refuseOverflow(_name: string, value: unknown): unknown {
  if (value === Infinity || value === -Infinity) throw new Error('a number is too large');
  return value;
}
