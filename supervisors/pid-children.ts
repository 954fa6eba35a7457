/**
 * Children that are known by their pids only: what `simpleOneForOne` and the dynamic supervisor have in common. A child that failed to restart is kept
 * under the pid that it had until a later try succeeds. All are ended at once, each within its own shutdown time.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { tuple } from '../runtime/term/tuple.ts';
import type { KeeperContext } from './child-keeper.ts';
import { CHILD_TYPES, type CheckedSpec } from './child-spec.ts';
import { planExit } from './plan.ts';
import { isEndReported, TOO_MANY_RESTARTS } from './report.ts';
import { endChildren, startChildProcess } from './start-child.ts';
import type { StartResult } from './start.ts';

const RESTARTING: Atom = nameAtom('restarting');

interface PidChild {
  /** While it is being restarted: the pid that it had. */
  readonly pid: Pid;
  readonly spec: CheckedSpec;
  /** What its start gets besides. */
  readonly extra: readonly unknown[];
  readonly restarting: boolean;
}

export class PidChildren {
  protected readonly self: Self;
  protected readonly context: KeeperContext;
  protected readonly children: Map<string, PidChild> = new Map();

  constructor(context: KeeperContext) {
    this.self = context.self;
    this.context = context;
  }

  async startAll(): Promise<unknown> {
    return null;
  }

  async endAll(): Promise<void> {
    const running = [...this.children.values()].filter((child) => !child.restarting);
    this.children.clear();
    await endChildren(
      this.self,
      running.map(({ pid, spec }) => ({ pid, shutdown: spec.shutdown })),
      () => this.context.now(),
    );
  }

  async onExit(pid: Pid, reason: unknown): Promise<boolean> {
    const child = this.children.get(pid.key);
    if (child === undefined || child.restarting) return false;
    const { restart } = child.spec;
    if (isEndReported(restart, reason)) this.context.report('child_terminated', reason, child.spec.id, pid);
    const plan = planExit([], { restart, significant: false, active: false }, reason, 'never');
    if (plan.child === 'restart') return this.#restart(child);
    this.children.delete(pid.key);
    return false;
  }

  async tryAgain(id: unknown): Promise<boolean> {
    const child = isPid(id) ? this.children.get(id.key) : undefined;
    return child?.restarting === true ? this.#restart(child) : false;
  }

  async #restart(child: PidChild): Promise<boolean> {
    const { pid, spec, extra } = child;
    this.children.delete(pid.key);
    if (this.context.isTooMany()) {
      this.context.report('shutdown', TOO_MANY_RESTARTS, spec.id, pid);
      return true;
    }
    const result = await startChildProcess(this.self, spec.start, extra);
    if (result.kind === 'ok') this.#keep(result.pid, spec, extra, false);
    else if (result.kind === 'error') {
      this.context.report('start_error', result.reason, spec.id, undefined);
      this.#keep(pid, spec, extra, true);
      this.context.tryAgainLater(pid);
    }
    return false;
  }

  #keep(pid: Pid, spec: CheckedSpec, extra: readonly unknown[], restarting: boolean): void {
    this.children.set(pid.key, { pid, spec, extra, restarting });
  }

  protected async add(spec: CheckedSpec, extra: readonly unknown[]): Promise<StartResult> {
    const result = await startChildProcess(this.self, spec.start, extra);
    if (result.kind === 'ok') this.#keep(result.pid, spec, extra, false);
    return result;
  }

  whichChildren(): unknown[] {
    return [...this.children.values()].map(({ pid, spec, restarting }) =>
      tuple(undefined, restarting ? RESTARTING : pid, CHILD_TYPES.term(spec.type), spec.modules),
    );
  }
}
