/**
 * Everything that happens in a run, in order: each event goes into a digest, and to whoever prints it. Two runs that differ in one event, in
 * its time or in one byte that was delivered have different digests.
 */
export class Journal {
  events = 0;
  readonly #print: ((line: string) => void) | null;
  #a = 0x811c9dc5;
  #b = 0x9e3779b9;

  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  /** `detail` is made only when somebody reads it; what tells runs apart is in the numbers and the bytes. */
  note(atMs: number, who: number, what: string, detail: string | (() => string) = '', bytes?: Uint8Array): void {
    this.events += 1;
    this.#mix(Math.floor(atMs * 1000) | 0);
    this.#mix(who);
    this.#mix(what.length * 256 + what.charCodeAt(0));
    if (bytes !== undefined) this.#mixBytes(bytes);
    if (typeof detail === 'string') for (let i = 0; i < detail.length; i++) this.#mix(detail.charCodeAt(i));
    if (this.#print === null) return;
    const size = bytes === undefined ? '' : ` ${bytes.length} bytes #${this.digest.slice(0, 8)}`;
    const text = typeof detail === 'string' ? detail : detail();
    const place = who < 0 ? '--' : `n${who + 1}`;
    this.#print(`${atMs.toFixed(3).padStart(10)} ${place} ${what}${size}${text === '' ? '' : ` ${text}`}`);
  }

  get digest(): string {
    return [this.#a, this.#b].map((half) => (half >>> 0).toString(16).padStart(8, '0')).join('');
  }

  #mixBytes(bytes: Uint8Array): void {
    let a = this.#a;
    for (let i = 0; i < bytes.length; i++) a = Math.imul(a ^ (bytes[i] as number), 0x01000193);
    this.#a = a;
    this.#mix(bytes.length);
  }

  #mix(word: number): void {
    this.#a = Math.imul(this.#a ^ word, 0x01000193);
    this.#b = (Math.imul(this.#b ^ (this.#b >>> 15), 0x85ebca6b) + word + this.#a) | 0;
  }
}
