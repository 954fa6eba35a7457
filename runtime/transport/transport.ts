/**
 * Byte streams between nodes, as the distribution needs them: listen, dial, write, close. Everything above is the
 * same over TCP, inside one process and in simulation.
 *
 * Contract of every implementation:
 * - bytes of one connection arrive in order, cut anywhere;
 * - no event is called from inside `dial` or `write`; `onClose` comes exactly once and is the last event, also after
 *   `close` or `destroy` by our own side;
 * - reasons are stable lower-case words (see `CloseReason`), never a platform's message.
 */
import type { QuorateError } from '../errors.ts';

export interface Address {
  readonly host: string;
  readonly port: number;
}

/**
 * Why a connection ended: `closed` (in order, by either side), `refused`, `host_unknown`, `unreachable`, `reset`,
 * `timeout`, or another lower-case code of the system. Over TLS also `tls_no_certificate` and `tls_bad_certificate` (what the other side
 * showed), `tls_wrong_host`, `tls_refused` (the other side does not take our certificate), `tls_failed`.
 */
export type CloseReason = string;

export interface ConnectionEvents {
  /** A dialled connection is there. Not called for accepted ones. */
  onOpen(): void;
  /** The bytes are the receiver's to keep. */
  onBytes(bytes: Uint8Array): void;
  /** Everything that was buffered went out, after a `write` that answered false. */
  onDrain(): void;
  /** `error`: when there is more to say than the reason. */
  onClose(reason: CloseReason, error?: QuorateError): void;
}

/** For a connection that is closed at once. */
export const NO_EVENTS: ConnectionEvents = {
  onOpen: () => undefined,
  onBytes: () => undefined,
  onDrain: () => undefined,
  onClose: () => undefined,
};

export interface Connection {
  /** The other end, for messages only: `127.0.0.1:4369`. */
  readonly remote: string;
  /** Bytes taken by `write` that the system has not taken yet. */
  readonly bufferedBytes: number;
  /**
   * Takes bytes; they must not be changed until `onWritten` is called. False: the buffer is over its mark, `onDrain` will follow.
   * After the connection has ended it does nothing and `onWritten` may never be called.
   */
  write(bytes: Uint8Array, onWritten?: () => void): boolean;
  /** Ends the connection when what was written has gone out. */
  close(): void;
  /** Ends the connection now; what was not sent is lost. */
  destroy(): void;
}

export interface Listener {
  /** The port in use, also when port 0 (any) was asked for. */
  readonly port: number;
  /** Stops accepting. Connections that exist go on. */
  close(): Promise<void>;
}

export interface Transport {
  /** Bytes of the length before a message of the distribution handshake: 2, and 4 over TLS, as OTP has it. Default 2. */
  readonly handshakeLengthBytes?: 2 | 4;
  /**
   * @param onConnection gives back the events of an accepted connection.
   * @throws `port_in_use`, `port_forbidden`, `bad_address` or `listen_failed` (a rejected promise).
   */
  listen(address: Address, onConnection: (connection: Connection) => ConnectionEvents): Promise<Listener>;
  /** Starts a connection; `onOpen` or `onClose` follows. There is no timeout here: the caller has one. */
  dial(address: Address, events: ConnectionEvents): Connection;
}
