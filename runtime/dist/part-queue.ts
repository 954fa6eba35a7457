/**
 * The order of what goes out while large messages go out in parts. Pure.
 *
 * Every large message is a stream of parts; each round sends one part of each stream, and ordinary frames go between.
 * What a process sends after its large message waits behind that stream, because signals between two processes keep
 * their order. A signal whose sender cannot be told (a DOWN by name, a spawn reply, an old SEND) must not overtake
 * anything: while streams are under way it and everything after it wait until all are done.
 */

import { PART_BYTES, splitFragments } from '../codec/fragments.ts';
import type { Fragment } from '../codec/fragments.ts';

/** A signal in bytes: the control tuple and its payload, both without a version byte. */
export interface EncodedSignal {
  readonly control: Uint8Array;
  readonly payload: Uint8Array | null;
  /** Key of the sending process, null when it cannot be told. */
  readonly sender: string | null;
}

/** Where a round puts what may go out, in this order. */
export interface PartSink {
  onPart(part: Fragment): void;
  onSignal(signal: EncodedSignal): void;
}

interface Stream {
  readonly sender: string | null;
  readonly parts: readonly Fragment[];
  partsSent: number;
  readonly behind: EncodedSignal[];
}

export class PartQueue {
  /** Bytes that wait here. */
  bytes = 0;
  #streams: Stream[] = [];
  #barrier: EncodedSignal[] | null = null;
  #sequence = 0n;

  /** Nothing waits; small signals need not be shown to `admit`. */
  get idle(): boolean {
    return this.#streams.length === 0;
  }

  /** True: the signal waits here now. False: nothing stands in its way, send it as an ordinary frame. */
  admit(signal: EncodedSignal): boolean {
    const { payload } = signal;
    if (this.#barrier !== null) return this.#wait(this.#barrier, signal);
    if (signal.sender === null && this.#streams.length > 0) return this.#wait((this.#barrier = []), signal);
    const ahead = this.#streams.find((stream) => stream.sender === signal.sender);
    if (ahead !== undefined) return this.#wait(ahead.behind, signal);
    if (payload === null || payload.length + signal.control.length <= PART_BYTES) return false;
    const parts = splitFragments(signal.control, payload, ++this.#sequence);
    this.#streams.push({ sender: signal.sender, parts, partsSent: 0, behind: [] });
    this.bytes += payload.length;
    if (signal.sender === null) this.#barrier = [];
    return true;
  }

  /** One part of each stream, and what became free by the last part of one. */
  round(sink: PartSink): void {
    for (const stream of this.#streams) {
      const part = stream.parts[stream.partsSent++] as Fragment;
      this.bytes -= part.part.length;
      sink.onPart(part);
    }
    const finished = this.#streams.filter(isFinished);
    if (finished.length === 0) return;
    this.#streams = this.#streams.filter((stream) => !isFinished(stream));
    // What waited behind a stream was sent before a barrier that stands now, and goes out before it.
    const barrier = this.#barrier;
    this.#barrier = null;
    for (const stream of finished) this.#release(stream.behind, sink);
    if (this.#streams.length > 0) this.#barrier = barrier;
    else if (barrier !== null) this.#release(barrier, sink);
  }

  /** One of them that has to wait again makes those behind it wait again where they must. */
  #release(waiting: readonly EncodedSignal[], sink: PartSink): void {
    for (const signal of waiting) {
      this.bytes -= signalBytes(signal);
      if (!this.admit(signal)) sink.onSignal(signal);
    }
  }

  #wait(queue: EncodedSignal[], signal: EncodedSignal): true {
    queue.push(signal);
    this.bytes += signalBytes(signal);
    return true;
  }
}

function isFinished(stream: Stream): boolean {
  return stream.partsSent === stream.parts.length;
}

function signalBytes(signal: EncodedSignal): number {
  return signal.control.length + (signal.payload?.length ?? 0);
}
