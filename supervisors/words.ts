/** The words of supervision as TypeScript has them ('oneForOne') and as OTP has them (the atom one_for_one), one table each. */
import { Atom, nameAtom } from '../runtime/term/atom.ts';

export interface Words<W extends string> {
  readonly all: readonly W[];
  /** Takes 'oneForOne', 'one_for_one' and the atom; undefined for anything else. */
  read(value: unknown): W | undefined;
  term(word: W): Atom;
  /** For messages: 'a', 'b' or 'c'. */
  describe(): string;
}

export function createWords<const W extends string>(all: readonly W[]): Words<W> {
  const known = new Map<string, W>();
  const terms = new Map<W, Atom>();
  for (const word of all) {
    const snake = word.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    known.set(word, word);
    known.set(snake, word);
    terms.set(word, nameAtom(snake));
  }
  const quoted = all.map((word) => `'${word}'`);
  return {
    all,
    read: (value) => known.get(value instanceof Atom ? value.name : typeof value === 'string' ? value : ''),
    term: (word) => terms.get(word) as Atom,
    describe: () => `${quoted.slice(0, -1).join(', ')} or ${quoted.at(-1) ?? ''}`,
  };
}
