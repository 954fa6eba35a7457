/**
 * Decoded control messages of ordinary sends (SEND_SENDER), by their bytes. A conversation between two processes repeats the
 * same control message with every payload, and decoding it costs as much as a small payload does.
 *
 * Direct-mapped by the numbers of the two pids, verified byte by byte: a flood of pids costs speed, never memory.
 * Signals are read-only, so one may stand for many messages.
 */
import type { PendingSignal } from '../codec/control.ts';

const SLOTS = 512;
const SMALL_TUPLE = 104;
const SMALL_INTEGER = 97;
const SEND_SENDER = 22;
const PID = 88;
const SMALL_ATOM = 119;
/** Id, serial and creation behind the node's name. */
const PID_NUMBERS_BYTES = 12;

interface Kept {
  readonly bytes: Uint8Array;
  readonly pending: PendingSignal;
}

export class SendCache {
  readonly #slots: (Kept | undefined)[] = Array.from({ length: SLOTS });
  /** Where the control message ends that `find` gave. */
  end = 0;

  /** The signal of the control message at `start`, if it is an ordinary send that was kept. */
  find(bytes: Uint8Array, start: number): PendingSignal | null {
    const end = sendEnd(bytes, start);
    if (end < 0) return null;
    const kept = this.#slots[slotOf(bytes, start, end)];
    if (kept === undefined || kept.bytes.length !== end - start) return null;
    const known = kept.bytes;
    for (let i = 0; i < known.length; i++) if (known[i] !== bytes[start + i]) return null;
    this.end = end;
    return kept.pending;
  }

  /** Keeps what was decoded from `start`, when it is an ordinary send. */
  keep(bytes: Uint8Array, start: number, pending: PendingSignal): void {
    const end = sendEnd(bytes, start);
    if (end < 0) return;
    // A Buffer like the frames, lest the comparison meets two kinds of arrays.
    this.#slots[slotOf(bytes, start, end)] = { bytes: Buffer.from(bytes.subarray(start, end)), pending };
  }
}

/** Where `{22, Pid, Pid}` at `start` ends, in its usual encoding; -1 when it is something else. */
function sendEnd(bytes: Uint8Array, start: number): number {
  const isSend =
    bytes[start] === SMALL_TUPLE &&
    bytes[start + 1] === 3 &&
    bytes[start + 2] === SMALL_INTEGER &&
    bytes[start + 3] === SEND_SENDER;
  if (!isSend) return -1;
  const second = pidEnd(bytes, start + 4);
  const end = second < 0 ? -1 : pidEnd(bytes, second);
  return end > bytes.length ? -1 : end;
}

function pidEnd(bytes: Uint8Array, start: number): number {
  if (start + 2 >= bytes.length || bytes[start] !== PID || bytes[start + 1] !== SMALL_ATOM) return -1;
  return start + 3 + (bytes[start + 2] as number) + PID_NUMBERS_BYTES;
}

/** From the low bytes of both ids. */
function slotOf(bytes: Uint8Array, start: number, end: number): number {
  const first = start + 7 + (bytes[start + 6] as number) + 2;
  const second = end - PID_NUMBERS_BYTES + 2;
  const from = ((bytes[first] as number) << 8) | (bytes[first + 1] as number);
  const to = ((bytes[second] as number) << 8) | (bytes[second + 1] as number);
  return (Math.imul(from, 31) + to) & (SLOTS - 1);
}
