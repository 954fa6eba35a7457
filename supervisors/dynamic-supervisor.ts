/**
 * A supervisor of children that are started on demand, each from its own spec, with a bound on how many there may be.
 *
 * ```ts
 * const rooms = await DynamicSupervisor.startLink({ maxChildren: 100 });
 * const room = await DynamicSupervisor.startChild(rooms, Room.childSpec('lobby', { restart: 'transient' }));
 * ```
 *
 * Children are known by their pids; ids say nothing. When it ends, all children are ended at once, each within its own shutdown time. More than `intensity`
 * restarts within `periodMs` (default 3 in 5 s) end it with `shutdown`.
 *
 * Source: Elixir 1.14, DynamicSupervisor.
 */
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { tuple2 } from '../runtime/term/tuple.ts';
import { IGNORE } from './atoms.ts';
import { BoundedChildren } from './bounded-children.ts';
import { inProcess, type CallerOptions } from './caller.ts';
import type { ChildSpec, StartPlace } from './child-spec.ts';
import { ChildSpecError } from './errors.ts';
import type { MaybePromise, ServerRef } from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { runServer } from './server-process.ts';
import { startClass, type RunnableClass } from './start-class.ts';
import { pidOf, type Starter, type StartOptions } from './start.ts';
import { SupervisorProcess, type KeeperMaker } from './supervisor-process.ts';
import { checkFlags } from './supervisor-flags.ts';
import { Supervisor, type ChildCount, type ChildInfo } from './supervisor.ts';

export interface DynamicSupervisorInit {
  /** A start beyond that is refused with `max_children`. Default: no bound. */
  readonly maxChildren?: number;
  /** Given to every start before its own arguments; a class, which has one argument, gets the list of all. */
  readonly extraArguments?: readonly unknown[];
  /** Default 3. */
  readonly intensity?: number;
  /** Default 5000. */
  readonly periodMs?: number;
}

type ArgsOf<S> = S extends DynamicSupervisor<infer A> ? (unknown extends A ? DynamicSupervisorInit : A) : never;

/** A dynamic supervisor class: constructed without arguments, once per process. */
export interface DynamicSupervisorClass<
  S extends DynamicSupervisor<unknown> = DynamicSupervisor<unknown>,
> extends RunnableClass {
  new (): S;
}

export class DynamicSupervisor<Args = DynamicSupervisorInit | undefined> {
  /** What `init` returns when there is nothing to supervise: `startLink` rejects with `ignore`. */
  static readonly ignore: Atom = IGNORE;

  /** Called first, in the new process. As it stands, the argument is the answer. */
  init(args: Args): MaybePromise<DynamicSupervisorInit | Atom> {
    return (args ?? {}) as DynamicSupervisorInit;
  }

  /** Starts one linked to the caller. From outside any process: without a link. @throws StartError (rejects) */
  static startLink<T extends DynamicSupervisorClass>(
    this: T,
    args?: ArgsOf<InstanceType<T>>,
    options?: StartOptions,
  ): Promise<Pid> {
    return inProcess(options?.self, async (self, outside) =>
      pidOf(this.name, await startClass(self, this, args, options, !outside)),
    );
  }

  /** @internal runs an instance in the process `self`, which was made for it */
  static runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void> {
    const own = new this<unknown>();
    const init = async (given: unknown): Promise<unknown> => {
      const returned = await own.init(given);
      return returned === IGNORE ? IGNORE : { ...(returned as DynamicSupervisorInit), children: [] };
    };
    return runServer(
      self,
      new SupervisorProcess(self, { init, name: this.name }, makeBoundedKeeper),
      args,
      starter,
      name,
    );
  }

  /** The spec of this supervisor as a child of another. Its id is the name of the class. */
  static childSpec<T extends DynamicSupervisorClass>(
    this: T,
    args?: ArgsOf<InstanceType<T>>,
    spec: Partial<ChildSpec> = {},
    options: StartPlace = {},
  ): ChildSpec {
    return { id: this.name, start: { server: this, args, ...options }, type: 'supervisor', ...spec };
  }

  /**
   * Starts a child. Resolves to undefined when its start was ignored.
   *
   * @throws SupervisorError (rejects): `max_children`, `already_started`, `start_failed`; ChildSpecError; CallError
   */
  static startChild(supervisor: ServerRef, spec: ChildSpec, options?: CallerOptions): Promise<Pid | undefined> {
    return Supervisor.startChild(supervisor, spec, options);
  }

  /** Ends a child for good. @throws SupervisorError (rejects) `not_found` */
  static terminateChild(supervisor: ServerRef, pid: Pid, options?: CallerOptions): Promise<void> {
    return Supervisor.terminateChild(supervisor, pid, options);
  }

  static whichChildren(supervisor: ServerRef, options?: CallerOptions): Promise<ChildInfo[]> {
    return Supervisor.whichChildren(supervisor, options);
  }

  static countChildren(supervisor: ServerRef, options?: CallerOptions): Promise<ChildCount> {
    return Supervisor.countChildren(supervisor, options);
  }

  /** Ends it and its children; resolves when all are gone. @throws CallError `noproc`, `timeout`, `exit` */
  static stop(
    supervisor: ServerRef,
    reason?: unknown,
    options?: CallerOptions & { readonly timeoutMs?: number },
  ): Promise<void> {
    return Supervisor.stop(supervisor, reason, options);
  }
}

const SUPERVISOR_DATA: Atom = nameAtom('supervisor_data');

const makeBoundedKeeper: KeeperMaker = ({ flags: given }, createContext) => {
  try {
    const {
      maxChildren = Infinity,
      extraArguments = [],
      intensity = 3,
      periodMs = 5000,
      ...rest
    } = given as DynamicSupervisorInit;
    const flags = checkFlags({ intensity, periodMs, ...rest });
    if (flags.strategy !== 'oneForOne') {
      throw fieldError('strategy', flags.strategy, "'oneForOne', the only one of a dynamic supervisor");
    }
    if (maxChildren !== Infinity && !(Number.isInteger(maxChildren) && maxChildren >= 0)) {
      throw fieldError('maxChildren', maxChildren, 'a whole number >= 0, or Infinity');
    }
    if (!Array.isArray(extraArguments)) throw fieldError('extraArguments', extraArguments, 'a list');
    return { keeper: new BoundedChildren(createContext(flags), maxChildren, extraArguments) };
  } catch (error) {
    if (error instanceof ChildSpecError) return { failed: tuple2(SUPERVISOR_DATA, error.reason) };
    throw error;
  }
};

function fieldError(field: string, found: unknown, right: string): ChildSpecError {
  const message = `dynamic supervisor: ${field} is ${describeTerm(found)}; it must be ${right}`;
  const snake = field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return new ChildSpecError('bad_supervisor_flags', field, message, tuple2(nameAtom(`invalid_${snake}`), found));
}
