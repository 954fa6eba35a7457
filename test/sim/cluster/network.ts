/**
 * Connections between simulated machines, as TCP has them: what is written arrives in order or not at all, and a connection that broke loses
 * what was under way. Packets of a blocked direction wait and are sent again when it is open; a broken connection is noticed by each end at
 * its own time, or only by its silence.
 */
import type { Random } from '../random.ts';
import type { Clockwork } from './clockwork.ts';
import type { Journal } from './journal.ts';
import type { Life } from './life.ts';
import type { Address, CloseReason, Connection, ConnectionEvents, Transport } from './system.ts';

export interface NetworkOptions {
  readonly clockwork: Clockwork;
  readonly journal: Journal;
  readonly random: Random;
  readonly latencyMs: readonly [least: number, most: number];
  /** What the system takes before a writer has to wait. */
  readonly kernelBytes: number;
}

type Accept = (connection: Connection) => ConnectionEvents;

type Packet =
  | { readonly kind: 'dial'; readonly port: number }
  | { readonly kind: 'opened' }
  | { readonly kind: 'refused' }
  | { readonly kind: 'bytes'; readonly bytes: Uint8Array }
  | { readonly kind: 'fin' };

const HIGH_WATER_BYTES = 65_536;
const PORT = 4000;

export class SimulatedNetwork {
  readonly options: NetworkOptions;
  readonly #listeners: Map<number, { readonly life: Life; readonly accept: Accept }> = new Map();
  readonly #pairs: Set<Pair> = new Set();
  /** Directions, as `from * 64 + to`. */
  readonly #blocked: Set<number> = new Set();
  readonly #slowness: Map<number, number> = new Map();

  constructor(options: NetworkOptions) {
    this.options = options;
  }

  get connectionCount(): number {
    return this.#pairs.size;
  }

  transport(life: Life): Transport {
    return {
      listen: (_address, accept) => {
        const { place } = life.machine;
        this.#listeners.set(place, { life, accept });
        const close = (): Promise<void> => {
          if (this.#listeners.get(place)?.life === life) this.#listeners.delete(place);
          return Promise.resolve();
        };
        return Promise.resolve({ port: PORT, close });
      },
      dial: (address, events) => this.#dial(life, address, events),
    };
  }

  /** Who listens on a machine now; null: nobody. */
  listenerAt(place: number): { readonly life: Life; readonly accept: Accept } | null {
    const found = this.#listeners.get(place);
    return found === undefined || found.life.isOver ? null : found;
  }

  isBlocked(from: number, to: number): boolean {
    return this.#blocked.has(from * 64 + to);
  }

  block(from: number, to: number): void {
    this.#blocked.add(from * 64 + to);
  }

  unblock(from: number, to: number): void {
    if (!this.#blocked.delete(from * 64 + to)) return;
    for (const pair of this.#pairs) {
      if (pair.dialled.place === from && pair.accepted.place === to) pair.dialled.lane.resume();
      if (pair.accepted.place === from && pair.dialled.place === to) pair.accepted.lane.resume();
    }
  }

  /** Both directions take that many times longer; 1: as ever. */
  slow(a: number, b: number, times: number): void {
    this.#slowness.set(a * 64 + b, times);
    this.#slowness.set(b * 64 + a, times);
  }

  heal(): void {
    for (const direction of [...this.#blocked]) this.unblock(direction >> 6, direction & 63);
    this.#slowness.clear();
  }

  /** Every connection between two machines breaks; each end notices after as long as `noticeMs` says, Infinity: never. */
  break(a: number, b: number, noticeMs: () => number): void {
    for (const pair of [...this.#pairs]) {
      const { dialled, accepted } = pair;
      const isBetween = (dialled.place === a && accepted.place === b) || (dialled.place === b && accepted.place === a);
      if (isBetween) pair.break(noticeMs);
    }
  }

  /** A program ended: its machine's system tells the others, or (the whole machine is gone) nobody does. */
  onLifeOver(life: Life, isTold: boolean): void {
    for (const pair of [...this.#pairs]) {
      for (const end of [pair.dialled, pair.accepted]) {
        if (end.life !== life) continue;
        pair.break(() => Infinity);
        if (isTold) end.other.noticeLater('reset', this.latencyMs(end.place, end.other.place));
      }
    }
  }

  latencyMs(from: number, to: number): number {
    const { random, latencyMs } = this.options;
    return random.between(...latencyMs) * (this.#slowness.get(from * 64 + to) ?? 1);
  }

  #dial(life: Life, address: Address, events: ConnectionEvents): Connection {
    const pair = new Pair(this, life, events, Number(address.host.slice(1)) - 1, () => this.#pairs.delete(pair));
    this.#pairs.add(pair);
    pair.dialled.lane.put({ kind: 'dial', port: address.port });
    return pair.dialled;
  }
}

/** Two ends of one connection. */
class Pair {
  readonly dialled: End;
  readonly accepted: End;
  readonly #onGone: () => void;

  constructor(network: SimulatedNetwork, life: Life, events: ConnectionEvents, to: number, onGone: () => void) {
    this.dialled = new End(network, life.machine.place, life, events, this);
    this.accepted = new End(network, to, null, null, this);
    this.dialled.other = this.accepted;
    this.accepted.other = this.dialled;
    this.#onGone = onGone;
  }

  break(noticeMs: () => number): void {
    for (const end of [this.dialled, this.accepted]) {
      end.lane.cut();
      const delayMs = noticeMs();
      if (delayMs !== Infinity) end.noticeLater('reset', delayMs);
    }
    this.#onGone();
  }

  onEnded(): void {
    if (this.dialled.ended && (this.accepted.ended || this.accepted.life === null)) this.#onGone();
  }
}

class End implements Connection {
  readonly place: number;
  /** Null until a dial is accepted. */
  life: Life | null;
  events: ConnectionEvents | null;
  other!: End;
  ended = false;
  readonly lane: Lane;
  readonly #pair: Pair;
  readonly #network: SimulatedNetwork;
  #isClosing = false;
  #isFull = false;

  constructor(
    network: SimulatedNetwork,
    place: number,
    life: Life | null,
    events: ConnectionEvents | null,
    pair: Pair,
  ) {
    this.#network = network;
    this.place = place;
    this.life = life;
    this.events = events;
    this.#pair = pair;
    this.lane = new Lane(network, this);
  }

  get remote(): string {
    return `n${this.other.place + 1}:${PORT}`;
  }

  get bufferedBytes(): number {
    return Math.max(0, this.lane.bytes - this.#network.options.kernelBytes);
  }

  write(bytes: Uint8Array, onWritten?: () => void): boolean {
    if (this.ended || this.#isClosing || this.life === null || this.life.isOver) return true;
    this.lane.put({ kind: 'bytes', bytes: bytes.slice() });
    if (onWritten !== undefined) this.life.after(0, 'written', onWritten);
    this.#isFull ||= this.bufferedBytes >= HIGH_WATER_BYTES;
    return !this.#isFull;
  }

  close(): void {
    if (this.ended || this.#isClosing) return;
    this.#isClosing = true;
    this.lane.put({ kind: 'fin' });
  }

  destroy(): void {
    if (this.ended) return;
    if (!this.#isClosing) this.lane.put({ kind: 'fin' });
    this.noticeLater('closed', 0);
  }

  noticeLater(reason: CloseReason, delayMs: number): void {
    this.life?.after(delayMs, '', () => this.#finish(reason));
  }

  /** Something that the other end sent is there. */
  take(packet: Packet): void {
    switch (packet.kind) {
      case 'dial':
        return this.#accept();
      case 'refused':
        return this.#finish('refused');
      case 'opened':
        if (!this.ended) this.events?.onOpen();
        return;
      case 'bytes':
        if (!this.ended) this.events?.onBytes(packet.bytes);
        return;
      case 'fin':
        if (this.ended) return;
        if (!this.#isClosing) this.lane.put({ kind: 'fin' });
        return this.#finish('closed');
    }
  }

  /** Some of what was written has gone. */
  onTaken(): void {
    if (!this.#isFull || this.bufferedBytes > 0) return;
    this.#isFull = false;
    this.life?.after(0, 'drained', () => this.ended || this.events?.onDrain());
  }

  #accept(): void {
    const listener = this.#network.listenerAt(this.place);
    if (listener === null) return this.lane.put({ kind: 'refused' });
    this.life = listener.life;
    this.lane.put({ kind: 'opened' });
    this.events = listener.accept(this);
  }

  #finish(reason: CloseReason): void {
    if (this.ended) return;
    this.ended = true;
    this.events?.onClose(reason);
    this.#pair.onEnded();
  }
}

/** What is under way from one end to the other. */
class Lane {
  bytes = 0;
  readonly #network: SimulatedNetwork;
  readonly #from: End;
  readonly #packets: Packet[] = [];
  #isCut = false;
  #dueMs = 0;
  /** Packets whose time came while the direction was blocked. */
  #stalled = 0;

  constructor(network: SimulatedNetwork, from: End) {
    this.#network = network;
    this.#from = from;
  }

  put(packet: Packet): void {
    if (this.#isCut) return;
    this.#packets.push(packet);
    if (packet.kind === 'bytes') this.bytes += packet.bytes.length;
    const { clockwork } = this.#network.options;
    const to = this.#from.other.place;
    this.#dueMs = Math.max(this.#dueMs, clockwork.nowMs + this.#network.latencyMs(this.#from.place, to));
    clockwork.after(this.#dueMs - clockwork.nowMs, this.#next);
  }

  cut(): void {
    this.#isCut = true;
    this.#packets.length = 0;
    this.bytes = 0;
  }

  resume(): void {
    const { clockwork, random } = this.#network.options;
    // what was lost is sent again after a while
    const againMs = random.between(0.1, 200);
    for (let i = 0; i < this.#stalled; i++) clockwork.after(againMs, this.#next);
    this.#stalled = 0;
  }

  readonly #next = (): void => {
    if (this.#isCut) return;
    const to = this.#from.other;
    if (this.#network.isBlocked(this.#from.place, to.place)) {
      this.#stalled += 1;
      return;
    }
    const life = to.life ?? this.#network.listenerAt(to.place)?.life ?? null;
    if (life === null) this.#deliver(to);
    else life.do('', () => this.#deliver(to));
  };

  #deliver(to: End): void {
    const packet = this.#packets.shift();
    if (packet === undefined) return;
    const { clockwork, journal } = this.#network.options;
    const bytes = packet.kind === 'bytes' ? packet.bytes : undefined;
    journal.note(clockwork.nowMs, to.place, packet.kind, `from n${this.#from.place + 1}`, bytes);
    if (bytes !== undefined) this.bytes -= bytes.length;
    to.take(packet);
    this.#from.onTaken();
  }
}
