/**
 * Asking an EPMD: register, look up, list. One connection per question; a registration keeps its connection.
 * Every question ends within `EPMD_TIMEOUT_MS`.
 */
import { QuorateError } from '../errors.ts';
import {
  encodeEpmdRequest,
  ourRegistration,
  parseNamesAnswer,
  parsePortAnswer,
  parseRegisterAnswer,
} from './epmd-messages.ts';
import type { EpmdName, EpmdRegistration, EpmdRequest } from './epmd-messages.ts';
import { joinBytes } from './byte-fields.ts';
import type { Address, Connection, Transport } from '../transport/transport.ts';
import type { Env } from '../env.ts';

export const EPMD_TIMEOUT_MS = 3_000;
/** Longer answers (a list of thousands of nodes) are cut here. */
const ANSWER_BYTES_MAX = 4 * 1024 * 1024;

export interface EpmdAsk {
  readonly transport: Transport;
  readonly env: Env;
  /** Where the EPMD is. */
  readonly address: Address;
}

/** A registration that holds as long as its connection. */
export interface EpmdRegistered {
  readonly kind: 'registered';
  readonly creation: number;
  /** Called once when EPMD goes away, not after `close`. */
  onLost: () => void;
  close(): void;
}

export type EpmdRegisterResult =
  EpmdRegistered | { readonly kind: 'taken' } | { readonly kind: 'unreachable'; readonly reason: string };

/** Registers a name. What goes wrong is a result, not an error: the caller decides whether to try again. */
export function askRegister(ask: EpmdAsk, name: string, port: number, hidden: boolean): Promise<EpmdRegisterResult> {
  const { promise, resolve } = defer<EpmdRegisterResult>();
  let answer: Uint8Array = new Uint8Array(0);
  let registered: EpmdRegistered | null = null;
  const unreachable = (reason: string): void => {
    timer.cancel();
    if (registered === null) resolve({ kind: 'unreachable', reason });
    else registered.onLost();
  };
  const connection: Connection = ask.transport.dial(ask.address, {
    onOpen: () => {
      const registration = ourRegistration(name, port, hidden);
      connection.write(encodeEpmdRequest({ kind: 'register', registration }));
    },
    onBytes: (bytes) => {
      if (registered !== null) return;
      answer = joinBytes(answer, bytes);
      const parsed = parseRegisterAnswer(answer);
      if (parsed.kind === 'incomplete') return;
      timer.cancel();
      if (parsed.kind === 'registered') {
        registered = holdRegistration(connection, parsed.creation);
        return resolve(registered);
      }
      connection.destroy();
      resolve(parsed.kind === 'taken' ? parsed : { kind: 'unreachable', reason: 'bad_answer' });
    },
    onDrain: () => undefined,
    onClose: unreachable,
  });
  const timer = ask.env.setTimer(EPMD_TIMEOUT_MS, () => {
    connection.destroy();
    unreachable('timeout');
  });
  return promise;
}

/** The registration of a name, or null when EPMD does not know it. @throws `epmd_unreachable` */
export async function askPort(ask: EpmdAsk, name: string): Promise<EpmdRegistration | null> {
  const parsed = parsePortAnswer(await askOnce(ask, { kind: 'port', name }));
  if (parsed === undefined) throw unreachableError(ask.address, 'bad_answer');
  return parsed;
}

/** All names that EPMD knows. @throws `epmd_unreachable` */
export async function askNames(ask: EpmdAsk): Promise<readonly EpmdName[]> {
  return parseNamesAnswer(await askOnce(ask, { kind: 'names' }));
}

export function unreachableError({ host, port }: Address, reason: string): QuorateError {
  return new QuorateError(
    'epmd_unreachable',
    `no EPMD answers at ${host}:${port} (${reason}): start one (epmd -daemon), let a node on that host serve it, or give a resolve(name) function`,
    { details: { host, port, reason } },
  );
}

/** Sends a request and gives the bytes that came until EPMD closed. */
function askOnce(ask: EpmdAsk, request: EpmdRequest): Promise<Uint8Array> {
  const { promise, resolve, reject } = defer<Uint8Array>();
  const parts: Uint8Array[] = [];
  let size = 0;
  const fail = (reason: string): void => {
    timer.cancel();
    reject(unreachableError(ask.address, reason));
  };
  const connection: Connection = ask.transport.dial(ask.address, {
    onOpen: () => void connection.write(encodeEpmdRequest(request)),
    onBytes: (bytes) => {
      size += bytes.length;
      if (size <= ANSWER_BYTES_MAX) parts.push(bytes);
      else connection.destroy();
    },
    onDrain: () => undefined,
    onClose: (reason) => {
      if (reason !== 'closed') return fail(reason);
      timer.cancel();
      resolve(joinBytes(...parts));
    },
  });
  const timer = ask.env.setTimer(EPMD_TIMEOUT_MS, () => {
    fail('timeout');
    connection.destroy();
  });
  return promise;
}

function holdRegistration(connection: Connection, creation: number): EpmdRegistered {
  const registered: EpmdRegistered = {
    kind: 'registered',
    creation,
    onLost: () => undefined,
    close: () => {
      registered.onLost = () => undefined;
      connection.destroy();
    },
  };
  return registered;
}

interface Deferred<T> {
  readonly promise: Promise<T>;
  readonly resolve: (value: T) => void;
  readonly reject: (error: Error) => void;
}

function defer<T>(): Deferred<T> {
  let settle: Omit<Deferred<T>, 'promise'> | undefined;
  const promise = new Promise<T>((resolve, reject) => (settle = { resolve, reject }));
  return { promise, ...(settle as Omit<Deferred<T>, 'promise'>) };
}
