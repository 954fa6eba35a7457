/**
 * The children of a dynamic supervisor: each with a spec of its own, at most `maxChildren` of them, all but the running ones forgotten. Ids say nothing
 * here and may repeat. A spec's start gets `extraArguments` before its own.
 */
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { isPid } from '../runtime/term/pid.ts';
import { tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';
import type { ChildCounts, ChildKeeper, KeeperContext } from './child-keeper.ts';
import { checkChildSpec, specTerm, type CheckedSpec, type Start } from './child-spec.ts';
import { ChildSpecError } from './errors.ts';
import { PidChildren } from './pid-children.ts';
import { endChild } from './start-child.ts';
import { startTerm } from './start.ts';

const NOT_FOUND: Atom = nameAtom('not_found');
const NOTSUP: Atom = nameAtom('notsup');
const MAX_CHILDREN: Atom = nameAtom('max_children');

export class BoundedChildren extends PidChildren implements ChildKeeper {
  readonly #maxChildren: number;
  readonly #extraArguments: readonly unknown[];

  constructor(context: KeeperContext, maxChildren: number, extraArguments: readonly unknown[]) {
    super(context);
    this.#maxChildren = maxChildren;
    this.#extraArguments = extraArguments;
  }

  async startChild(given: unknown): Promise<unknown> {
    let spec: CheckedSpec;
    try {
      spec = checkChildSpec(given, null);
    } catch (error) {
      if (error instanceof ChildSpecError) return tuple2(ERROR, error.reason);
      throw error;
    }
    if (this.children.size >= this.#maxChildren) return tuple2(ERROR, MAX_CHILDREN);
    const result = await this.add({ ...spec, start: withExtra(spec.start, this.#extraArguments) }, []);
    return startTerm(result);
  }

  async restartChild(): Promise<unknown> {
    return tuple2(ERROR, NOTSUP);
  }

  async terminateChild(id: unknown): Promise<unknown> {
    const child = isPid(id) ? this.children.get(id.key) : undefined;
    if (child === undefined) return tuple2(ERROR, NOT_FOUND);
    this.children.delete(child.pid.key);
    if (!child.restarting) await endChild(this.self, child.pid, child.spec.shutdown);
    return OK;
  }

  deleteChild(): unknown {
    return tuple2(ERROR, NOTSUP);
  }

  childSpec(id: unknown): unknown {
    const child = isPid(id) ? this.children.get(id.key) : undefined;
    return child === undefined ? tuple2(ERROR, NOT_FOUND) : tuple2(OK, specTerm(child.spec));
  }

  countChildren(): ChildCounts {
    const all = [...this.children.values()];
    const supervisors = all.filter(({ spec }) => spec.type === 'supervisor').length;
    const active = all.filter((child) => !child.restarting).length;
    return { specs: all.length, active, supervisors, workers: all.length - supervisors };
  }
}

/** A class has one argument: with extra ones its init gets the list of all. */
function withExtra(start: Start, extra: readonly unknown[]): Start {
  if (extra.length === 0) return start;
  if (typeof start === 'function') return (self, ...more) => start(self, ...extra, ...more);
  const own = 'server' in start ? [start.args] : (start.args ?? []);
  const args = [...extra, ...own];
  return 'server' in start ? { ...start, args } : { ...start, args };
}
