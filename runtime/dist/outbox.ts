/**
 * What goes out on one established connection. Signals are encoded straight into one buffer, and the buffer is given to
 * the socket once per turn of the event loop (or when 64 KiB are full): many small messages cost one system call.
 *
 * A frame, with the flag FRAGMENTS agreed: `<<Length:32, 131, 68, 0, Control, Payload>>`; without it
 * `<<Length:32, 112, 131, Control, 131, Payload>>`. Messages over 64 KiB go out in parts when that was agreed, with others
 * between them: OTP takes a long time without a whole frame for death. Their order is the part queue's.
 *
 * Nothing is ever dropped. `send` answers false over the high-water mark, and the sender should await `drained`. Parts that wait count for
 * large messages only: a small one passes them.
 */
import { PART_BYTES } from '../codec/fragments.ts';
import type { Fragment } from '../codec/fragments.ts';
import { TermReader } from '../codec/term-reader.ts';
import { TermWriter } from '../codec/term-writer.ts';
import { readControl, signalPayload, writeControl } from '../codec/control.ts';
import { PartQueue } from './part-queue.ts';
import type { EncodedSignal, PartSink } from './part-queue.ts';
import { Pid } from '../term/pid.ts';
import type { Signal } from '../term/signal.ts';
import type { Env } from '../env.ts';
import type { Connection } from '../transport/transport.ts';

const FLUSH_BYTES = 65_536;
const BUFFER_BYTES = 131_072;
/** A buffer that a large frame made grow beyond this is not kept. */
const BUFFER_KEPT_BYTES = 1_048_576;
/** No further parts while more than this waits in the socket: room for others between them. */
const PARTS_WINDOW_BYTES = 262_144;

const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER_NORMAL = 68;
const TICK = new Uint8Array(4);

export interface OutboxOptions {
  readonly connection: Connection;
  readonly env: Env;
  /** FRAGMENTS was agreed. */
  readonly fragments: boolean;
  readonly highWaterBytes: number;
  /** When more than this waits, the other side does not read: `onOverload` is called, and the connection should end. */
  readonly backlogBytesMax: number;
  readonly onOverload: () => void;
}

/** Who waits until there is room: in the socket, or, when that has room, for what goes out in parts too. */
interface Waiter {
  readonly forParts: boolean;
  readonly resolve: () => void;
}

export class Outbox {
  /** Bytes given to the socket so far, ticks not counted: an idle connection gets one at every look. */
  sentBytes = 0;
  readonly #options: OutboxOptions;
  readonly #parts = new PartQueue();
  readonly #sink: PartSink = {
    onPart: (part) => this.#writePart(part),
    onSignal: (signal) => void this.#writeFrame(signal.control, signal.payload),
  };
  readonly #flush = (): void => this.flush();
  #writer = new TermWriter(BUFFER_BYTES);
  #scheduled = false;
  #closed = false;
  /** What waited in the socket when it was last looked at. */
  #behindBytes = 0;
  #waiters: Waiter[] = [];

  constructor(options: OutboxOptions) {
    this.#options = options;
  }

  /** All that is not with the system yet. */
  get pendingBytes(): number {
    return this.#options.connection.bufferedBytes + this.#parts.bytes + this.#writer.position;
  }

  /** @throws `not_sendable`; nothing has been sent then. */
  send(signal: Signal): boolean {
    if (this.#closed) return true;
    const writer = this.#writer;
    const start = writer.position;
    let controlEnd = 0;
    try {
      this.#beginFrame();
      writeControl(writer, signal);
      controlEnd = writer.position;
      const carried = signalPayload(signal);
      if (carried !== null) {
        if (!this.#options.fragments) writer.u8(VERSION);
        writer.term(carried.value);
      }
    } catch (error) {
      writer.position = start;
      throw error;
    }
    if (this.#mustQueue(writer.position - start)) return this.#takeBack(start, controlEnd, senderOf(signal));
    return this.#endFrame(start);
  }

  /** The same for a signal that was encoded elsewhere; both parts without version byte. */
  sendEncoded(control: Uint8Array, payload: Uint8Array | null): boolean {
    if (this.#closed) return true;
    if (!this.#mustQueue(control.length + (payload?.length ?? 0))) return this.#writeFrame(control, payload);
    return this.#queue({ control, payload, sender: senderOf(readControl(new TermReader(control)).signal) });
  }

  /** A sign of life; not needed while something waits to be sent. */
  tick(): void {
    if (this.#closed || this.#writer.position > 0 || this.#options.connection.bufferedBytes > 0) return;
    this.#options.connection.write(TICK);
  }

  /**
   * Resolves when no more than half of the high-water mark waits, or the connection has ended. Who is held up by a large message waits for what
   * goes out in parts; small messages pass between the parts, and who sends them waits for the socket only.
   */
  drained(): Promise<void> {
    const { highWaterBytes } = this.#options;
    if (this.#closed || this.pendingBytes <= highWaterBytes) return Promise.resolve();
    const forParts = this.#frontBytes <= highWaterBytes;
    return new Promise((resolve) => this.#waiters.push({ forParts, resolve }));
  }

  flush(): void {
    this.#scheduled = false;
    if (this.#closed) return;
    while (!this.#parts.idle && this.#hasWindow()) this.#parts.round(this.#sink);
    this.#give();
  }

  /** The socket has taken everything. */
  onDrain(): void {
    if (this.#closed) return;
    if (this.#parts.idle) this.#settle();
    else this.flush();
  }

  /** Gives everything to the socket, parts included, and takes nothing any more. */
  end(): void {
    if (this.#closed) return;
    while (!this.#parts.idle) this.#parts.round(this.#sink);
    this.#give();
    this.drop();
  }

  /** Takes nothing any more. */
  drop(): void {
    this.#closed = true;
    for (const { resolve } of this.#waiters.splice(0)) resolve();
  }

  #beginFrame(): void {
    const writer = this.#writer;
    writer.reserve(7);
    const { buffer, position } = writer;
    if (this.#options.fragments) {
      buffer[position + 4] = VERSION;
      buffer[position + 5] = HEADER_NORMAL;
      buffer[position + 6] = 0;
      writer.position = position + 7;
    } else {
      buffer[position + 4] = PASS_THROUGH;
      buffer[position + 5] = VERSION;
      writer.position = position + 6;
    }
  }

  /** Puts the length in front, and sees that it will be sent. */
  #endFrame(start: number): boolean {
    const { buffer, position } = this.#writer;
    const size = position - start - 4;
    buffer[start] = size >>> 24;
    buffer[start + 1] = size >>> 16;
    buffer[start + 2] = size >>> 8;
    buffer[start + 3] = size;
    if (position >= FLUSH_BYTES) this.#give();
    else this.#schedule();
    return this.#behindBytes + this.#writer.position <= this.#options.highWaterBytes;
  }

  #writeFrame(control: Uint8Array, payload: Uint8Array | null): boolean {
    const writer = this.#writer;
    const start = writer.position;
    this.#beginFrame();
    writer.bytes(control);
    if (payload !== null) {
      if (!this.#options.fragments) writer.u8(VERSION);
      writer.bytes(payload);
    }
    return this.#endFrame(start);
  }

  #writePart({ head, part }: Fragment): void {
    const writer = this.#writer;
    writer.u32(head.length + part.length);
    writer.bytes(head);
    writer.bytes(part);
    if (writer.position >= FLUSH_BYTES) this.#give();
  }

  #mustQueue(size: number): boolean {
    return this.#options.fragments && (size > PART_BYTES || !this.#parts.idle);
  }

  /** A frame that was written already goes to the part queue instead. */
  #takeBack(start: number, controlEnd: number, sender: string | null): boolean {
    const writer = this.#writer;
    const control = copyOf(writer.buffer, start + 7, controlEnd);
    const payload = writer.position > controlEnd ? copyOf(writer.buffer, controlEnd, writer.position) : null;
    writer.position = start;
    if (writer.buffer.length > BUFFER_KEPT_BYTES) {
      this.#give();
      this.#writer = new TermWriter(BUFFER_BYTES);
    }
    return this.#queue({ control, payload, sender });
  }

  #queue(signal: EncodedSignal): boolean {
    if (!this.#parts.admit(signal)) return this.#writeFrame(signal.control, signal.payload);
    this.#schedule();
    return this.pendingBytes <= this.#options.highWaterBytes;
  }

  /** Hands the buffer to the socket. */
  #give(): void {
    const writer = this.#writer;
    if (writer.position > 0) {
      this.sentBytes += writer.position;
      this.#options.connection.write(writer.take());
    }
    if (!this.#parts.idle && this.#hasWindow()) this.#schedule();
    this.#settle();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#options.env.endOfTurn(this.#flush);
  }

  #hasWindow(): boolean {
    return this.#options.connection.bufferedBytes + this.#writer.position < PARTS_WINDOW_BYTES;
  }

  /** What waits before the next small message. */
  get #frontBytes(): number {
    return this.#options.connection.bufferedBytes + this.#writer.position;
  }

  /** Looks at what waits: wakes senders, or gives up. */
  #settle(): void {
    const { connection, backlogBytesMax, highWaterBytes, onOverload } = this.#options;
    this.#behindBytes = connection.bufferedBytes;
    if (this.pendingBytes > backlogBytesMax && !this.#closed) onOverload();
    if (this.#waiters.length === 0 || this.#frontBytes > highWaterBytes / 2) return;
    const partsWait = this.pendingBytes > highWaterBytes / 2;
    const released = this.#waiters.filter(({ forParts }) => !(forParts && partsWait));
    this.#waiters = this.#waiters.filter(({ forParts }) => forParts && partsWait);
    for (const { resolve } of released) resolve();
  }
}

/** Key of the process that a signal is from, or null. */
function senderOf(signal: Signal): string | null {
  return 'from' in signal && signal.from instanceof Pid ? signal.from.key : null;
}

/** A real copy: the `slice` of a Buffer would be a view. */
function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}
