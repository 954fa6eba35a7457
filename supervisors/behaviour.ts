/**
 * What the classes of servers and of state machines have in common: how they are started and stopped, cast to and answered. Typed from the class on,
 * by the `~types` that it names.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import type { Self } from '../runtime/process/self.ts';
import { castServer, replyTo } from './call.ts';
import { inProcess, requireCaller, withCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec, StartPlace } from './child-spec.ts';
import type {
  AnyCall,
  ArgsOf,
  CastsOf,
  From,
  ServerOf,
  ServerPid,
  ServerRef,
  ServerTypes,
} from './gen-server-types.ts';
import { startClass, startMonitored, type Monitored, type RunnableClass } from './start-class.ts';
import { pidOf, type StartArguments, type StartOptions } from './start.ts';
import { stopServer } from './system.ts';

export interface CallOptions extends CallerOptions {
  /** How long to wait for the reply; default 5000 (of a state machine: for ever), Infinity for ever. */
  readonly timeoutMs?: number;
}

export interface AnyBehaviour {
  readonly '~types': ServerTypes<AnyCall, unknown, unknown>;
}

/** A class of servers or machines: constructed without arguments, once per process. */
export interface BehaviourClass<B extends AnyBehaviour = AnyBehaviour> extends RunnableClass {
  new (): B;
}

export type InstanceOf<T> = T extends new () => infer B ? B : AnyBehaviour;

export class Behaviour<Requests extends AnyCall, Cast, InitArgs> {
  /** @internal names the types for inference; nothing at run time */
  declare readonly '~types': ServerTypes<Requests, Cast, InitArgs>;
  #self: Self | null = null;

  /** Its own process. */
  protected get self(): Self {
    if (this.#self !== null) return this.#self;
    throw new BadArgumentError(`${this.constructor.name} has a self from its init on, not in its constructor`);
  }

  /** @internal says which process an instance runs in */
  static enter(instance: Behaviour<AnyCall, unknown, unknown>, self: Self): void {
    instance.#self = self;
  }

  /** The spec as a child of a supervisor. Its id is the name of the class. */
  static childSpec<T extends BehaviourClass>(
    this: T,
    args: ArgsOf<InstanceType<T>>,
    spec: Partial<ChildSpec> = {},
    options: StartPlace = {},
  ): ChildSpec {
    return { id: this.name, start: { server: this, args, ...options }, ...spec };
  }

  /**
   * Starts one linked to the caller and resolves when its init has returned. From outside any process: as `start`.
   *
   * @throws StartError (rejects): `already_started`, `ignore`, `timeout`, `start_failed`. The link works too: a caller that does not trap exits
   * ends with the reason when init fails.
   */
  static startLink<T extends BehaviourClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<ServerPid<InstanceType<T>>> {
    return startForPid(this, args, options, true) as Promise<ServerPid<InstanceType<T>>>;
  }

  /** As `startLink`, without link. */
  static start<T extends BehaviourClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<ServerPid<InstanceType<T>>> {
    return startForPid(this, args, options, false) as Promise<ServerPid<InstanceType<T>>>;
  }

  /**
   * As `start`, with a monitor that the caller holds from before it could end: its DOWN has its own reason. Only in a process.
   *
   * @throws StartError (rejects), `badarg`
   */
  static startMonitor<T extends BehaviourClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<Monitored<ServerPid<InstanceType<T>>>> {
    const self = requireCaller(options?.self, `${this.name}.startMonitor`);
    return startMonitored(self, this, args, options) as Promise<Monitored<ServerPid<InstanceType<T>>>>;
  }

  /** Sends what is not answered. Never fails for want of a receiver. @throws `not_sendable` */
  static cast<T, Ref extends ServerRef>(
    this: T,
    server: Ref,
    message: CastsOf<ServerOf<Ref, InstanceOf<T>>>,
    options?: CallerOptions,
  ): void {
    withCaller(options?.self, (self) => castServer(self, server, message));
  }

  /** Answers a call that its callback did not answer; from any process. In a machine itself, `Action.reply` does. */
  static reply<Reply>(from: From<Reply>, reply: Reply, options?: CallerOptions): void {
    withCaller(options?.self, (self) => replyTo(self, from, reply));
  }

  /**
   * Tells one to stop with `reason` (default `normal`), after what is in its mailbox, and resolves when it has ended.
   *
   * @throws CallError (rejects): `noproc`; `timeout`: it will stop when it gets there; `exit`: it ended with another reason
   */
  static stop(server: ServerRef, reason?: unknown, options?: CallOptions): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, server, reason, options?.timeoutMs ?? Infinity));
  }
}

function startForPid(
  behaviour: RunnableClass,
  args: unknown,
  options: StartOptions | undefined,
  link: boolean,
): Promise<unknown> {
  return inProcess(options?.self, async (self, outside) =>
    pidOf(behaviour.name, await startClass(self, behaviour, args, options, link && !outside)),
  );
}
