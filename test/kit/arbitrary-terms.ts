/** Random values of every kind that can be sent, for property tests. */
import fc from 'fast-check';
import { atom, nameAtom } from '../../runtime/term/atom.ts';
import { typedArrayClasses } from '../../runtime/term/kind.ts';
import { hasEqualKeys } from '../../runtime/term/map-keys.ts';
import {
  BitString,
  ExportFun,
  float,
  ImproperList,
  Port,
  significantBytes,
  struct,
} from '../../runtime/term/opaque.ts';
import { Pid } from '../../runtime/term/pid.ts';
import { Ref } from '../../runtime/term/ref.ts';
import { tuple } from '../../runtime/term/tuple.ts';

const word = fc.nat(0xffff_ffff);
const node = fc.constantFrom('a@127.0.0.1', 'longer-name@example.org').map((name) => nameAtom(name));
const atoms = fc
  .oneof(
    fc.constantFrom('ok', 'error', '$js', '$gen_call', '', 'näme', '日本', '__proto__'),
    fc.stringMatching(/^[a-z]{1,12}$/),
  )
  .map((name) => atom(name) as unknown);
const text = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'grapheme', maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.array(fc.nat(0xffff), { maxLength: 5 }).map((units) => String.fromCharCode(...units)),
  fc.constantFrom('', '\ufeffmarked', '__proto__', 'constructor', 'x'.repeat(300), '日'.repeat(100)),
);
const bytes = fc.uint8Array({ maxLength: 40 });
const integers = fc.oneof(
  fc.integer(),
  fc.maxSafeInteger(),
  fc.constantFrom(0, -0, 255, 256, -1, 2 ** 31, -(2 ** 31), 2 ** 32, 2 ** 53 - 1, -(2 ** 53), 2 ** 53, 1e300),
);
const bigints = fc.oneof(
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 70n), max: 2n ** 70n }),
  fc.constantFrom(0n, 1n, -1n, 2n ** 53n, 2n ** 2100n),
);
const pids = fc.tuple(node, word, word, word).map(([n, a, b, c]) => new Pid(n, a, b, c));
const refs = fc
  .tuple(node, word, fc.array(word, { minLength: 1, maxLength: 5 }))
  .map(([n, creation, [word0 = 0, word1 = 0, word2 = 0, ...more]]) =>
    more.length === 0
      ? new Ref(n, creation, word0, word1, word2)
      : new Ref(n, creation, [word0, word1, word2, ...more]),
  );
const opaque = fc.oneof(
  fc.tuple(node, fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), word).map(([n, id, c]) => new Port(n, id, c)),
  fc.nat(255).map((arity) => new ExportFun(nameAtom('lists'), nameAtom('map'), arity)),
  fc
    .tuple(fc.uint8Array({ minLength: 1, maxLength: 9 }), fc.integer({ min: 1, max: 7 }))
    .map(([b, bits]) => new BitString(significantBytes(new BitString(b, bits)), bits)),
  fc.integer().map((value) => float(value)),
);
const typedArrays = fc
  .tuple(fc.constantFrom(...typedArrayClasses.values()), fc.uint8Array({ minLength: 16, maxLength: 16 }))
  .map(([Class, data]) => new Class(new Uint8Array(data).buffer));
const errors = fc
  .tuple(
    fc.constantFrom('Error', 'TypeError', 'MyError'),
    text,
    fc.option(fc.string(), { nil: undefined }),
    fc.integer(),
  )
  .map(([name, message, code, cause]) => {
    const error = name === 'TypeError' ? new TypeError(message, { cause }) : new Error(message, { cause });
    if (name === 'MyError') Object.defineProperty(error, 'name', { value: name, configurable: true, writable: true });
    return code === undefined ? error : Object.assign(error, { code });
  });
const jsOnly = fc.oneof(
  fc.constantFrom(NaN, Infinity, -Infinity),
  fc.date({ noInvalidDate: true }),
  fc.constantFrom(/a+/g, /\d/u, /x/),
  typedArrays,
  errors,
);
const leaves = fc.oneof(integers, fc.double(), bigints, text, atoms, bytes, pids, refs, opaque, jsOnly, fc.boolean());

function plain(pairs: readonly (readonly [string, unknown])[]): object {
  const made = {};
  for (const [key, value] of pairs) {
    Object.defineProperty(made, key, { value, enumerable: true, writable: true, configurable: true });
  }
  return made;
}

const { term } = fc.letrec<{ term: unknown }>((tie) => {
  const item = tie('term');
  const items = fc.array(item, { maxLength: 5 });
  return {
    term: fc.oneof(
      { depthSize: 'small', withCrossShrink: true },
      leaves,
      items,
      items.map((elements) => tuple(...elements)),
      items.map((elements) => tuple(atom('$js'), ...elements)),
      fc.array(fc.tuple(text, item), { maxLength: 5 }).map(plain),
      fc
        .array(fc.tuple(fc.stringMatching(/^[a-z]{1,8}$/), item), { minLength: 1, maxLength: 4 })
        .map((pairs) => struct(Object.fromEntries(pairs))),
      fc
        .array(fc.tuple(item, item), { maxLength: 4 })
        .map((pairs) => new Map(pairs))
        .filter((map) => !hasEqualKeys(map)),
      // On its way through Erlang a set with 1 and 1n has one element.
      items
        .filter((elements) => !hasEqualKeys(new Map(elements.map((element) => [element, 1]))))
        .map((elements) => new Set(elements)),
      fc
        .tuple(fc.array(item, { minLength: 1, maxLength: 3 }), integers)
        .map(([elements, tail]) => new ImproperList(elements, tail)),
    ),
  };
});

/** Any sendable value. */
export const anyTerm: fc.Arbitrary<unknown> = term;
