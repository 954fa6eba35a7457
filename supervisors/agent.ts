/**
 * A process that only keeps a state, read and changed by functions that run in it.
 *
 * ```ts
 * const counter = await Agent.startLink(() => 0);
 * await Agent.update(counter, (count) => count + 1);
 * await Agent.get(counter, (count) => count); // 1
 * ```
 *
 * Functions may be async; while one is awaited the agent does nothing else. What they return is copied to the caller. A function that throws ends the
 * agent. An agent on another thread or node cannot be handed a function: there use `{ module, exported, args }`, called with the state first.
 *
 * Source: Elixir 1.14, Agent.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import { OK } from './atoms.ts';
import { callServer, castServer } from './call.ts';
import { inProcess, withCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec, ModuleStart } from './child-spec.ts';
import { CallError } from './errors.ts';
import type { CallOptions } from './behaviour.ts';
import { GenServer } from './gen-server.ts';
import { Next, type Call, type CallResult, type CastResult, type From, type InitResult } from './gen-server-types.ts';
import type { MaybePromise, ServerRef } from './gen-server-types.ts';
import { loadExport } from './load.ts';
import type { DirectRef, GlobalName, ViaName } from './names.ts';
import { park, takeParked } from './parked.ts';
import { isOnOtherThread } from './parked-starts.ts';
import { startClass } from './start-class.ts';
import { pidOf, type StartOptions } from './start.ts';
import { stopServer } from './system.ts';

declare const stateType: unique symbol;

/** An agent's pid that knows the type of its state. */
export type AgentPid<State> = Pid & { readonly [stateType]: State };
/** Whom to ask; a name does not know its state's type, which then follows from the function. */
export type AgentRef<State> = (Pid & { readonly [stateType]?: State }) | Exclude<DirectRef, Pid> | ViaName | GlobalName;
/** What runs in the agent. */
export type AgentFunction<State, Result> = ((state: State) => MaybePromise<Result>) | ModuleStart;

const GET: Atom = nameAtom('get');
const UPDATE: Atom = nameAtom('update');
const GET_AND_UPDATE: Atom = nameAtom('get_and_update');

type AnyFunction = (state: unknown) => unknown;

class AgentServer extends GenServer<unknown, Call<unknown, unknown>, unknown, unknown, () => unknown> {
  override async init(create: () => unknown): Promise<InitResult<unknown>> {
    return Next.ok(await create());
  }

  override handleCall(request: unknown, _from: From, state: unknown): MaybePromise<CallResult<unknown, unknown>> {
    if (!isTagged(request, GET, 2) && !isTagged(request, UPDATE, 2) && !isTagged(request, GET_AND_UPDATE, 2)) {
      throw new BadArgumentError('an agent takes get, update and get_and_update');
    }
    const result = applyTo(request[1], state);
    const finish = (value: unknown): CallResult<unknown, unknown> => replyOf(request[0], value, state);
    return result instanceof Promise ? result.then(finish) : finish(result);
  }

  override handleCast(message: unknown, state: unknown): MaybePromise<CastResult<unknown>> {
    const result = applyTo(message, state);
    return result instanceof Promise ? result.then((value) => Next.noreply(value)) : Next.noreply(result);
  }
}

function replyOf(what: unknown, value: unknown, state: unknown): CallResult<unknown, unknown> {
  if (what === GET) return Next.reply(value, state);
  if (what === UPDATE) return Next.reply(OK, value);
  if (Array.isArray(value) && value.length === 2) return Next.reply(value[0], value[1]);
  throw new BadArgumentError('Agent.getAndUpdate: the function must return [result, state]');
}

function applyTo(sent: unknown, state: unknown): unknown {
  const parked = takeParked(sent);
  if (typeof parked === 'function') return (parked as AnyFunction)(state);
  const { module, exported, args = [] } = (sent ?? {}) as Partial<ModuleStart>;
  if (typeof module === 'string' && typeof exported === 'string') {
    return loadExport(module, exported).then((fn) => fn(state, ...args));
  }
  throw new BadArgumentError(
    'a function was sent to an agent on another thread or node: give { module, exported, args }',
  );
}

export class Agent {
  /** Starts an agent, linked to the caller, whose state is what `create` returns. @throws StartError (rejects) */
  static startLink<State>(create: () => MaybePromise<State>, options?: StartOptions): Promise<AgentPid<State>> {
    return startAgent(create, options, true);
  }

  static start<State>(create: () => MaybePromise<State>, options?: StartOptions): Promise<AgentPid<State>> {
    return startAgent(create, options, false);
  }

  /** The spec of an agent as a child. */
  static childSpec<State>(
    create: () => MaybePromise<State>,
    spec: Partial<ChildSpec> = {},
    options: Pick<StartOptions, 'name'> = {},
  ): ChildSpec {
    return { id: 'Agent', start: { server: AgentServer, args: create, ...options }, ...spec };
  }

  /** What `fn` makes of the state. @throws CallError (rejects) */
  static get<State, Result>(
    agent: AgentRef<State>,
    fn: AgentFunction<State, Result>,
    options?: CallOptions,
  ): Promise<Result> {
    return ask(agent, GET, fn, options) as Promise<Result>;
  }

  /** `fn` makes the new state. @throws CallError (rejects) */
  static async update<State>(
    agent: AgentRef<State>,
    fn: AgentFunction<State, State>,
    options?: CallOptions,
  ): Promise<void> {
    await ask(agent, UPDATE, fn, options);
  }

  /** `fn` returns `[result, new state]`. @throws CallError (rejects) */
  static getAndUpdate<State, Result>(
    agent: AgentRef<State>,
    fn: AgentFunction<State, readonly [result: Result, state: State]>,
    options?: CallOptions,
  ): Promise<Result> {
    return ask(agent, GET_AND_UPDATE, fn, options) as Promise<Result>;
  }

  /** As `update`, without waiting. Never fails for want of an agent. */
  static cast<State>(agent: AgentRef<State>, fn: AgentFunction<State, State>, options?: CallerOptions): void {
    withCaller(options?.self, (self) => castServer(self, agent, packFunction(self, agent, fn).sent));
  }

  static stop(agent: AgentRef<unknown>, reason?: unknown, options?: CallOptions): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, agent, reason, options?.timeoutMs ?? Infinity));
  }
}

function startAgent<State>(
  create: () => MaybePromise<State>,
  options: StartOptions | undefined,
  link: boolean,
): Promise<AgentPid<State>> {
  return inProcess(options?.self, async (self, outside) =>
    pidOf('Agent', await startClass(self, AgentServer, create, options, link && !outside)),
  ) as Promise<AgentPid<State>>;
}

function ask(
  agent: ServerRef,
  what: Atom,
  fn: AgentFunction<never, unknown>,
  options: CallOptions | undefined,
): Promise<unknown> {
  return inProcess(options?.self, async (self) => {
    const { sent, release } = packFunction(self, agent, fn);
    try {
      return await callServer(self, agent, tuple2(what, sent), options?.timeoutMs);
    } catch (error) {
      // After a timeout the agent still gets to it.
      if (!(error instanceof CallError) || error.code !== 'timeout') release();
      throw error;
    }
  });
}

function packFunction(
  self: Self,
  agent: ServerRef,
  fn: AgentFunction<never, unknown>,
): { sent: unknown; release: () => void } {
  if (typeof fn !== 'function') return { sent: fn, release: () => undefined };
  if (isOnOtherThread(self, agent)) {
    throw new BadArgumentError(
      'a function cannot be sent to an agent on another thread or node: give { module, exported, args }',
    );
  }
  const { ticket, release } = park(self, fn);
  return { sent: ticket, release };
}
