/** Options and destinations that programs give, checked before anything is done: what is wrong is `badarg` at the caller, and nothing has happened. */
import { BadArgumentError } from '../errors.ts';
import { Atom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import { Ref } from '../term/ref.ts';
import { isTuple } from '../term/tuple.ts';
import { assertMonitorOptions, isNameless } from './targets.ts';

/** @throws `badarg` unless it is an object (undefined stands for none) */
export function assertOptions(options: unknown, what: string): void {
  if (options === undefined || (typeof options === 'object' && options !== null && !Array.isArray(options))) return;
  throw new BadArgumentError(`${what}: options must be an object, not ${options === null ? 'null' : typeof options}`);
}

/** @throws `badarg` unless each of these is true, false or not there */
export function assertFlags(options: object | undefined, names: readonly string[], what: string): void {
  assertOptions(options, what);
  for (const name of names) {
    const flag = (options as Readonly<Record<string, unknown>> | undefined)?.[name];
    if (flag !== undefined && typeof flag !== 'boolean') {
      throw new BadArgumentError(`${what}: ${name} must be true or false, not ${typeof flag}`);
    }
  }
}

const SPAWN_FLAGS: readonly string[] = ['link', 'trapExit', 'implicitSelf'];
const DEMONITOR_FLAGS: readonly string[] = ['flush', 'info'];
const SEND_FLAGS: readonly string[] = ['noconnect'];

export function assertSpawnOptions(options: object): void {
  assertFlags(options, SPAWN_FLAGS, 'spawn');
  const { monitor } = options as { readonly monitor?: object };
  if (monitor === undefined) return;
  assertOptions(monitor, 'spawnMonitor');
  assertMonitorOptions(monitor);
}

export function assertDemonitorOptions(options: object): void {
  assertFlags(options, DEMONITOR_FLAGS, 'demonitor');
}

export function assertSendOptions(options: object): void {
  assertFlags(options, SEND_FLAGS, 'send');
}

/** `options` is what `receive` got where its options stand: a match that is no function lands here too. */
export function assertReceiveOptions(options: unknown): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new BadArgumentError(
      `receive: takes a function that says which message is wanted, and options such as { timeoutMs: 100 }; not ${typeof options}`,
    );
  }
  const { timeoutMs } = options as { readonly timeoutMs?: unknown };
  if (timeoutMs !== undefined && !(typeof timeoutMs === 'number' && timeoutMs >= 0)) {
    throw new BadArgumentError(
      `receive: timeoutMs must be a number of milliseconds >= 0, not ${typeof timeoutMs} ${String(timeoutMs)}`,
    );
  }
}

/** For what is sent later: a destination that is none would be found out when nobody can be told any more. */
export function assertDestination(to: unknown, what: string): void {
  if (to instanceof Pid || to instanceof Ref || to instanceof Atom || typeof to === 'string') return;
  const isName = isTuple(to) && to.length === 2 && (to[0] instanceof Atom || isNameless(to[0]));
  if (isName && to[1] instanceof Atom) return;
  throw new BadArgumentError(`${what}: takes a pid, an alias, a registered name, or {Name, Node}`);
}
