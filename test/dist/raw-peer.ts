/** The other end of a connection by hand: for peers that do not behave. */
import { FrameParser } from '../../runtime/codec/frame.ts';
import { ourFlags } from '../../runtime/codec/flags.ts';
import { withLength16 } from '../../runtime/dist/byte-fields.ts';
import { challengeDigest } from '../../runtime/dist/digest.ts';
import { encodeName, encodeReply, encodeStatus, parseChallenge } from '../../runtime/dist/handshake-messages.ts';
import type { Address, Connection, Transport } from '../../runtime/transport/transport.ts';

export class RawPeer {
  closed: string | null = null;
  /** Handshake messages and, after `proved`, frames that came. */
  readonly received: Uint8Array[] = [];
  readonly #connection: Connection;
  readonly #parser = new FrameParser({ lengthBytes: 2, frameBytesMax: 65_535 });

  constructor(transport: Transport, address: Address, onOpen: (peer: RawPeer) => void = () => undefined) {
    this.#connection = transport.dial(address, {
      onOpen: () => onOpen(this),
      onBytes: (bytes) => this.#take(bytes),
      onDrain: () => undefined,
      onClose: (reason) => (this.closed = reason),
    });
  }

  write(bytes: Uint8Array): void {
    this.#connection.write(bytes);
  }

  message(body: Uint8Array): void {
    this.write(withLength16(body));
  }

  /** A frame as after the handshake. */
  frame(body: Uint8Array): void {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    this.write(Buffer.concat([length, body]));
  }

  name(name: string, flags: bigint = ourFlags({ hidden: true })): void {
    this.message(encodeName({ name, flags, creation: 99, hello: new Uint8Array(0) }));
  }

  status(text: 'true' | 'false'): void {
    this.message(encodeStatus(text));
  }

  /** The last message as text; for statuses. */
  get lastStatus(): string {
    const statuses = this.received.filter((body) => body[0] === 0x73);
    return Buffer.from(statuses.at(-1) ?? [])
      .toString('latin1')
      .slice(1);
  }

  /** Answers the challenge that came; `glued` goes into the same write. */
  reply(cookie: string, glued: Uint8Array = new Uint8Array(0)): void {
    const challenge = parseChallenge(this.received.find((body) => body[0] === 0x4e) as Uint8Array);
    if (challenge === null) throw new Error('no challenge came');
    const body = withLength16(encodeReply(5, challengeDigest(cookie, challenge.challenge)));
    this.write(Buffer.concat([body, glued]));
  }

  destroy(): void {
    this.#connection.destroy();
  }

  #take(bytes: Uint8Array): void {
    this.#parser.push(bytes);
    for (let body = this.#parser.next(); body !== null; body = this.#parser.next()) {
      this.received.push(body.slice());
      if (body[0] === 0x61) this.#parser.setFraming({ lengthBytes: 4, frameBytesMax: 1e9 });
    }
  }
}
