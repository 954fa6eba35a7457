/**
 * Large messages in parts. A fragmented message is
 *
 *     131, 69, Sequence:64, Count:64, 0, Control, first part of the payload
 *     131, 70, Sequence:64, Count-1:64, next part   ... down to 1
 *
 * Parts of one sequence arrive in order; other frames, of other sequences too, may come between them. The 0 says that
 * there are no atom cache references, which we never agree to.
 */
import { WireError } from '../errors.ts';
import { ByteWriter } from './byte-writer.ts';
import * as Tag from './tags.ts';

export const FRAGMENT_FIRST = 69;
export const FRAGMENT_NEXT = 70;
/** What OTP puts into one part. */
export const PART_BYTES: number = 64 * 1024;

const FIRST_HEADER_BYTES = 19;
const NEXT_HEADER_BYTES = 18;

/** One frame, without its length: the bytes of `head`, then those of `part`. */
export interface Fragment {
  readonly head: Uint8Array;
  /** A view of the payload. */
  readonly part: Uint8Array;
}

/** `payload` is an encoded term without version byte; `sequence` is in use for no other message of this connection. */
export function splitFragments(
  control: Uint8Array,
  payload: Uint8Array,
  sequence: bigint,
  partBytes: number = PART_BYTES,
): Fragment[] {
  const count = Math.max(1, Math.ceil(payload.length / partBytes));
  const fragments: Fragment[] = [];
  for (let i = 0; i < count; i++) {
    const head = fragmentHead(i === 0 ? FRAGMENT_FIRST : FRAGMENT_NEXT, sequence, count - i);
    if (i === 0) {
      head.u8(0);
      head.bytes(control);
    }
    fragments.push({ head: head.take(), part: payload.subarray(i * partBytes, (i + 1) * partBytes) });
  }
  return fragments;
}

function fragmentHead(tag: number, sequence: bigint, count: number): ByteWriter {
  const head = new ByteWriter(256);
  head.u8(Tag.VERSION);
  head.u8(tag);
  head.u32(Number(sequence >> 32n));
  head.u32(Number(sequence & 0xffff_ffffn));
  head.u32(Math.floor(count / 0x1_0000_0000));
  head.u32(count >>> 0);
  return head;
}

export interface AssemblerOptions {
  /** Bytes of all unfinished messages together. */
  readonly bytesMax: number;
  /** Unfinished messages at one time; default 4096 (one per sending process of the peer). */
  readonly sequencesMax?: number;
}

interface Unfinished {
  readonly bytes: ByteWriter;
  /** Parts that are still to come. */
  left: bigint;
}

/** Puts the parts of one connection together. Memory is bounded by the options, and by what has arrived. */
export class FragmentAssembler {
  readonly #bytesMax: number;
  readonly #sequencesMax: number;
  readonly #unfinished = new Map<bigint, Unfinished>();
  #held = 0;

  constructor(options: AssemblerOptions) {
    this.#bytesMax = options.bytesMax;
    this.#sequencesMax = options.sequencesMax ?? 4096;
  }

  /** Bytes of messages that are not whole yet. */
  get heldBytes(): number {
    return this.#held;
  }

  /**
   * Takes a frame that begins with 131, 69 or 131, 70. Gives control message and payload, one after the other and without
   * version bytes, when it was the last part; else null.
   *
   * @throws `bad_frame` (WireError) for parts out of order, unknown sequences, and more than the options allow
   */
  add(frame: Uint8Array): Uint8Array | null {
    const isFirst = frame[1] === FRAGMENT_FIRST;
    const headerBytes = isFirst ? FIRST_HEADER_BYTES : NEXT_HEADER_BYTES;
    if (frame[0] !== Tag.VERSION || (!isFirst && frame[1] !== FRAGMENT_NEXT)) fail('it is no fragment', 0);
    if (frame.length < headerBytes) fail('its header is cut off', frame.length);
    const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
    const sequence = view.getBigUint64(2);
    const count = view.getBigUint64(10);
    if (count === 0n) fail('it is number 0, the last one is 1', 10);
    if (isFirst && frame[18] !== 0) fail('it refers to an atom cache that was not agreed', 18);
    const part = frame.subarray(headerBytes);
    return isFirst ? this.#begin(sequence, count, part) : this.#continue(sequence, count, part);
  }

  #begin(sequence: bigint, count: bigint, part: Uint8Array): Uint8Array | null {
    if (this.#unfinished.has(sequence)) fail(`sequence ${sequence} begins again before its end`, 2);
    if (count === 1n) return part;
    if (this.#unfinished.size === this.#sequencesMax)
      fail(`more than ${this.#sequencesMax} messages are unfinished`, 2);
    const unfinished = { bytes: new ByteWriter(Math.max(part.length, 1)), left: count - 1n };
    this.#append(unfinished, part);
    this.#unfinished.set(sequence, unfinished);
    return null;
  }

  #continue(sequence: bigint, count: bigint, part: Uint8Array): Uint8Array | null {
    const unfinished = this.#unfinished.get(sequence);
    if (unfinished === undefined) return fail(`sequence ${sequence} has no first part`, 2);
    if (unfinished.left !== count) fail(`part ${count} came when ${unfinished.left} was due`, 10);
    this.#append(unfinished, part);
    unfinished.left--;
    if (unfinished.left > 0n) return null;
    this.#unfinished.delete(sequence);
    this.#held -= unfinished.bytes.position;
    return unfinished.bytes.take();
  }

  #append(unfinished: Unfinished, part: Uint8Array): void {
    this.#held += part.length;
    if (this.#held > this.#bytesMax) fail(`unfinished messages hold more than ${this.#bytesMax} bytes`, 0);
    unfinished.bytes.bytes(part);
  }
}

function fail(what: string, offset: number): never {
  throw new WireError(`cannot take a fragment: ${what}`, offset);
}
