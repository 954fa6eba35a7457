/**
 * The transport inside one process: a network of named ports, for tests and simulation. Order and events are those of
 * TCP; time comes from the `Env`, so that with virtual time nothing here depends on the clock.
 *
 * Each direction of a connection is a queue of deliveries. A delivery is due `latencyMs` after it was written and never
 * overtakes an earlier one. Bytes are copied when they are written.
 */
import { QuorateError } from '../errors.ts';
import type { Env } from '../env.ts';
import type { Address, CloseReason, Connection, ConnectionEvents, Listener, Transport } from './transport.ts';

export interface MemoryNetworkOptions {
  readonly env: Env;
  /** Delay of each write; asked for every one of them. Default 0: the next turn. */
  readonly latencyMs?: () => number;
  /** Largest piece that is delivered at once; 1 delivers byte by byte. Default: as written. */
  readonly chunkBytesMax?: number;
  /** A connection answers false to `write` over this many undelivered bytes. Default 64 KiB. */
  readonly highWaterBytes?: number;
}

type Accept = (connection: Connection) => ConnectionEvents;

/** All transports made by one network reach each other. */
export class MemoryNetwork {
  readonly #options: MemoryNetworkOptions;
  readonly #listeners = new Map<string, Accept>();
  readonly #ends = new Set<MemoryEnd>();
  #portNext = 40_000;

  constructor(options: MemoryNetworkOptions) {
    this.#options = options;
  }

  /** Connections that are open now, each counted once. */
  get connectionCount(): number {
    return this.#ends.size / 2;
  }

  /** Cuts every open connection, as pulling a plug would: both ends see `reset`. */
  cutAll(): void {
    for (const end of this.#ends) end.cut('reset');
  }

  transport(): Transport {
    return {
      listen: (address, onConnection) => this.#listen(address, onConnection),
      dial: (address, events) => this.#dial(address, events),
    };
  }

  #listen(address: Address, onConnection: Accept): Promise<Listener> {
    const port = address.port === 0 ? this.#portNext++ : address.port;
    const key = `${address.host}:${port}`;
    if (this.#listeners.has(key)) {
      return Promise.reject(
        new QuorateError('port_in_use', `cannot listen on ${key}: that port is in use; choose another`),
      );
    }
    this.#listeners.set(key, onConnection);
    return Promise.resolve({
      port,
      close: () => {
        this.#listeners.delete(key);
        return Promise.resolve();
      },
    });
  }

  #dial(address: Address, events: ConnectionEvents): Connection {
    const key = `${address.host}:${address.port}`;
    const near = new MemoryEnd(key, events, this.#options, this.#ends);
    near.later(() => {
      if (near.ended) return;
      const accept = this.#listeners.get(key);
      if (accept === undefined) return near.cut('refused');
      const far = new MemoryEnd(`memory:${key}`, null, this.#options, this.#ends);
      near.other = far;
      far.other = near;
      far.events = accept(far);
      events.onOpen();
    });
    return near;
  }
}

class MemoryEnd implements Connection {
  readonly remote: string;
  events: ConnectionEvents | null;
  other: MemoryEnd | null = null;
  ended = false;
  bufferedBytes = 0;
  readonly #options: MemoryNetworkOptions;
  readonly #ends: Set<MemoryEnd>;
  readonly #due: (() => void)[] = [];
  #full = false;
  #dueAt = 0;

  constructor(remote: string, events: ConnectionEvents | null, options: MemoryNetworkOptions, ends: Set<MemoryEnd>) {
    this.remote = remote;
    this.events = events;
    this.#options = options;
    this.#ends = ends;
    ends.add(this);
  }

  write(bytes: Uint8Array, onWritten?: () => void): boolean {
    if (this.ended) return true;
    const size = bytes.length;
    const piece = this.#options.chunkBytesMax ?? Math.max(size, 1);
    for (let start = 0; start < size; start += piece) {
      const part = bytes.slice(start, start + piece);
      this.later(() => this.other?.receive(part));
    }
    this.bufferedBytes += size;
    this.later(() => {
      this.bufferedBytes -= size;
      onWritten?.();
      if (this.#full && this.bufferedBytes === 0) {
        this.#full = false;
        if (!this.ended) this.events?.onDrain();
      }
    });
    this.#full ||= this.bufferedBytes >= (this.#options.highWaterBytes ?? 65_536);
    return !this.#full;
  }

  close(): void {
    this.later(() => {
      this.cut('closed');
    });
  }

  destroy(): void {
    this.cut('closed');
  }

  receive(bytes: Uint8Array): void {
    if (!this.ended) this.events?.onBytes(bytes);
  }

  /** Ends both sides; the far one hears of it after what is under way to it. */
  cut(reason: CloseReason): void {
    if (this.ended) return;
    this.ended = true;
    this.#ends.delete(this);
    const { env } = this.#options;
    env.yieldTurn(() => this.events?.onClose(reason));
    this.later(() => this.other?.cut(reason));
  }

  /** Runs `fn` after everything that was put here before, not in this turn. */
  later(fn: () => void): void {
    const { env, latencyMs } = this.#options;
    const next = (): void => this.#due.shift()?.();
    this.#due.push(fn);
    const delayMs = latencyMs?.() ?? 0;
    if (delayMs === 0 && this.#dueAt <= env.now()) return env.yieldTurn(next);
    // The k-th callback runs the k-th entry, so an early timer cannot overtake; dueAt only keeps the pace honest.
    this.#dueAt = Math.max(this.#dueAt, env.now() + delayMs);
    env.setTimer(this.#dueAt - env.now(), next);
  }
}
