/**
 * Registered names of a node. One process has at most one name, one name at most one process. The plain table serves a node on one
 * thread; with several threads they share one (`thread/shared-names.ts`), so that registering stays atomic and immediate.
 */
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';

export interface NameTable {
  /** False when the name is taken. */
  register(name: Atom, pid: Pid): boolean;
  /** False when nobody has the name. */
  unregister(name: Atom): boolean;
  whereis(name: Atom): Pid | undefined;
  nameOf(pid: Pid): Atom | undefined;
  names(): readonly Atom[];
}

export function createNameTable(): NameTable {
  const pids = new Map<Atom, Pid>();
  const names = new Map<string, Atom>();
  return {
    register(name, pid) {
      if (pids.has(name)) return false;
      pids.set(name, pid);
      names.set(pid.key, name);
      return true;
    },
    unregister(name) {
      const pid = pids.get(name);
      if (pid === undefined) return false;
      names.delete(pid.key);
      return pids.delete(name);
    },
    whereis: (name) => pids.get(name),
    nameOf: (pid) => names.get(pid.key),
    names: () => [...pids.keys()],
  };
}
