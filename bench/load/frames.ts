/**
 * Length-prefixed frames on a socket, nothing more: what any protocol of small messages has to do at least. All frames of a turn of the event
 * loop leave in one write.
 */
import type { Socket } from 'node:net';

const BUFFER_BYTES = 1 << 16;

export class FrameSocket {
  readonly #socket: Socket;
  #buffer = Buffer.allocUnsafe(BUFFER_BYTES);
  #used = 0;
  #armed = false;
  #rest: Buffer | null = null;

  /** `onFrame` gets each frame's number: its first four bytes after the length. */
  constructor(socket: Socket, onFrame: (number: number) => void) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (chunk: Buffer) => this.#onChunk(chunk, onFrame));
  }

  /** Sends a frame of so many bytes that begins with a number. */
  send(number: number, bytes: number): void {
    if (this.#used + 4 + bytes > this.#buffer.length) this.#flush();
    this.#buffer.writeUInt32BE(bytes, this.#used);
    this.#buffer.writeUInt32BE(number, this.#used + 4);
    this.#used += 4 + bytes;
    if (this.#armed) return;
    this.#armed = true;
    queueMicrotask(() => process.nextTick(this.#flush));
  }

  readonly #flush = (): void => {
    this.#armed = false;
    if (this.#used === 0) return;
    this.#socket.write(this.#buffer.subarray(0, this.#used));
    this.#buffer = Buffer.allocUnsafe(BUFFER_BYTES);
    this.#used = 0;
  };

  #onChunk(chunk: Buffer, onFrame: (number: number) => void): void {
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    let at = 0;
    while (at + 4 <= bytes.length) {
      const end = at + 4 + bytes.readUInt32BE(at);
      if (end > bytes.length) break;
      onFrame(bytes.readUInt32BE(at + 4));
      at = end;
    }
    this.#rest = at < bytes.length ? bytes.subarray(at) : null;
  }
}
