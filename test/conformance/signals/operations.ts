/**
 * What an agent can be told to do, in terms of `Self`. Our API takes strings where Erlang wants atoms and leaves unknown options to the
 * type checker; the kit tests the refusals of Erlang, so what is loose there is checked here.
 */
import {
  Atom,
  atom,
  BadArgumentError,
  isTuple,
  type Pid,
  ProcessError,
  ProcessExit,
  QuorateError,
  tuple,
  type Destination,
  type MonitorTarget,
  type ProcessInfo,
  type Ref,
  type Self,
} from '../../../runtime/index.ts';
import type { Arguments } from './protocol.ts';
import { aliasMode, monitorOptions } from './monitor-options.ts';

/** Performs one operation. Returns its value, or throws what the operation raises. */
export function perform(self: Self, operation: string, args: Arguments): unknown {
  const found = Object.hasOwn(operations, operation) ? operations[operation] : undefined;
  if (found === undefined) throw new Error(`the agent has no operation ${operation}`);
  return found(self, args);
}

/** Class and reason of what an operation raised. */
export function describeRaised(thrown: unknown): readonly [Atom, unknown] {
  if (thrown instanceof ProcessExit) return [atom('exit'), thrown.reason];
  if (thrown instanceof ProcessError) return [atom('error'), thrown.reason];
  if (thrown instanceof QuorateError) return [atom('error'), atom(thrown.code)];
  return [atom('error'), tuple(atom('javascript'), String(thrown))];
}

const operations: Readonly<Record<string, (self: Self, args: Arguments) => unknown>> = {
  link: (self, args) => done(self.link(args['target'] as Pid)),
  unlink,
  monitor,
  demonitor,
  exit_signal: (self, args) => done(self.exit(args['target'] as Pid, args['reason'])),
  send,
  trap_exit: (self, args) => self.trapExit(args['flag'] as boolean),
  register: (self, args) =>
    done(self.register(nameOf(args['name']), 'target' in args ? (args['target'] as Pid) : self.pid)),
  unregister: (self, args) => done(self.unregister(nameOf(args['name']))),
  whereis: (self, args) => (isAtomValue(args['name']) ? undefined : self.whereis(nameOf(args['name']))),
  is_alive: (self, args) => self.isAlive(args['target'] as Pid),
  alias: (self, args) => ('options' in args ? self.alias(aliasMode(only(args['options'])) as 'reply') : self.alias()),
  unalias: (self, args) => self.unalias(args['ref'] as Ref),
  make_ref: (self) => self.makeRef(),
  process_info: processInfo,
  monitor_node: monitorNode,
  disconnect_node: (self, args) => self.disconnectNode(nameOf(args['node'])),
  nodes: (self) => [...self.nodes()],
};

/** Where Erlang returns `true` and our API nothing. */
function done(_result: void): true {
  return true;
}

/** A name that can be registered; the atoms that JavaScript has as values of its own cannot. */
function nameOf(value: unknown): Atom {
  if (value instanceof Atom) return value;
  throw new BadArgumentError(`${String(value)} is not an atom that can be a name`);
}

function isAtomValue(value: unknown): boolean {
  return value === undefined || value === null || value === true || value === false;
}

function optionsOf(args: Arguments, known: readonly string[]): ReadonlySet<string> {
  const options = ((args['options'] ?? []) as readonly unknown[]).map((option) => nameOf(option).name);
  for (const option of options) if (!known.includes(option)) throw new BadArgumentError(`unknown option ${option}`);
  return new Set(options);
}

function only(list: unknown): Atom {
  return nameOf((list as readonly unknown[])[0]);
}

async function unlink(self: Self, args: Arguments): Promise<true> {
  const target = args['target'] as Pid;
  self.unlink(target);
  if (args['flush'] !== true) return true;
  const exit = atom('EXIT');
  const isFrom = (message: unknown): boolean =>
    isTuple(message) && message.length === 3 && message[0] === exit && target.equals(message[1]);
  await self.receive(isFrom, { timeoutMs: 0, otherwise: null });
  return true;
}

function monitor(self: Self, args: Arguments): Ref {
  if ('type' in args && args['type'] !== atom('process')) throw new BadArgumentError('only processes can be monitored');
  let target = args['target'];
  if (typeof target === 'string') throw new BadArgumentError('a name must be an atom');
  // A JavaScript value cannot be a name by itself, but part of one.
  if (isAtomValue(target)) target = tuple(target, self.nodeName);
  return self.monitor(target as MonitorTarget, monitorOptions(args));
}

function demonitor(self: Self, args: Arguments): boolean {
  const options = optionsOf(args, ['flush', 'info']);
  return self.demonitor(args['ref'] as Ref, { flush: options.has('flush'), info: options.has('info') });
}

function send(self: Self, args: Arguments): unknown {
  const { to, msg } = args;
  if (typeof to === 'string') throw new BadArgumentError('a name must be an atom');
  if (!('options' in args)) {
    self.send(to as Destination, msg);
    return msg;
  }
  const options = optionsOf(args, ['noconnect', 'nosuspend']);
  return atom(self.send(to as Destination, msg, { noconnect: options.has('noconnect') }));
}

async function processInfo(self: Self, args: Arguments): Promise<unknown> {
  const asksSelf = !('target' in args);
  if (!asksSelf && args['target'] === undefined) throw new BadArgumentError('undefined is not a pid');
  const info = asksSelf ? self.processInfo() : await self.processInfo(args['target'] as Pid);
  if (info === undefined) return undefined;
  const item = args['item'] as Atom;
  const name = item.name;
  if (!Object.hasOwn(items, name)) throw new BadArgumentError(`process_info has no item ${name}`);
  if (name === 'registered_name' && info.registeredName === undefined) return [];
  return tuple(item, items[name]?.(info));
}

const items: Readonly<Record<string, (info: ProcessInfo) => unknown>> = {
  links: (info) => [...info.links],
  monitors: (info) => info.monitors.map((monitored) => tuple(atom('process'), monitored)),
  monitored_by: (info) => [...info.monitoredBy],
  trap_exit: (info) => info.trapExit,
  message_queue_len: (info) => info.messageQueueLen,
  messages: (info) => [...info.messages],
  registered_name: (info) => info.registeredName,
};

function monitorNode(self: Self, args: Arguments): true {
  // The one option of OTP makes it wait longer for a connection from the other side, which has no meaning here.
  optionsOf(args, ['allow_passive_connect']);
  self.monitorNode(nameOf(args['node']), args['flag'] as boolean);
  return true;
}
