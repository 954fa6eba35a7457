/**
 * One socket to another node, from the first byte on: it drives the handshake machine, then hands out frames. It
 * decides nothing about other links; the mesh does, through `LinkOwner`.
 *
 * Bounds while nothing is proved: small frames, and `SETUP_TIMEOUT_MS` since the last whole message (OTP's
 * `net_setuptime`). Whatever is wrong ends this link and nothing else.
 */
import { FrameParser } from '../codec/frame.ts';
import { QuorateError } from '../errors.ts';
import { withLength } from './byte-fields.ts';
import { decideAcceptor, startAcceptor, startDialler, stepAcceptor, stepDialler } from './handshake.ts';
import type { AcceptorState, DiallerState, HandshakeEffect, HandshakeLocal, HandshakePeer } from './handshake.ts';
import type { Verdict } from './mesh.ts';
import type { Env, TimerHandle } from '../env.ts';
import type { CloseReason, Connection, ConnectionEvents } from '../transport/transport.ts';

export const SETUP_TIMEOUT_MS = 7_000;
/** A name of 255 bytes, a hello, and some room. */
export const HANDSHAKE_FRAME_BYTES_MAX = 512;
/** A link that should close when everything is written gets that long. */
const CLOSE_PATIENCE_MS = 2_000;

export interface LinkOwner {
  readonly env: Env;
  readonly local: HandshakeLocal;
  readonly frameBytesMax: number;
  /** Of the length before a handshake message. */
  readonly handshakeLengthBytes: 2 | 4;
  onSpoke(link: Link): void;
  /** Inbound: it says to be `link.node`. `link.decide` follows. */
  onClaimed(link: Link): void;
  onYielded(link: Link): void;
  /** The handshake is over; frames follow at once. */
  onProved(link: Link, peer: HandshakePeer): void;
  /** Exactly once, unless the owner dropped it. `error` when there is more to say than the reason. */
  onEnded(link: Link, reason: string, error: QuorateError | null): void;
  /** The socket is closed, whoever closed it. */
  onGone(link: Link): void;
}

/** Takes over when the handshake is over. */
export interface LinkUser {
  /** A frame without its length; empty for a tick. */
  onFrame(frame: Uint8Array): void;
  onDrain(): void;
}

type LinkState =
  | { readonly side: 'dialler'; readonly handshake: DiallerState }
  | { readonly side: 'acceptor'; readonly handshake: AcceptorState }
  | { readonly side: 'proved' };

export class Link implements ConnectionEvents {
  readonly id: number;
  /** Known from the beginning when dialled, from the first message on when accepted. */
  node: string | null;
  readonly dialled: boolean;
  receivedBytes = 0;
  /** Set by the owner in `onProved`. */
  user: LinkUser | null = null;
  readonly #owner: LinkOwner;
  readonly #challenge: number;
  readonly #parser: FrameParser;
  #connection: Connection | null = null;
  #state: LinkState;
  #timer: TimerHandle | null = null;
  #ended = false;

  /** @param node the node to dial, or null for an accepted connection. */
  constructor(id: number, node: string | null, owner: LinkOwner) {
    this.id = id;
    this.node = node;
    this.dialled = node !== null;
    this.#owner = owner;
    this.#challenge = new DataView(owner.env.randomBytes(4).buffer).getUint32(0);
    this.#parser = new FrameParser({ lengthBytes: owner.handshakeLengthBytes, frameBytesMax: HANDSHAKE_FRAME_BYTES_MAX });
    this.#state = node === null ? { side: 'acceptor', handshake: startAcceptor().state } : dialling();
    this.#progress();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get proved(): boolean {
    return this.#state.side === 'proved';
  }

  get connection(): Connection | null {
    return this.#connection;
  }

  /** The address is known and the connection on its way, or it was accepted. */
  attach(connection: Connection): void {
    this.#connection = connection;
    if (this.#ended) connection.destroy();
  }

  onOpen(): void {
    if (this.#ended) return;
    const started = startDialler(this.#owner.local);
    this.#state = { side: 'dialler', handshake: started.state };
    this.#perform(started.effects);
    this.#owner.onSpoke(this);
  }

  onBytes(bytes: Uint8Array): void {
    if (this.#ended) return;
    this.receivedBytes += bytes.length;
    try {
      this.#parser.push(bytes);
      for (let frame = this.#parser.next(); frame !== null; frame = this.#parser.next()) {
        if (this.user === null) this.#takeMessage(frame);
        else this.user.onFrame(frame);
        if (this.#ended) return;
      }
    } catch (error) {
      if (!(error instanceof QuorateError)) throw error;
      this.refuse(error);
    }
  }

  onDrain(): void {
    if (!this.#ended) this.user?.onDrain();
  }

  onClose(reason: CloseReason, error: QuorateError | null = null): void {
    const awaitsAck = this.#state.side === 'dialler' && this.#state.handshake.phase === 'ack';
    if (awaitsAck && reason !== 'timeout' && error === null) this.fail('bad_cookie', differentCookies(this.node ?? '?'));
    else this.#end(reason, error);
    this.#owner.onGone(this);
  }

  /** What the mesh says about who claims to be `node`. */
  decide(verdict: Verdict): void {
    if (this.#state.side !== 'acceptor') return;
    const step = decideAcceptor(this.#state.handshake, verdict, this.#owner.local, this.#challenge);
    this.#state = { side: 'acceptor', handshake: step.state };
    this.#perform(step.effects);
  }

  /** Ends the link because of what came over it. What is to be sent is still sent. */
  fail(reason: string, error: QuorateError | null): void {
    this.#close();
    this.#end(reason, error);
  }

  /** Ends the link because a frame is wrong. */
  refuse(error: QuorateError): void {
    this.fail('bad_frame', frameError(error, this.node, this.#connection));
  }

  /** Ends the link without calling the owner. `now`: what is not sent is lost. */
  drop(now: boolean): void {
    this.#ended = true;
    this.#timer?.cancel();
    if (now) this.#connection?.destroy();
    else this.#close();
  }

  #takeMessage(body: Uint8Array): void {
    const { local } = this.#owner;
    if (this.#state.side === 'dialler') {
      const step = stepDialler(this.#state.handshake, body, local, this.node ?? '', this.#challenge);
      this.#state = { side: 'dialler', handshake: step.state };
      this.#perform(step.effects);
    } else if (this.#state.side === 'acceptor') {
      const step = stepAcceptor(this.#state.handshake, body, local, this.#challenge);
      this.#state = { side: 'acceptor', handshake: step.state };
      this.#perform(step.effects);
    }
    if (!this.#ended && this.#state.side !== 'proved') this.#progress();
  }

  #perform(effects: readonly HandshakeEffect[]): void {
    for (const effect of effects) {
      if (this.#ended) return;
      switch (effect.kind) {
        case 'send':
          this.#connection?.write(withLength(effect.body, this.#owner.handshakeLengthBytes));
          break;
        case 'claimed':
          this.node = effect.claim.name;
          this.#owner.onClaimed(this);
          break;
        case 'yield':
          this.#owner.onYielded(this);
          break;
        case 'proved':
          this.#timer?.cancel();
          this.#state = { side: 'proved' };
          this.#parser.setFraming({ lengthBytes: 4, frameBytesMax: this.#owner.frameBytesMax });
          this.#owner.onProved(this, effect.peer);
          break;
        case 'failed':
          this.fail(effect.failure, handshakeError(effect.failure, effect.message, this.#connection));
          break;
        case 'outdone':
          this.fail('outdone', null);
          break;
      }
    }
  }

  /** Something whole came: the set-up timer starts anew. */
  #progress(): void {
    this.#timer?.cancel();
    this.#timer = this.#owner.env.setTimer(SETUP_TIMEOUT_MS, () => {
      this.#connection?.destroy();
      this.#end('setup_timeout', null);
    });
  }

  #end(reason: string, error: QuorateError | null): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#timer?.cancel();
    this.#owner.onEnded(this, reason, error);
  }

  #close(): void {
    const connection = this.#connection;
    if (connection === null) return;
    connection.close();
    if (connection.bufferedBytes > 0) this.#owner.env.setTimer(CLOSE_PATIENCE_MS, () => connection.destroy(), true);
  }
}

function dialling(): LinkState {
  return { side: 'dialler', handshake: { phase: 'status' } };
}

function differentCookies(node: string): QuorateError {
  return new QuorateError(
    'bad_cookie',
    `${node} closed the connection after our proof of the cookie: the cookies differ; start all nodes with the same cookie`,
    { details: { node } },
  );
}

function frameError(cause: QuorateError, node: string | null, connection: Connection | null): QuorateError {
  const remote = connection?.remote ?? '?';
  const message = `connection with ${node ?? 'a node that has not said its name'} at ${remote} ended: ${cause.message}`;
  return new QuorateError(cause.code, message, { cause, details: { ...cause.details, remote } });
}

function handshakeError(failure: string, found: string, connection: Connection | null): QuorateError {
  const remote = connection?.remote ?? '?';
  const remedy = failure === 'bad_cookie' ? '; start all nodes with the same cookie' : '';
  return new QuorateError(failure, `handshake with ${remote} failed: ${found}${remedy}`, { details: { remote } });
}
