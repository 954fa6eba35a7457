/**
 * What a server's callbacks take and return, and how a call's reply is known from its request. A server names its requests as a union of
 * `Call<Request, Reply>`; `call(server, request)` then finds the reply by the request's type. Nothing here but `Outcome` exists at run time.
 */
import type { Pid } from '../runtime/term/pid.ts';
import type { TupleOf } from '../runtime/term/tuple.ts';
import type { DirectRef, GlobalName, ViaName } from './names.ts';

/** One kind of call: `Call<{ kind: 'get'; key: string }, number>`. Only a type. */
export interface Call<Request, Reply> {
  readonly request: Request;
  readonly reply: Reply;
}

export type AnyCall = Call<unknown, unknown>;

export type RequestOf<Calls extends AnyCall> = Calls['request'];

/** The reply to a request of type `Request`. */
export type ReplyTo<Calls extends AnyCall, Request> = Calls extends AnyCall
  ? Request extends Calls['request']
    ? Calls['reply']
    : never
  : never;

declare const replyType: unique symbol;
declare const serverType: unique symbol;

/** Who called: `{Pid, Tag}`. Keep it to answer later with `GenServer.reply(from, value)`. */
export type From<Reply = unknown> = TupleOf<readonly [Pid, unknown]> & { readonly [replyType]?: Reply };

/** A pid that knows which server it is: what `start` and `startLink` give. */
export type ServerPid<Server> = Pid & { readonly [serverType]: Server };

/** Whom to call: a pid, a registered name of this node, `{Name, Node}`, or a name that a registry keeps. */
export type ServerRef = DirectRef | ViaName | GlobalName;

/** The server that a typed pid stands for, else `Otherwise`. */
export type ServerOf<Ref, Otherwise> = Ref extends { readonly [serverType]: infer Server } ? Server : Otherwise;

/** The types that a behaviour's class names, for inference; nothing at run time. */
export interface ServerTypes<Requests, Cast, InitArgs> {
  readonly calls: Requests;
  readonly cast: Cast;
  readonly args: InitArgs;
}

export type CallsOf<Server> = Server extends {
  readonly '~types': ServerTypes<infer C extends AnyCall, unknown, unknown>;
}
  ? C
  : never;
export type CastsOf<Server> = Server extends { readonly '~types': ServerTypes<unknown, infer M, unknown> } ? M : never;
export type ArgsOf<Server> = Server extends { readonly '~types': ServerTypes<unknown, unknown, infer A> } ? A : never;

/** What comes after a callback: a `handleInfo(timeout)` when no message came for so long, or `handleContinue` before any message. */
export type After = { readonly timeoutMs: number } | { readonly continue: unknown } | { readonly hibernate: true };

export type OutcomeKind = 'ok' | 'reply' | 'noreply' | 'stop' | 'stopReply' | 'stopInit' | 'ignore';

/** What callbacks return; made by `Next`. One shape for all kinds, because each call makes one. */
export class Outcome<Kind extends OutcomeKind = OutcomeKind, State = unknown, Reply = unknown> {
  readonly kind: Kind;
  readonly state: State;
  readonly reply: Reply;
  readonly reason: unknown;
  readonly after: After | undefined;

  /** @internal use `Next` */
  constructor(kind: Kind, state: State, reply: Reply, reason: unknown, after: After | undefined) {
    this.kind = kind;
    this.state = state;
    this.reply = reply;
    this.reason = reason;
    this.after = after;
  }
}

/** The outcome without its state and reply, for the server loop. */
export type AnyOutcome = Outcome;

export type MaybePromise<T> = T | Promise<T>;

export type InitResult<State> = Outcome<'ok', State, undefined> | Outcome<'ignore' | 'stopInit', undefined, undefined>;

export type CallResult<State, Reply> =
  Outcome<'reply' | 'stopReply', State, Reply> | Outcome<'noreply' | 'stop', State, undefined>;

export type CastResult<State> = Outcome<'noreply' | 'stop', State, undefined>;

/** The results that callbacks return, as in `return Next.reply(value, state)`. */
export const Next: {
  /** From `init`: the server runs. */
  ok<State>(state: State, after?: After): Outcome<'ok', State, undefined>;
  /** From `init`: no server and no error; `startLink` rejects with `ignore`, a supervisor goes on without it. */
  ignore(): Outcome<'ignore', undefined, undefined>;
  /** From `init`: the start fails with that reason. `terminate` is not called. */
  fail(reason: unknown): Outcome<'stopInit', undefined, undefined>;
  /** From `handleCall`: answers the caller. */
  reply<State, Reply>(reply: Reply, state: State, after?: After): Outcome<'reply', State, Reply>;
  /** No answer now; after a call, `GenServer.reply(from, value)` answers later. */
  noreply<State>(state: State, after?: After): Outcome<'noreply', State, undefined>;
  /** `terminate(reason, state)` runs, then the server exits with that reason. */
  stop<State>(reason: unknown, state: State): Outcome<'stop', State, undefined>;
  /** From `handleCall`: as `stop`, and answers the caller after `terminate`. */
  stopReply<State, Reply>(reason: unknown, reply: Reply, state: State): Outcome<'stopReply', State, Reply>;
} = {
  ok: (state, after) => new Outcome('ok', state, undefined, undefined, after),
  ignore: () => new Outcome('ignore', undefined, undefined, undefined, undefined),
  fail: (reason) => new Outcome('stopInit', undefined, undefined, reason, undefined),
  reply: (reply, state, after) => new Outcome('reply', state, reply, undefined, after),
  noreply: (state, after) => new Outcome('noreply', state, undefined, undefined, after),
  stop: (reason, state) => new Outcome('stop', state, undefined, reason, undefined),
  stopReply: (reason, reply, state) => new Outcome('stopReply', state, reply, reason, undefined),
};
