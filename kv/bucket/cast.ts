/** A cast that is dropped when nobody has the name: its receiver asks again when it is back. */
import type { Self } from '../../runtime/process/self.ts';
import type { Atom } from '../../runtime/term/atom.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';

const GEN_CAST: Atom = nameAtom('$gen_cast');

export function castTo(self: Self, name: Atom, message: unknown): void {
  if (self.whereis(name) !== undefined) self.send(name, tuple2(GEN_CAST, message));
}
