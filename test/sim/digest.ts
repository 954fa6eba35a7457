/** A running digest of a run's events: cheap enough to be taken always, also when nothing is printed. */

export class Digest {
  #low = 0x811c9dc5;
  #high = 0x1b873593;
  /** How many numbers were added. */
  count = 0;

  addNumber(value: number): void {
    this.count += 1;
    this.#low = Math.imul(this.#low ^ value, 0x01000193);
    this.#high = Math.imul((this.#high << 13) | (this.#high >>> 19), 5) ^ Math.floor(value * 1024) ^ this.#low;
  }

  addText(text: string): void {
    for (let i = 0; i < text.length; i++) this.#low = Math.imul(this.#low ^ text.charCodeAt(i), 0x01000193);
    this.addNumber(text.length);
  }

  addBytes(bytes: Uint8Array): void {
    let low = this.#low;
    for (let i = 0; i < bytes.length; i++) low = Math.imul(low ^ (bytes[i] as number), 0x01000193);
    this.#low = low;
    this.addNumber(bytes.length);
  }

  toString(): string {
    return [this.#high, this.#low].map((word) => (word >>> 0).toString(16).padStart(8, '0')).join('');
  }
}
