/**
 * Tuples: fixed sequences, `{a, b}` in Erlang. A subclass of Array, so that indexing, destructuring and
 * iteration work; read-only by type. They are not frozen at run time: freezing costs twenty times what
 * making one does. A message's tuples are copied when they are sent, so no receiver sees a later change.
 *
 * They are made empty and filled by index: a literal that is given another prototype costs four to ten times as much, and so does `push`.
 */

export class Tuple<T extends readonly unknown[] = readonly unknown[]> extends Array<T[number]> {
  /** Array methods such as `map` give plain arrays (lists), not tuples. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array;
  }
}

/** A tuple whose elements have these types, in this order. */
export type TupleOf<T extends readonly unknown[]> = Readonly<T> & { readonly length: T['length'] };

/**
 * An instance of a subclass: without one V8 (of Node 20 and 24) may give up compiling `new Tuple()` in place, time and again, and a tuple then costs
 * forty times as much.
 */
class Subclass extends Tuple {}
new Subclass();

/** `tuple(atom('ok'), 1)` is Erlang's `{ok, 1}`. */
export function tuple<const T extends readonly unknown[]>(...elements: T): TupleOf<T> {
  const made = new Tuple();
  for (let i = 0; i < elements.length; i++) made[i] = elements[i];
  return made as unknown as TupleOf<T>;
}

/** @internal two elements without a rest array */
export function tuple2<A, B>(a: A, b: B): TupleOf<readonly [A, B]> {
  const made = new Tuple();
  made[0] = a;
  made[1] = b;
  return made as unknown as TupleOf<readonly [A, B]>;
}

/** @internal three elements without a rest array */
export function tuple3<A, B, C>(a: A, b: B, c: C): TupleOf<readonly [A, B, C]> {
  const made = new Tuple();
  made[0] = a;
  made[1] = b;
  made[2] = c;
  return made as unknown as TupleOf<readonly [A, B, C]>;
}

export function isTuple(value: unknown): value is readonly unknown[] {
  return value instanceof Tuple;
}

/** True for a tuple whose first element is exactly `tag`, with `size` elements when that is given. */
export function isTagged(value: unknown, tag: unknown, size?: number): value is readonly unknown[] {
  return (
    value instanceof Tuple && value.length > 0 && value[0] === tag && (size === undefined || value.length === size)
  );
}
