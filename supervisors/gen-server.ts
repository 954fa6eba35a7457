/**
 * A server: a process that owns a state and answers calls and casts one at a time, after OTP's gen_server.
 *
 * ```ts
 * type CounterCall = Call<'get', number> | Call<{ add: number }, number>;
 *
 * class Counter extends GenServer<number, CounterCall> {
 *   override init(): InitResult<number> {
 *     return Next.ok(0);
 *   }
 *   override handleCall(request: RequestOf<CounterCall>, _from: From, count: number): CallResult<number, number> {
 *     if (request === 'get') return Next.reply(count, count);
 *     return Next.reply(count + request.add, count + request.add);
 *   }
 * }
 *
 * const counter = await Counter.startLink();
 * await GenServer.call(counter, { add: 2 }); // number
 * ```
 *
 * Callbacks may be async; while one is awaited the server handles nothing else. The state goes in and comes out of callbacks: what a callback
 * that failed had in mind is lost. Calls wait 5 s by default and end with the server, so do not call yourself, and answer later
 * (`Next.noreply`, then `GenServer.reply`) when an answer takes long.
 *
 * Source: OTP 25, gen_server(3).
 */
import { ProcessError } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import type { Process } from '../runtime/process/process.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Pid } from '../runtime/term/pid.ts';
import { Behaviour, type BehaviourClass, type CallOptions, type InstanceOf } from './behaviour.ts';
import { callServer, resolveServer } from './call.ts';
import { inProcess, requireCaller, withCaller, type CallerOptions } from './caller.ts';
import {
  Next,
  type AnyCall,
  type Call,
  type CallResult,
  type CallsOf as Calls,
  type CastResult,
  type CastsOf as Casts,
  type From,
  type InitResult,
  type MaybePromise,
  type ReplyTo,
  type RequestOf,
  type ServerOf,
  type ServerRef,
} from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { abcastFrom, multiCallFrom, receiveResponseIn, sendRequestFrom, waitResponseIn } from './request.ts';
import type { MultiCallResult, RequestId, Response } from './request.ts';
import { runServer } from './server-process.ts';
import type { Starter } from './start.ts';

export type AnyServer = GenServer<unknown, AnyCall, unknown, unknown, unknown>;

/** A server class: constructed without arguments, once per process. */
export type ServerClass<Server extends AnyServer = AnyServer> = BehaviourClass<Server>;

export class GenServer<
  State = unknown,
  Requests extends AnyCall = Call<unknown, unknown>,
  Cast = unknown,
  Info = unknown,
  InitArgs = void,
> extends Behaviour<Requests, Cast, InitArgs> {
  /** Called first, in the new process; the starter waits for it. */
  init(_args: InitArgs): MaybePromise<InitResult<State>> {
    return Next.ok(undefined as State);
  }

  handleCall(
    request: RequestOf<Requests>,
    _from: From<Requests['reply']>,
    _state: State,
  ): MaybePromise<CallResult<State, Requests['reply']>> {
    throw notImplemented(this, 'handleCall', request);
  }

  handleCast(message: Cast, _state: State): MaybePromise<CastResult<State>> {
    throw notImplemented(this, 'handleCast', message);
  }

  /** Any other message; the atom `timeout` when a `timeoutMs` has passed. Without it they are dropped. */
  handleInfo(_message: Info, state: State): MaybePromise<CastResult<State>> {
    return Next.noreply(state);
  }

  handleContinue(term: unknown, _state: State): MaybePromise<CastResult<State>> {
    throw notImplemented(this, 'handleContinue', term);
  }

  /** The server is about to end. Not called when it is killed, or does not trap exits and a linked process ends. */
  terminate(_reason: unknown, _state: State): unknown {
    return undefined;
  }

  /** @internal runs an instance in the process `self`, which was made for it */
  static runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void> {
    const server = new this<unknown, AnyCall, unknown, unknown, unknown>();
    Behaviour.enter(server, self);
    return runServer(self, server, args, starter, name);
  }

  /** The process that a reference stands for on this node; undefined when nobody has the name. */
  static whereis(server: ServerRef, options?: CallerOptions): Promise<Pid | undefined> {
    return inProcess(options?.self, async (self) => {
      const found = await resolveServer(self, server);
      return found instanceof Pid ? found : undefined;
    });
  }

  /**
   * Sends a request and resolves to the reply. The reply's type follows from the server (a typed pid, or the class this is called on)
   * and the request.
   *
   * @throws CallError (rejects): `noproc`, `timeout`, `noconnection` (the server's node was lost), `calling_self`, `exit` (it ended first)
   */
  static override call<T, Ref extends ServerRef, const Request extends RequestOf<Calls<ServerOf<Ref, InstanceOf<T>>>>>(
    this: T,
    server: Ref,
    request: Request,
    options?: CallOptions,
  ): Promise<ReplyTo<Calls<ServerOf<Ref, InstanceOf<T>>>, Request>> {
    type Reply = ReplyTo<Calls<ServerOf<Ref, InstanceOf<T>>>, Request>;
    return inProcess(options?.self, (self) => callServer(self, server, request, options?.timeoutMs)) as Promise<Reply>;
  }

  /**
   * Sends a request whose response is fetched later with `receiveResponse`, in the same process. Several may be outstanding, in any order; a
   * `RequestCollection` keeps them.
   */
  static sendRequest<T, Ref extends ServerRef, const Request extends RequestOf<Calls<ServerOf<Ref, InstanceOf<T>>>>>(
    this: T,
    server: Ref,
    request: Request,
    options?: CallerOptions,
  ): RequestId<ReplyTo<Calls<ServerOf<Ref, InstanceOf<T>>>, Request>> {
    const self = requireCaller(options?.self, 'GenServer.sendRequest');
    return sendRequestFrom(self, server, request) as RequestId<ReplyTo<Calls<ServerOf<Ref, InstanceOf<T>>>, Request>>;
  }

  /** The response to a request; undefined after `timeoutMs` (default: for ever), and the request is given up. */
  static receiveResponse<Reply>(id: RequestId<Reply>, options?: CallOptions): Promise<Response<Reply> | undefined> {
    const self = requireCaller(options?.self, 'GenServer.receiveResponse');
    return receiveResponseIn(self, id, options?.timeoutMs ?? Infinity);
  }

  /** As `receiveResponse`, but a request that has no response yet goes on and can be asked for again. */
  static waitResponse<Reply>(id: RequestId<Reply>, options?: CallOptions): Promise<Response<Reply> | undefined> {
    const self = requireCaller(options?.self, 'GenServer.waitResponse');
    return waitResponseIn(self, id, options?.timeoutMs ?? Infinity);
  }

  /**
   * Calls the server of that name on each node (default: this one and all that it is connected to), all at once within one `timeoutMs` (default: for
   * ever). Nodes without an answer are in `bad`; late answers never show.
   */
  static multiCall<T, const Request extends RequestOf<Calls<InstanceOf<T>>>>(
    this: T,
    name: string | Atom,
    request: Request,
    options: CallOptions & { readonly nodes?: readonly (string | Atom)[] } = {},
  ): Promise<MultiCallResult<ReplyTo<Calls<InstanceOf<T>>, Request>>> {
    type Replies = MultiCallResult<ReplyTo<Calls<InstanceOf<T>>, Request>>;
    return inProcess(options.self, (self) => {
      const { env } = (self as Process).scheduler;
      const nodes = nodesOf(self, options.nodes);
      return multiCallFrom(self, nodes, toAtom(name), request, options.timeoutMs ?? Infinity, () => env.now());
    }) as Promise<Replies>;
  }

  /** Casts to the server of that name on each node (default: this one and all that it is connected to). Lost where there is none. */
  static abcast<T>(
    this: T,
    name: string | Atom,
    message: Casts<InstanceOf<T>>,
    options: CallerOptions & { readonly nodes?: readonly (string | Atom)[] } = {},
  ): void {
    withCaller(options.self, (self) => abcastFrom(self, nodesOf(self, options.nodes), toAtom(name), message));
  }
}

function toAtom(name: string | Atom): Atom {
  return typeof name === 'string' ? nameAtom(name) : name;
}

function nodesOf(self: Self, given: readonly (string | Atom)[] | undefined): readonly Atom[] {
  if (given !== undefined) return given.map(toAtom);
  return [self.nodeName, ...(self as Process).scheduler.outside.nodes()];
}

function notImplemented(server: object, callback: string, message: unknown): Error {
  return new ProcessError([server.constructor.name, callback, message]);
}
