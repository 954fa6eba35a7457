/**
 * The life of one server process: init and its acknowledgement, then one message at a time - calls, casts, the rest - until a callback stops
 * it, one fails, or its parent ends. A callback may return a promise; nothing else is handled until it has settled. A callback that returns
 * at once costs no promise.
 *
 * What leaves a callback: an outcome (see `Next`); a thrown value that is no Error counts as returned, as OTP has it for `throw`; an exit or error
 * ends the server after `terminate`, which sees the state from before that callback.
 */
import { ProcessExit, reasonOf } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { Pid, samePid } from '../runtime/term/pid.ts';
import { isTagged, Tuple, tuple, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, EXIT, GEN_CALL, GEN_CAST, IGNORE, OK, SYSTEM, TIMEOUT } from './atoms.ts';
import { replyTo } from './call.ts';
import { Outcome, type After, type AnyOutcome, type From } from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { acknowledge, claimName, failedStart, parentOf, releaseName, type Starter } from './start.ts';

/** What the loop needs of a server. */
export interface ServerCallbacks {
  init(args: unknown): unknown;
  handleCall(request: unknown, from: From, state: unknown): unknown;
  handleCast(message: unknown, state: unknown): unknown;
  handleInfo(message: unknown, state: unknown): unknown;
  handleContinue(term: unknown, state: unknown): unknown;
  terminate(reason: unknown, state: unknown): unknown;
}

const BAD_RETURN_VALUE: Atom = nameAtom('bad_return_value');
const REPLY: Atom = nameAtom('reply');
const NOREPLY: Atom = nameAtom('noreply');
const CONTINUE: Atom = nameAtom('continue');
const HIBERNATE: Atom = nameAtom('hibernate');
const STOP: Atom = nameAtom('stop');
const TERMINATE: Atom = nameAtom('terminate');
const GET_STATE: Atom = nameAtom('get_state');
const SUSPEND: Atom = nameAtom('suspend');
const RESUME: Atom = nameAtom('resume');
const UNKNOWN_SYSTEM_MSG: Atom = nameAtom('unknown_system_msg');

/** No `handleContinue` is due. */
const NONE: unique symbol = Symbol('none');

/** Runs a server in this process until it ends. The promise rejects with what the process is to exit with. */
export async function runServer(
  self: Self,
  server: ServerCallbacks,
  args: unknown,
  starter: Starter,
  name?: ServerName,
): Promise<void> {
  const parent = parentOf(self, starter);
  if (name !== undefined) {
    const taken = await claimName(self, name);
    if (taken !== null) return acknowledge(self, starter, taken);
  }
  const outcome = await initServer(self, server, args, starter, name);
  if (outcome === null) return;
  acknowledge(self, starter, { kind: 'ok', pid: self.pid });
  await new ServerProcess(self, server, parent, outcome.state).run(outcome.after);
}

/** The outcome of an init that let the server run; null when the process is to end normally. */
async function initServer(
  self: Self,
  server: ServerCallbacks,
  args: unknown,
  starter: Starter,
  name: ServerName | undefined,
): Promise<AnyOutcome | null> {
  const refuse = async (reason: unknown): Promise<ProcessExit> => {
    // The name is free before the starter knows, so that it may try again at once.
    if (name !== undefined) await releaseName(self, name);
    acknowledge(self, starter, failedStart(reason));
    return new ProcessExit(reason);
  };
  let outcome: unknown;
  try {
    outcome = await server.init(args);
  } catch (thrown) {
    if (thrown instanceof Error) {
      await refuse(reasonOf(thrown));
      throw thrown;
    }
    outcome = thrown;
  }
  if (outcome instanceof Outcome && (outcome.after === undefined || isAfter(outcome.after))) {
    if (outcome.kind === 'ok') return outcome;
    if (outcome.kind === 'stopInit') throw await refuse(outcome.reason);
    if (outcome.kind === 'ignore') {
      if (name !== undefined) await releaseName(self, name);
      acknowledge(self, starter, { kind: 'ignore' });
      return null;
    }
  }
  throw await refuse(tuple2(BAD_RETURN_VALUE, outcomeTerm(outcome)));
}

class ServerProcess {
  readonly #self: Self;
  readonly #server: ServerCallbacks;
  readonly #parent: Pid | null;
  #state: unknown;
  #timeoutMs: number | undefined = undefined;
  #continuation: unknown = NONE;
  #suspended = false;
  /** The caller that the callback which runs now may answer. */
  #from: From | null = null;

  constructor(self: Self, server: ServerCallbacks, parent: Pid | null, state: unknown) {
    this.#self = self;
    this.#server = server;
    this.#parent = parent;
    this.#state = state;
  }

  async run(first: After | undefined): Promise<never> {
    if (first !== undefined) this.#follow(first);
    for (;;) {
      while (this.#continuation !== NONE) {
        const pending = this.#continue();
        if (pending !== null) await pending;
      }
      const pending = this.#handle(await this.#next());
      if (pending !== null) await pending;
    }
  }

  #next(): Promise<unknown> {
    if (this.#suspended) return this.#self.receive((message): message is Tuple => this.#isUrgent(message));
    if (this.#timeoutMs === undefined) return this.#self.receive();
    return this.#self.receive({ timeoutMs: this.#timeoutMs, otherwise: TIMEOUT });
  }

  /** A suspended server still answers the system and dies with its parent. */
  #isUrgent(message: unknown): boolean {
    return isTagged(message, SYSTEM, 3) || this.#isParentExit(message);
  }

  #isParentExit(message: unknown): boolean {
    if (this.#parent === null || !isTagged(message, EXIT, 3)) return false;
    return message[1] instanceof Pid && samePid(message[1], this.#parent);
  }

  /** Null when the message has been dealt with, else a promise that settles when it has, or rejects with the exit. */
  #handle(message: unknown): Promise<void> | null {
    this.#from = null;
    try {
      if (!(message instanceof Tuple)) return this.#info(message);
      const tag = message[0];
      if (tag === GEN_CALL && message.length === 3 && isFrom(message[1])) return this.#call(message[1], message[2]);
      if (tag === GEN_CAST && message.length === 2) return this.#cast(message[1]);
      if (tag === SYSTEM && message.length === 3 && isFrom(message[1])) return this.#system(message[1], message[2]);
      if (tag === EXIT && this.#isParentExit(message)) return this.#terminate(message[2]);
      return this.#info(message);
    } catch (thrown) {
      return this.#fail(thrown);
    }
  }

  #call(from: From, request: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    this.#from = from;
    return this.#take(this.#server.handleCall(request, from, this.#state));
  }

  #cast(message: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    return this.#take(this.#server.handleCast(message, this.#state));
  }

  #info(message: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    return this.#take(this.#server.handleInfo(message, this.#state));
  }

  #continue(): Promise<void> | null {
    const term = this.#continuation;
    this.#continuation = NONE;
    this.#from = null;
    try {
      return this.#take(this.#server.handleContinue(term, this.#state));
    } catch (thrown) {
      return this.#fail(thrown);
    }
  }

  #take(result: unknown): Promise<void> | null {
    return isThenable(result) ? this.#settle(result) : this.#accept(result);
  }

  async #settle(result: PromiseLike<unknown>): Promise<void> {
    let pending: Promise<void> | null;
    try {
      const settled = await result;
      this.#assertAlive();
      pending = this.#accept(settled);
    } catch (thrown) {
      this.#assertAlive();
      pending = this.#fail(thrown);
    }
    if (pending !== null) await pending;
  }

  /** A process that was killed while its callback waited for I/O must not go on to act, not even to terminate. */
  #assertAlive(): void {
    if (this.#self.signal.aborted) throw new ProcessExit(Exit.killed);
  }

  #accept(result: unknown): Promise<void> | null {
    const from = this.#from;
    if (result instanceof Outcome && (result.after === undefined || isAfter(result.after))) {
      switch ((result as AnyOutcome).kind) {
        case 'reply':
          if (from === null) break;
          replyTo(this.#self, from, result.reply);
          this.#state = result.state;
          return result.after === undefined ? null : this.#follow(result.after);
        case 'noreply':
          this.#state = result.state;
          return result.after === undefined ? null : this.#follow(result.after);
        case 'stop':
          this.#state = result.state;
          return this.#terminate(result.reason);
        case 'stopReply':
          if (from === null) break;
          this.#state = result.state;
          return this.#stopReplying(result.reason, from, result.reply);
        case 'ok':
        case 'ignore':
        case 'stopInit':
          break;
      }
    }
    return this.#terminate(tuple2(BAD_RETURN_VALUE, outcomeTerm(result)));
  }

  #follow(after: After): null {
    if ('timeoutMs' in after) this.#timeoutMs = after.timeoutMs === Infinity ? undefined : after.timeoutMs;
    else if ('continue' in after) this.#continuation = after.continue;
    return null;
  }

  #fail(thrown: unknown): Promise<void> | null {
    if (thrown instanceof Error) return this.#terminate(reasonOf(thrown), thrown);
    try {
      return this.#accept(thrown);
    } catch (again) {
      return this.#terminate(reasonOf(again), again);
    }
  }

  /** Runs `terminate` and rejects with the exit: with `thrown` itself if there is one, so that a crash is reported as one. */
  async #terminate(reason: unknown, thrown?: unknown): Promise<never> {
    try {
      await this.#server.terminate(reason, this.#state);
    } catch (failure) {
      if (failure instanceof Error) throw failure;
    }
    this.#assertAlive();
    throw thrown ?? new ProcessExit(reason);
  }

  /** As OTP has it, the caller is answered when `terminate` is through, also when that failed. */
  async #stopReplying(reason: unknown, from: From, reply: unknown): Promise<never> {
    try {
      return await this.#terminate(reason);
    } finally {
      if (!this.#self.signal.aborted) replyTo(this.#self, from, reply);
    }
  }

  #system(from: From, request: unknown): Promise<void> | null {
    const answer = (value: unknown): null => {
      replyTo(this.#self, from, value);
      return null;
    };
    if (isTagged(request, TERMINATE, 2)) {
      answer(OK);
      return this.#terminate(request[1]);
    }
    if (request === GET_STATE) return answer(tuple2(OK, this.#state));
    if (request === SUSPEND || request === RESUME) {
      this.#suspended = request === SUSPEND;
      return answer(OK);
    }
    return answer(tuple2(ERROR, tuple2(UNKNOWN_SYSTEM_MSG, request)));
  }
}

function isFrom(value: unknown): value is From {
  return value instanceof Tuple && value.length === 2 && value[0] instanceof Pid;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}

/** What an outcome may ask for next; anything else is a bad return. */
function isAfter(after: unknown): after is After {
  if (typeof after !== 'object' || after === null) return false;
  if (!('timeoutMs' in after)) return 'continue' in after || 'hibernate' in after;
  return typeof after.timeoutMs === 'number' && after.timeoutMs >= 0;
}

/** The last element of an outcome as OTP has it: a timeout, `{continue, Term}`, `hibernate`. */
function afterTerms(after: After | undefined): unknown[] {
  if (after === undefined) return [];
  if ('continue' in after) return [tuple2(CONTINUE, after.continue)];
  return ['timeoutMs' in after ? after.timeoutMs : HIBERNATE];
}

/** An outcome as the term that OTP would have seen, for `{bad_return_value, Term}`. Other values as they are. */
function outcomeTerm(value: unknown): unknown {
  if (!(value instanceof Outcome)) return value;
  const outcome = value as AnyOutcome;
  switch (outcome.kind) {
    case 'ok':
      return tuple(OK, outcome.state, ...afterTerms(outcome.after));
    case 'ignore':
      return IGNORE;
    case 'stopInit':
      return tuple2(STOP, outcome.reason);
    case 'reply':
      return tuple(REPLY, outcome.reply, outcome.state, ...afterTerms(outcome.after));
    case 'noreply':
      return tuple(NOREPLY, outcome.state, ...afterTerms(outcome.after));
    case 'stop':
      return tuple(STOP, outcome.reason, outcome.state);
    case 'stopReply':
      return tuple(STOP, outcome.reason, outcome.reply, outcome.state);
  }
}
