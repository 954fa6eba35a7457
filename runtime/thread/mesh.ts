/**
 * The message path between the threads of a node: a port to each of them. What one thread sends to another within a turn of its event
 * loop goes as one batch of encoded terms, a transferred buffer unless it is small. Order is kept per pair of threads, notices about nodes included.
 *
 * A batch is a sequence of records (records.ts).
 *
 * What other threads of the node send is trusted. What came from another node is not: its new atoms are paid for by its connection.
 */
import type { MessagePort } from 'node:worker_threads';
import { AtomBudget, CONNECTION_ATOMS_MAX } from '../codec/atom-budget.ts';
import { completeSignal, readControl, type PendingSignal } from '../codec/control.ts';
import { TermReader, type DecodeOptions } from '../codec/term-reader.ts';
import { TermWriter } from '../codec/term-writer.ts';
import type { Env } from '../env.ts';
import { hasCode } from '../errors.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';
import {
  SIGNAL,
  FORWARD,
  WATCH,
  NODE_UP,
  NODE_LOST,
  REMOTE,
  MALFORMED,
  MESSAGE,
  ALIAS,
  QUESTION,
  ANSWER,
  REMOTE_FLOATS,
  ACCEPTED,
  ACCEPTED_LARGE,
  writeSignal,
  writeRemote,
  writeRemoteFloats,
  writeForward,
  writeNode,
  writeNumbered,
  writeMalformed,
  writeQuestion,
  writeAnswer,
} from './records.ts';

/** What the mesh brings that is not for a process of this thread. */
export interface MeshEvents {
  /** A thread wants a signal to go to a node; only the system thread is asked. `bytes`: what `forward` answered there. */
  onForward(source: number, bytes: number, node: Atom, control: Uint8Array, payload: Uint8Array | null): void;
  /** The system thread's connection to a node has taken that many bytes of what this thread forwarded. */
  onAccepted(node: Atom, bytes: number, large: boolean): void;
  onWatch(node: Atom): void;
  /** What came over a connection is no term. */
  onMalformed(connectionId: number): void;
  onNodeUp(node: Atom): void;
  onNodeLost(node: Atom, connectionId: number): void;
  onQuestion(thread: number, id: number, question: unknown): void;
  onAnswer(id: number, answer: unknown): void;
  /** The port to a thread closed: all it sent has been delivered, and nothing more will come. */
  onClosed(thread: number): void;
}

interface Connection {
  readonly port: MessagePort;
  writer: TermWriter;
}

const BATCH_BYTES_FIRST = 4096;
/** A batch is sent before the turn ends when it is larger than this, so that in a flood the receiver works while the sender goes on. */
const BATCH_BYTES_MAX = 1 << 16;
/** A larger batch, that of a large message, is handed over with its buffer instead of being copied; small ones leave the buffer in use. */
const BATCH_BYTES_COPIED = 1 << 18;

/** Threads of one node do not count each other's atoms. */
const trusted = new AtomBudget(Infinity);

/** Up to this size a batch travels as a string, a character per byte: to make and to transfer a buffer costs more. */
const TEXT_BYTES_MAX = 1024;

type Batch = ArrayBuffer | Uint8Array | string;

export class Mesh {
  readonly #scheduler: Scheduler;
  readonly #env: Env;
  readonly #events: MeshEvents;
  readonly #connections = new Map<number, Connection>();
  readonly #waiting: Connection[] = [];
  /** Who pays for atoms of other nodes, by connection. */
  readonly #atoms = new Map<number, AtomBudget>();
  readonly #atomsMax: number | undefined;
  /** A float is whole only when a `Float` was sent: it stays one, as it does on one thread. */
  readonly #decode: DecodeOptions = { pid: (pid) => this.#scheduler.canonical(pid), keepFloats: true, atoms: trusted };
  #armed = false;

  constructor(scheduler: Scheduler, env: Env, events: MeshEvents, atomsMax?: number) {
    this.#scheduler = scheduler;
    this.#env = env;
    this.#events = events;
    this.#atomsMax = atomsMax;
  }

  get threads(): readonly number[] {
    return [...this.#connections.keys()];
  }

  attach(thread: number, port: MessagePort): void {
    this.#connections.set(thread, { port, writer: new TermWriter(BATCH_BYTES_FIRST) });
    port.on('message', (batch: Batch) => this.#onBatch(thread, bytesOf(batch)));
    port.on('close', () => {
      if (this.#connections.get(thread)?.port !== port) return;
      this.#connections.delete(thread);
      this.#events.onClosed(thread);
    });
    port.unref();
  }

  /** False when there is no such thread. @throws `not_sendable` */
  sendSignal(thread: number, signal: Signal): boolean {
    return this.#write(thread, writeSignal, signal) > 0;
  }

  /** A signal that came from another node for a process of that thread, its payload still encoded. */
  passOn(
    thread: number,
    connectionId: number,
    pending: PendingSignal,
    payload: Uint8Array | null,
    keepFloats: boolean,
  ): boolean {
    return this.#write(thread, keepFloats ? writeRemoteFloats : writeRemote, connectionId, pending.signal, payload) > 0;
  }

  /** How many bytes the record takes; 0 when there is no such thread. @throws `not_sendable` */
  forward(systemThread: number, node: Atom, signal: Signal): number {
    return this.#write(systemThread, writeForward, node, signal);
  }

  accept(thread: number, node: Atom, bytes: number, large: boolean): boolean {
    return this.#write(thread, writeNumbered, large ? ACCEPTED_LARGE : ACCEPTED, node, bytes) > 0;
  }

  watchNode(systemThread: number, node: Atom): boolean {
    return this.#write(systemThread, writeNode, WATCH, node) > 0;
  }

  /** Tells the system thread that what came over a connection is no term. */
  reportMalformed(systemThread: number, connectionId: number): boolean {
    return this.#write(systemThread, writeMalformed, connectionId) > 0;
  }

  /** False when there is no such thread. */
  ask(thread: number, id: number, question: unknown): boolean {
    return this.#write(thread, writeQuestion, id, question) > 0;
  }

  answer(thread: number, id: number, answer: unknown): boolean {
    return this.#write(thread, writeAnswer, id, answer) > 0;
  }

  /** Tells every other thread that a node came or went. */
  announce(node: Atom, up: boolean, connectionId: number): void {
    for (const thread of this.#connections.keys()) {
      if (up) this.#write(thread, writeNode, NODE_UP, node);
      else this.#write(thread, writeNumbered, NODE_LOST, node, connectionId);
    }
  }

  /** Nothing more comes from that connection. */
  forgetConnection(connectionId: number): void {
    this.#atoms.delete(connectionId);
  }

  close(): void {
    this.#flush();
    for (const { port } of this.#connections.values()) port.close();
    this.#connections.clear();
  }

  /**
   * How many bytes were written, 0 when there is no such thread. The record's parts are passed on one by one: a closure would be an allocation for each
   * message.
   */
  #write<A, B, C>(thread: number, record: (writer: TermWriter, a: A, b: B, c: C) => void, a: A, b: B, c: C): number;
  #write<A, B>(thread: number, record: (writer: TermWriter, a: A, b: B) => void, a: A, b: B): number;
  #write<A>(thread: number, record: (writer: TermWriter, a: A) => void, a: A): number;
  #write(
    thread: number,
    record: (writer: TermWriter, a: unknown, b: unknown, c: unknown) => void,
    a: unknown,
    b?: unknown,
    c?: unknown,
  ): number {
    const connection = this.#connections.get(thread);
    if (connection === undefined) return 0;
    const { writer } = connection;
    const before = writer.position;
    try {
      record(writer, a, b, c);
    } catch (error) {
      writer.position = before;
      throw error;
    }
    const size = writer.position - before;
    if (writer.position > BATCH_BYTES_MAX) this.#post(connection);
    else if (before === 0) this.#arm(connection);
    return size;
  }

  #arm(connection: Connection): void {
    this.#waiting.push(connection);
    if (this.#armed) return;
    this.#armed = true;
    this.#env.endOfTurn(this.#flush);
  }

  readonly #flush = (): void => {
    this.#armed = false;
    for (const connection of this.#waiting) this.#post(connection);
    this.#waiting.length = 0;
  };

  #post(connection: Connection): void {
    const { port, writer } = connection;
    const { position } = writer;
    if (position === 0) return;
    if (position > BATCH_BYTES_COPIED) {
      connection.writer = new TermWriter(BATCH_BYTES_FIRST);
      port.postMessage(writer.buffer.subarray(0, position), [writer.buffer.buffer as ArrayBuffer]);
      return;
    }
    writer.position = 0;
    if (position <= TEXT_BYTES_MAX) {
      port.postMessage(Buffer.prototype.latin1Slice.call(writer.buffer, 0, position));
      return;
    }
    // A Buffer's own slice would be a view of the writer's memory.
    const { buffer } = Uint8Array.prototype.slice.call(writer.buffer, 0, position);
    port.postMessage(buffer, [buffer as ArrayBuffer]);
  }

  #onBatch(source: number, batch: Uint8Array): void {
    const reader = new TermReader(batch, 0, batch.length, this.#decode);
    while (reader.position < batch.length) this.#onRecord(source, reader, batch);
  }

  #onRecord(source: number, reader: TermReader, batch: Uint8Array): void {
    const start = reader.position;
    const kind = batch[start] as number;
    reader.position += 1;
    if (kind === MESSAGE) {
      const id = reader.u32();
      const serial = reader.u32();
      this.#scheduler.deliverTo(id, serial, reader.term());
      return;
    }
    if (kind === ALIAS) {
      const alias = this.#scheduler.refOf(reader.u32(), reader.u32(), reader.u32());
      this.#scheduler.relations.sendAlias(alias, reader.term());
      return;
    }
    if (kind === SIGNAL) {
      this.#scheduler.onSignal(completed(readControl(reader), reader));
      return;
    }
    if (kind === REMOTE || kind === REMOTE_FLOATS) {
      reader.keepFloats = kind === REMOTE_FLOATS;
      this.#onRemote(reader, batch);
      reader.keepFloats = true;
      return;
    }
    if (kind === QUESTION || kind === ANSWER) {
      this.#onNumbered(source, kind, reader);
      return;
    }
    if (kind === MALFORMED) {
      this.#events.onMalformed(reader.u32());
      return;
    }
    const node = reader.term() as Atom;
    if (kind === FORWARD) this.#onForward(reader, batch, source, node, start);
    else if (kind === ACCEPTED) this.#events.onAccepted(node, reader.u32(), false);
    else if (kind === ACCEPTED_LARGE) this.#events.onAccepted(node, reader.u32(), true);
    else if (kind === WATCH) this.#events.onWatch(node);
    else if (kind === NODE_UP) this.#events.onNodeUp(node);
    else if (kind === NODE_LOST) this.#events.onNodeLost(node, reader.u32());
  }

  /** A payload that is no term costs its sender the connection, and nobody else anything. */
  #onRemote(reader: TermReader, batch: Uint8Array): void {
    const length = reader.u32();
    const connectionId = reader.u32();
    const end = reader.position + length;
    // A term that is cut off must not go on with the bytes of the next record.
    reader.end = end;
    reader.atoms = this.#atomsOf(connectionId);
    try {
      this.#scheduler.onSignal(completed(readControl(reader), reader));
    } catch (error) {
      if (!hasCode(error, 'bad_frame')) throw error;
      this.#events.onMalformed(connectionId);
    } finally {
      reader.atoms = trusted;
      reader.end = batch.length;
    }
    reader.position = end;
  }

  #atomsOf(connectionId: number): AtomBudget {
    let atoms = this.#atoms.get(connectionId);
    if (atoms === undefined)
      this.#atoms.set(connectionId, (atoms = new AtomBudget(this.#atomsMax ?? CONNECTION_ATOMS_MAX)));
    return atoms;
  }

  #onNumbered(thread: number, kind: number, reader: TermReader): void {
    const id = reader.u32();
    const term = reader.term();
    if (kind === QUESTION) this.#events.onQuestion(thread, id, term);
    else this.#events.onAnswer(id, term);
  }

  #onForward(reader: TermReader, batch: Uint8Array, source: number, node: Atom, start: number): void {
    const view = viewOf(batch);
    const from = reader.position + 8;
    const middle = from + view.getUint32(from - 8);
    const end = middle + view.getUint32(from - 4);
    reader.position = end;
    const payload = end === middle ? null : batch.subarray(middle, end);
    this.#events.onForward(source, end - start, node, batch.subarray(from, middle), payload);
  }
}

function bytesOf(batch: Batch): Uint8Array {
  if (typeof batch === 'string') return Buffer.from(batch, 'latin1');
  return batch instanceof Uint8Array ? batch : new Uint8Array(batch);
}

function completed(pending: PendingSignal, reader: TermReader): Signal {
  return pending.payload === null ? pending.signal : completeSignal(pending, reader.term());
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
