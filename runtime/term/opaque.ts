/**
 * Terms of the BEAM that JavaScript has no use for but must hand on unchanged: ports, funs, bitstrings
 * that are not whole bytes, improper lists; and `Float`, a number that stays a float.
 */
import type { Atom } from './atom.ts';

export class Port {
  readonly node: Atom;
  readonly id: bigint;
  readonly creation: number;
  constructor(node: Atom, id: bigint, creation: number) {
    this.node = node;
    this.id = id;
    this.creation = creation;
  }
  toString(): string {
    return `#Port<${this.node.name}.${this.id}>`;
  }
}

/** A closure of another runtime: its encoded bytes, tag included. */
export class Fun {
  readonly bytes: Uint8Array;
  constructor(bytes: Uint8Array) {
    this.bytes = bytes;
  }
}

/** `fun M:F/A`. */
export class ExportFun {
  readonly module: Atom;
  readonly fn: Atom;
  readonly arity: number;
  constructor(module: Atom, fn: Atom, arity: number) {
    this.module = module;
    this.fn = fn;
    this.arity = arity;
  }
}

/** A bitstring whose last byte has only `bits` (1 to 7) significant bits, the high ones. */
export class BitString {
  readonly bytes: Uint8Array;
  readonly bits: number;
  constructor(bytes: Uint8Array, bits: number) {
    this.bytes = bytes;
    this.bits = bits;
  }
}

/** A copy of its bytes with zeros for the bits that do not count, as the BEAM has them. @internal */
export function significantBytes(value: BitString): Uint8Array {
  const bytes = new Uint8Array(value.bytes);
  const last = bytes.length - 1;
  bytes[last] = (bytes[last] as number) & (0xff << (8 - value.bits));
  return bytes;
}

/** `[a, b | Tail]` with a tail that is not a list. */
export class ImproperList {
  readonly elements: readonly unknown[];
  readonly tail: unknown;
  constructor(elements: readonly unknown[], tail: unknown) {
    this.elements = elements;
    this.tail = tail;
  }
}

/** A number that is a float on the wire even when it is whole. */
export class Float {
  readonly value: number;
  constructor(value: number) {
    this.value = value;
  }
  valueOf(): number {
    return this.value;
  }
}

/** Says that `value` must arrive as a float at an Erlang node: `float(1)` is `1.0`. */
export function float(value: number): Float {
  return new Float(value);
}

const structMark: unique symbol = Symbol('quorate.struct');

/** The prototype of objects that are maps with atom keys. */
class Struct {
  get [structMark](): true {
    return true;
  }
}

/**
 * An object that is a map with *atom* keys at an Erlang node (`struct({ name: 'x' })` is `#{name => <<"x">>}`).
 * Only for keys that the program text fixes: atoms of the BEAM are never freed.
 */
export function struct<T extends object>(fields: T): T {
  return Object.assign(new Struct(), fields) as unknown as T;
}

export function isStruct(value: unknown): value is Record<string, unknown> {
  return value instanceof Struct;
}

/** @internal an empty struct for the decoder to fill */
export function emptyStruct(): Record<string, unknown> {
  return new Struct() as unknown as Record<string, unknown>;
}
