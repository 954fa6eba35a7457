/**
 * The children of a `simpleOneForOne` supervisor: any number from one template, each with the arguments that `startChild` added, known by
 * their pids only. A restarted child gets the same arguments. All are ended at once.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { tuple, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';
import type { ChildCounts, ChildKeeper, KeeperContext } from './child-keeper.ts';
import { CHILD_TYPES, specTerm, type CheckedSpec } from './child-spec.ts';
import { planExit } from './plan.ts';
import { isEndReported, TOO_MANY_RESTARTS } from './report.ts';
import { endChild, endChildren, startChildProcess } from './start-child.ts';
import { readyTerm } from './static-children.ts';

const NOT_FOUND: Atom = nameAtom('not_found');
const RESTARTING: Atom = nameAtom('restarting');
const SIMPLE_ONE_FOR_ONE: Atom = nameAtom('simple_one_for_one');
const BADARG: Atom = nameAtom('badarg');

interface DynamicChild {
  /** While it is being restarted: the pid that it had. */
  readonly pid: Pid;
  readonly args: readonly unknown[];
  readonly restarting: boolean;
}

export class DynamicChildren implements ChildKeeper {
  readonly #self: Self;
  readonly #context: KeeperContext;
  readonly #template: CheckedSpec;
  readonly #children = new Map<string, DynamicChild>();

  constructor(context: KeeperContext, template: CheckedSpec) {
    this.#self = context.self;
    this.#context = context;
    this.#template = template;
  }

  async startAll(): Promise<unknown> {
    return null;
  }

  async endAll(): Promise<void> {
    const running = [...this.#children.values()].filter((child) => !child.restarting);
    this.#children.clear();
    await endChildren(
      this.#self,
      running.map((child) => child.pid),
      this.#template.shutdown,
      () => this.#context.now(),
    );
  }

  async onExit(pid: Pid, reason: unknown): Promise<boolean> {
    const child = this.#children.get(pid.key);
    if (child === undefined || child.restarting) return false;
    const { restart } = this.#template;
    if (isEndReported(restart, reason)) this.#context.report('child_terminated', reason, this.#template.id, pid);
    const plan = planExit([], { restart, significant: false, active: false }, reason, 'never');
    if (plan.child === 'restart') return this.#restart(child);
    this.#children.delete(pid.key);
    return false;
  }

  async tryAgain(id: unknown): Promise<boolean> {
    const child = isPid(id) ? this.#children.get(id.key) : undefined;
    return child?.restarting === true ? this.#restart(child) : false;
  }

  async #restart(child: DynamicChild): Promise<boolean> {
    this.#children.delete(child.pid.key);
    if (this.#context.isTooMany()) {
      this.#context.report('shutdown', TOO_MANY_RESTARTS, this.#template.id, child.pid);
      return true;
    }
    const result = await startChildProcess(this.#self, this.#template.start, child.args);
    if (result.kind === 'ok') this.#keep(result.pid, child.args, false);
    else if (result.kind === 'error') {
      this.#context.report('start_error', result.reason, this.#template.id, undefined);
      this.#keep(child.pid, child.args, true);
      this.#context.tryAgainLater(child.pid);
    }
    return false;
  }

  #keep(pid: Pid, args: readonly unknown[], restarting: boolean): void {
    this.#children.set(pid.key, { pid, args, restarting });
  }

  async startChild(given: unknown): Promise<unknown> {
    if (!Array.isArray(given)) return tuple2(ERROR, BADARG);
    const args = given as readonly unknown[];
    const result = await startChildProcess(this.#self, this.#template.start, args);
    if (result.kind === 'ok') this.#keep(result.pid, args, false);
    return readyTerm(result);
  }

  async restartChild(): Promise<unknown> {
    return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
  }

  async terminateChild(id: unknown): Promise<unknown> {
    if (!isPid(id)) return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
    const child = this.#children.get(id.key);
    if (child === undefined) return this.#context.isAlive(id) ? tuple2(ERROR, NOT_FOUND) : OK;
    if (!child.restarting) await endChild(this.#self, child.pid, this.#template.shutdown);
    this.#children.delete(id.key);
    return OK;
  }

  deleteChild(): unknown {
    return tuple2(ERROR, SIMPLE_ONE_FOR_ONE);
  }

  /** The template answers to its id and to the pid of any child, also of one that is gone: a pid without process belongs to nobody else. */
  childSpec(id: unknown): unknown {
    const found = isPid(id)
      ? this.#children.has(id.key) || !this.#context.isAlive(id)
      : equalTerms(id, this.#template.id);
    return found ? tuple2(OK, specTerm(this.#template)) : tuple2(ERROR, NOT_FOUND);
  }

  whichChildren(): unknown[] {
    const { type, modules } = this.#template;
    return [...this.#children.values()].map(({ pid, restarting }) =>
      tuple(undefined, restarting ? RESTARTING : pid, CHILD_TYPES.term(type), modules),
    );
  }

  countChildren(): ChildCounts {
    const all = [...this.#children.values()];
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
