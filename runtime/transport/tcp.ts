/**
 * The transport over TCP. Small frames leave at once (no Nagle delay): coalescing is done above, one write per turn.
 */
import { createConnection, createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { QuorateError } from '../errors.ts';
import type { Address, CloseReason, Connection, ConnectionEvents, Listener, Transport } from './transport.ts';

const REASONS: Readonly<Record<string, CloseReason>> = {
  ECONNREFUSED: 'refused',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
  ENOTFOUND: 'host_unknown',
  EAI_AGAIN: 'host_unknown',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  ETIMEDOUT: 'timeout',
};

/** A connection over a socket that is there, or on its way. */
export class SocketConnection implements Connection {
  readonly remote: string;
  readonly #socket: Socket;

  constructor(socket: Socket, remote: string, events: ConnectionEvents) {
    this.#socket = socket;
    this.remote = remote;
    let reason: CloseReason = 'closed';
    // As a plain array: each frame becomes a view of it, and views of a Buffer cost half as much again.
    socket.on('data', ({ buffer, byteOffset, length }: Buffer) =>
      events.onBytes(new Uint8Array(buffer, byteOffset, length)),
    );
    socket.on('drain', () => events.onDrain());
    socket.on('error', (error) => (reason = closeReason(error)));
    socket.on('close', () => events.onClose(reason));
  }

  get bufferedBytes(): number {
    return this.#socket.writableLength;
  }

  write(bytes: Uint8Array, onWritten?: () => void): boolean {
    if (!this.#socket.writable) return true;
    return this.#socket.write(bytes, onWritten);
  }

  close(): void {
    this.#socket.destroySoon();
  }

  destroy(): void {
    this.#socket.destroy();
  }
}

/** The transport over TCP sockets of this machine. */
export const tcpTransport: Transport = {
  async listen(address, onConnection): Promise<Listener> {
    const server = createServer({ noDelay: true, keepAlive: true }, (socket) => {
      const remote = `${socket.remoteAddress ?? '?'}:${socket.remotePort ?? 0}`;
      const events: { to: ConnectionEvents | null } = { to: null };
      const connection = new SocketConnection(socket, remote, forwardEvents(events));
      events.to = onConnection(connection);
    });
    await listenOn(server, address);
    return {
      port: (server.address() as AddressInfo).port,
      close: () => new Promise((resolve) => server.close(() => resolve())),
    };
  },

  dial(address, events): Connection {
    const socket = createConnection({ host: address.host, port: address.port, noDelay: true, keepAlive: true });
    socket.on('connect', () => events.onOpen());
    return new SocketConnection(socket, `${address.host}:${address.port}`, events);
  },
};

/** An accepted connection exists before its events do. Nothing is emitted in the same turn, so none is lost. */
function forwardEvents(events: { to: ConnectionEvents | null }): ConnectionEvents {
  return {
    onOpen: () => undefined,
    onBytes: (bytes) => events.to?.onBytes(bytes),
    onDrain: () => events.to?.onDrain(),
    onClose: (reason) => events.to?.onClose(reason),
  };
}

/** @throws `port_in_use`, `port_forbidden`, `bad_address` or `listen_failed` */
export function listenOn(server: Server, address: Address): Promise<void> {
  return new Promise((resolve, reject) => {
    const onFailure = (error: Error): void => reject(listenError(error, address));
    server.once('error', onFailure);
    server.listen({ host: address.host, port: address.port, exclusive: true }, () => {
      server.off('error', onFailure);
      // A failed accept (no file descriptors left, for example) loses that connection, not the node.
      server.on('error', () => undefined);
      resolve();
    });
  });
}

function listenError(cause: Error, { host, port }: Address): QuorateError {
  const details = { host, port };
  switch (errorCode(cause)) {
    case 'EADDRINUSE':
      return new QuorateError(
        'port_in_use',
        `cannot listen on ${host}:${port}: another program uses that port; stop it, or choose another port (0 takes any free one)`,
        { cause, details },
      );
    case 'EACCES':
      return new QuorateError(
        'port_forbidden',
        `cannot listen on ${host}:${port}: this user may not; choose a port of 1024 or more`,
        { cause, details },
      );
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return new QuorateError(
        'bad_address',
        `cannot listen on ${host}:${port}: this machine has no such address; use 127.0.0.1 or an address of its own`,
        { cause, details },
      );
    default:
      return new QuorateError('listen_failed', `cannot listen on ${host}:${port}: ${cause.message}`, {
        cause,
        details,
      });
  }
}

export function closeReason(error: Error): CloseReason {
  const code = errorCode(error);
  return REASONS[code] ?? (code === '' ? 'error' : code.toLowerCase());
}

/** Dialling a name with several addresses fails with an AggregateError: the first cause tells most. */
function errorCode(error: Error): string {
  const code = (error as { code?: unknown }).code;
  if (typeof code === 'string') return code;
  const first = (error as { errors?: readonly unknown[] }).errors?.[0];
  return first instanceof Error ? errorCode(first) : '';
}
