/**
 * A direct-mapped cache from raw bytes to what they decode to: atoms, keys of maps. Every hit is verified byte by byte. A
 * newcomer replaces who has its place, so a flood of names costs speed and never memory.
 */

const SLOTS = 4096;
/** Longer names are rare and not worth keeping. */
export const CACHED_BYTES_MAX = 64;

export class CacheEntry<T> {
  readonly bytes: Uint8Array;
  readonly value: T;
  constructor(bytes: Uint8Array, value: T) {
    this.bytes = bytes;
    this.value = value;
  }
}

/** The slot of `length` bytes at `start`. */
export function slotOf(source: Uint8Array, start: number, length: number): number {
  let hash = length;
  for (let i = start; i < start + length; i++) hash = (Math.imul(hash, 31) + (source[i] as number)) | 0;
  return (hash ^ (hash >>> 12)) & (SLOTS - 1);
}

export class ByteCache<T> {
  readonly #entries: (CacheEntry<T> | undefined)[] = new Array<CacheEntry<T> | undefined>(SLOTS).fill(undefined);

  find(slot: number, source: Uint8Array, start: number, length: number): CacheEntry<T> | undefined {
    const entry = this.#entries[slot];
    if (entry === undefined) return undefined;
    const { bytes } = entry;
    if (bytes.length !== length) return undefined;
    for (let i = 0; i < length; i++) if (bytes[i] !== source[start + i]) return undefined;
    return entry;
  }

  keep(slot: number, source: Uint8Array, start: number, length: number, value: T): void {
    this.#entries[slot] = new CacheEntry(Uint8Array.prototype.slice.call(source, start, start + length), value);
  }
}
