/**
 * The records that go between the threads of a node, as the mesh writes them.
 *
 * A batch is a sequence of records: kind (8 bits), then
 * - MESSAGE: id and serial of the receiver (32 bits each), the message; ALIAS: the alias's three words (32 bits each), the message. Nearly
 *   all records are these; their pids and references are of this node, and whoever sent does not matter to the receiver;
 * - SIGNAL, for all other signals: the control tuple, and its payload if it has one;
 * - REMOTE (from the system thread, of another node): length and number of the connection (32 bits each), then as SIGNAL; its payload has not
 *   been looked at by anybody yet;
 * - REMOTE_FLOATS: the same from a node where whole floats are marked (`keepFloats`);
 * - FORWARD (to the system thread, for another node): node name as a term, lengths of control and payload (32 bits each), the bytes of both;
 * - ACCEPTED and, for large messages, ACCEPTED_LARGE (from the system thread): node name, and how many bytes of what this thread forwarded
 *   to it its connection has taken (32 bits);
 * - WATCH (to the system thread), NODE_UP (from it): node name; NODE_LOST: node name and number of the connection that ended (32 bits);
 * - MALFORMED (to the system thread): number of the connection (32 bits);
 * - QUESTION, ANSWER: number of the question (32 bits), then a term.
 */
import { signalPayload, writeControl } from '../codec/control.ts';
import type { TermWriter } from '../codec/term-writer.ts';
import type { Atom } from '../term/atom.ts';
import type { Signal } from '../term/signal.ts';

export const SIGNAL = 1;
export const FORWARD = 2;
export const WATCH = 3;
export const NODE_UP = 4;
export const NODE_LOST = 5;
export const REMOTE = 6;
export const MALFORMED = 7;
export const MESSAGE = 8;
export const ALIAS = 9;
export const QUESTION = 10;
export const ANSWER = 11;
export const REMOTE_FLOATS = 12;
export const ACCEPTED = 13;
export const ACCEPTED_LARGE = 14;

export function writeSignal(writer: TermWriter, signal: Signal): void {
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

/** Older forms of exits and DOWNs have their reason in the control tuple: it is written behind, where the newer ones have it. */
export function writeRemote(
  writer: TermWriter,
  connectionId: number,
  signal: Signal,
  payload: Uint8Array | null,
): void {
  writer.u8(REMOTE);
  writer.u32(0);
  writer.u32(connectionId);
  const start = writer.position;
  if (payload === null) writeWhole(writer, signal);
  else {
    writeControl(writer, signal);
    writer.bytes(payload);
  }
  writer.putU32(start - 8, writer.position - start);
}

export function writeRemoteFloats(
  writer: TermWriter,
  connectionId: number,
  signal: Signal,
  payload: Uint8Array | null,
): void {
  const start = writer.position;
  writeRemote(writer, connectionId, signal, payload);
  writer.buffer[start] = REMOTE_FLOATS;
}

export function writeForward(writer: TermWriter, node: Atom, signal: Signal): void {
  writer.u8(FORWARD);
  writer.term(node);
  writer.u32(0);
  writer.u32(0);
  const start = writer.position;
  const middle = writeWhole(writer, signal);
  writer.putU32(start - 8, middle - start);
  writer.putU32(start - 4, writer.position - middle);
}

export function writeNode(writer: TermWriter, kind: number, node: Atom): void {
  writer.u8(kind);
  writer.term(node);
}

export function writeNumbered(writer: TermWriter, kind: number, node: Atom, number: number): void {
  writeNode(writer, kind, node);
  writer.u32(number);
}

export function writeMalformed(writer: TermWriter, connectionId: number): void {
  writer.u8(MALFORMED);
  writer.u32(connectionId);
}

export function writeQuestion(writer: TermWriter, id: number, question: unknown): void {
  writer.u8(QUESTION);
  writer.u32(id);
  writer.term(question);
}

export function writeAnswer(writer: TermWriter, id: number, answer: unknown): void {
  writer.u8(ANSWER);
  writer.u32(id);
  writer.term(answer);
}
