/** Who is called what in a scenario, and which nodes there are; can be sent as a list. */
import type { Atom } from '../../../runtime/term/atom.ts';
import { nameAtom } from '../../../runtime/term/atom.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { tuple } from '../../../runtime/term/tuple.ts';
import type { ServerRef } from '../../../supervisors/index.ts';
import { kitRegistry } from './global-names.ts';
import type { Json } from './terms.ts';

export type NameList = readonly [
  pids: readonly (readonly [string, Pid])[],
  counts: readonly (readonly [string, number])[],
  nodes: readonly (readonly [string, Atom])[],
];

export class KnownNames {
  readonly pids: Map<string, Pid>;
  /** How often that id was started. */
  readonly counts: Map<string, number>;
  /** By the scenario's name for them; `$node` is the one that it runs on. */
  readonly nodes: Map<string, Atom>;

  constructor([pids, counts, nodes]: NameList = [[], [], []]) {
    this.pids = new Map(pids);
    this.counts = new Map(counts);
    this.nodes = new Map(nodes);
  }

  toList(): NameList {
    return [[...this.pids], [...this.counts], [...this.nodes]];
  }

  /** By name, or the latest of that id that was named. */
  pidOf(name: string): Pid | undefined {
    const exact = this.pids.get(name);
    if (exact !== undefined) return exact;
    for (let count = this.counts.get(name) ?? 0; count > 0; count--) {
      const pid = this.pids.get(`${name}#${count}`);
      if (pid !== undefined) return pid;
    }
    return undefined;
  }

  /** A name that the scenario has not started is used as it is. */
  nodeOf(name: string): Atom {
    return this.nodes.get(name) ?? nameAtom(name);
  }

  /** Where a message to `to` goes. */
  destinationOf(to: Json): ServerRef {
    if (typeof to === 'string') return this.pidOf(to) ?? fail(`${to} never started`);
    const given = to as Readonly<Record<string, Json>>;
    if (typeof given['name'] === 'string') return nameAtom(given['name']);
    if (typeof given['client'] === 'string') return this.pidOf(given['client']) ?? fail('no such client');
    if (typeof given['global'] === 'string') return { global: nameAtom(given['global']) };
    if (typeof given['via'] === 'string') return { via: kitRegistry, name: nameAtom(given['via']) };
    if (!Array.isArray(given['remote'])) return fail(`no way to address ${JSON.stringify(to)}`);
    const [name, node] = given['remote'] as [string, string];
    return tuple(nameAtom(name), this.nodeOf(node));
  }
}

function fail(why: string): never {
  throw new TypeError(why);
}
