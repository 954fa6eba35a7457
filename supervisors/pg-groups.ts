/** The members of process groups, as one scope sees them: a pure table of who joined what how often, by the scope that told of it. */
import { canonicalKey } from '../runtime/codec/canonical.ts';
import { samePid, type Pid } from '../runtime/term/pid.ts';
import { tuple2 } from '../runtime/term/tuple.ts';

interface Group {
  readonly group: unknown;
  readonly pids: Pid[];
}

export class Groups {
  readonly #groups = new Map<string, Group>();

  members(group: unknown): readonly Pid[] {
    return this.#groups.get(canonicalKey(group))?.pids ?? [];
  }

  add(group: unknown, pids: readonly Pid[]): void {
    if (pids.length === 0) return;
    const key = canonicalKey(group);
    const found = this.#groups.get(key);
    if (found === undefined) this.#groups.set(key, { group, pids: [...pids] });
    else found.pids.push(...pids);
  }

  /** Takes each out once; gives those that were in. */
  remove(group: unknown, pids: readonly Pid[]): Pid[] {
    const key = canonicalKey(group);
    const found = this.#groups.get(key);
    if (found === undefined) return [];
    const removed = pids.filter((pid) => {
      const at = found.pids.findIndex((one) => samePid(one, pid));
      if (at >= 0) found.pids.splice(at, 1);
      return at >= 0;
    });
    if (found.pids.length === 0) this.#groups.delete(key);
    return removed;
  }

  /** Takes a process out of all; gives its groups, each as often as it was in. */
  removePid(pid: Pid): unknown[] {
    const left: unknown[] = [];
    for (const { group, pids } of [...this.#groups.values()]) {
      const times = pids.filter((one) => samePid(one, pid)).length;
      for (let i = 0; i < times; i++) left.push(group);
      this.remove(group, new Array<Pid>(times).fill(pid));
    }
    return left;
  }

  has(pid: Pid): boolean {
    for (const { pids } of this.#groups.values()) if (pids.some((one) => samePid(one, pid))) return true;
    return false;
  }

  names(): unknown[] {
    return [...this.#groups.values()].map(({ group }) => group);
  }

  /** `[{Group, Pids}]`. */
  terms(): unknown[] {
    return [...this.#groups.values()].map(({ group, pids }) => tuple2(group, [...pids]));
  }

  entries(): readonly Group[] {
    return [...this.#groups.values()];
  }
}
