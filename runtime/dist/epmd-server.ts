/**
 * An EPMD in this program, for machines without Erlang. It speaks to real Erlang nodes as well as to ours.
 *
 * Names live as long as the connection that registered them. Creations count up from a random start, so a server that
 * takes over from one that died does not give the same ones again. What others can cost is bounded: the size of a
 * request, the time to send it, and the number of connections.
 */
import { ByteFields, joinBytes } from './byte-fields.ts';
import {
  EPMD_REQUEST_BYTES_MAX,
  encodeNamesAnswer,
  encodePortAnswer,
  encodeRegisterAnswer,
  parseEpmdRequest,
} from './epmd-messages.ts';
import type { EpmdName, EpmdRegistration, EpmdRequest } from './epmd-messages.ts';
import type { Address, Connection, ConnectionEvents, Listener, Transport } from '../transport/transport.ts';
import type { Env } from '../env.ts';

const REQUEST_TIMEOUT_MS = 5_000;
const CONNECTIONS_MAX = 1_000;

export interface EpmdServer {
  readonly port: number;
  readonly names: readonly EpmdName[];
  /** Ends the server and every registration. */
  close(): Promise<void>;
}

interface ServerState {
  readonly names: Map<string, EpmdRegistration>;
  readonly open: Set<Connection>;
  creation: number;
  port: number;
}

/** @throws `port_in_use` and the other codes of `Transport.listen` */
export async function startEpmdServer(transport: Transport, env: Env, address: Address): Promise<EpmdServer> {
  const random = new ByteFields(env.randomBytes(4)).u32();
  const state: ServerState = { names: new Map(), open: new Set(), creation: random, port: address.port };
  const listener: Listener = await transport.listen(address, (connection) => serve(state, env, connection));
  state.port = listener.port;
  return {
    port: listener.port,
    get names() {
      return [...state.names.values()].map(({ name, port }) => ({ name, port }));
    },
    close: () => {
      const closed = listener.close();
      for (const connection of state.open) connection.destroy();
      return closed;
    },
  };
}

/** One connection: one request; a registration stays until the connection ends. */
function serve(state: ServerState, env: Env, connection: Connection): ConnectionEvents {
  let received: Uint8Array = new Uint8Array(0);
  let done = false;
  let registered: EpmdRegistration | null = null;
  const timer = env.setTimer(REQUEST_TIMEOUT_MS, () => connection.destroy(), true);
  if (state.open.size >= CONNECTIONS_MAX) connection.destroy();
  state.open.add(connection);
  return {
    onOpen: () => undefined,
    onDrain: () => undefined,
    onBytes: (bytes) => {
      if (done) return;
      received = joinBytes(received, bytes.subarray(0, EPMD_REQUEST_BYTES_MAX + 2));
      const fields = new ByteFields(received);
      const size = fields.u16();
      if (fields.ok && size > EPMD_REQUEST_BYTES_MAX) return connection.destroy();
      if (!fields.ok || fields.left < size) return;
      done = true;
      timer.cancel();
      const request = parseEpmdRequest(fields.bytes(size));
      if (request === null) return connection.destroy();
      registered = answer(state, connection, request);
      if (registered === null) connection.close();
    },
    onClose: () => {
      timer.cancel();
      state.open.delete(connection);
      if (registered !== null) state.names.delete(registered.name);
    },
  };
}

/** Gives the registration that the connection now holds, or null when it is to be closed. */
function answer(state: ServerState, connection: Connection, request: EpmdRequest): EpmdRegistration | null {
  switch (request.kind) {
    case 'register': {
      const { registration } = request;
      const taken = state.names.has(registration.name);
      if (!taken) state.names.set(registration.name, registration);
      connection.write(encodeRegisterAnswer(registration.versionHighest, taken ? null : nextCreation(state)));
      return taken ? null : registration;
    }
    case 'port':
      connection.write(encodePortAnswer(state.names.get(request.name) ?? null));
      return null;
    case 'names':
      connection.write(encodeNamesAnswer(state.port, [...state.names.values()]));
      return null;
  }
}

/** 0 to 3 are never given: old nodes used them. */
function nextCreation(state: ServerState): number {
  state.creation = (state.creation + 1) >>> 0;
  if (state.creation < 4) state.creation = 4;
  return state.creation;
}
