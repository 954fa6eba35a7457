/**
 * The states that were found, by 64 bits of their text each: two in ten million being taken for one has a chance of about one in
 * half a million. Beside them, for traces, which state each was found from and as which of its successors.
 */
const FIRST_CAPACITY = 1 << 16;

export class Visited {
  #table: Uint32Array = new Uint32Array(2 * FIRST_CAPACITY);
  #capacity = FIRST_CAPACITY;
  #parents: Uint32Array = new Uint32Array(FIRST_CAPACITY);
  #ordinals: Uint16Array = new Uint16Array(FIRST_CAPACITY);
  count = 0;

  /** True when the text is new: then it has the number `count - 1`. */
  add(text: string, parent: number, ordinal: number): boolean {
    const [high, low] = this.#hash(text);
    let at = low % this.#capacity;
    while ((this.#table[2 * at] as number) !== 0 || (this.#table[2 * at + 1] as number) !== 0) {
      if (this.#table[2 * at] === high && this.#table[2 * at + 1] === low) return false;
      at = at + 1 === this.#capacity ? 0 : at + 1;
    }
    this.#table[2 * at] = high;
    this.#table[2 * at + 1] = low;
    this.#parents[this.count] = parent;
    this.#ordinals[this.count] = ordinal;
    this.count += 1;
    if (this.count * 2 > this.#capacity) this.#grow();
    return true;
  }

  parentOf(state: number): number {
    return this.#parents[state] as number;
  }

  ordinalOf(state: number): number {
    return this.#ordinals[state] as number;
  }

  #hash(text: string): readonly [number, number] {
    let high = 0x9e3779b9;
    let low = 0x7f4a7c15;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      high = Math.imul(high ^ unit, 0x85ebca6b);
      high = (high << 13) | (high >>> 19);
      low = Math.imul(low ^ unit, 0xc2b2ae35);
      low = (low << 15) | (low >>> 17);
    }
    high ^= text.length;
    high = Math.imul(high ^ (high >>> 16), 0x7feb352d);
    low = Math.imul(low ^ (low >>> 15), 0x846ca68b);
    low ^= low >>> 16;
    return [(high ^ (high >>> 15)) >>> 0, low >>> 0];
  }

  #grow(): void {
    const { length } = this.#parents;
    const [parents, ordinals] = [new Uint32Array(2 * length), new Uint16Array(2 * length)];
    parents.set(this.#parents);
    ordinals.set(this.#ordinals);
    this.#parents = parents;
    this.#ordinals = ordinals;
    const old = this.#table;
    this.#capacity *= 2;
    this.#table = new Uint32Array(2 * this.#capacity);
    for (let i = 0; i < old.length; i += 2) {
      const [high, low] = [old[i] as number, old[i + 1] as number];
      if (high === 0 && low === 0) continue;
      let at = low % this.#capacity;
      while (this.#table[2 * at] !== 0 || this.#table[2 * at + 1] !== 0) at = at + 1 === this.#capacity ? 0 : at + 1;
      this.#table[2 * at] = high;
      this.#table[2 * at + 1] = low;
    }
  }
}
