/** A node by hand that has proved the cookie to the responder: it sends control messages as they stand, and reads what comes as terms. */
import type { TestContext } from 'node:test';
import { TermReader } from '../../runtime/codec/term-reader.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { flagBit, ourFlags } from '../../runtime/codec/flags.ts';
import { askPort } from '../../runtime/dist/epmd-client.ts';
import { realEnv } from '../../runtime/env.ts';
import { atom, Pid, Ref, tuple } from '../../runtime/index.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { Attacker } from '../kit/wire.ts';
import { until } from '../kit/wait.ts';
import { COOKIE, OURS, type Responder } from './responder-kit.ts';

export const CREATION = 99;
const FRAGMENTS = flagBit('FRAGMENTS');
const PATIENCE_MS = 10_000;

/** What came in one frame. */
export interface Came {
  /** The control tuple. */
  readonly control: readonly unknown[];
  readonly payload: unknown;
}

/** Where the responder listens. */
export async function portOf(responder: Responder): Promise<number> {
  const ask = { transport: tcpTransport, env: realEnv, address: { host: '127.0.0.1', port: responder.epmdPort } };
  const found = await askPort(ask, OURS.split('@')[0] as string);
  if (found === null) throw new Error('EPMD does not know the responder');
  return found.port;
}

/** A frame of header, control tuple and payload. */
export function frameOf(control: readonly unknown[], ...payload: readonly unknown[]): Uint8Array {
  const writer = new TermWriter();
  for (const byte of [131, 68, 0]) writer.u8(byte);
  for (const term of [tuple(...control), ...payload]) writer.term(term);
  return writer.copy();
}

/** The same as nodes write it that have not agreed on fragments: with a version byte before each term. */
export function plainFrameOf(...terms: readonly unknown[]): Uint8Array {
  const writer = new TermWriter();
  writer.u8(112);
  for (const term of terms) {
    writer.u8(131);
    writer.term(term);
  }
  return writer.copy();
}

export class RawNode {
  readonly name: string;
  readonly attacker: Attacker;
  readonly #hasHeaders: boolean;
  #taken = 0;
  #refs = 0;

  private constructor(name: string, attacker: Attacker, hasHeaders: boolean) {
    this.name = name;
    this.attacker = attacker;
    this.#hasHeaders = hasHeaders;
  }

  /** Comes through the handshake. */
  static async connect(
    t: TestContext,
    port: number,
    name: string,
    flags: bigint = ourFlags({ hidden: true }),
  ): Promise<RawNode> {
    const attacker = new Attacker(t, name, port, (peer) => peer.name(name, flags));
    await until(() => attacker.peer.received.some((body) => body[0] === 0x4e), `the challenge for ${name}`);
    attacker.peer.reply(COOKIE);
    return new RawNode(name, attacker, (flags & FRAGMENTS) !== 0n).#proved();
  }

  get closed(): boolean {
    return this.attacker.closed;
  }

  /** A pid of this node. */
  pid(count = 1, creation: number = CREATION): Pid {
    return new Pid(nameAtom(this.name), count, 0, creation);
  }

  ref(): Ref {
    this.#refs += 1;
    return new Ref(nameAtom(this.name), CREATION, [this.#refs, 7, 7]);
  }

  send(control: readonly unknown[], ...payload: readonly unknown[]): void {
    const { peer } = this.attacker;
    peer.frame(this.#hasHeaders ? frameOf(control, ...payload) : plainFrameOf(tuple(...control), ...payload));
  }

  /** The next frame, in the order they came. */
  async next(): Promise<Came> {
    const { received } = this.attacker.peer;
    const find = (): boolean => {
      while (received[this.#taken]?.length === 0) this.#taken += 1;
      return received[this.#taken] !== undefined;
    };
    await until(() => find() || this.closed, `a frame for ${this.name}`, PATIENCE_MS);
    if (!find()) throw new Error(`the connection of ${this.name} was closed`);
    this.#taken += 1;
    return parse(received[this.#taken - 1] as Uint8Array);
  }

  /** Asks an agent, by pid or by its name `conformance`; what came before the answer is in `before`. */
  async ask(op: unknown, to?: Pid, before: Came[] = []): Promise<unknown> {
    const ref = this.ref();
    const control = to === undefined ? [6, this.pid(), atom(''), atom('conformance')] : [22, this.pid(), to];
    this.send(control, tuple(this.pid(), ref, op));
    for (;;) {
      const came = await this.next();
      const { payload } = came;
      if (Array.isArray(payload) && ref.equals((payload as readonly unknown[])[0])) return (payload as unknown[])[1];
      before.push(came);
    }
  }

  async #proved(): Promise<this> {
    const { received } = this.attacker.peer;
    const isThrough = (): boolean => this.closed || received.some((body) => body[0] === 0x61);
    await until(isThrough, 'the proof of the other side');
    this.#taken = received.findIndex((body) => body[0] === 0x61) + 1;
    return this;
  }
}

function parse(body: Uint8Array): Came {
  const hasHeader = body[0] === 131 && body[1] === 68;
  const reader = new TermReader(body, hasHeader ? 3 : 2);
  const control = reader.term() as readonly unknown[];
  if (!hasHeader && reader.position < body.length) reader.position += 1;
  return { control, payload: reader.position < body.length ? reader.term() : undefined };
}
