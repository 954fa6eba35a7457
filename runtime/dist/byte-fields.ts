/**
 * Reading and writing the fixed fields of EPMD and handshake messages. A `ByteFields` read past the end gives no error
 * at once: `ok` turns false and stays so, and the reader asks once at the end. The lengths are the other side's claims.
 */

const latin1 = new TextDecoder('latin1');

export class ByteFields {
  ok = true;
  position = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.position;
  }

  u8(): number {
    return this.#take(1) ? (this.#bytes[this.position - 1] as number) : 0;
  }

  u16(): number {
    return this.u8() * 256 + this.u8();
  }

  u32(): number {
    return this.u16() * 65_536 + this.u16();
  }

  u64(): bigint {
    return (BigInt(this.u32()) << 32n) | BigInt(this.u32());
  }

  bytes(size: number): Uint8Array {
    if (!this.#take(size)) return new Uint8Array(0);
    return this.#bytes.subarray(this.position - size, this.position);
  }

  text(size: number): string {
    return latin1.decode(this.bytes(size));
  }

  rest(): Uint8Array {
    return this.bytes(this.left);
  }

  #take(size: number): boolean {
    if (this.left < size) this.ok = false;
    if (this.ok) this.position += size;
    return this.ok;
  }
}

/** What the parts are made of: `[value, bytes]` is an unsigned big-endian integer; a string is its Latin-1 bytes. */
export type BytePart = readonly [value: number | bigint, bytes: 1 | 2 | 4 | 8] | string | Uint8Array;

/** The parts one after the other. */
export function joinBytes(...parts: readonly BytePart[]): Uint8Array {
  const joined = new Uint8Array(parts.reduce<number>((size, part) => size + partSize(part), 0));
  let position = 0;
  for (const part of parts) {
    if (typeof part === 'string') for (let i = 0; i < part.length; i++) joined[position + i] = part.charCodeAt(i);
    else if (part instanceof Uint8Array) joined.set(part, position);
    else writeInteger(joined, position, BigInt(part[0]), part[1]);
    position += partSize(part);
  }
  return joined;
}

/** `bytes` behind their length in two bytes: how EPMD requests and handshake messages are framed. */
export function withLength16(bytes: Uint8Array): Uint8Array {
  return withLength(bytes, 2);
}

/** `bytes` behind their length. */
export function withLength(bytes: Uint8Array, lengthBytes: 2 | 4): Uint8Array {
  return joinBytes([bytes.length, lengthBytes], bytes);
}

function partSize(part: BytePart): number {
  return typeof part === 'string' || part instanceof Uint8Array ? part.length : part[1];
}

function writeInteger(target: Uint8Array, position: number, value: bigint, size: number): void {
  for (let i = 0; i < size; i++) target[position + i] = Number((value >> BigInt(8 * (size - 1 - i))) & 0xffn);
}
