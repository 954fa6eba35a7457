/**
 * Frames of one established connection to signals: headers, reassembly of parts, control messages, and the rule that a
 * peer may link, unlink and monitor only for its own processes. Pure; everything wrong is a `WireError`, and
 * the connection it came from is to be closed.
 */
import { AtomBudget } from '../codec/atom-budget.ts';
import { readControl } from '../codec/control.ts';
import type { PendingSignal } from '../codec/control.ts';
import { TermReader } from '../codec/term-reader.ts';
import type { DecodeOptions } from '../codec/term-reader.ts';
import { WireError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import type { Signal } from '../term/signal.ts';
import { joinBytes } from './byte-fields.ts';

const VERSION = 131;
const PASS_THROUGH = 112;
const HEADER_NORMAL = 68;
const HEADER_FIRST_PART = 69;
const HEADER_NEXT_PART = 70;
/** Large messages under way at a time from one peer. */
const STREAMS_MAX = 4_096;

export interface InboxOptions {
  readonly node: Atom;
  /** FRAGMENTS was agreed: frames have a header, and parts may come. */
  readonly fragments: boolean;
  /** All parts under way together may have that many bytes. */
  readonly bytesMax: number;
}

export type OnPending = (pending: PendingSignal, payload: Uint8Array | null) => void;

/** What came of a large message so far. */
interface Partial {
  readonly parts: Uint8Array[];
  bytes: number;
  partsLeft: number;
}

export class Inbox {
  readonly #options: InboxOptions;
  readonly #onPending: OnPending;
  readonly #decode: DecodeOptions;
  readonly #partials = new Map<bigint, Partial>();
  #partialBytes = 0;

  constructor(options: InboxOptions, onPending: OnPending) {
    this.#options = options;
    this.#onPending = onPending;
    this.#decode = { atoms: new AtomBudget() };
  }

  /** One frame that is not empty. @throws `bad_frame` */
  take(frame: Uint8Array): void {
    if (!this.#options.fragments) {
      if (frame[0] !== PASS_THROUGH || frame[1] !== VERSION) throw new WireError('a frame of a kind not agreed', 0);
      return this.#dispatch(frame, 2, true);
    }
    if (frame[0] !== VERSION) throw new WireError('a frame of a kind not agreed', 0);
    switch (frame[1]) {
      case HEADER_NORMAL:
        if (frame[2] !== 0) throw new WireError('a frame with references to cached atoms, which were not agreed', 2);
        return this.#dispatch(frame, 3, false);
      case HEADER_FIRST_PART:
        return this.#firstPart(frame);
      case HEADER_NEXT_PART:
        return this.#nextPart(frame);
      default:
        throw new WireError('a frame with an unknown header', 1);
    }
  }

  #firstPart(frame: Uint8Array): void {
    const { sequence, partsLeft } = readPartHeader(frame, 19);
    if (frame[18] !== 0) throw new WireError('a part with references to cached atoms, which were not agreed', 18);
    if (partsLeft === 1) return this.#dispatch(frame, 19, false);
    if (this.#partials.has(sequence)) throw new WireError('a message in parts began twice', 2);
    if (this.#partials.size >= STREAMS_MAX) throw new WireError('too many messages in parts at a time', 2);
    const partial = { parts: [], bytes: 0, partsLeft };
    this.#partials.set(sequence, partial);
    this.#keep(partial, frame.subarray(19));
  }

  #nextPart(frame: Uint8Array): void {
    const { sequence, partsLeft } = readPartHeader(frame, 18);
    const partial = this.#partials.get(sequence);
    if (partial === undefined) throw new WireError('a part of a message that did not begin', 2);
    if (partsLeft !== partial.partsLeft) throw new WireError('the parts of a message do not count down', 10);
    this.#keep(partial, frame.subarray(18));
    if (partsLeft > 1) return;
    this.#partials.delete(sequence);
    this.#partialBytes -= partial.bytes;
    this.#dispatch(joinBytes(...partial.parts), 0, false);
  }

  #keep(partial: Partial, part: Uint8Array): void {
    this.#partialBytes += part.length;
    if (this.#partialBytes > this.#options.bytesMax) throw new WireError('a message in parts is too large', 0);
    partial.parts.push(part);
    partial.bytes += part.length;
    partial.partsLeft--;
  }

  #dispatch(bytes: Uint8Array, start: number, versioned: boolean): void {
    const reader = new TermReader(bytes, start, bytes.length, this.#decode);
    const pending = readControl(reader);
    const { signal } = pending;
    if (isOfSenderOnly(signal.kind) && 'from' in signal && !isFrom(signal.from, this.#options.node)) {
      throw new WireError(`a ${signal.kind} for a process that is not of ${this.#options.node.name}`, start);
    }
    if (pending.payload === null) return this.#onPending(pending, null);
    const at = versioned ? reader.position + 1 : reader.position;
    if (at >= bytes.length) throw new WireError('the payload is missing', at);
    if (versioned && bytes[at - 1] !== VERSION) throw new WireError('a payload without its version', at - 1);
    this.#onPending(pending, bytes.subarray(at));
  }
}

function readPartHeader(frame: Uint8Array, size: number): { readonly sequence: bigint; readonly partsLeft: number } {
  if (frame.length < size) throw new WireError('a part is cut short', frame.length);
  const view = new DataView(frame.buffer, frame.byteOffset, size);
  const partsLeft = Number(view.getBigUint64(10));
  if (partsLeft === 0) throw new WireError('a part with the number 0', 10);
  return { sequence: view.getBigUint64(2), partsLeft };
}

/** Signals that a node may send for its own processes only. */
function isOfSenderOnly(kind: Signal['kind']): boolean {
  return kind === 'link' || kind === 'unlink' || kind === 'unlinkAck' || kind === 'monitor' || kind === 'demonitor';
}

function isFrom(sender: unknown, node: Atom): boolean {
  return sender instanceof Pid && sender.node === node;
}
