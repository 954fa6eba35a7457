/**
 * The message path between the threads of a node: a port to each of them. What one thread sends to another within a turn of its event
 * loop goes as one batch of encoded terms, a transferred buffer unless it is small. Order is kept per pair of threads, notices about nodes included.
 *
 * A batch is a sequence of records: kind (8 bits), then
 * - MESSAGE: id and serial of the receiver (32 bits each), the message; ALIAS: the alias's three words (32 bits each), the message. Nearly
 *   all records are these; their pids and references are of this node, and whoever sent does not matter to the receiver;
 * - SIGNAL, for all other signals: the control tuple, and its payload if it has one;
 * - REMOTE (from the system thread, of another node): length (32 bits), then as SIGNAL; its payload has not been looked at by anybody yet;
 * - REMOTE_FLOATS: the same from a node where whole floats are marked (`keepFloats`);
 * - FORWARD (to the system thread, for another node): node name as a term, lengths of control and payload (32 bits each), the bytes of both;
 * - WATCH, MALFORMED (to the system thread): node name; NODE_UP, NODE_LOST (from it): node name;
 * - QUESTION, ANSWER: number of the question (32 bits), then a term.
 */
import type { MessagePort } from 'node:worker_threads';
import { completeSignal, readControl, signalPayload, writeControl, type PendingSignal } from '../codec/control.ts';
import { TermReader, type DecodeOptions } from '../codec/term-reader.ts';
import { TermWriter } from '../codec/term-writer.ts';
import type { Env } from '../env.ts';
import { hasCode } from '../errors.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import type { Signal } from '../term/signal.ts';

const SIGNAL = 1;
const FORWARD = 2;
const WATCH = 3;
const NODE_UP = 4;
const NODE_LOST = 5;
const REMOTE = 6;
const MALFORMED = 7;
const MESSAGE = 8;
const ALIAS = 9;
const QUESTION = 10;
const ANSWER = 11;
const REMOTE_FLOATS = 12;

/** What the mesh brings that is not for a process of this thread. */
export interface MeshEvents {
  /** A thread wants these bytes to go to a node; only the system thread is asked. */
  onForward(node: Atom, control: Uint8Array, payload: Uint8Array | null): void;
  onWatch(node: Atom): void;
  /** A node sent what is no term. */
  onMalformed(node: Atom): void;
  onNodeUp(node: Atom): void;
  onNodeLost(node: Atom): void;
  onQuestion(thread: number, id: number, question: unknown): void;
  onAnswer(id: number, answer: unknown): void;
  /** The port to a thread closed: all it sent has been delivered, and nothing more will come. */
  onClosed(thread: number): void;
}

interface Connection {
  readonly port: MessagePort;
  readonly writer: TermWriter;
}

const BATCH_BYTES_FIRST = 4096;
/** A batch is sent before the turn ends when it is larger than this, so that in a flood the receiver works while the sender goes on. */
const BATCH_BYTES_MAX = 1 << 16;

/** Up to this size a batch travels as a string, a character per byte: to make and to transfer a buffer costs more. */
const TEXT_BYTES_MAX = 1024;

type Batch = ArrayBuffer | string;

export class Mesh {
  readonly #scheduler: Scheduler;
  readonly #env: Env;
  readonly #events: MeshEvents;
  readonly #connections = new Map<number, Connection>();
  readonly #waiting: Connection[] = [];
  /** A float is whole only when a `Float` was sent: it stays one, as it does on one thread. */
  readonly #decode: DecodeOptions = { pid: (pid) => this.#scheduler.canonical(pid), keepFloats: true };
  #armed = false;

  constructor(scheduler: Scheduler, env: Env, events: MeshEvents) {
    this.#scheduler = scheduler;
    this.#env = env;
    this.#events = events;
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
    return this.#write(thread, writeSignal, signal);
  }

  /** A signal that came from another node for a process of that thread, its payload still encoded. */
  passOn(thread: number, pending: PendingSignal, payload: Uint8Array | null, keepFloats: boolean): boolean {
    return this.#write(thread, keepFloats ? writeRemoteFloats : writeRemote, pending.signal, payload);
  }

  forward(systemThread: number, node: Atom, signal: Signal): boolean {
    return this.#write(systemThread, writeForward, node, signal);
  }

  watchNode(systemThread: number, node: Atom): boolean {
    return this.#writeNode(systemThread, WATCH, node);
  }

  /** Tells the system thread that a node sent what is no term. */
  reportMalformed(systemThread: number, node: Atom): boolean {
    return this.#writeNode(systemThread, MALFORMED, node);
  }

  /** False when there is no such thread. */
  ask(thread: number, id: number, question: unknown): boolean {
    return this.#write(thread, writeQuestion, id, question);
  }

  answer(thread: number, id: number, answer: unknown): boolean {
    return this.#write(thread, writeAnswer, id, answer);
  }

  /** Tells every other thread that a node came or went. */
  announce(node: Atom, up: boolean): void {
    for (const thread of this.#connections.keys()) this.#writeNode(thread, up ? NODE_UP : NODE_LOST, node);
  }

  close(): void {
    this.#flush();
    for (const { port } of this.#connections.values()) port.close();
    this.#connections.clear();
  }

  #writeNode(thread: number, kind: number, node: Atom): boolean {
    return this.#write(thread, writeNode, kind, node);
  }

  /** The record's parts are passed on one by one: a closure would be an allocation for each message. */
  #write<A, B>(thread: number, record: (writer: TermWriter, a: A, b: B) => void, a: A, b: B): boolean;
  #write<A>(thread: number, record: (writer: TermWriter, a: A) => void, a: A): boolean;
  #write(
    thread: number,
    record: (writer: TermWriter, a: unknown, b: unknown) => void,
    a: unknown,
    b?: unknown,
  ): boolean {
    const connection = this.#connections.get(thread);
    if (connection === undefined) return false;
    const { writer } = connection;
    const before = writer.position;
    try {
      record(writer, a, b);
    } catch (error) {
      writer.position = before;
      throw error;
    }
    if (writer.position > BATCH_BYTES_MAX) this.#post(connection);
    else if (before === 0) this.#arm(connection);
    return true;
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

  #post({ port, writer }: Connection): void {
    const { position } = writer;
    if (position === 0) return;
    writer.position = 0;
    if (position <= TEXT_BYTES_MAX) {
      port.postMessage(Buffer.prototype.latin1Slice.call(writer.buffer, 0, position));
      return;
    }
    // A Buffer's own slice would be a view of the writer's memory.
    const { buffer } = Uint8Array.prototype.slice.call(writer.buffer, 0, position);
    port.postMessage(buffer, [buffer as ArrayBuffer]);
  }

  #onBatch(thread: number, batch: Uint8Array): void {
    const reader = new TermReader(batch, 0, batch.length, this.#decode);
    while (reader.position < batch.length) this.#onRecord(thread, reader, batch);
  }

  #onRecord(thread: number, reader: TermReader, batch: Uint8Array): void {
    const kind = batch[reader.position] as number;
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
      this.#onNumbered(thread, kind, reader);
      return;
    }
    const node = reader.term() as Atom;
    if (kind === FORWARD) this.#onForward(reader, batch, node);
    else if (kind === WATCH) this.#events.onWatch(node);
    else if (kind === MALFORMED) this.#events.onMalformed(node);
    else if (kind === NODE_UP) this.#events.onNodeUp(node);
    else if (kind === NODE_LOST) this.#events.onNodeLost(node);
  }

  /** A payload that is no term costs its sender the connection, and nobody else anything. */
  #onRemote(reader: TermReader, batch: Uint8Array): void {
    const from = reader.position + 4;
    const end = from + viewOf(batch).getUint32(reader.position);
    reader.position = from;
    const pending = readControl(reader);
    try {
      this.#scheduler.onSignal(completed(pending, reader));
    } catch (error) {
      if (!hasCode(error, 'bad_frame')) throw error;
      const sender = senderOf(pending.signal);
      if (sender !== null) this.#events.onMalformed(sender);
    }
    reader.position = end;
  }

  #onNumbered(thread: number, kind: number, reader: TermReader): void {
    const id = reader.u32();
    const term = reader.term();
    if (kind === QUESTION) this.#events.onQuestion(thread, id, term);
    else this.#events.onAnswer(id, term);
  }

  #onForward(reader: TermReader, batch: Uint8Array, node: Atom): void {
    const view = viewOf(batch);
    const from = reader.position + 8;
    const middle = from + view.getUint32(from - 8);
    const end = middle + view.getUint32(from - 4);
    reader.position = end;
    this.#events.onForward(node, batch.subarray(from, middle), end === middle ? null : batch.subarray(middle, end));
  }
}

function writeSignal(writer: TermWriter, signal: Signal): void {
  if (signal.kind === 'send') {
    writer.u8(MESSAGE);
    writer.u32(signal.to.id);
    writer.u32(signal.to.serial);
    writer.term(signal.message);
  } else if (signal.kind === 'sendAlias') {
    writer.u8(ALIAS);
    writer.u32(signal.alias.word0);
    writer.u32(signal.alias.word1);
    writer.u32(signal.alias.word2);
    writer.term(signal.message);
  } else {
    writer.u8(SIGNAL);
    writeWhole(writer, signal);
  }
}

/** The control tuple and its payload; returns where the payload begins. */
function writeWhole(writer: TermWriter, signal: Signal): number {
  writeControl(writer, signal);
  const middle = writer.position;
  const payload = signalPayload(signal);
  if (payload !== null) writer.term(payload.value);
  return middle;
}

function writeRemote(writer: TermWriter, signal: Signal, payload: Uint8Array | null): void {
  writer.u8(REMOTE);
  writer.u32(0);
  const start = writer.position;
  writeControl(writer, signal);
  if (payload !== null) writer.bytes(payload);
  writer.putU32(start - 4, writer.position - start);
}

function writeRemoteFloats(writer: TermWriter, signal: Signal, payload: Uint8Array | null): void {
  const start = writer.position;
  writeRemote(writer, signal, payload);
  writer.buffer[start] = REMOTE_FLOATS;
}

function writeForward(writer: TermWriter, node: Atom, signal: Signal): void {
  writer.u8(FORWARD);
  writer.term(node);
  writer.u32(0);
  writer.u32(0);
  const start = writer.position;
  const middle = writeWhole(writer, signal);
  writer.putU32(start - 8, middle - start);
  writer.putU32(start - 4, writer.position - middle);
}

function writeNode(writer: TermWriter, kind: number, node: Atom): void {
  writer.u8(kind);
  writer.term(node);
}

function writeQuestion(writer: TermWriter, id: number, question: unknown): void {
  writer.u8(QUESTION);
  writer.u32(id);
  writer.term(question);
}

function writeAnswer(writer: TermWriter, id: number, answer: unknown): void {
  writer.u8(ANSWER);
  writer.u32(id);
  writer.term(answer);
}

function bytesOf(batch: Batch): Uint8Array {
  return typeof batch === 'string' ? Buffer.from(batch, 'latin1') : new Uint8Array(batch);
}

function completed(pending: PendingSignal, reader: TermReader): Signal {
  return pending.payload === null ? pending.signal : completeSignal(pending, reader.term());
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The node that a signal says it comes from. */
function senderOf(signal: Signal): Atom | null {
  if (signal.kind === 'spawnReply') return signal.ref.node;
  return signal.from instanceof Pid ? signal.from.node : null;
}
