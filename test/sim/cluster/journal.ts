/**
 * Everything that happens in a run, in order: each event goes into a digest, and to whoever prints it. Two runs that differ in one event, in
 * its time or in one byte that was delivered have different digests.
 */
import { Digest } from '../digest.ts';

export class Journal {
  events = 0;
  readonly #print: ((line: string) => void) | null;
  readonly #digest: Digest = new Digest();

  constructor(print: ((line: string) => void) | null) {
    this.#print = print;
  }

  get digest(): string {
    return this.#digest.toString();
  }

  /** Something happened on machine `who`, or (-1) to all. */
  note(atMs: number, who: number, what: string, detail = '', bytes?: Uint8Array): void {
    this.events += 1;
    const digest = this.#digest;
    digest.addNumber(atMs);
    digest.addNumber(who);
    digest.addText(what);
    digest.addText(detail);
    if (bytes !== undefined) digest.addBytes(bytes);
    if (this.#print === null) return;
    const place = who < 0 ? '--' : `n${who + 1}`;
    const size = bytes === undefined ? '' : `${bytes.length} (${this.digest.slice(0, 8)})`;
    this.#print([atMs.toFixed(3).padStart(10), place, what, size, detail].filter((part) => part !== '').join(' '));
  }
}
