/**
 * What the distribution offers to the node above it, and what it needs from it.
 */
import type { AtomBudget } from '../codec/atom-budget.ts';
import type { PendingSignal } from '../codec/control.ts';
import type { Env } from '../env.ts';
import type { QuorateError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';
import type { Transport } from '../transport/transport.ts';
import type { NodeDirectory } from './directory.ts';

export interface PeerInfo {
  readonly node: Atom;
  readonly creation: number;
  /** The flags that both sides have. */
  readonly flags: bigint;
  /** True unless both sides are visible. */
  readonly hidden: boolean;
  /** Grows, never reused: tells connections to the same node apart. */
  readonly connectionId: number;
  /** What the peer sent behind its name; empty from an OTP node. */
  readonly hello: Uint8Array;
  /** Who pays for the new atoms that come over this connection. Whoever decodes a payload of it on this thread uses it. */
  readonly atoms: AtomBudget;
}

export interface DistributionOptions {
  /** `name@host`, ASCII. */
  readonly name: Atom;
  readonly cookie: string;
  /** Default: what the directory gives, else a random one. */
  readonly creation?: number;
  /** Default true. */
  readonly hidden?: boolean;
  /** Where to listen; port 0 takes any free one. */
  readonly listen: { readonly host: string; readonly port: number };
  readonly directory: NodeDirectory;
  /** A peer that is silent that long is given up. All nodes must have the same. Default 60 000. */
  readonly netTicktimeMs?: number;
  readonly env: Env;
  /** Default TCP. */
  readonly transport?: Transport;
  /** Largest frame, and largest reassembled message, that is accepted. Default 128 MiB. */
  readonly frameBytesMax?: number;
  /** `send` answers false when more than this waits for a node. Default 1 MiB. */
  readonly highWaterBytes?: number;
  /** When more than this waits for a node, its connection, or the attempt to make one, is ended (`overload`). Default 512 MiB. */
  readonly backlogBytesMax?: number;
  /** New atoms that a connection may make one thread hold at a time; one more ends it. Default 250,000. */
  readonly atomsMax?: number;
  /** Handshakes from outside at a time; the oldest is dropped for the next one. Default 64. */
  readonly handshakesMax?: number;
  /** Sent behind our name; OTP ignores it. At most 200 bytes. Default: `quorate` and a version. */
  readonly hello?: Uint8Array;
  /**
   * A signal arrived. `payload` is the encoded term that the signal's `pending.payload` field names, without a version byte; it may be a
   * view of a larger buffer. Throwing an error with code `bad_frame` ends this connection.
   */
  onSignal(peer: PeerInfo, pending: PendingSignal, payload: Uint8Array | null): void;
  onUp(peer: PeerInfo): void;
  /** Exactly once per `onUp`, always before the next `onUp` of that node. */
  onDown(peer: PeerInfo, reason: string): void;
  /** A connection could not be made; everything queued for the node is lost. */
  onUnreachable(node: Atom, reason: string): void;
  /** A connection ended for a reason that somebody should read, such as `bad_cookie`. */
  onError?(error: QuorateError): void;
}

export interface Distribution {
  readonly creation: number;
  readonly port: number;
  /**
   * Sends a signal, connecting first when needed: signals sent meanwhile go out in order. False: over the high-water
   * mark, await `drained` before sending more. The signal is taken in any case.
   *
   * @throws `not_sendable` for a payload that cannot travel; nothing was sent then.
   */
  send(node: Atom, signal: Signal): boolean;
  /** The same for a signal that is encoded already; control tuple and payload without a version byte. */
  sendEncoded(node: Atom, control: Uint8Array, payload: Uint8Array | null): boolean;
  /** Whether a node is over its high-water mark now. */
  isBusy(node: Atom): boolean;
  /** Resolves when sending may go on, or there is no connection to wait for. */
  drained(node: Atom): Promise<void>;
  /** True when connected, now or after dialling; false when that failed (`onUnreachable` said why). Never rejects. */
  connect(node: Atom): Promise<boolean>;
  /** Ends the connection to a node after sending what waits; false when there is none. */
  disconnect(node: Atom): boolean;
  /** Ends a connection because of what came over it, as `bad_frame` in the distribution itself would. */
  refuse(connectionId: number, error: QuorateError): void;
  /** The cookie for handshakes with that node, either way; null: the common one. */
  setCookie(node: Atom, cookie: string | null): void;
  peers(): readonly PeerInfo[];
  /** Nodes to which or from which a connection is being made. */
  connecting(): readonly Atom[];
  /** Ends everything: `onDown` for every peer, the name is free, the port too. */
  stop(): Promise<void>;
}
