/**
 * The life of one server process: init and its acknowledgement, then one message at a time - calls, casts, the rest - until a callback stops
 * it, one fails, or its parent ends. A callback may return a promise; nothing else is handled until it has settled. A callback that returns
 * at once costs no promise.
 *
 * What leaves a callback: an outcome (see `Next`); a thrown value that is no Error counts as returned, as OTP has it for `throw`; an exit or error
 * ends the server after `terminate`, which sees the state from before that callback.
 */
import { traceChannel, type TraceReport } from '../runtime/channels.ts';
import { isCleanExit, type ServerFace } from '../runtime/process/crash.ts';
import { ProcessExit, reasonOf } from '../runtime/process/exit.ts';
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { Pid, samePid } from '../runtime/term/pid.ts';
import { isTagged, Tuple, tuple2 } from '../runtime/term/tuple.ts';
import { EXIT, GEN_CALL, GEN_CAST, SYSTEM, TIMEOUT } from './atoms.ts';
import { replyTo } from './call.ts';
import { Outcome, type After, type AnyOutcome, type From } from './gen-server-types.ts';
import type { ServerName } from './names.ts';
import { isAfter, outcomeTerm } from './outcome-term.ts';
import { acknowledge, claimName, failedStart, parentOf, releaseName, type Starter } from './start.ts';
import { answerSystem, type SystemTarget } from './system-requests.ts';

/** What the loop needs of a server. */
export interface ServerCallbacks {
  init(args: unknown): unknown;
  handleCall(request: unknown, from: From, state: unknown): unknown;
  handleCast(message: unknown, state: unknown): unknown;
  handleInfo(message: unknown, state: unknown): unknown;
  handleContinue(term: unknown, state: unknown): unknown;
  terminate(reason: unknown, state: unknown): unknown;
  /** What people are told that runs here; default: a server of the class's name. */
  readonly face?: Pick<ServerFace, 'name' | 'kind'>;
}

const BAD_RETURN_VALUE: Atom = nameAtom('bad_return_value');

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
  const running = new ServerProcess(self, server, parent);
  (self as Process).server = running;
  const outcome = await running.init(args, starter, name);
  if (outcome === null) return;
  acknowledge(self, starter, { kind: 'ok', pid: self.pid });
  await running.run(outcome.after);
}

class ServerProcess implements ServerFace, SystemTarget {
  readonly self: Self;
  readonly parent: Pid | null;
  state: unknown = undefined;
  lastMessage: unknown = undefined;
  isFailing = false;
  isSuspended = false;
  isTraced = false;
  readonly #server: ServerCallbacks;
  #timeoutMs: number | undefined = undefined;
  #continuation: unknown = NONE;
  /** The caller that the callback which runs now may answer. */
  #from: From | null = null;

  constructor(self: Self, server: ServerCallbacks, parent: Pid | null) {
    this.self = self;
    this.parent = parent;
    this.#server = server;
  }

  get name(): string {
    return this.#server.face?.name ?? this.#server.constructor.name;
  }

  get kind(): ServerFace['kind'] {
    return this.#server.face?.kind ?? 'server';
  }

  /** The outcome of an init that let the server run; null when the process is to end normally. */
  async init(args: unknown, starter: Starter, name: ServerName | undefined): Promise<AnyOutcome | null> {
    const { self } = this;
    const refuse = async (reason: unknown): Promise<ProcessExit> => {
      // The name is free before the starter knows, so that it may try again at once.
      if (name !== undefined) await releaseName(self, name);
      acknowledge(self, starter, failedStart(reason));
      this.isFailing = !isCleanExit(reason);
      return new ProcessExit(reason);
    };
    let outcome: unknown;
    try {
      outcome = await this.#server.init(args);
    } catch (thrown) {
      if (thrown instanceof Error) {
        await refuse(reasonOf(thrown));
        throw thrown;
      }
      outcome = thrown;
    }
    if (outcome instanceof Outcome && (outcome.after === undefined || isAfter(outcome.after))) {
      if (outcome.kind === 'ok') {
        this.state = outcome.state;
        return outcome;
      }
      if (outcome.kind === 'stopInit') throw await refuse(outcome.reason);
      if (outcome.kind === 'ignore') {
        if (name !== undefined) await releaseName(self, name);
        acknowledge(self, starter, { kind: 'ignore' });
        return null;
      }
    }
    throw await refuse(tuple2(BAD_RETURN_VALUE, outcomeTerm(outcome)));
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
    if (this.isSuspended) return this.self.receive((message): message is Tuple => this.#isUrgent(message));
    if (this.#timeoutMs === undefined) return this.self.receive();
    return this.self.receive({ timeoutMs: this.#timeoutMs, otherwise: TIMEOUT });
  }

  /** A suspended server still answers the system and dies with its parent. */
  #isUrgent(message: unknown): boolean {
    return isTagged(message, SYSTEM, 3) || this.#isParentExit(message);
  }

  #isParentExit(message: unknown): boolean {
    if (this.parent === null || !isTagged(message, EXIT, 3)) return false;
    return message[1] instanceof Pid && samePid(message[1], this.parent);
  }

  /** Null when the message has been dealt with, else a promise that settles when it has, or rejects with the exit. */
  #handle(message: unknown): Promise<void> | null {
    this.#from = null;
    try {
      if (message instanceof Tuple && message[0] === SYSTEM && message.length === 3 && isFrom(message[1])) {
        return this.#system(message[1], message[2]);
      }
      this.lastMessage = message;
      if (this.isTraced) this.#trace('in', message);
      if (!(message instanceof Tuple)) return this.#info(message);
      const tag = message[0];
      if (tag === GEN_CALL && message.length === 3 && isFrom(message[1])) return this.#call(message[1], message[2]);
      if (tag === GEN_CAST && message.length === 2) return this.#cast(message[1]);
      if (tag === EXIT && this.#isParentExit(message)) return this.#terminate(message[2], undefined, true);
      return this.#info(message);
    } catch (thrown) {
      return this.#fail(thrown);
    }
  }

  #call(from: From, request: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    this.#from = from;
    return this.#take(this.#server.handleCall(request, from, this.state));
  }

  #cast(message: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    return this.#take(this.#server.handleCast(message, this.state));
  }

  #info(message: unknown): Promise<void> | null {
    this.#timeoutMs = undefined;
    return this.#take(this.#server.handleInfo(message, this.state));
  }

  #continue(): Promise<void> | null {
    const term = this.#continuation;
    this.#continuation = NONE;
    this.#from = null;
    try {
      return this.#take(this.#server.handleContinue(term, this.state));
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
    if (this.self.signal.aborted) throw new ProcessExit(Exit.killed);
  }

  #accept(result: unknown): Promise<void> | null {
    const from = this.#from;
    if (result instanceof Outcome && (result.after === undefined || isAfter(result.after))) {
      switch ((result as AnyOutcome).kind) {
        case 'reply':
          if (from === null) break;
          replyTo(this.self, from, result.reply);
          this.state = result.state;
          if (this.isTraced) this.#trace('out', result.reply, from[0]);
          return result.after === undefined ? null : this.#follow(result.after);
        case 'noreply':
          this.state = result.state;
          if (this.isTraced) this.#trace('noreply', undefined);
          return result.after === undefined ? null : this.#follow(result.after);
        case 'stop':
          this.state = result.state;
          return this.#terminate(result.reason);
        case 'stopReply':
          if (from === null) break;
          this.state = result.state;
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

  /** Runs `terminate` and rejects with the exit: with `thrown` itself if there is one. What came from the parent is no failure of this server. */
  async #terminate(reason: unknown, thrown?: unknown, isFromParent = false): Promise<never> {
    this.isFailing = !isFromParent && !isCleanExit(reason);
    try {
      await this.#server.terminate(reason, this.state);
    } catch (failure) {
      if (failure instanceof ProcessExit) this.isFailing = !isCleanExit(failure.reason);
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
      if (!this.self.signal.aborted) replyTo(this.self, from, reply);
    }
  }

  #system(from: From, request: unknown): Promise<void> | null {
    const answer = answerSystem(this, request);
    replyTo(this.self, from, answer.reply);
    return answer.end === undefined ? null : this.#terminate(answer.end.reason);
  }

  #trace(event: TraceReport['event'], message: unknown, to?: Pid): void {
    if (!traceChannel.hasSubscribers) return;
    const { self, state } = this;
    const { registeredName } = self.processInfo();
    traceChannel.publish({
      pid: self.pid,
      registeredName,
      event,
      message,
      to,
      state: event === 'in' ? undefined : state,
    });
  }
}

function isFrom(value: unknown): value is From {
  return value instanceof Tuple && value.length === 2 && value[0] instanceof Pid;
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return value instanceof Promise || typeof (value as { then?: unknown } | null | undefined)?.then === 'function';
}
