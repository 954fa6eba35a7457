/**
 * Remote calls from OTP nodes: `erpc`, which they start here as a process (`erpc:execute_call/4`), and the server `rex`, which older nodes and
 * `rpc:async`-style libraries ask. Only functions that the application registered can be called (`modules` of the node); any other is `undef`, as
 * a function that does not exist is on the BEAM. A function gets the process that runs it, then the arguments; what it returns is the result.
 *
 * Source: OTP 25, erpc.erl and rpc.erl. Options about standard output (`send_stdout_to_caller`, group leaders) mean nothing here.
 */
import { ProcessExit, reasonOf } from '../process/exit.ts';
import type { Scheduler } from '../process/scheduler.ts';
import type { Self } from '../process/self.ts';
import type { ModuleTable, PlacedFunction } from '../process/spawner.ts';
import { Atom, nameAtom } from '../term/atom.ts';
import { copyTerm } from '../term/copy.ts';
import { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import { isTagged, isTuple, tuple, tuple2, tuple3 } from '../term/tuple.ts';
import { replyToCall } from './net-kernel.ts';

const REX = nameAtom('rex');
const GEN_CALL = nameAtom('$gen_call');
const GEN_CAST = nameAtom('$gen_cast');
const CALL = nameAtom('call');
const BLOCK_CALL = nameAtom('block_call');
const CAST = nameAtom('cast');
const FEATURES_REQUEST = nameAtom('features_request');
const FEATURES_REPLY = nameAtom('features_reply');
const ERPC = nameAtom('erpc');
const RETURN = nameAtom('return');
const THROW = nameAtom('throw');
const EXIT = nameAtom('exit');
const ERROR = nameAtom('error');
const UNDEF = nameAtom('undef');
const BADRPC = nameAtom('badrpc');
const EXITED = nameAtom('EXIT');

/** How a call ended: `class` and its terms, as erpc reports them. */
interface Result {
  readonly kind: Atom;
  readonly value: unknown;
  /** Only for errors. */
  readonly stack?: unknown;
}

/** The function of that name that the application registered. */
export function findRegistered(modules: ModuleTable, module: unknown, fn: unknown): PlacedFunction | undefined {
  if (!(module instanceof Atom) || !(fn instanceof Atom) || !Object.hasOwn(modules, module.name)) return undefined;
  const found = modules[module.name];
  return found !== undefined && Object.hasOwn(found, fn.name) ? found[fn.name] : undefined;
}

/** What other nodes may start here, with the functions that make remote calls. */
export function withRpc(modules: ModuleTable): ModuleTable {
  async function execute_call(self: Self, ref: Ref, module: unknown, fn: unknown, args: unknown): Promise<void> {
    const { kind, value, stack } = await apply(modules, self, module, fn, args);
    self.exit(stack === undefined ? tuple3(ref, kind, value) : tuple(ref, kind, value, stack));
  }
  async function execute_cast(self: Self, module: unknown, fn: unknown, args: unknown): Promise<void> {
    const { kind, value, stack } = await apply(modules, self, module, fn, args);
    if (kind !== RETURN) self.exit(stack === undefined ? value : tuple2(value, stack));
  }
  return { ...modules, erpc: { execute_call, execute_cast } };
}

async function apply(modules: ModuleTable, self: Self, module: unknown, fn: unknown, args: unknown): Promise<Result> {
  const found = findRegistered(modules, module, fn);
  if (found === undefined || !Array.isArray(args)) {
    return { kind: ERROR, value: UNDEF, stack: [tuple(module, fn, args, [])] };
  }
  try {
    return { kind: RETURN, value: copyTerm(await found(self, ...(args as never[])), 'result') };
  } catch (thrown) {
    return describeThrown(thrown);
  }
}

/** An exit, an error with its stack, or a thrown value. */
function describeThrown(thrown: unknown): Result {
  const reason = reasonOf(thrown);
  if (thrown instanceof ProcessExit) return { kind: EXIT, value: reason };
  const [value, stack] = reason as readonly [unknown, unknown];
  if (thrown instanceof Error) return { kind: ERROR, value, stack };
  return { kind: THROW, value: (value as readonly unknown[])[1] };
}

/** Starts the server `rex` on the thread that knows the application's functions. */
export function startRex(scheduler: Scheduler, modules: ModuleTable): void {
  scheduler.spawn((self) => rex(self, modules), { name: REX, implicitSelf: false });
}

async function rex(self: Self, modules: ModuleTable): Promise<void> {
  for (;;) {
    const message = await self.receive();
    if (!isTuple(message)) continue;
    const [label, from, request] = message as readonly unknown[];
    if (label === GEN_CALL && isTuple(from) && from[0] instanceof Pid) {
      const [caller, tag] = from as readonly [Pid, unknown];
      serve(self, modules, request, (other, answer) => replyToCall(other, caller, tag, answer));
    } else if (label === GEN_CAST && isTagged(from, CAST, 5)) {
      serve(self, modules, from, () => undefined);
    } else if (label instanceof Pid && message.length === 2) serveOld(self, modules, label, from);
  }
}

/** `{From, Request}`, answered by `{rex, Result}`. */
function serveOld(self: Self, modules: ModuleTable, from: Pid, request: unknown): void {
  if (request === FEATURES_REQUEST) self.send(from, tuple3(FEATURES_REPLY, self.nodeName, [ERPC]));
  else serve(self, modules, request, (other, answer) => other.send(from, tuple2(REX, answer)));
}

/** Runs the call in a process of its own, so that it holds up no other. */
function serve(self: Self, modules: ModuleTable, request: unknown, reply: (self: Self, answer: unknown) => void): void {
  if (!isTuple(request) || request.length !== 5) return;
  const [what, module, fn, args] = request as readonly unknown[];
  if (what !== CALL && what !== BLOCK_CALL && what !== CAST) return;
  self.spawn(async (other) => reply(other, answerOf(await apply(modules, other, module, fn, args))), {
    implicitSelf: true,
  });
}

/** As `rpc:call` returns it: exits and errors are `{badrpc, {'EXIT', Reason}}`, thrown values are results. */
function answerOf({ kind, value, stack }: Result): unknown {
  if (kind === RETURN || kind === THROW) return value;
  return tuple2(BADRPC, tuple2(EXITED, stack === undefined ? value : tuple2(value, stack)));
}
