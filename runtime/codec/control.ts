/**
 * Signals as control messages, the tuples that go before the payload in a frame between nodes. Written in the forms that OTP 25
 * and later use, which keep reasons and arguments out of the tuple; `control-reader.ts` understands the older ones as well.
 */
import { Pid } from '../term/pid.ts';
import type { Atom } from '../term/atom.ts';
import { nameAtom } from '../term/atom.ts';
import type { Signal, SpawnReplySignal, SpawnRequestSignal } from '../term/signal.ts';
import * as Op from './control-ops.ts';
import { writeAtom, writePid, writeRef, writeTupleHeader, type TermWriter } from './term-writer.ts';
import { writeBigint } from './write-numbers.ts';
import * as Tag from './tags.ts';

export { completeSignal, readControl, type PendingSignal } from './control-reader.ts';

/** Where older protocols had the cookie. */
const unused = nameAtom('');

/** Writes the control tuple, without a version byte. @throws `not_sendable` for options or a group leader that is no term */
export function writeControl(writer: TermWriter, signal: Signal): void {
  switch (signal.kind) {
    case 'send':
      return writeSend(writer, signal.from, signal.to);
    case 'sendName':
      head(writer, 4, Op.REG_SEND);
      writePid(writer, signal.from);
      writeAtom(writer, unused);
      return writeAtom(writer, signal.name);
    case 'sendAlias':
      head(writer, 3, Op.ALIAS_SEND);
      writePid(writer, signal.from);
      return writeRef(writer, signal.alias);
    case 'link':
      return writePair(writer, Op.LINK, signal.from, signal.to);
    case 'unlink':
      if (signal.id === null) return writePair(writer, Op.UNLINK, signal.from, signal.to);
      return writeWithId(writer, Op.UNLINK_ID, signal.id, signal.from, signal.to);
    case 'unlinkAck':
      return writeWithId(writer, Op.UNLINK_ID_ACK, signal.id, signal.from, signal.to);
    case 'linkExit':
      return writePair(writer, Op.PAYLOAD_EXIT, signal.from, signal.to);
    case 'exit':
      return writePair(writer, Op.PAYLOAD_EXIT2, signal.from, signal.to);
    case 'monitor':
    case 'demonitor':
      head(writer, 4, signal.kind === 'monitor' ? Op.MONITOR_P : Op.DEMONITOR_P);
      writePid(writer, signal.from);
      writePidOrAtom(writer, signal.to);
      return writeRef(writer, signal.ref);
    case 'down':
      head(writer, 4, Op.PAYLOAD_MONITOR_P_EXIT);
      writePidOrAtom(writer, signal.from);
      writePid(writer, signal.to);
      return writeRef(writer, signal.ref);
    case 'spawnRequest':
      return writeSpawnRequest(writer, signal);
    case 'spawnReply':
      return writeSpawnReply(writer, signal);
    case 'groupLeader':
      return writePair(writer, Op.GROUP_LEADER, signal.from, signal.to);
  }
}

/** The term that follows the control tuple in the frame, or null when nothing follows. */
export function signalPayload(signal: Signal): { readonly value: unknown } | null {
  switch (signal.kind) {
    case 'send':
    case 'sendName':
    case 'sendAlias':
      return { value: signal.message };
    case 'linkExit':
    case 'exit':
    case 'down':
      return { value: signal.reason };
    case 'spawnRequest':
      return { value: signal.args };
    default:
      return null;
  }
}

function head(writer: TermWriter, size: number, op: number): void {
  writer.reserve(4);
  const { buffer, position } = writer;
  buffer[position] = Tag.SMALL_TUPLE;
  buffer[position + 1] = size;
  buffer[position + 2] = Tag.SMALL_INTEGER;
  buffer[position + 3] = op;
  writer.position = position + 4;
}

function writeSend(writer: TermWriter, from: Pid | null, to: Pid): void {
  if (from !== null) return writePair(writer, Op.SEND_SENDER, from, to);
  head(writer, 3, Op.SEND);
  writeAtom(writer, unused);
  writePid(writer, to);
}

function writePair(writer: TermWriter, op: number, from: Pid, to: Pid): void {
  head(writer, 3, op);
  writePid(writer, from);
  writePid(writer, to);
}

function writeWithId(writer: TermWriter, op: number, id: bigint, from: Pid, to: Pid): void {
  head(writer, 4, op);
  writeBigint(writer, id, true);
  writePid(writer, from);
  writePid(writer, to);
}

function writePidOrAtom(writer: TermWriter, value: Pid | Atom): void {
  if (value instanceof Pid) writePid(writer, value);
  else writeAtom(writer, value);
}

function writeSpawnRequest(writer: TermWriter, signal: SpawnRequestSignal): void {
  head(writer, 6, Op.SPAWN_REQUEST);
  writeRef(writer, signal.ref);
  writePid(writer, signal.from);
  writer.term(signal.groupLeader, 'groupLeader');
  writeTupleHeader(writer, 3);
  writeAtom(writer, signal.module);
  writeAtom(writer, signal.fn);
  writer.term(signal.arity, 'arity');
  writer.term(signal.options, 'options');
}

function writeSpawnReply(writer: TermWriter, signal: SpawnReplySignal): void {
  head(writer, 5, Op.SPAWN_REPLY);
  writeRef(writer, signal.ref);
  writePid(writer, signal.to);
  writer.u8(Tag.SMALL_INTEGER);
  writer.u8((signal.linked ? Op.SPAWN_LINKED : 0) | (signal.monitored ? Op.SPAWN_MONITORED : 0));
  writePidOrAtom(writer, signal.result);
}
