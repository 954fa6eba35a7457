/** Pids, references, ports and funs, in all forms that peers of any age use. */
import { ExportFun, Fun, Port } from '../term/opaque.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import { copyBytes } from './read-text.ts';
import * as Tag from './tags.ts';
import { readName, readValue, type TermReader } from './term-reader.ts';

const REF_WORDS_MAX = 5;

export function readPid(reader: TermReader, tag: number): Pid {
  const node = readName(reader);
  const id = reader.u32();
  const serial = reader.u32();
  const pid = new Pid(node, id, serial, tag === Tag.PID ? reader.u8() : reader.u32());
  return reader.pid === undefined ? pid : reader.pid(pid);
}

export function readRef(reader: TermReader, tag: number): Ref {
  if (tag === Tag.REFERENCE) {
    const node = readName(reader);
    const word = reader.u32();
    return new Ref(node, reader.u8(), [word]);
  }
  const size = reader.u16();
  if (size < 1 || size > REF_WORDS_MAX) reader.fail(`a reference has ${size} words, not 1 to ${REF_WORDS_MAX}`);
  const node = readName(reader);
  const creation = tag === Tag.NEW_REFERENCE ? reader.u8() : reader.u32();
  if (size === 3) return new Ref(node, creation, reader.u32(), reader.u32(), reader.u32());
  const words: number[] = [];
  for (let i = 0; i < size; i++) words.push(reader.u32());
  return new Ref(node, creation, words);
}

export function readPort(reader: TermReader, tag: number): Port {
  const node = readName(reader);
  const high = tag === Tag.V4_PORT ? reader.u32() : 0;
  const id = (BigInt(high) << 32n) | BigInt(reader.u32());
  return new Port(node, id, tag === Tag.PORT ? reader.u8() : reader.u32());
}

export function readExportFun(reader: TermReader): ExportFun {
  const module = readName(reader);
  const fn = readName(reader);
  const arity = readValue(reader, 0);
  if (typeof arity !== 'number' || arity < 0 || arity > 255) return reader.fail('the arity of a fun is not 0 to 255');
  return new ExportFun(module, fn, arity);
}

/**
 * A closure: kept as bytes, but looked through first, since a malformed one that we handed on would cost the
 * connection to whoever gets it. Size (of all, itself included), arity, 16 bytes of identity, index, number of free
 * variables, then terms: module, old index, old identity, pid, the variables.
 */
export function readFun(reader: TermReader, left: number): Fun {
  const start = reader.position - 1;
  const size = reader.u32();
  const end = start + 1 + size;
  if (end > reader.end || size < 29) reader.fail(`a fun of ${size} bytes does not fit`);
  reader.position += 1 + 16 + 4;
  const variables = reader.u32();
  readName(reader);
  if (typeof readValue(reader, 0) !== 'number') reader.fail('the index of a fun is not an integer');
  if (typeof readValue(reader, 0) !== 'number') reader.fail('the identity of a fun is not an integer');
  if (!(readValue(reader, 0) instanceof Pid)) reader.fail('the process of a fun is not a pid');
  for (let i = 0; i < variables && reader.position < end; i++) readValue(reader, left);
  if (reader.position !== end) reader.fail('a fun is not as long as it says');
  return new Fun(copyBytes(reader.bytes, start, end - start));
}
