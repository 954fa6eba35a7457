/**
 * Atoms: interned names. Two atoms of the same name are the same object, so `===` compares them.
 *
 * They are held weakly: names that arrive from other nodes do not stay in memory for ever, as they
 * would with `Symbol.for`. Four names are JavaScript values already and never an Atom:
 * `true`, `false`, `undefined`, and `nil` (which is `null`).
 */
import { showAs } from './show.ts';
import { BadArgumentError } from '../errors.ts';

/** Longest name, in characters (code points), as on the BEAM. */
export const ATOM_CHARACTERS_MAX = 255;

/** Only `atom()` makes one. */
export class Atom<N extends string = string> {
  readonly name: N;
  /** The encoded form, kept by the codec so that an atom is encoded once. @internal */
  bytes: Uint8Array | undefined = undefined;

  /** @internal use `atom(name)` */
  constructor(name: N) {
    this.name = name;
  }

  toString(): string {
    return this.name;
  }

  toJSON(): string {
    return this.name;
  }
}

/** What `atom(name)` is for a given name: the four that JavaScript has are its own values. */
export type AtomOf<N extends string> = N extends 'true'
  ? true
  : N extends 'false'
    ? false
    : N extends 'undefined'
      ? undefined
      : N extends 'nil'
        ? null
        : Atom<N>;

const interned = new Map<string, WeakRef<Atom>>();
const finished = new FinalizationRegistry<string>((name) => {
  if (interned.get(name)?.deref() === undefined) interned.delete(name);
});

/**
 * The atom of that name. `atom('true')`, `atom('false')`, `atom('undefined')` and `atom('nil')` are the
 * JavaScript values `true`, `false`, `undefined` and `null`.
 *
 * @throws `badarg` when the name has more than 255 characters or is not well-formed Unicode.
 */
export function atom<const N extends string>(name: N): AtomOf<N> {
  const known = interned.get(name)?.deref();
  if (known !== undefined) return known as AtomOf<N>;
  switch (name as string) {
    case 'true':
      return true as AtomOf<N>;
    case 'false':
      return false as AtomOf<N>;
    case 'undefined':
      return undefined as AtomOf<N>;
    case 'nil':
      return null as AtomOf<N>;
    default:
      return internAtom(name) as AtomOf<N>;
  }
}

/** An atom that cannot be one of the four JavaScript values, for example a node name. */
export function nameAtom<const N extends string>(name: N): Atom<N> {
  const made = atom(name as string) as unknown;
  if (!(made instanceof Atom)) throw new BadArgumentError(`'${name}' cannot be used as a name`);
  return made as Atom<N>;
}

/** How many names are held now; the decoder bounds what a peer may add. */
export function internedAtomCount(): number {
  return interned.size;
}

export function isAtom(value: unknown): value is Atom {
  return value instanceof Atom;
}

/** An atom as Erlang would print it: quoted when it has to be. */
export function describeAtomName(name: string): string {
  if (/^[a-z][a-zA-Z0-9_@]*$/.test(name)) return name;
  return `'${name.replace(/[\\']/g, (c) => `\\${c}`)}'`;
}

function internAtom(name: string): Atom {
  if (typeof name !== 'string') throw new BadArgumentError(`an atom's name must be a string, not ${typeof name}`);
  if (name.length > ATOM_CHARACTERS_MAX && [...name].length > ATOM_CHARACTERS_MAX) {
    throw new BadArgumentError(`an atom has at most ${ATOM_CHARACTERS_MAX} characters, this has ${[...name].length}`);
  }
  if (/\p{Surrogate}/u.test(name)) throw new BadArgumentError('an atom must be well-formed Unicode');
  const made = new Atom(name);
  interned.set(name, new WeakRef(made));
  finished.register(made, name);
  return made;
}

showAs(Atom.prototype, function (this: Atom) {
  return describeAtomName(this.name);
});
