/**
 * The kit's agent: a process that takes only requests of the driver, performs them one at a time, and leaves every other message in its
 * mailbox until it is told to drain it. What an operation does is in `operations.ts`.
 */
import { type Atom, atom, isTuple, Pid, ProcessError, Ref, type Self, struct, tuple } from '../../../runtime/index.ts';
import { isStruct } from '../../../runtime/term/opaque.ts';
import { pidThread } from '../../../runtime/term/pid.ts';
import { spreadOver } from './layout.ts';
import { describeRaised, perform } from './operations.ts';
import { requestAgent, spawnAgent } from './spawning.ts';
import { BORN, FACTORY, isBornOk, isOperation, REPLY, VARIABLE, type Arguments, type Then } from './protocol.ts';

/** Values that earlier operations of the same agent made, by `kind name`. */
type Bound = ReadonlyMap<string, unknown>;

const VALUE = atom('value');
const RAISED = atom('raised');
const MAIL = atom('mail');
const SEQ = atom('seq');
const NONE = atom('none');
const BURST = atom('burst');
const OK = atom('ok');

/** The function of an agent, `conf_agent:init/3`. `threads`: over how many worker threads it spreads those it starts itself. */
export async function init(self: Self, name: string, trapExit: boolean, then: Then, threads?: number): Promise<void> {
  if (threads !== undefined) spreadOver(threads, pidThread(self.pid));
  if (trapExit) self.trapExit(true);
  const ref = self.makeRef();
  self.send(FACTORY, tuple(BORN, self.pid, ref, name));
  await self.receive(isBornOk(ref));
  if (then !== NONE) return finish(self, then);
  const bound = new Map<string, unknown>();
  for (;;) {
    const [, from, seq, operation] = await self.receive(isOperation);
    const result = await execute(self, operation, bound);
    if (result === undefined) return;
    self.send(from, tuple(REPLY, seq, result));
  }
}

/** The four ways an agent can end its own life. */
function finish(self: Self, then: Then): void {
  if (!isTuple(then)) return;
  const [how, reason] = then as readonly [Atom, unknown];
  if (how.name === 'exit') self.exit(reason);
  if (how.name === 'error') throw new ProcessError(reason);
  throw reason;
}

/** The result for the driver, or undefined when the agent has to end by returning. */
async function execute(
  self: Self,
  [operation, args]: readonly [Atom, Arguments],
  bound: Map<string, unknown>,
): Promise<unknown> {
  switch (operation.name) {
    case 'seq':
      return executeAll(self, args['ops'] as readonly (readonly [Atom, Arguments])[], bound);
    case 'return':
      return undefined;
    case 'exit':
    case 'error':
    case 'throw':
      return finish(self, tuple(operation, substitute(args['reason'], bound)));
    case 'burst':
      return burst(self, substitute(args, bound) as Arguments);
    case 'drain':
      return tuple(MAIL, await drain(self));
    default:
      return attempt(self, operation.name, substitute(args, bound) as Arguments, bound);
  }
}

async function executeAll(
  self: Self,
  operations: readonly (readonly [Atom, Arguments])[],
  bound: Map<string, unknown>,
): Promise<unknown> {
  const results: unknown[] = [];
  for (const operation of operations) {
    const result = await execute(self, operation, bound);
    if (result === undefined) return undefined;
    results.push(result);
  }
  return tuple(SEQ, results);
}

async function attempt(self: Self, operation: string, args: Arguments, bound: Map<string, unknown>): Promise<unknown> {
  try {
    const made = begin(self, operation, args);
    // Awaiting what is there already would let other processes run in the middle of a seq.
    const value = made instanceof Promise ? await made : made;
    remember(args, value, bound);
    return tuple(VALUE, value);
  } catch (error) {
    return tuple(RAISED, ...describeRaised(error));
  }
}

function begin(self: Self, operation: string, args: Arguments): unknown {
  if (operation === 'spawn') return spawnAgent(self, args, init);
  if (operation === 'spawn_request') return requestAgent(self, args);
  return perform(self, operation, args);
}

function burst(self: Self, args: Arguments): unknown {
  try {
    for (let i = 1; i <= (args['count'] as number); i++) self.send(args['to'] as Pid, tuple(BURST, i));
  } catch (error) {
    // Uncaught, an error of our API is an object in the exit reason; one of Erlang's is an atom.
    throw new ProcessError(describeRaised(error)[1]);
  }
  if (!('then' in args)) return tuple(VALUE, OK);
  return finish(self, args['then'] as Then);
}

async function drain(self: Self): Promise<unknown[]> {
  const mail: unknown[] = [];
  const nothing = {};
  for (;;) {
    const message = await self.receive({ timeoutMs: 0, otherwise: nothing });
    if (message === nothing) return mail;
    mail.push(message);
  }
}

function remember(args: Arguments, value: unknown, bound: Map<string, unknown>): void {
  const { as, monitor } = args;
  if (as === undefined) return;
  if (isTuple(value)) bound.set(`pid ${String(as)}`, value[0]).set(`ref ${String(monitor)}`, value[1]);
  else if (value instanceof Pid) bound.set(`pid ${String(as)}`, value);
  else if (value instanceof Ref) bound.set(`ref ${String(as)}`, value);
}

/** Puts values in the place of `{'$var', Kind, Name}`, at any depth. */
function substitute(term: unknown, bound: Bound): unknown {
  if (isTuple(term)) {
    if (term[0] === VARIABLE && term.length === 3) return bound.get(`${String(term[1])} ${String(term[2])}`);
    return tuple(...term.map((item) => substitute(item, bound)));
  }
  if (Array.isArray(term)) return term.map((item) => substitute(item, bound));
  if (term instanceof Map)
    return new Map([...term].map(([key, value]) => [substitute(key, bound), substitute(value, bound)]));
  if (!isFields(term)) return term;
  const fields = Object.fromEntries(Object.entries(term).map(([key, value]) => [key, substitute(value, bound)]));
  return isStruct(term) ? struct(fields) : fields;
}

function isFields(term: unknown): term is Arguments {
  if (term === null || typeof term !== 'object') return false;
  return isStruct(term) || Object.getPrototypeOf(term) === Object.prototype;
}
