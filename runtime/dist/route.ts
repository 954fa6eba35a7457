/**
 * The way to one node: its connection when there is one, and what waits for it until then, in order.
 */
import { TermWriter } from '../codec/term-writer.ts';
import { signalPayload, writeControl } from '../codec/control.ts';
import type { Established } from './established.ts';
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';

interface Waiting {
  readonly control: Uint8Array;
  readonly payload: Uint8Array | null;
}

export class Route {
  readonly node: Atom;
  established: Established | null = null;
  /** Bytes that wait for a connection. */
  waitingBytes = 0;
  #waiting: Waiting[] = [];
  #connects: ((up: boolean) => void)[] = [];
  #drains: (() => void)[] = [];

  constructor(node: Atom) {
    this.node = node;
  }

  /** Bytes that wait, for a connection or in it. */
  get pendingBytes(): number {
    return this.established?.outbox.pendingBytes ?? this.waitingBytes;
  }

  /** Nothing depends on this object any more. */
  get isIdle(): boolean {
    return this.established === null && this.#waiting.length === 0 && this.#connects.length === 0;
  }

  /**
   * Keeps a signal as it is now until there is a connection.
   *
   * @throws `not_sendable`
   */
  keep(signal: Signal): void {
    const writer = new TermWriter(256);
    writeControl(writer, signal);
    const controlEnd = writer.position;
    const carried = signalPayload(signal);
    if (carried !== null) writer.term(carried.value);
    const control = writer.buffer.subarray(0, controlEnd);
    this.keepEncoded(control, carried === null ? null : writer.buffer.subarray(controlEnd, writer.position));
  }

  keepEncoded(control: Uint8Array, payload: Uint8Array | null): void {
    this.#waiting.push({ control, payload });
    this.waitingBytes += control.length + (payload?.length ?? 0);
  }

  whenConnected(): Promise<boolean> {
    if (this.established !== null) return Promise.resolve(true);
    return new Promise((resolve) => this.#connects.push(resolve));
  }

  /** Resolves when there is a connection that is drained, or none any more. */
  drained(): Promise<void> {
    if (this.established !== null) return this.established.outbox.drained();
    if (this.#waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => this.#drains.push(resolve));
  }

  /** Sends what waited, before anything else can be sent. */
  open(established: Established): void {
    const { outbox } = established;
    for (const { control, payload } of this.#waiting) outbox.sendEncoded(control, payload);
    this.#clear();
    this.established = established;
    for (const resolve of this.#drains.splice(0)) void outbox.drained().then(resolve);
    for (const resolve of this.#connects.splice(0)) resolve(true);
  }

  /** The connection is gone. */
  close(): void {
    this.established?.outbox.drop();
    this.established = null;
  }

  /** There will be no connection: what waited is lost. */
  giveUp(): void {
    this.#clear();
    for (const resolve of this.#drains.splice(0)) resolve();
    for (const resolve of this.#connects.splice(0)) resolve(false);
  }

  #clear(): void {
    this.#waiting = [];
    this.waitingBytes = 0;
  }
}
