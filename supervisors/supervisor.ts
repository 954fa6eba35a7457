/**
 * A supervisor: a process that starts its children in order, starts them again when they end, and ends them in reverse order, after OTP's supervisor.
 *
 * ```ts
 * const tree = await Supervisor.startLink({
 *   strategy: 'oneForOne',
 *   children: [Counter.childSpec(0), { id: 'ticker', start: (self) => self.spawnLink(ticker) }],
 * });
 * ```
 *
 * or as a class whose `init(args)` returns the flags and children. A start function must give a process that is linked to the supervisor.
 * More than `intensity` restarts within `periodMs` end the supervisor, with reason `shutdown`, and leave it to its own supervisor.
 *
 * Source: OTP 25, supervisor(3).
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, IGNORE } from './atoms.ts';
import { callServer } from './call.ts';
import { inProcess, type CallerOptions } from './caller.ts';
import { checkChildSpecs, type AutoShutdown, type ChildSpec, type StartPlace } from './child-spec.ts';
import { SupervisorError } from './errors.ts';
import type { MaybePromise, ServerRef } from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { parkStart } from './parked-starts.ts';
import { runServer } from './server-process.ts';
import { startClass, type RunnableClass } from './start-class.ts';
import { pidOf, type Starter, type StartOptions } from './start.ts';
import {
  COUNT_CHILDREN,
  DELETE_CHILD,
  GET_CHILDSPEC,
  RESTART_CHILD,
  START_CHILD,
  SupervisorProcess,
  TERMINATE_CHILD,
  WHICH_CHILDREN,
} from './supervisor-process.ts';
import type { SupervisorInit } from './supervisor-flags.ts';
import { stopServer } from './system.ts';

/** One child as `whichChildren` lists it; `id` undefined for the children of a `simpleOneForOne`. */
export interface ChildInfo {
  readonly id: unknown;
  readonly pid: Pid | undefined;
  readonly state: 'running' | 'stopped' | 'restarting';
  readonly type: 'worker' | 'supervisor';
  readonly modules: unknown;
}

export interface ChildCount {
  readonly specs: number;
  readonly active: number;
  readonly supervisors: number;
  readonly workers: number;
}

/** What init takes; of the class as it stands, which infers as unknown, flags and children. */
type ArgsOf<S> = S extends Supervisor<infer A> ? (unknown extends A ? SupervisorInit : A) : never;

/** A supervisor class: constructed without arguments, once per process. */
export interface SupervisorClass<S extends Supervisor<unknown> = Supervisor<unknown>> extends RunnableClass {
  new (): S;
}

type StartArguments<A> = undefined extends A ? [args?: A, options?: StartOptions] : [args: A, options?: StartOptions];

export class Supervisor<Args = SupervisorInit> {
  /** What `init` returns when there is nothing to supervise: `startLink` rejects with `ignore`. */
  static readonly ignore: Atom = IGNORE;

  /** Called first, in the new process. As it stands, the argument is the answer. */
  init(args: Args): MaybePromise<SupervisorInit | Atom> {
    return args as SupervisorInit;
  }

  /**
   * Starts a supervisor linked to the caller and resolves when all its children have started. From outside any process: without a link.
   *
   * @throws StartError (rejects): `start_failed` with OTP's reasons (`{shutdown, {failed_to_start_child, Id, Why}}`, `{start_spec, _}`,
   * `{supervisor_data, _}`), `already_started`, `ignore`. Children that had started are ended again.
   */
  static startLink<T extends SupervisorClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<Pid> {
    return inProcess(options?.self, async (self, outside) =>
      pidOf(this.name, await startClass(self, this, args, options, !outside)),
    );
  }

  /** @internal runs an instance in the process `self`, which was made for it */
  static runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void> {
    return runServer(self, new SupervisorProcess(self, new this<unknown>()), args, starter, name);
  }

  /** The spec of this supervisor as a child of another. Its id is the name of the class. */
  static childSpec<T extends SupervisorClass>(
    this: T,
    args: ArgsOf<InstanceType<T>>,
    spec: Partial<ChildSpec> = {},
    options: StartPlace = {},
  ): ChildSpec {
    return { id: this.name, start: { server: this, args, ...options }, type: 'supervisor', ...spec };
  }

  /**
   * Adds a child and starts it; with `simpleOneForOne` use `startDynamicChild`. Resolves to undefined when its start was ignored. A spec with a
   * function or a class is for supervisors of the caller's thread; others need a module start.
   *
   * @throws SupervisorError (rejects): `already_started` (with `pid`), `already_present`, `bad_child_spec`, `start_failed`; CallError
   */
  static startChild(supervisor: ServerRef, spec: ChildSpec, options?: CallerOptions): Promise<Pid | undefined> {
    return inProcess(options?.self, async (self) => {
      checkChildSpecs([spec], null);
      const { sent, release } = parkStart(self, supervisor, spec);
      try {
        return readPid('startChild', await ask(self, supervisor, tuple2(START_CHILD, sent)));
      } finally {
        release();
      }
    });
  }

  /** Starts a child of a `simpleOneForOne` from its template and these arguments. @throws SupervisorError, CallError */
  static startDynamicChild(
    supervisor: ServerRef,
    args: readonly unknown[] = [],
    options?: CallerOptions,
  ): Promise<Pid | undefined> {
    return inProcess(options?.self, async (self) =>
      readPid('startDynamicChild', await ask(self, supervisor, tuple2(START_CHILD, args))),
    );
  }

  /** Ends a child, by id (of a `simpleOneForOne`: by pid). Its spec stays unless it is temporary. @throws SupervisorError `not_found` */
  static terminateChild(supervisor: ServerRef, id: unknown, options?: CallerOptions): Promise<void> {
    return inProcess(options?.self, async (self) =>
      readOk('terminateChild', await ask(self, supervisor, tuple2(TERMINATE_CHILD, id))),
    );
  }

  /** Starts a child that has no process. @throws SupervisorError `not_found`, `running`, `restarting`, `start_failed` */
  static restartChild(supervisor: ServerRef, id: unknown, options?: CallerOptions): Promise<Pid | undefined> {
    return inProcess(options?.self, async (self) =>
      readPid('restartChild', await ask(self, supervisor, tuple2(RESTART_CHILD, id))),
    );
  }

  /** Forgets the spec of a child that has no process. @throws SupervisorError `not_found`, `running`, `restarting` */
  static deleteChild(supervisor: ServerRef, id: unknown, options?: CallerOptions): Promise<void> {
    return inProcess(options?.self, async (self) =>
      readOk('deleteChild', await ask(self, supervisor, tuple2(DELETE_CHILD, id))),
    );
  }

  /** The children, last started first. */
  static whichChildren(supervisor: ServerRef, options?: CallerOptions): Promise<ChildInfo[]> {
    return inProcess(options?.self, async (self) => {
      const list = (await ask(self, supervisor, WHICH_CHILDREN)) as (readonly unknown[])[];
      return list.map(readChild);
    });
  }

  static countChildren(supervisor: ServerRef, options?: CallerOptions): Promise<ChildCount> {
    return inProcess(options?.self, async (self) => {
      const list = (await ask(self, supervisor, COUNT_CHILDREN)) as (readonly [Atom, number])[];
      return Object.fromEntries(list.map(([name, count]) => [name.name, count])) as unknown as ChildCount;
    });
  }

  /** The spec of a child as OTP's map, a struct: `start` and words are terms. @throws SupervisorError `not_found` */
  static getChildSpec(supervisor: ServerRef, id: unknown, options?: CallerOptions): Promise<object> {
    return inProcess(options?.self, async (self) => {
      const answer = await ask(self, supervisor, tuple2(GET_CHILDSPEC, id));
      return readAnswer('getChildSpec', answer)[1] as object;
    });
  }

  /** Checks specs without a supervisor. @throws ChildSpecError `bad_child_spec` */
  static checkChildSpecs(specs: readonly unknown[], autoShutdown: AutoShutdown | null = null): void {
    checkChildSpecs(specs, autoShutdown);
  }

  /** Ends a supervisor and its children, last started first; resolves when all are gone. @throws CallError `noproc`, `timeout`, `exit` */
  static stop(
    supervisor: ServerRef,
    reason?: unknown,
    options?: CallerOptions & { readonly timeoutMs?: number },
  ): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, supervisor, reason, options?.timeoutMs ?? Infinity));
  }
}

function ask(self: Self, supervisor: ServerRef, request: unknown): Promise<unknown> {
  return callServer(self, supervisor, request, Infinity);
}

const UNDEFINED_STATES: ReadonlyMap<unknown, ChildInfo['state']> = new Map([
  [undefined, 'stopped'],
  [nameAtom('restarting'), 'restarting'],
]);

function readChild(entry: readonly unknown[]): ChildInfo {
  const [id, process, type, modules] = entry;
  const pid = isPid(process) ? process : undefined;
  const state = pid === undefined ? (UNDEFINED_STATES.get(process) ?? 'stopped') : 'running';
  return { id, pid, state, type: String(type) as ChildInfo['type'], modules };
}

function readAnswer(what: string, answer: unknown): readonly unknown[] {
  if (!isTagged(answer, ERROR, 2)) return Array.isArray(answer) ? answer : [answer];
  const reason = answer[1];
  const pid = isTagged(reason, ALREADY_STARTED, 2) && isPid(reason[1]) ? reason[1] : undefined;
  const code = pid !== undefined ? 'already_started' : REFUSALS.has(reason) ? String(reason) : 'start_failed';
  throw new SupervisorError(code, what, reason, pid);
}

const ALREADY_STARTED = nameAtom('already_started');
const REFUSALS: ReadonlySet<unknown> = new Set(
  [
    'already_present',
    'not_found',
    'running',
    'restarting',
    'simple_one_for_one',
    'notsup',
    'badarg',
    'max_children',
  ].map((name) => nameAtom(name)),
);

function readPid(what: string, answer: unknown): Pid | undefined {
  const pid = readAnswer(what, answer)[1];
  return isPid(pid) ? pid : undefined;
}

function readOk(what: string, answer: unknown): void {
  readAnswer(what, answer);
}
