/**
 * The children of a `simpleOneForOne` supervisor: any number from one template, each with the arguments that `startChild` added, known by
 * their pids only. A restarted child gets the same arguments.
 */
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { isPid } from '../runtime/term/pid.ts';
import { tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';
import type { ChildCounts, ChildKeeper, KeeperContext } from './child-keeper.ts';
import { specTerm, type CheckedSpec } from './child-spec.ts';
import { PidChildren } from './pid-children.ts';
import { endChild } from './start-child.ts';
import { readyTerm } from './static-children.ts';

const NOT_FOUND: Atom = nameAtom('not_found');
const SIMPLE_ONE_FOR_ONE: Atom = nameAtom('simple_one_for_one');
const BADARG: Atom = nameAtom('badarg');

export class DynamicChildren extends PidChildren implements ChildKeeper {
  readonly #template: CheckedSpec;

  constructor(context: KeeperContext, template: CheckedSpec) {
    super(context);
    this.#template = template;
  }

  async startChild(given: unknown): Promise<unknown> {
    if (!Array.isArray(given)) return tuple2(ERROR, BADARG);
    return readyTerm(await this.add(this.#template, given as readonly unknown[]));
  }

  async restartChild(): Promise<unknown> {
    return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
  }

  async terminateChild(id: unknown): Promise<unknown> {
    if (!isPid(id)) return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
    const child = this.children.get(id.key);
    if (child === undefined) return this.context.isAlive(id) ? tuple2(ERROR, NOT_FOUND) : OK;
    if (!child.restarting) await endChild(this.self, child.pid, this.#template.shutdown);
    this.children.delete(id.key);
    return OK;
  }

  deleteChild(): unknown {
    return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
  }

  /** The template answers to its id and to the pid of any child, also of one that is gone: a pid without process belongs to nobody else. */
  childSpec(id: unknown): unknown {
    const found = isPid(id)
      ? this.children.has(id.key) || !this.context.isAlive(id)
      : equalTerms(id, this.#template.id);
    return found ? tuple2(OK, specTerm(this.#template)) : tuple2(ERROR, NOT_FOUND);
  }

  countChildren(): ChildCounts {
    const all = [...this.children.values()];
    const count = all.length;
    const supervisors = this.#template.type === 'supervisor' ? count : 0;
    return {
      specs: 1,
      active: all.filter((child) => !child.restarting).length,
      supervisors,
      workers: count - supervisors,
    };
  }
}
