/**
 * Cuts a byte stream into frames: a length of 2 bytes during the handshake and of 4 after it, then that many bytes. An
 * empty frame of the second kind is a tick.
 *
 * Frames are pulled, one `next` at a time, so the framing can change between two frames of one chunk. A frame that lies
 * in one chunk is a view of it; only a frame that is spread over chunks is assembled, in a buffer that grows with what
 * has arrived, never with what was announced.
 */
import { WireError } from '../errors.ts';

export interface Framing {
  readonly lengthBytes: 2 | 4;
  /** Longer frames are an error as soon as their length is known. */
  readonly frameBytesMax: number;
}

const NOTHING = new Uint8Array(0);
const ASSEMBLY_BYTES_MIN = 4096;

export class FrameParser {
  #framing: Framing;
  #chunk: Uint8Array = NOTHING;
  #at = 0;
  /** The length so far, and how many of its bytes were seen. */
  #length = 0;
  #lengthSeen = 0;
  #assembly: Uint8Array = NOTHING;
  #assembled = 0;
  #consumed = 0;

  constructor(framing: Framing) {
    this.#framing = framing;
  }

  /** From the next frame on. Only between frames, that is, after `next` gave one. */
  setFraming(framing: Framing): void {
    this.#framing = framing;
  }

  /** Bytes that were pushed and not given out. */
  get bufferedBytes(): number {
    return this.#chunk.length - this.#at + this.#lengthSeen + this.#assembled;
  }

  /** Takes the next bytes of the stream; they must not change afterwards. Call `next` until it gives null. */
  push(chunk: Uint8Array): void {
    const rest = this.#chunk.length - this.#at;
    this.#chunk = rest === 0 ? chunk : Buffer.concat([this.#chunk.subarray(this.#at), chunk]);
    this.#at = 0;
  }

  /**
   * The next whole frame without its length, or null when more bytes are needed.
   *
   * @throws `bad_frame` (WireError) for a frame over the limit; the parser is of no use afterwards.
   */
  next(): Uint8Array | null {
    if (!this.#readLength()) return null;
    const chunk = this.#chunk;
    const at = this.#at;
    const missing = this.#length - this.#assembled;
    if (chunk.length - at < missing) {
      this.#assemble(chunk.length - at);
      return null;
    }
    if (this.#assembled > 0) this.#assemble(missing);
    else this.#at += missing;
    const frame = this.#assembled > 0 ? this.#assembly.subarray(0, this.#length) : chunk.subarray(at, this.#at);
    this.#consumed += this.#framing.lengthBytes + this.#length;
    this.#length = 0;
    this.#lengthSeen = 0;
    this.#assembly = NOTHING;
    this.#assembled = 0;
    return frame;
  }

  #readLength(): boolean {
    const { lengthBytes, frameBytesMax } = this.#framing;
    if (this.#lengthSeen === lengthBytes) return true;
    while (this.#lengthSeen < lengthBytes) {
      if (this.#at === this.#chunk.length) return false;
      this.#length = this.#length * 256 + (this.#chunk[this.#at++] as number);
      this.#lengthSeen++;
    }
    if (this.#length > frameBytesMax) {
      throw new WireError(`a frame of ${this.#length} bytes is over the limit of ${frameBytesMax}`, this.#consumed);
    }
    return true;
  }

  /** Moves `count` bytes of the chunk to the assembly. */
  #assemble(count: number): void {
    if (count === 0) return;
    const needed = this.#assembled + count;
    if (needed > this.#assembly.length) {
      const doubled = Math.max(needed, this.#assembly.length * 2, ASSEMBLY_BYTES_MIN);
      const grown = Buffer.allocUnsafeSlow(Math.min(doubled, this.#length));
      grown.set(this.#assembly.subarray(0, this.#assembled));
      this.#assembly = grown;
    }
    this.#assembly.set(this.#chunk.subarray(this.#at, this.#at + count), this.#assembled);
    this.#assembled = needed;
    this.#at += count;
  }
}
