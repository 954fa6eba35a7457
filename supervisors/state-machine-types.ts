/**
 * What a state machine's callbacks take and return: events, transitions, and the actions that go with a transition. Values only; the engine in
 * `state-machine-process.ts` carries them out.
 */
import type { AnyCall, Call, From } from './gen-server-types.ts';

/** A call that waits for an answer: `Action.reply(event.from, value)`, now or in a later event. */
export type CallEvent<Calls extends AnyCall> =
  Calls extends Call<infer Request, infer Reply>
    ? { readonly kind: 'call'; readonly request: Request; readonly from: From<Reply> }
    : never;

/**
 * What a machine handles, one at a time. `stateTimeout` ends with its state, `eventTimeout` comes when nothing else does, `timeout` runs under a name
 * until it is set again or cancelled, `internal` is what the machine told itself.
 */
export type MachineEvent<Calls extends AnyCall = Call<unknown, unknown>, Cast = unknown, Info = unknown> =
  | CallEvent<Calls>
  | { readonly kind: 'cast'; readonly message: Cast }
  | { readonly kind: 'info'; readonly message: Info }
  | { readonly kind: 'internal'; readonly content: unknown }
  | { readonly kind: 'stateTimeout'; readonly content: unknown }
  | { readonly kind: 'eventTimeout'; readonly content: unknown }
  | { readonly kind: 'timeout'; readonly name: unknown; readonly content: unknown };

/** Any event, as `Action.nextEvent` takes it. */
export type AnyEvent = MachineEvent;

export type TimeoutKind = 'stateTimeout' | 'eventTimeout' | 'timeout';

/** Done with a transition, in the order given. Made by `Action`. */
export type MachineAction =
  | { readonly kind: 'postpone' }
  | { readonly kind: 'hibernate' }
  | { readonly kind: 'reply'; readonly from: From; readonly reply: unknown }
  | { readonly kind: 'nextEvent'; readonly event: AnyEvent }
  | {
      readonly kind: 'setTimeout';
      readonly of: TimeoutKind;
      readonly name: unknown;
      /** Infinity cancels; 0 puts the event after those that are queued already. */
      readonly timeoutMs: number;
      readonly content: unknown;
    }
  | { readonly kind: 'updateTimeout'; readonly of: TimeoutKind; readonly name: unknown; readonly content: unknown };

function setTimeoutOf(of: TimeoutKind, name: unknown, timeoutMs: number, content: unknown): MachineAction {
  return { kind: 'setTimeout', of, name, timeoutMs, content };
}

export const Action: {
  /** Handles this event again after the next change of state. */
  postpone(): MachineAction;
  /** Accepted and without effect: there is nothing to save here. */
  hibernate(): MachineAction;
  reply<Reply>(from: From<Reply>, reply: Reply): MachineAction;
  /** Handles that event before all that are queued. Several keep their order. */
  nextEvent(event: AnyEvent): MachineAction;
  /** As `nextEvent` with an internal event. */
  internal(content: unknown): MachineAction;
  /** An event after `timeoutMs` in this state; any change of state cancels it. */
  stateTimeout(timeoutMs: number, content?: unknown): MachineAction;
  /** An event after `timeoutMs` without any other event. */
  eventTimeout(timeoutMs: number, content?: unknown): MachineAction;
  /** An event after `timeoutMs` whatever comes; one at a time per name. */
  timeout(name: unknown, timeoutMs: number, content?: unknown): MachineAction;
  cancelStateTimeout(): MachineAction;
  cancelTimeout(name: unknown): MachineAction;
  /** Gives a running state timeout another content; when none runs it comes at once. */
  updateStateTimeout(content: unknown): MachineAction;
  updateTimeout(name: unknown, content: unknown): MachineAction;
} = {
  postpone: () => ({ kind: 'postpone' }),
  hibernate: () => ({ kind: 'hibernate' }),
  reply: (from, reply) => ({ kind: 'reply', from, reply }),
  nextEvent: (event) => ({ kind: 'nextEvent', event }),
  internal: (content) => ({ kind: 'nextEvent', event: { kind: 'internal', content } }),
  stateTimeout: (timeoutMs, content) => setTimeoutOf('stateTimeout', undefined, timeoutMs, content),
  eventTimeout: (timeoutMs, content) => setTimeoutOf('eventTimeout', undefined, timeoutMs, content),
  timeout: (name, timeoutMs, content) => setTimeoutOf('timeout', name, timeoutMs, content),
  cancelStateTimeout: () => setTimeoutOf('stateTimeout', undefined, Infinity, undefined),
  cancelTimeout: (name) => setTimeoutOf('timeout', name, Infinity, undefined),
  updateStateTimeout: (content) => ({ kind: 'updateTimeout', of: 'stateTimeout', name: undefined, content }),
  updateTimeout: (name, content) => ({ kind: 'updateTimeout', of: 'timeout', name, content }),
};

export type StepKind = 'start' | 'ignore' | 'fail' | 'next' | 'keep' | 'keepAll' | 'repeat' | 'repeatAll' | 'stop';

type Actions = readonly MachineAction[];

/** What callbacks return; made by `Transition`. */
export class Step<Kind extends StepKind = StepKind, State = unknown, Data = unknown> {
  readonly kind: Kind;
  readonly state: State;
  readonly data: Data;
  readonly reason: unknown;
  readonly actions: Actions;
  /** Of `stop`: whether it came with data. */
  readonly hasData: boolean;

  /** @internal use `Transition` */
  constructor(kind: Kind, state: State, data: Data, reason: unknown, actions: Actions = [], hasData = true) {
    this.kind = kind;
    this.state = state;
    this.data = data;
    this.reason = reason;
    this.actions = actions;
    this.hasData = hasData;
  }
}

export type MachineInit<State, Data> = Step<'start', State, Data> | Step<'ignore' | 'fail', undefined, undefined>;

/** From an event: where to go. */
export type StepResult<State, Data> =
  | Step<'next', State, Data>
  | Step<'keep' | 'repeat', undefined, Data>
  | Step<'keepAll' | 'repeatAll', undefined, undefined>
  | Step<'stop', undefined, Data | undefined>;

/** From entering a state: the state stays. */
export type EnterResult<Data> =
  Step<'keep', undefined, Data> | Step<'keepAll', undefined, undefined> | Step<'stop', undefined, Data | undefined>;

export const Transition: {
  /** From `init`: the machine runs from that state on. */
  start<State, Data>(state: State, data: Data, actions?: Actions): Step<'start', State, Data>;
  /** From `init`: no machine and no error. */
  ignore(): Step<'ignore', undefined, undefined>;
  /** From `init`: the start fails with that reason. */
  fail(reason: unknown): Step<'fail', undefined, undefined>;
  /** To that state, which may be the present one: then nothing is entered. */
  next<State, Data>(state: State, data: Data, actions?: Actions): Step<'next', State, Data>;
  /** Stays, with other data. */
  keep<Data>(data: Data, actions?: Actions): Step<'keep', undefined, Data>;
  /** Stays, with the same data. */
  keepAll(actions?: Actions): Step<'keepAll', undefined, undefined>;
  /** As `keep`, and enters the state again. */
  repeat<Data>(data: Data, actions?: Actions): Step<'repeat', undefined, Data>;
  repeatAll(actions?: Actions): Step<'repeatAll', undefined, undefined>;
  /** `terminate` runs, then the machine exits with that reason. */
  stop(reason: unknown): Step<'stop', undefined, undefined>;
  /** As `stop`, with other data for `terminate`. */
  stopWith<Data>(reason: unknown, data: Data): Step<'stop', undefined, Data>;
  /** As `stop`, after those answers. */
  stopAndReply(reason: unknown, replies: Actions): Step<'stop', undefined, undefined>;
} = {
  start: (state, data, actions) => new Step('start', state, data, undefined, actions),
  ignore: () => new Step('ignore', undefined, undefined, undefined),
  fail: (reason) => new Step('fail', undefined, undefined, reason),
  next: (state, data, actions) => new Step('next', state, data, undefined, actions),
  keep: (data, actions) => new Step('keep', undefined, data, undefined, actions),
  keepAll: (actions) => new Step('keepAll', undefined, undefined, undefined, actions, false),
  repeat: (data, actions) => new Step('repeat', undefined, data, undefined, actions),
  repeatAll: (actions) => new Step('repeatAll', undefined, undefined, undefined, actions, false),
  stop: (reason) => new Step('stop', undefined, undefined, reason, [], false),
  stopWith: (reason, data) => new Step('stop', undefined, data, reason, []),
  stopAndReply: (reason, replies) => new Step('stop', undefined, undefined, reason, replies, false),
};
