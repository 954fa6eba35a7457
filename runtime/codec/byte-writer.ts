/**
 * One growing buffer and a cursor. Who writes calls `reserve` for what it is about to write and then stores bytes at
 * `position` itself, or uses the small helpers. `take` hands out what was written and goes on behind it, so that a
 * connection can give the bytes to its socket without copying and without waiting for them to be sent.
 */

const SIZE_MIN = 256;

export class ByteWriter {
  buffer: Uint8Array;
  position = 0;
  readonly #size: number;

  constructor(size = 4096) {
    this.#size = Math.max(size, SIZE_MIN);
    this.buffer = Buffer.allocUnsafeSlow(this.#size);
  }

  /** Makes room for `count` more bytes at `position`. May replace `buffer`: read it again afterwards. */
  reserve(count: number): void {
    if (this.position + count > this.buffer.length) this.#grow(this.position + count);
  }

  u8(value: number): void {
    this.reserve(1);
    this.buffer[this.position++] = value;
  }

  u16(value: number): void {
    this.reserve(2);
    const { buffer, position } = this;
    buffer[position] = value >>> 8;
    buffer[position + 1] = value;
    this.position = position + 2;
  }

  u32(value: number): void {
    this.reserve(4);
    this.putU32(this.position, value);
    this.position += 4;
  }

  /** Stores a 32-bit number at a place that was written already, for example a length that is known only later. */
  putU32(position: number, value: number): void {
    const { buffer } = this;
    buffer[position] = value >>> 24;
    buffer[position + 1] = value >>> 16;
    buffer[position + 2] = value >>> 8;
    buffer[position + 3] = value;
  }

  bytes(source: Uint8Array): void {
    const { length } = source;
    this.reserve(length);
    if (length > 32) {
      this.buffer.set(source, this.position);
      this.position += length;
      return;
    }
    // A call of `set` costs more than a few bytes copied by hand.
    const { buffer } = this;
    let at = this.position;
    for (let i = 0; i < length; i++) buffer[at++] = source[i] as number;
    this.position = at;
  }

  /** What was written since the beginning or the last `take`; it is the caller's, later writes do not touch it. */
  take(): Uint8Array {
    const taken = this.buffer.subarray(0, this.position);
    const left = this.buffer.length - this.position;
    this.buffer = left >= SIZE_MIN ? this.buffer.subarray(this.position) : Buffer.allocUnsafeSlow(this.#size);
    this.position = 0;
    return taken;
  }

  /** A copy of what was written. */
  copy(start = 0): Uint8Array {
    return Uint8Array.prototype.slice.call(this.buffer, start, this.position);
  }

  #grow(needed: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.buffer.length * 2, this.#size));
    grown.set(this.buffer.subarray(0, this.position));
    this.buffer = grown;
  }
}
