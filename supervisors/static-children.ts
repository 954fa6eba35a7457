/**
 * The children of a supervisor that names them: starts in order, ends in reverse, and carries out the plans of the strategies. The list is kept in
 * the order of start. `restarting`: a restart failed and is tried again when what is in the mailbox has been dealt with.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { isPid, samePid, type Pid } from '../runtime/term/pid.ts';
import { tuple, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';
import {
  CHILD_TYPES,
  checkChildSpec,
  RESTARTS,
  shutdownTerm,
  specTerm,
  startTermOf,
  type CheckedSpec,
  type Restart,
} from './child-spec.ts';
import type { ChildCounts, ChildKeeper, KeeperContext } from './child-keeper.ts';
import { ChildSpecError } from './errors.ts';
import { planOneForAll } from './plan-one-for-all.ts';
import { planOneForOne } from './plan-one-for-one.ts';
import { planRestForOne } from './plan-rest-for-one.ts';
import { planExit, type PlannedChild, type RestartPlan } from './plan.ts';
import { isEndReported, isShutdownError, TOO_MANY_RESTARTS } from './report.ts';
import { endChild, startChildProcess } from './start-child.ts';
import { startTerm, type StartResult } from './start.ts';

const ALREADY_STARTED: Atom = nameAtom('already_started');
const ALREADY_PRESENT: Atom = nameAtom('already_present');
const NOT_FOUND: Atom = nameAtom('not_found');
const RUNNING: Atom = nameAtom('running');
const RESTARTING: Atom = nameAtom('restarting');
const CHILD: Atom = nameAtom('child');
const FAILED_TO_START_CHILD: Atom = nameAtom('failed_to_start_child');

class Child implements PlannedChild {
  readonly spec: CheckedSpec;
  pid: Pid | null = null;
  restarting = false;

  constructor(spec: CheckedSpec) {
    this.spec = spec;
  }

  get restart(): Restart {
    return this.spec.restart;
  }

  get significant(): boolean {
    return this.spec.significant;
  }

  get active(): boolean {
    return this.pid !== null || this.restarting;
  }
}

export class StaticChildren implements ChildKeeper {
  readonly #self: Self;
  readonly #context: KeeperContext;
  #children: Child[];

  constructor(context: KeeperContext, specs: readonly CheckedSpec[]) {
    this.#self = context.self;
    this.#context = context;
    this.#children = specs.map((spec) => new Child(spec));
  }

  async startAll(): Promise<unknown> {
    const failed = await this.#start(this.#children.slice());
    if (failed === null) return null;
    await this.endAll();
    return tuple(FAILED_TO_START_CHILD, failed.child.spec.id, failed.reason);
  }

  async endAll(): Promise<void> {
    await this.#end(this.#children.slice().reverse());
  }

  async onExit(pid: Pid, reason: unknown): Promise<boolean> {
    const child = this.#children.find((one) => one.pid !== null && samePid(one.pid, pid));
    if (child === undefined) return false;
    const plan = planExit(this.#children, child, reason, this.#context.flags.autoShutdown);
    if (isEndReported(child.restart, reason)) this.#context.report('child_terminated', reason, child.spec.id, pid);
    child.pid = null;
    if (plan.child === 'restart') return this.#restart(child);
    if (plan.child === 'forget') this.#forget(child);
    return plan.shutdown;
  }

  async tryAgain(id: unknown): Promise<boolean> {
    const child = this.#find(id);
    return child?.restarting === true ? this.#restart(child) : false;
  }

  /** True: too many restarts, the supervisor shall end. */
  async #restart(child: Child): Promise<boolean> {
    child.restarting = false;
    if (this.#context.isTooMany()) {
      this.#context.report('shutdown', TOO_MANY_RESTARTS, child.spec.id, undefined);
      return true;
    }
    const plan = this.#plan(child);
    await this.#end(plan.stop);
    const failed = await this.#start(plan.start);
    if (failed !== null) {
      failed.child.restarting = true;
      this.#context.tryAgainLater(failed.child.spec.id);
    }
    return false;
  }

  #plan(child: Child): RestartPlan<Child> {
    switch (this.#context.flags.strategy) {
      case 'oneForAll':
        return planOneForAll(this.#children, child);
      case 'restForOne':
        return planRestForOne(this.#children, child);
      case 'oneForOne':
      case 'simpleOneForOne':
        return planOneForOne(this.#children, child);
    }
  }

  /** Starts them one after the other up to the first that fails. */
  async #start(children: readonly Child[]): Promise<{ child: Child; reason: unknown } | null> {
    for (const child of children) {
      const result = await startChildProcess(this.#self, child.spec.start);
      if (result.kind === 'error') {
        this.#context.report('start_error', result.reason, child.spec.id, undefined);
        return { child, reason: result.reason };
      }
      this.#started(child, result);
    }
    return null;
  }

  #started(child: Child, result: StartResult): void {
    child.restarting = false;
    if (result.kind === 'ok') child.pid = result.pid;
    else if (child.restart === 'temporary') this.#forget(child);
  }

  /** Ends them in that order; what is temporary is not coming back. */
  async #end(children: readonly Child[]): Promise<void> {
    for (const child of children) {
      child.restarting = false;
      if (child.pid !== null) await this.#endOne(child, child.pid);
      child.pid = null;
      if (child.restart === 'temporary') this.#forget(child);
    }
  }

  async #endOne(child: Child, pid: Pid): Promise<void> {
    const { shutdown, id } = child.spec;
    const reason = await endChild(this.#self, pid, shutdown);
    if (isShutdownError(shutdown, child.restart, reason)) this.#context.report('shutdown_error', reason, id, pid);
  }

  #forget(child: Child): void {
    this.#children = this.#children.filter((one) => one !== child);
  }

  #find(id: unknown): Child | undefined {
    return this.#children.find((one) => equalTerms(one.spec.id, id));
  }

  /** By id, or by pid. */
  #findAny(id: unknown): Child | undefined {
    const found = this.#find(id);
    if (found !== undefined || !isPid(id)) return found;
    return this.#children.find((one) => one.pid !== null && samePid(one.pid, id));
  }

  async startChild(given: unknown): Promise<unknown> {
    let spec: CheckedSpec;
    try {
      spec = checkChildSpec(given, this.#context.flags.autoShutdown);
    } catch (error) {
      if (error instanceof ChildSpecError) return tuple2(ERROR, error.reason);
      throw error;
    }
    const known = this.#find(spec.id);
    if (known !== undefined) {
      return tuple2(ERROR, known.pid === null ? ALREADY_PRESENT : tuple2(ALREADY_STARTED, known.pid));
    }
    const child = new Child(spec);
    const result = await startChildProcess(this.#self, spec.start);
    if (result.kind === 'error') return tuple2(ERROR, tuple2(result.reason, childTerm(spec)));
    this.#children.push(child);
    this.#started(child, result);
    return readyTerm(result);
  }

  async restartChild(id: unknown): Promise<unknown> {
    const child = this.#find(id);
    if (child === undefined) return tuple2(ERROR, NOT_FOUND);
    if (child.restarting) return tuple2(ERROR, RESTARTING);
    if (child.pid !== null) return tuple2(ERROR, RUNNING);
    const result = await startChildProcess(this.#self, child.spec.start);
    if (result.kind === 'ok') child.pid = result.pid;
    return readyTerm(result);
  }

  async terminateChild(id: unknown): Promise<unknown> {
    const child = this.#findAny(id);
    if (child === undefined) return tuple2(ERROR, NOT_FOUND);
    await this.#end([child]);
    return OK;
  }

  deleteChild(id: unknown): unknown {
    const child = this.#find(id);
    if (child === undefined) return tuple2(ERROR, NOT_FOUND);
    if (child.active) return tuple2(ERROR, child.restarting ? RESTARTING : RUNNING);
    this.#forget(child);
    return OK;
  }

  childSpec(id: unknown): unknown {
    const child = this.#findAny(id);
    return child === undefined ? tuple2(ERROR, NOT_FOUND) : tuple2(OK, specTerm(child.spec));
  }

  whichChildren(): unknown[] {
    const list = this.#children.map(({ spec, pid, restarting }) =>
      tuple(spec.id, restarting ? RESTARTING : (pid ?? undefined), CHILD_TYPES.term(spec.type), spec.modules),
    );
    return list.reverse();
  }

  countChildren(): ChildCounts {
    const alive = this.#children.filter(({ pid }) => pid !== null && this.#context.isAlive(pid)).length;
    const supervisors = this.#children.filter(({ spec }) => spec.type === 'supervisor').length;
    return {
      specs: this.#children.length,
      active: alive,
      supervisors,
      workers: this.#children.length - supervisors,
    };
  }
}

/** `{ok, Pid}`, `{ok, Pid, Info}`, `{ok, undefined}` for ignore, `{error, Reason}`. */
export function readyTerm(result: StartResult): unknown {
  return result.kind === 'ignore' ? tuple2(OK, undefined) : startTerm(result);
}

/** OTP's record of a child that has no process, as it stands in the reason of a start that failed. */
function childTerm(spec: CheckedSpec): unknown {
  return tuple(
    CHILD,
    undefined,
    spec.id,
    startTermOf(spec.start),
    RESTARTS.term(spec.restart),
    spec.significant,
    shutdownTerm(spec.shutdown),
    CHILD_TYPES.term(spec.type),
    spec.modules,
  );
}
