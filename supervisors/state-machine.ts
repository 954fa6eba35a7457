/**
 * A state machine: a process that handles events by what state it is in, after OTP's gen_statem.
 *
 * ```ts
 * type DoorCall = Call<'open' | 'close', 'ok'>;
 *
 * class Door extends GenStateMachine<'opened' | 'closed', { openings: number }, DoorCall> {
 *   override init() {
 *     return Transition.start('closed' as const, { openings: 0 });
 *   }
 *   override handleEvent(event: MachineEvent<DoorCall>, state: 'opened' | 'closed', data: { openings: number }) {
 *     if (event.kind === 'stateTimeout') return Transition.next('closed' as const, data);
 *     if (event.kind !== 'call' || event.request === 'close') return Transition.keepAll([Action.postpone()]);
 *     const actions = [Action.reply(event.from, 'ok' as const), Action.stateTimeout(30_000)];
 *     return Transition.next('opened' as const, { openings: data.openings + 1 }, actions);
 *   }
 * }
 * ```
 *
 * Either `handleEvent` handles all, or `states` has a function per state. A machine with `handleEnter` is told of each state that it enters, the first
 * too. Callbacks may be async; while one is awaited the machine handles nothing else. Erlang's `gen_statem:call` and `cast` work on it, and
 * ours on a gen_statem.
 *
 * Source: OTP 25, gen_statem(3).
 */
import { BadArgumentError } from '../runtime/errors.ts';
import { ProcessError } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { GEN_CALL } from './atoms.ts';
import { castServer, createCallError, replyTo, requestReply, serverTerm, timeoutTerm } from './call.ts';
import { inProcess, requireCaller, withCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec, ClassStart } from './child-spec.ts';
import type { CallOptions } from './gen-server.ts';
import type {
  AnyCall,
  ArgsOf,
  Call,
  CallsOf,
  CastsOf,
  From,
  MaybePromise,
  ReplyTo,
  RequestOf,
  ServerOf,
  ServerPid,
  ServerRef,
  ServerTypes,
} from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { runServer } from './server-process.ts';
import { startClass, startMonitored, type Monitored, type RunnableClass } from './start-class.ts';
import { pidOf, type StartArguments, type Starter, type StartOptions } from './start.ts';
import { StateMachineProcess, type MachineCallbacks } from './state-machine-process.ts';
import type { AnyEvent, EnterResult, MachineEvent, MachineInit, StepResult } from './state-machine-types.ts';
import { stopServer } from './system.ts';

/** A function per state, called with the machine as `this`. */
export type StateFunctions<State, Data, Event> = {
  readonly [Name in State & string]: (event: Event, data: Data) => MaybePromise<StepResult<State, Data>>;
};

interface AnyMachine {
  readonly '~types': ServerTypes<AnyCall, unknown, unknown>;
}

/** A machine class: constructed without arguments, once per process. */
export interface MachineClass<Machine extends AnyMachine = AnyMachine> extends RunnableClass {
  new (): Machine;
}

type InstanceOf<T> = T extends new () => infer Machine ? Machine : AnyMachine;

const MODULE: Atom = nameAtom('gen_statem');
const CALL: Atom = nameAtom('call');

export class GenStateMachine<
  State = unknown,
  Data = unknown,
  Requests extends AnyCall = Call<unknown, unknown>,
  Cast = unknown,
  Info = unknown,
  InitArgs = void,
> {
  /** @internal names the types for inference; nothing at run time */
  declare readonly '~types': ServerTypes<Requests, Cast, InitArgs>;
  #self: Self | null = null;

  /** The machine's own process. */
  protected get self(): Self {
    if (this.#self === null)
      throw new BadArgumentError('a machine has a self from its init on, not in its constructor');
    return this.#self;
  }

  /** A function per state, instead of `handleEvent`; for states that are strings. */
  readonly states?: StateFunctions<State, Data, MachineEvent<Requests, Cast, Info>>;

  /** Called first, in the new process; the starter waits for it. */
  init(_args: InitArgs): MaybePromise<MachineInit<State, Data>> {
    throw notImplemented(this, 'init');
  }

  handleEvent(
    event: MachineEvent<Requests, Cast, Info>,
    state: State,
    data: Data,
  ): MaybePromise<StepResult<State, Data>> {
    const states = this.states as Record<string, (event: unknown, data: Data) => unknown> | undefined;
    const found = states !== undefined && typeof state === 'string' && Object.hasOwn(states, state);
    if (!found) throw notImplemented(this, states === undefined ? 'handleEvent' : `states.${String(state)}`);
    return states[state]?.call(this, event, data) as MaybePromise<StepResult<State, Data>>;
  }

  /** The state is entered, from `oldState` (at the start: from itself). It may set timeouts and reply, not go elsewhere. */
  handleEnter?(oldState: State, state: State, data: Data): MaybePromise<EnterResult<Data>>;

  /** The machine is about to end. Not called when it is killed, or does not trap exits and a linked process ends. */
  terminate(_reason: unknown, _state: State, _data: Data): unknown {
    return undefined;
  }

  /** @internal runs an instance in the process `self`, which was made for it */
  static runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void> {
    const machine = new this<unknown, unknown, AnyCall, unknown, unknown, unknown>();
    machine.#self = self;
    const { handleEnter } = machine;
    const callbacks: MachineCallbacks = {
      name: this.name,
      init: (given) => machine.init(given),
      onEvent: (event: AnyEvent, state, data) => machine.handleEvent(event as never, state, data),
      onEnter: handleEnter === undefined ? null : handleEnter.bind(machine),
      terminate: (reason, state, data) => machine.terminate(reason, state, data),
    };
    return runServer(self, new StateMachineProcess(self, callbacks), args, starter, name);
  }

  /** The spec of this machine as a child of a supervisor. Its id is the name of the class. */
  static childSpec<T extends MachineClass>(
    this: T,
    args: ArgsOf<InstanceType<T>>,
    spec: Partial<ChildSpec> = {},
    options: Pick<ClassStart, 'name' | 'thread'> = {},
  ): ChildSpec {
    return { id: this.name, start: { server: this, args, ...options }, ...spec };
  }

  /** Starts a machine linked to the caller and resolves when its init has returned. From outside any process: as `start`. @throws StartError (rejects) */
  static startLink<T extends MachineClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<ServerPid<InstanceType<T>>> {
    return startForPid(this, args, options, true) as Promise<ServerPid<InstanceType<T>>>;
  }

  /** As `startLink`, without link. */
  static start<T extends MachineClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<ServerPid<InstanceType<T>>> {
    return startForPid(this, args, options, false) as Promise<ServerPid<InstanceType<T>>>;
  }

  /** As `start`, with a monitor that the caller holds. Only in a process. */
  static startMonitor<T extends MachineClass>(
    this: T,
    ...[args, options]: StartArguments<ArgsOf<InstanceType<T>>>
  ): Promise<Monitored<ServerPid<InstanceType<T>>>> {
    const self = requireCaller(options?.self, 'GenStateMachine.startMonitor');
    return startMonitored(self, this, args, options) as Promise<Monitored<ServerPid<InstanceType<T>>>>;
  }

  /**
   * Sends a request and resolves to the reply. Waits for ever unless `timeoutMs` is given, as gen_statem does.
   *
   * @throws CallError (rejects): `noproc`, `timeout`, `noconnection`, `calling_self`, `exit`
   */
  static call<T, Ref extends ServerRef, const Request extends RequestOf<CallsOf<ServerOf<Ref, InstanceOf<T>>>>>(
    this: T,
    machine: Ref,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyTo<CallsOf<ServerOf<Ref, InstanceOf<T>>>, Request>> {
    type Reply = ReplyTo<CallsOf<ServerOf<Ref, InstanceOf<T>>>, Request>;
    const timeoutMs = options?.timeoutMs ?? Infinity;
    return inProcess(options?.self, (self) =>
      requestReply(self, machine, GEN_CALL, request, timeoutMs, (failed) => {
        const args = [serverTerm(machine), request, timeoutTerm(timeoutMs)];
        return createCallError(failed, machine, { module: MODULE, fn: CALL, args }, timeoutMs);
      }),
    ) as Promise<Reply>;
  }

  /** Sends an event that is not answered. Never fails for want of a receiver. @throws `not_sendable` */
  static cast<T, Ref extends ServerRef>(
    this: T,
    machine: Ref,
    message: CastsOf<ServerOf<Ref, InstanceOf<T>>>,
    options?: CallerOptions,
  ): void {
    withCaller(options?.self, (self) => castServer(self, machine, message));
  }

  /** Answers a call; from any process. In the machine itself, `Action.reply` does. */
  static reply<Reply>(from: From<Reply>, reply: Reply, options?: CallerOptions): void {
    withCaller(options?.self, (self) => replyTo(self, from, reply));
  }

  /** Tells a machine to stop, and resolves when it has ended. @throws CallError (rejects): `noproc`, `timeout`, `exit` */
  static stop(machine: ServerRef, reason?: unknown, options?: CallOptions): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, machine, reason, options?.timeoutMs ?? Infinity));
  }
}

function startForPid(
  machine: MachineClass,
  args: unknown,
  options: StartOptions | undefined,
  link: boolean,
): Promise<unknown> {
  return inProcess(options?.self, async (self, outside) =>
    pidOf(machine.name, await startClass(self, machine, args, options, link && !outside)),
  );
}

function notImplemented(machine: object, callback: string): Error {
  return new ProcessError([machine.constructor.name, callback]);
}
