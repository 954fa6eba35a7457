/**
 * Lets supervisors of other nodes - Erlang's, Elixir's, ours - have processes of this one as their children. A starter is a server with a name that knows
 * which classes may be started. A supervisor on an Erlang node needs no code of its own:
 *
 * ```erlang
 * #{id => counter,
 *   start => {gen_server, call, [{starter, 'ts@host'}, {start_link, counter, 5}, infinity]}}
 * ```
 *
 * The call comes from the supervisor, which becomes the parent of the new process: linked to it, told to shut down by it, ended with it or its node. The
 * answer is that of a start function: `{ok, Pid}`, `ignore`, `{error, Reason}`. A start waits for init; starts do not wait for each other.
 */
import { nameAtom, Atom } from '../runtime/term/atom.ts';
import { isTagged, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR } from './atoms.ts';
import { GenServer } from './gen-server.ts';
import { Next, type Call, type CallResult, type From, type InitResult } from './gen-server-types.ts';
import { reasonOf } from '../runtime/process/exit.ts';
import type { Self } from '../runtime/process/self.ts';
import { startClass, type RunnableClass } from './start-class.ts';
import { startTerm } from './start.ts';

const START_LINK: Atom = nameAtom('start_link');
const NOT_REGISTERED: Atom = nameAtom('not_registered');
const UNKNOWN_REQUEST: Atom = nameAtom('unknown_request');

/** The server and supervisor classes that may be started, by the name that others know them by. */
export type StartableClasses = Readonly<Record<string, RunnableClass>>;

export class ChildStarter extends GenServer<null, Call<unknown, unknown>, never, unknown, StartableClasses> {
  #classes: StartableClasses = {};

  override init(classes: StartableClasses): InitResult<null> {
    this.#classes = classes;
    return Next.ok(null);
  }

  override handleCall(request: unknown, from: From): CallResult<null, unknown> {
    if (!isTagged(request, START_LINK, 3)) return Next.reply(tuple2(ERROR, tuple2(UNKNOWN_REQUEST, request)), null);
    const [, name, args] = request;
    const key = name instanceof Atom ? name.name : String(name);
    const found = Object.hasOwn(this.#classes, key) ? this.#classes[key] : undefined;
    if (found === undefined) return Next.reply(tuple2(ERROR, tuple2(NOT_REGISTERED, name)), null);
    this.self.spawn((helper) => startFor(helper, found, args, from));
    return Next.noreply(null);
  }
}

async function startFor(helper: Self, startable: RunnableClass, args: unknown, from: From): Promise<void> {
  let answer: unknown;
  try {
    answer = startTerm(await startClass(helper, startable, args, { parent: from[0] }, false));
  } catch (error) {
    answer = tuple2(ERROR, reasonOf(error));
  }
  GenServer.reply(from, answer, { self: helper });
}
