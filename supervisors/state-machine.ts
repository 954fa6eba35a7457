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
import { ProcessError } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { GEN_CALL } from './atoms.ts';
import { Behaviour, type AnyBehaviour, type BehaviourClass, type CallOptions, type InstanceOf } from './behaviour.ts';
import { createCallError, requestReply, serverTerm, timeoutTerm } from './call.ts';
import { inProcess } from './caller.ts';
import type {
  AnyCall,
  Call,
  CallsOf,
  MaybePromise,
  ReplyTo,
  RequestOf,
  ServerOf,
  ServerRef,
} from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { runServer } from './server-process.ts';
import type { Starter } from './start.ts';
import { StateMachineProcess, type MachineCallbacks } from './state-machine-process.ts';
import type { AnyEvent, EnterResult, MachineEvent, MachineInit, StepResult } from './state-machine-types.ts';

/** A function per state, called with the machine as `this`. */
export type StateFunctions<State, Data, Event> = {
  readonly [Name in State & string]: (event: Event, data: Data) => MaybePromise<StepResult<State, Data>>;
};

/** A machine class: constructed without arguments, once per process. */
export type MachineClass<Machine extends AnyBehaviour = AnyBehaviour> = BehaviourClass<Machine>;

const MODULE: Atom = nameAtom('gen_statem');
const CALL: Atom = nameAtom('call');

export class GenStateMachine<
  State = unknown,
  Data = unknown,
  Requests extends AnyCall = Call<unknown, unknown>,
  Cast = unknown,
  Info = unknown,
  InitArgs = void,
> extends Behaviour<Requests, Cast, InitArgs> {
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
    Behaviour.enter(machine, self);
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

  /**
   * Sends a request and resolves to the reply. Waits for ever unless `timeoutMs` is given, as gen_statem does.
   *
   * @throws CallError (rejects): `noproc`, `timeout`, `noconnection`, `calling_self`, `exit`
   */
  static override call<
    T,
    Ref extends ServerRef,
    const Request extends RequestOf<CallsOf<ServerOf<Ref, InstanceOf<T>>>>,
  >(
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
}

function notImplemented(machine: object, callback: string): Error {
  return new ProcessError([machine.constructor.name, callback]);
}
