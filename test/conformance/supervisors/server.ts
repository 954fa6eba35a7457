/** A server whose callbacks are a table taken from the scenario. */
import { ProcessError, ProcessExit } from '../../../runtime/process/exit.ts';
import type { Destination } from '../../../runtime/process/self.ts';
import { atom, nameAtom, type Atom } from '../../../runtime/term/atom.ts';
import { equalTerms } from '../../../runtime/term/equal.ts';
import { isTuple, tuple } from '../../../runtime/term/tuple.ts';
import {
  callServer,
  castServer,
  GenServer,
  Next,
  replyTo,
  type After,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
  type ServerRef,
} from '../../../supervisors/index.ts';
import { resultOf } from './actor.ts';
import { sleep } from './child.ts';
import { Shown } from './events.ts';
import { KnownNames } from './names.ts';
import { reporterOf, type LogRef, type Reporter } from './reporter.ts';
import { readOutcome } from './outcomes.ts';
import { termOf, type Json } from './terms.ts';

export type Action = Readonly<Record<string, Json>>;
type Clauses = readonly (readonly [Json, readonly Action[]])[];

export interface Table {
  readonly trap_exit?: boolean;
  readonly state?: Json;
  readonly log?: readonly string[];
  readonly init?: readonly Action[];
  readonly terminate?: readonly Action[];
  readonly call?: Clauses;
  readonly cast?: Clauses;
  readonly info?: Clauses;
  readonly continue?: Clauses;
}

/** Can be sent. */
export interface ServerArgs {
  readonly log: LogRef;
  readonly id: string;
  readonly table: Table;
}

/** `{$kit_started, Ref, Result}`: the answer of a node that was asked to start a server. */
export const STARTED: Atom = nameAtom('$kit_started');

/** What a callback works with. It counts only when the callback returns. */
interface Frame {
  state: unknown;
  saved: From | undefined;
  last: unknown;
  readonly message: unknown;
  readonly from: From | undefined;
  readonly callback: 'init' | 'call' | 'other';
}

const CALLBACKS = ['init', 'call', 'cast', 'info', 'continue', 'terminate'];
const ANY = atom('_');

export class TableServer extends GenServer<unknown, never, unknown, unknown, ServerArgs> {
  static readonly module: string = import.meta.url;
  #args: ServerArgs | null = null;
  #log: Reporter | null = null;
  /** As known when the present callback began. */
  #names: KnownNames = new KnownNames();
  #count = 0;
  #saved: From | undefined;
  #last: unknown;

  override async init(args: ServerArgs): Promise<InitResult<unknown>> {
    this.#args = args;
    const log = (this.#log = reporterOf(this.self, args.log));
    this.#count = await log.next(args.id);
    this.self.trapExit(args.table.trap_exit ?? false);
    await log.watch(this.self.pid, `${args.id}#${this.#count}`, 'down', args.id, this.#count);
    this.#names = await log.names();
    this.#report('init');
    const state = this.#term(args.table.state ?? 0, undefined);
    return (await this.#run(args.table.init ?? [], state, 'init')) as InitResult<unknown>;
  }

  override async handleCall(request: unknown, from: From, state: unknown): Promise<CallResult<unknown, never>> {
    this.#report('call', new Shown(request));
    this.#names = await this.#reporter.names();
    const actions = this.#find('call', request);
    if (actions === undefined) {
      return Next.reply(tuple(atom('unhandled'), request), state) as unknown as CallResult<unknown, never>;
    }
    return (await this.#run(actions, state, 'call', request, from)) as CallResult<unknown, never>;
  }

  override handleCast(message: unknown, state: unknown): Promise<CastResult<unknown>> {
    return this.#plain('cast', message, state);
  }

  override handleInfo(message: unknown, state: unknown): Promise<CastResult<unknown>> {
    return this.#plain('info', message, state);
  }

  override handleContinue(message: unknown, state: unknown): Promise<CastResult<unknown>> {
    return this.#plain('continue', message, state);
  }

  override async terminate(reason: unknown, state: unknown): Promise<void> {
    this.#report('terminate', new Shown(reason));
    this.#names = await this.#reporter.names();
    await this.#run(this.#table.terminate ?? [], state, 'other', reason);
  }

  get #given(): ServerArgs {
    if (this.#args === null) throw new TypeError('the server has not been initialised');
    return this.#args;
  }

  get #reporter(): Reporter {
    if (this.#log === null) throw new TypeError('the server has not been initialised');
    return this.#log;
  }

  get #table(): Table {
    return this.#given.table;
  }

  #report(callback: string, ...more: unknown[]): void {
    const { id, table } = this.#given;
    if ((table.log ?? CALLBACKS).includes(callback)) this.#reporter.add(callback, id, this.#count, ...more);
  }

  async #plain(kind: 'cast' | 'info' | 'continue', message: unknown, state: unknown): Promise<CastResult<unknown>> {
    this.#report(kind, new Shown(message));
    this.#names = await this.#reporter.names();
    const actions = this.#find(kind, message);
    if (actions === undefined) return Next.noreply(state);
    return (await this.#run(actions, state, 'other', message)) as CastResult<unknown>;
  }

  #find(kind: 'call' | 'cast' | 'info' | 'continue', message: unknown): readonly Action[] | undefined {
    const clauses = this.#table[kind] ?? [];
    return clauses.find(([pattern]) => isMatch(this.#term(pattern, undefined), message))?.[1];
  }

  async #run(
    actions: readonly Action[],
    state: unknown,
    callback: Frame['callback'],
    message?: unknown,
    from?: From,
  ): Promise<unknown> {
    const frame: Frame = { state, saved: this.#saved, last: this.#last, message, from, callback };
    for (const action of actions) {
      const outcome = await this.#act(action, frame);
      if (outcome === undefined) continue;
      this.#commit(frame);
      return outcome.final;
    }
    this.#commit(frame);
    return callback === 'init' ? Next.ok(frame.state) : Next.noreply(frame.state);
  }

  #commit(frame: Frame): void {
    this.#saved = frame.saved;
    this.#last = frame.last;
  }

  #term(json: Json | undefined, frame: Frame | undefined): unknown {
    return termOf(json, {
      pidOf: (name) => this.#names.pidOf(name),
      substitute: (name) => {
        if (name === '$self') return { term: this.self.pid };
        if (frame === undefined) return undefined;
        if (name === '$state') return { term: frame.state };
        if (name === '$last') return { term: frame.last };
        return name === '$msg' ? { term: frame.message } : undefined;
      },
    });
  }

  /** Undefined: on to the next action. */
  async #act(action: Action, frame: Frame): Promise<{ final: unknown } | undefined> {
    const final = this.#finalOf(action, frame);
    if (final !== undefined) return final;
    if ('call' in action) await this.#call(action['call'] as Action, frame);
    else if ('sleep' in action) await sleep(this.self, action['sleep'] as number);
    else if (!this.#change(action, frame)) this.#send(action, frame);
    return undefined;
  }

  /** Actions on the server itself. */
  #change(action: Action, frame: Frame): boolean {
    const { id } = this.#given;
    const [name] = Object.keys(action);
    const term = (): unknown => this.#term(action[name as string], frame);
    switch (name) {
      case 'log':
        this.#reporter.add('log', id, this.#count, new Shown(term()));
        return true;
      case 'set':
        frame.state = term();
        return true;
      case 'add':
        frame.state = (frame.state as number) + (action['add'] as number);
        return true;
      case 'append':
        frame.state = [...(frame.state as unknown[]), term()];
        return true;
      case 'trap_exit':
        this.self.trapExit(action['trap_exit'] as boolean);
        return true;
      case 'save_from':
        frame.saved = frame.from;
        return true;
      default:
        return false;
    }
  }

  /** Actions on others. */
  #send(action: Action, frame: Frame): void {
    const { self } = this;
    const [name = ''] = Object.keys(action);
    const given = action[name] as Action;
    const term = (): unknown => this.#term(given, frame);
    const destinationOf = (to: Json): ServerRef => this.#names.destinationOf(to);
    switch (name) {
      case 'reply_saved':
        if (frame.saved !== undefined) replyTo(self, frame.saved, term());
        return;
      case 'reply_now':
        if (frame.from !== undefined) replyTo(self, frame.from, term());
        return;
      case 'reply_later': {
        const [from, reply] = [frame.from, this.#term(given['term'], frame)];
        self.spawn(async (own) => {
          await sleep(own, given['ms'] as number);
          if (from !== undefined) replyTo(own, from, reply);
        });
        return;
      }
      case 'send_self':
        self.send(self.pid, term());
        return;
      case 'cast_self':
        castServer(self, self.pid, term());
        return;
      case 'send_after':
        self.sendAfter(given['ms'] as number, self.pid, this.#term(given['term'], frame));
        return;
      case 'send':
        self.send(destinationOf(given['to'] as Json) as Destination, this.#term(given['term'], frame));
        return;
      case 'cast':
        castServer(self, this.#destination(given['to']), this.#term(given['msg'], frame));
        return;
      case 'spawn_link_exit': {
        const reason = term();
        self.spawnLink((own) => own.exit(reason));
        return;
      }
      default:
        throw new TypeError(`unknown action ${JSON.stringify(action)}`);
    }
  }

  #destination(to: Json | undefined): ServerRef {
    const isSelf = typeof to === 'object' && to !== null && 'self' in to;
    return isSelf ? this.self.pid : this.#names.destinationOf(to ?? null);
  }

  async #call(given: Action, frame: Frame): Promise<void> {
    const { id } = this.#given;
    const call = (): Promise<unknown> =>
      callServer(
        this.self,
        this.#destination(given['to']),
        this.#term(given['msg'], frame),
        given['timeout'] as number | undefined,
      );
    if (given['catch'] !== true) {
      frame.last = await call();
      return;
    }
    const result = await resultOf(call);
    this.#reporter.add('caught', id, this.#count, result);
    const [kind, value] = Object.entries(result)[0] as [string, unknown];
    frame.last = tuple(atom(kind), value);
  }

  /** The last action decides what the callback returns, or throws. */
  #finalOf(action: Action, frame: Frame): { final: unknown } | undefined {
    const after = this.#afterOf(action, frame);
    const term = (name: string): unknown => this.#term(action[name], frame);
    if ('stop' in action) return { final: this.#stopOf(action, frame) };
    if ('reply' in action) return { final: Next.reply(term('reply'), frame.state, after) };
    if ('noreply' in action) return { final: Next.noreply(frame.state, after) };
    if ('ok' in action) return { final: Next.ok(frame.state, after) };
    if ('ignore' in action) return { final: Next.ignore() };
    if ('return' in action) return { final: readOutcome(term('return'), frame.callback) };
    if ('error' in action) throw new ProcessError(term('error'));
    if ('exit' in action) throw new ProcessExit(term('exit'));
    if (!('throw' in action)) return undefined;
    const thrown = action['throw'] as Json;
    if (typeof thrown === 'object' && thrown !== null && 'final' in thrown) {
      throw this.#finalOf(thrown['final'] as Action, frame)?.final;
    }
    throw term('throw');
  }

  #stopOf(action: Action, frame: Frame): unknown {
    const reason = this.#term(action['stop'], frame);
    if ('reply' in action) return Next.stopReply(reason, this.#term(action['reply'], frame), frame.state);
    return frame.callback === 'init' ? Next.fail(reason) : Next.stop(reason, frame.state);
  }

  #afterOf(action: Action, frame: Frame): After | undefined {
    if ('timeout' in action) return { timeoutMs: timeoutOf(this.#term(action['timeout'], frame)) };
    if (action['hibernate'] === true) return { hibernate: true };
    return 'continue' in action ? { continue: this.#term(action['continue'], frame) } : undefined;
  }
}

/** A bad timeout stays what it is: the server has to refuse it. */
function timeoutOf(timeout: unknown): number {
  return timeout === 'infinity' || timeout === atom('infinity') ? Infinity : (timeout as number);
}

function isMatch(pattern: unknown, message: unknown): boolean {
  if (pattern === ANY) return true;
  if (!Array.isArray(pattern) || !Array.isArray(message)) return equalTerms(pattern, message);
  if (isTuple(pattern) !== isTuple(message) || pattern.length !== message.length) return false;
  return pattern.every((part, i) => isMatch(part, message[i]));
}
