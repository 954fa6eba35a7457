/** The atoms of the protocols that behaviours speak, made once. */
import { nameAtom, type Atom } from '../runtime/term/atom.ts';

function word<const N extends string>(name: N): Atom<N> {
  return nameAtom(name);
}

export const ALIAS: Atom = word('alias');
export const GEN_CALL: Atom = word('$gen_call');
export const GEN_CAST: Atom = word('$gen_cast');
export const SYSTEM: Atom = word('system');
export const DOWN: Atom = word('DOWN');
export const EXIT: Atom = word('EXIT');
export const OK: Atom = word('ok');
export const ERROR: Atom = word('error');
export const IGNORE: Atom = word('ignore');
export const TIMEOUT: Atom = word('timeout');
export const NODEDOWN: Atom = word('nodedown');
export const INFINITY: Atom = word('infinity');
