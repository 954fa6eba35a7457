/** The tuples `{'$js', Kind, ...}`: values that JavaScript has and Erlang has not. */
import * as Tag from './tags.ts';
import type { ByteWriter } from './byte-writer.ts';

export const JS_KINDS = [
  'map',
  'nan',
  'inf',
  '-inf',
  'set',
  'date',
  'error',
  'regexp',
  'array',
  'utf16',
  'tuple',
] as const;

export type JsKind = (typeof JS_KINDS)[number];

const heads: ReadonlyMap<JsKind, Uint8Array> = new Map(JS_KINDS.map((kind) => [kind, encodeHead(kind)]));

/** The head of such a tuple, `size` elements in all: the first two are written, the caller writes the others. */
export function writeTagged(writer: ByteWriter, kind: JsKind, size: number): void {
  writer.reserve(2);
  writer.u8(Tag.SMALL_TUPLE);
  writer.u8(size);
  writer.bytes(heads.get(kind) as Uint8Array);
}

function encodeHead(kind: JsKind): Uint8Array {
  const name = Buffer.from(kind, 'latin1');
  const mark = Buffer.from('$js', 'latin1');
  return new Uint8Array([Tag.SMALL_ATOM_UTF8, mark.length, ...mark, Tag.SMALL_ATOM_UTF8, name.length, ...name]);
}
