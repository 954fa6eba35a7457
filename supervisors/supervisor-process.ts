/**
 * The process of a supervisor: a server that traps exits, speaks the requests of OTP's supervisor (`which_children`, `{start_child, Spec}` ...) and
 * answers with OTP's terms, so that an Erlang node can ask it too. What becomes of the children is up to its `ChildKeeper`.
 */
import type { Process } from '../runtime/process/process.ts';
import type { Self } from '../runtime/process/self.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import { isPid } from '../runtime/term/pid.ts';
import { isTagged, isTuple, tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { ERROR, EXIT, GEN_CAST, IGNORE, OK } from './atoms.ts';
import type { ChildKeeper, KeeperContext } from './child-keeper.ts';
import { checkChildSpecs, describeSpec } from './child-spec.ts';
import { DynamicChildren } from './dynamic-children.ts';
import { ChildSpecError } from './errors.ts';
import { Next, type CallResult, type CastResult, type From, type InitResult } from './gen-server-types.ts';
import { takeStart } from './parked-starts.ts';
import { RestartWindow } from './restart-intensity.ts';
import { reportChild } from './report.ts';
import type { ServerCallbacks } from './server-process.ts';
import { StaticChildren } from './static-children.ts';
import { checkFlags, type CheckedFlags } from './supervisor-flags.ts';

export const WHICH_CHILDREN: Atom = nameAtom('which_children');
export const COUNT_CHILDREN: Atom = nameAtom('count_children');
export const START_CHILD: Atom = nameAtom('start_child');
export const RESTART_CHILD: Atom = nameAtom('restart_child');
export const TERMINATE_CHILD: Atom = nameAtom('terminate_child');
export const DELETE_CHILD: Atom = nameAtom('delete_child');
export const GET_CHILDSPEC: Atom = nameAtom('get_childspec');
const TRY_AGAIN_RESTART = nameAtom('try_again_restart');
const SUPERVISOR_DATA = nameAtom('supervisor_data');
const START_SPEC = nameAtom('start_spec');
const BAD_START_SPEC = nameAtom('bad_start_spec');
const BAD_RETURN = nameAtom('bad_return');
const INIT = nameAtom('init');
const NOTSUP = nameAtom('notsup');
const UNKNOWN_REQUEST = nameAtom('unknown_request');

/** What the user's class has to say. */
export interface SupervisorCallbacks {
  init(args: unknown): unknown;
  /** What reports call it; default: the name of its class. */
  readonly name?: string;
}

export class SupervisorProcess implements ServerCallbacks {
  readonly #self: Self;
  readonly #callbacks: SupervisorCallbacks;
  readonly #makeKeeper: KeeperMaker;
  #keeper: ChildKeeper | null = null;

  get face(): { name: string; kind: 'supervisor' } {
    return { name: this.#callbacks.name ?? this.#callbacks.constructor.name, kind: 'supervisor' };
  }

  constructor(self: Self, callbacks: SupervisorCallbacks, makeKeeper: KeeperMaker = makeNamedKeeper) {
    this.#self = self;
    this.#callbacks = callbacks;
    this.#makeKeeper = makeKeeper;
  }

  async init(args: unknown): Promise<InitResult<null>> {
    this.#self.trapExit(true);
    const returned = await this.#callbacks.init(args);
    if (returned === IGNORE) return Next.ignore();
    const given = readInit(returned);
    if (given === undefined) {
      return Next.fail(tuple2(BAD_RETURN, tuple3(nameAtom(this.face.name), INIT, returned)));
    }
    const made = this.#makeKeeper(given, (flags) => this.#createContext(flags));
    if ('failed' in made) return Next.fail(made.failed);
    this.#keeper = made.keeper;
    const failed = await made.keeper.startAll();
    return failed === null ? Next.ok(null) : Next.fail(tuple2(Exit.shutdown, failed));
  }

  #createContext(flags: CheckedFlags): KeeperContext {
    const self = this.#self;
    // The clock of the process's own thread, which a simulation drives.
    const { scheduler } = self as Process;
    const now = (): number => scheduler.env.now();
    const restarts = new RestartWindow(flags.intensity, flags.periodMs);
    return {
      self,
      flags,
      now,
      isTooMany: () => restarts.add(now()),
      tryAgainLater: (id) => self.send(self.pid, tuple2(GEN_CAST, tuple2(TRY_AGAIN_RESTART, id))),
      report: (context, reason, id, pid) => reportChild(self, context, reason, id, pid),
      isAlive: (pid) => (pid.node === self.nodeName ? scheduler.isAlive(pid) : true),
    };
  }

  get #children(): ChildKeeper {
    if (this.#keeper === null) throw new TypeError('a supervisor has children from the end of its init on');
    return this.#keeper;
  }

  async handleCall(request: unknown, from: From): Promise<CallResult<null, unknown>> {
    return Next.reply(await this.#answer(request, from), null);
  }

  async #answer(request: unknown, from: From): Promise<unknown> {
    const children = this.#children;
    if (request === WHICH_CHILDREN) return children.whichChildren();
    if (request === COUNT_CHILDREN) {
      const counts = children.countChildren();
      return Object.entries(counts).map(([name, count]) => tuple2(nameAtom(name), count as number));
    }
    if (!isTuple(request) || request.length !== 2) return tuple2(ERROR, tuple2(UNKNOWN_REQUEST, request));
    const [what, subject] = request;
    switch (what) {
      case START_CHILD:
        return this.#startChild(subject, from);
      case RESTART_CHILD:
        return children.restartChild(subject);
      case TERMINATE_CHILD:
        return children.terminateChild(subject);
      case DELETE_CHILD:
        return children.deleteChild(subject);
      case GET_CHILDSPEC:
        return children.childSpec(subject);
      default:
        return tuple2(ERROR, tuple2(UNKNOWN_REQUEST, request));
    }
  }

  async #startChild(subject: unknown, from: From): Promise<unknown> {
    if (this.#keeper instanceof DynamicChildren) return this.#keeper.startChild(subject);
    const spec = takeStart(subject);
    // A start names a module to load: only this node's own processes may say which.
    if (from[0].node !== this.#self.nodeName && namesModule(spec)) return tuple2(ERROR, NOTSUP);
    return this.#children.startChild(spec);
  }

  async handleCast(message: unknown): Promise<CastResult<null>> {
    if (!isTagged(message, TRY_AGAIN_RESTART, 2)) return Next.noreply(null);
    return this.#then(await this.#children.tryAgain(message[1]));
  }

  handleInfo(message: unknown): Promise<CastResult<null>> | CastResult<null> {
    if (!isTagged(message, EXIT, 3) || !isPid(message[1])) return Next.noreply(null);
    return this.#children.onExit(message[1], message[2]).then((ends) => this.#then(ends));
  }

  #then(ends: boolean): CastResult<null> {
    return ends ? Next.stop(Exit.shutdown, null) : Next.noreply(null);
  }

  handleContinue(): CastResult<null> {
    return Next.noreply(null);
  }

  async terminate(): Promise<void> {
    await this.#keeper?.endAll();
  }
}

/** What an init returned, in parts. */
export interface GivenInit {
  readonly flags: unknown;
  readonly children: readonly unknown[];
}

/** Checks what an init returned and makes what keeps the children, or gives the reason why the start fails. */
export type KeeperMaker = (
  given: GivenInit,
  createContext: (flags: CheckedFlags) => KeeperContext,
) => { readonly keeper: ChildKeeper } | { readonly failed: unknown };

const makeNamedKeeper: KeeperMaker = (given, createContext) => {
  let wrong: Atom = SUPERVISOR_DATA;
  try {
    const flags = checkFlags(given.flags);
    wrong = START_SPEC;
    const simple = flags.strategy === 'simpleOneForOne';
    if (simple && given.children.length !== 1)
      return { failed: tuple2(BAD_START_SPEC, given.children.map(describeSpec)) };
    const specs = checkChildSpecs(given.children, flags.autoShutdown);
    const context = createContext(flags);
    const [template] = specs;
    const dynamic = simple && template !== undefined;
    return { keeper: dynamic ? new DynamicChildren(context, template) : new StaticChildren(context, specs) };
  } catch (error) {
    if (error instanceof ChildSpecError) return { failed: tuple2(wrong, error.reason) };
    throw error;
  }
};

/** What an init returned: flags and children in one object, or OTP's `{ok, {Flags, Children}}`. */
function readInit(returned: unknown): GivenInit | undefined {
  if (isTagged(returned, OK, 2) && isTuple(returned[1]) && returned[1].length === 2) {
    const [flags, children] = returned[1];
    return Array.isArray(children) ? { flags, children } : undefined;
  }
  if (typeof returned !== 'object' || returned === null) return undefined;
  const { children } = returned as { children?: unknown };
  return Array.isArray(children) ? { flags: returned, children } : undefined;
}

function namesModule(spec: unknown): boolean {
  const start = typeof spec === 'object' && spec !== null ? (spec as { start?: unknown }).start : undefined;
  return typeof start !== 'function';
}
