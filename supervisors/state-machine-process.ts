/**
 * The engine of a state machine, as a server's callbacks: what arrives becomes an event; the machine handles it and all that follows from it - internal
 * events, postponed ones after a change of state, timeouts of 0 - before the next message.
 *
 * The order, as OTP has it: after a transition come the events that the machine inserted, then (when the state changed) the postponed ones, oldest
 * first, then what was queued, then timeouts of 0. An event timeout of 0 comes only when nothing is queued. A change of state cancels the state
 * timeout, any event the event timeout.
 */
import { canonicalKey } from '../runtime/codec/canonical.ts';
import { ProcessError } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import type { Ref } from '../runtime/term/ref.ts';
import { isRef, sameRef } from '../runtime/term/ref.ts';
import { isTagged, isTuple, tuple2 } from '../runtime/term/tuple.ts';
import { replyTo } from './call.ts';
import { Next, type CallResult, type CastResult, type From, type InitResult } from './gen-server-types.ts';
import type { ServerCallbacks } from './server-process.ts';
import { Step, type AnyEvent, type MachineAction, type TimeoutKind } from './state-machine-types.ts';

/** What the engine needs of a machine. */
export interface MachineCallbacks {
  init(args: unknown): unknown;
  onEvent(event: AnyEvent, state: unknown, data: unknown): unknown;
  /** Null when the machine does not want to know. */
  readonly onEnter: ((oldState: unknown, state: unknown, data: unknown) => unknown) | null;
  terminate(reason: unknown, state: unknown, data: unknown): unknown;
  /** What reports call it. */
  readonly name: string;
}

/** A timeout that runs, or, without a timer, one of 0 that waits in the queue. */
class Timeout {
  readonly of: TimeoutKind;
  readonly name: unknown;
  content: unknown;
  timer: Ref | null = null;
  /** Comes with the timer's message, and tells it from one that was set before. */
  token: Ref | null = null;

  constructor(of: TimeoutKind, name: unknown, content: unknown) {
    this.of = of;
    this.name = name;
    this.content = content;
  }
}

/** A callback of the server loop: the machine's end, or that it goes on. */
type Outcome = CastResult<unknown>;
type MaybeLater<T> = T | Promise<T>;

const TIMER: Atom = nameAtom('$state_machine_timer');
const BEGIN: unique symbol = Symbol('begin');
const BAD_RETURN: Atom = nameAtom('bad_return_from_state_function');
const BAD_ENTER_RETURN: Atom = nameAtom('bad_state_enter_return_from_state_function');
const BAD_ACTION: Atom = nameAtom('bad_action_from_state_function');
const BAD_ENTER_ACTION: Atom = nameAtom('bad_state_enter_action_from_state_function');
const BAD_INIT: Atom = nameAtom('bad_return_from_init');

export class StateMachineProcess implements ServerCallbacks {
  readonly #self: Self;
  readonly #machine: MachineCallbacks;
  #state: unknown;
  #data: unknown;
  /** `{State, Data}` as the server loop has it; another one means that somebody replaced it. */
  #pair: unknown = null;
  #queue: (AnyEvent | Timeout)[] = [];
  /** Timeouts of 0 of the transition that is under way. */
  #late: Timeout[] = [];
  #postponed: AnyEvent[] = [];
  #firstActions: readonly MachineAction[] = [];
  readonly #timeouts = new Map<string, Timeout>();

  constructor(self: Self, machine: MachineCallbacks) {
    this.#self = self;
    this.#machine = machine;
  }

  get face(): { name: string; kind: 'server' } {
    return { name: this.#machine.name, kind: 'server' };
  }

  async init(args: unknown): Promise<InitResult<unknown>> {
    const step = await this.#machine.init(args);
    if (!(step instanceof Step)) throw new ProcessError(tuple2(BAD_INIT, step));
    if (step.kind === 'ignore') return Next.ignore();
    if (step.kind === 'fail') return Next.fail(step.reason);
    if (step.kind !== 'start') throw new ProcessError(tuple2(BAD_INIT, step.kind));
    this.#state = step.state;
    this.#data = step.data;
    this.#firstActions = step.actions;
    return Next.ok(this.#makePair(), { continue: BEGIN });
  }

  /** The first state is entered when the starter knows that the machine runs. */
  handleContinue(): MaybeLater<Outcome> {
    const actions = this.#firstActions;
    this.#firstActions = [];
    const added = this.#carryOut(actions, null);
    return this.#then(this.#enter(this.#state), (end) => {
      if (end !== null) return end;
      this.#enqueue(added);
      return this.#drain();
    });
  }

  handleCall(request: unknown, from: From, pair: unknown): MaybeLater<CallResult<unknown, unknown>> {
    return this.#handle({ kind: 'call', request, from }, pair);
  }

  handleCast(message: unknown, pair: unknown): MaybeLater<Outcome> {
    return this.#handle({ kind: 'cast', message }, pair);
  }

  handleInfo(message: unknown, pair: unknown): MaybeLater<Outcome> {
    if (!isTagged(message, TIMER, 2)) return this.#handle({ kind: 'info', message }, pair);
    for (const [key, timeout] of this.#timeouts) {
      if (timeout.token === null || !isRef(message[1]) || !sameRef(timeout.token, message[1])) continue;
      this.#timeouts.delete(key);
      return this.#handle(timeoutEvent(timeout), pair);
    }
    return Next.noreply(pair);
  }

  terminate(reason: unknown, pair: unknown): unknown {
    this.#adopt(pair);
    return this.#machine.terminate(reason, this.#state, this.#data);
  }

  #makePair(): unknown {
    this.#pair = tuple2(this.#state, this.#data);
    return this.#pair;
  }

  /** After a failure in the middle of a chain of events the loop still has the pair from before: ours is newer. */
  #adopt(pair: unknown): void {
    if (pair === this.#pair || !isTuple(pair)) return;
    [this.#state, this.#data] = pair;
  }

  #handle(event: AnyEvent, pair: unknown): MaybeLater<Outcome> {
    this.#adopt(pair);
    this.#queue.push(event);
    return this.#drain();
  }

  /** Handles what is queued until nothing is, without a promise where no callback makes one. */
  #drain(): MaybeLater<Outcome> {
    for (;;) {
      const next = this.#queue.shift();
      if (next === undefined) return Next.noreply(this.#makePair());
      const event = next instanceof Timeout ? this.#expire(next) : next;
      this.#cancel('eventTimeout');
      const step = settle(() => this.#machine.onEvent(event, this.#state, this.#data));
      const end = this.#then(step, (found) => this.#apply(event, found));
      if (end instanceof Promise) return end.then((found) => found ?? this.#drain());
      if (end !== null) return end;
    }
  }

  #then<A, B>(value: MaybeLater<A>, next: (value: A) => MaybeLater<B>): MaybeLater<B> {
    return value instanceof Promise ? value.then(next) : next(value);
  }

  /** Null: the machine goes on. */
  #apply(event: AnyEvent, step: unknown): MaybeLater<Outcome | null> {
    if (!(step instanceof Step)) throw new ProcessError(tuple2(BAD_RETURN, step));
    const before = this.#state;
    switch ((step as Step).kind) {
      case 'next':
        this.#state = step.state;
        this.#data = step.data;
        break;
      case 'keep':
      case 'repeat':
        this.#data = step.data;
        break;
      case 'keepAll':
      case 'repeatAll':
        break;
      case 'stop':
        return this.#stop(step);
      case 'start':
      case 'ignore':
      case 'fail':
        throw new ProcessError(tuple2(BAD_RETURN, step.kind));
    }
    const changed = step.kind === 'next' && !equalTerms(before, this.#state);
    const postponed = step.actions.some((action) => action.kind === 'postpone');
    if (postponed) this.#postponed.push(event);
    if (changed) {
      this.#queue = [...this.#postponed, ...this.#queue];
      this.#postponed = [];
      this.#cancel('stateTimeout');
    }
    const added = this.#carryOut(step.actions, event);
    if (!changed && step.kind !== 'repeat' && step.kind !== 'repeatAll') {
      this.#enqueue(added);
      return null;
    }
    return this.#then(this.#enter(before), (end) => {
      if (end === null) this.#enqueue(added);
      return end;
    });
  }

  #stop(step: Step): Outcome {
    for (const action of step.actions) {
      if (action.kind !== 'reply') throw new ProcessError(tuple2(BAD_ACTION, action.kind));
      replyTo(this.#self, action.from, action.reply);
    }
    if (step.hasData) this.#data = step.data;
    return Next.stop(step.reason, this.#makePair());
  }

  #enter(oldState: unknown): MaybeLater<Outcome | null> {
    const { onEnter } = this.#machine;
    if (onEnter === null) return null;
    const step = settle(() => onEnter(oldState, this.#state, this.#data));
    return this.#then(step, (found) => {
      if (!(found instanceof Step)) throw new ProcessError(tuple2(BAD_ENTER_RETURN, found));
      if (found.kind === 'stop') return this.#stop(found);
      if (found.kind !== 'keep' && found.kind !== 'keepAll')
        throw new ProcessError(tuple2(BAD_ENTER_RETURN, found.kind));
      if (found.hasData) this.#data = found.data;
      for (const { kind } of found.actions) {
        if (kind === 'postpone' || kind === 'nextEvent') throw new ProcessError(tuple2(BAD_ENTER_ACTION, kind));
      }
      this.#carryOut(found.actions, null);
      return null;
    });
  }

  /** Does what can be done at once, and gives the events that come next. `event` null: there is none to postpone. */
  #carryOut(actions: readonly MachineAction[], event: AnyEvent | null): AnyEvent[] {
    const first: AnyEvent[] = [];
    for (const action of actions) {
      switch (action.kind) {
        case 'postpone':
          if (event === null) throw new ProcessError(tuple2(BAD_ACTION, action.kind));
          break;
        case 'hibernate':
          break;
        case 'reply':
          replyTo(this.#self, action.from, action.reply);
          break;
        case 'nextEvent':
          first.push(action.event);
          break;
        case 'setTimeout':
          this.#setTimeout(action);
          break;
        case 'updateTimeout':
          this.#updateTimeout(action);
          break;
        default:
          throw new ProcessError(tuple2(BAD_ACTION, action));
      }
    }
    return first;
  }

  #enqueue(first: readonly AnyEvent[]): void {
    this.#queue = [...first, ...this.#queue, ...this.#late];
    this.#late = [];
  }

  #setTimeout(action: Extract<MachineAction, { kind: 'setTimeout' }>): void {
    const { of, name, timeoutMs, content } = action;
    if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) throw new ProcessError(tuple2(BAD_ACTION, timeoutMs));
    const key = this.#cancel(of, name);
    if (timeoutMs === Infinity) return;
    const timeout = new Timeout(of, name, content);
    this.#timeouts.set(key, timeout);
    if (timeoutMs === 0) {
      this.#late.push(timeout);
      return;
    }
    timeout.token = this.#self.makeRef();
    timeout.timer = this.#self.sendAfter(timeoutMs, this.#self.pid, tuple2(TIMER, timeout.token));
  }

  #updateTimeout({ of, name, content }: Extract<MachineAction, { kind: 'updateTimeout' }>): void {
    const timeout = this.#timeouts.get(timeoutKey(of, name));
    if (timeout === undefined) this.#setTimeout({ kind: 'setTimeout', of, name, timeoutMs: 0, content });
    else timeout.content = content;
  }

  #cancel(of: TimeoutKind, name?: unknown): string {
    const key = timeoutKey(of, name);
    const timeout = this.#timeouts.get(key);
    if (timeout === undefined) return key;
    this.#timeouts.delete(key);
    if (timeout.timer !== null) this.#self.cancelTimer(timeout.timer);
    else {
      this.#queue = this.#queue.filter((one) => one !== timeout);
      this.#late = this.#late.filter((one) => one !== timeout);
    }
    return key;
  }

  /** A timeout of 0 has its turn. */
  #expire(timeout: Timeout): AnyEvent {
    this.#timeouts.delete(timeoutKey(timeout.of, timeout.name));
    return timeoutEvent(timeout);
  }
}

/** The result of a callback. A thrown value that is no Error counts as returned, as OTP has it for `throw`. */
function settle(callback: () => unknown): MaybeLater<unknown> {
  const caught = (thrown: unknown): unknown => {
    if (thrown instanceof Error) throw thrown;
    return thrown;
  };
  try {
    const result = callback();
    return result instanceof Promise ? result.catch(caught) : result;
  } catch (thrown) {
    return caught(thrown);
  }
}

function timeoutKey(of: TimeoutKind, name: unknown): string {
  return of === 'timeout' ? `timeout ${canonicalKey(name)}` : of;
}

function timeoutEvent({ of, name, content }: Timeout): AnyEvent {
  return of === 'timeout' ? { kind: 'timeout', name, content } : { kind: of, content };
}
