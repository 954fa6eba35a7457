/**
 * How many atoms a peer may make us hold. Atoms are interned weakly: one that nobody refers to any more is given back to the
 * budget that paid for it. Atoms that existed already cost nothing.
 */
import { atom, internedAtomCount, isAtom, type Atom } from '../term/atom.ts';

/** New atoms that one connection may make one thread hold: as many as a large BEAM node has; 255 MB if all names are as long as they may be. */
export const CONNECTION_ATOMS_MAX = 250_000;

const finished = new FinalizationRegistry<AtomBudget>((budget) => {
  budget.held--;
});

export class AtomBudget {
  readonly atomsMax: number;
  /** New atoms that came through this budget and are alive. */
  held = 0;

  constructor(atomsMax = 1_000_000) {
    this.atomsMax = atomsMax;
  }

  /** The atom of that name (or the JavaScript value that it is), or null when it would be one atom too many. */
  intern(name: string): { readonly value: Atom | boolean | null | undefined } | null {
    const before = internedAtomCount();
    if (this.held >= this.atomsMax) return this.#known(name, before);
    const value = atom(name) as Atom | boolean | null | undefined;
    if (internedAtomCount() > before && isAtom(value)) {
      this.held++;
      finished.register(value, this);
    }
    return { value };
  }

  /** Over the limit only names that exist pass. */
  #known(name: string, before: number): { readonly value: Atom | boolean | null | undefined } | null {
    const value = atom(name) as Atom | boolean | null | undefined;
    return internedAtomCount() > before ? null : { value };
  }
}
