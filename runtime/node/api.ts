/**
 * The functions of a process without its `self` in hand: they act for the process whose code runs now. Outside of any process, those that
 * need no process of their own (spawn, send, whereis, register, exit of another) act for the thread's node.
 */
import type { Atom } from '../term/atom.ts';
import { makePid, type Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import { currentSelf } from '../process/context.ts';
import type {
  DemonitorOptions,
  Destination,
  Matcher,
  MonitorOptions,
  MonitorTarget,
  PlacedSpawnOptions,
  Predicate,
  ProcessFunction,
  ProcessInfo,
  ReceiveOptions,
  ReceiveOrOptions,
  Self,
  SpawnOptions,
} from '../process/self.ts';
import { scheduler, self } from './default.ts';
import { offloadFrom, type OffloadOptions } from './offload.ts';
import { runProcess } from '../process/run.ts';

export function spawn(fn: ProcessFunction, options?: SpawnOptions): Pid;
export function spawn(
  module: string,
  exported: string,
  args?: readonly unknown[],
  options?: PlacedSpawnOptions,
): Promise<Pid>;
export function spawn(
  what: ProcessFunction | string,
  second?: SpawnOptions | string,
  args: readonly unknown[] = [],
  placed: PlacedSpawnOptions = {},
): Pid | Promise<Pid> {
  const caller = currentSelf();
  if (typeof what === 'function') {
    const options = second as SpawnOptions | undefined;
    return caller === undefined ? scheduler().spawn(what, options) : caller.spawn(what, options);
  }
  const start = (process: Self): Promise<Pid> => process.spawn(what, second as string, args, placed);
  return caller === undefined ? runProcess(scheduler(), start) : start(caller);
}

export function spawnLink(fn: ProcessFunction, options?: SpawnOptions): Pid {
  return self().spawnLink(fn, options);
}

export function spawnMonitor(
  fn: ProcessFunction,
  options?: SpawnOptions & { readonly monitor?: MonitorOptions },
): [Pid, Ref] {
  return self().spawnMonitor(fn, options);
}

/** Runs `fn` in a process of its own and resolves to its result. Rejects with what it throws, or with `exited`. */
export function run<T>(fn: (self: Self) => T | Promise<T>, options?: SpawnOptions): Promise<T> {
  return runProcess(scheduler(), fn, options);
}

/**
 * Calls an exported function on a thread for CPU-bound work, where it holds up no process, and resolves to its result. Arguments and result
 * are terms and are copied. In a process the work ends with the process.
 *
 * @throws (rejects) what the function threw; `aborted` (the signal fired, or the process ended), `thread_ended` (the work ran out of memory
 * or ended its thread), `module_not_found`, `module_failed`, `undef`, `not_sendable`, `badarg`
 */
export function offload(
  module: string,
  exported: string,
  args: readonly unknown[] = [],
  options: OffloadOptions = {},
): Promise<unknown> {
  return offloadFrom(scheduler(), currentSelf()?.signal, module, exported, args, options);
}

export function send(to: Destination, message: unknown): void {
  const caller = currentSelf();
  if (caller !== undefined) caller.send(to, message);
  else scheduler().send(nobody(), to, message);
}

export function receive(): Promise<unknown>;
export function receive<T>(match: Matcher<T>, options?: ReceiveOptions): Promise<T>;
export function receive<T, D>(match: Matcher<T>, options: ReceiveOrOptions<D>): Promise<T | D>;
export function receive(match: Predicate, options?: ReceiveOptions | ReceiveOrOptions<unknown>): Promise<unknown>;
export function receive(options: ReceiveOptions): Promise<unknown>;
export function receive<D>(options: ReceiveOrOptions<D>): Promise<unknown>;
export function receive(...args: unknown[]): Promise<unknown> {
  return (self().receive as (...given: unknown[]) => Promise<unknown>).apply(self(), args);
}

export function link(pid: Pid): void {
  self().link(pid);
}

export function unlink(pid: Pid): void {
  self().unlink(pid);
}

export function monitor(target: MonitorTarget, options?: MonitorOptions): Ref {
  return self().monitor(target, options);
}

export function demonitor(ref: Ref, options?: DemonitorOptions): boolean {
  return self().demonitor(ref, options);
}

/** With one argument ends the calling process; with two sends an exit signal. */
export function exit(reason: unknown): never;
export function exit(pid: Pid, reason: unknown): void;
export function exit(...args: [unknown] | [Pid, unknown]): void {
  if (args.length === 1) self().exit(args[0]);
  const [pid, reason] = args as [Pid, unknown];
  const caller = currentSelf();
  if (caller !== undefined) caller.exit(pid, reason);
  else scheduler().exit(nobody(), pid, reason);
}

export function trapExit(flag: boolean): boolean {
  return self().trapExit(flag);
}

export function makeRef(): Ref {
  return scheduler().makeRef();
}

export function alias(mode?: 'explicitUnalias' | 'reply'): Ref {
  return self().alias(mode);
}

export function unalias(ref: Ref): boolean {
  return self().unalias(ref);
}

/** Registers `pid` (default: the calling process) under a name. @throws `badarg` */
export function register(name: string | Atom, pid?: Pid): void {
  scheduler().register(name, pid ?? self().pid);
}

export function unregister(name: string | Atom): void {
  scheduler().unregister(name);
}

export function whereis(name: string | Atom): Pid | undefined {
  return scheduler().whereis(name);
}

export function sendAfter(delayMs: number, to: Destination, message: unknown): Ref {
  return scheduler().sendAfter(currentSelf()?.pid ?? nobody(), delayMs, to, message);
}

export function cancelTimer(timer: Ref): number | false {
  return scheduler().cancelTimer(timer);
}

export function isAlive(pid: Pid): boolean {
  return scheduler().isAlive(pid);
}

export function processInfo(pid: Pid): Promise<ProcessInfo | undefined> {
  return scheduler().processInfo(pid);
}

export function monitorNode(node: Atom | string, flag: boolean): void {
  self().monitorNode(node, flag);
}

/** The nodes that this one is connected to. */
export function nodes(): readonly string[] {
  return scheduler()
    .outside.nodes()
    .map((node) => node.name);
}

/** A pid that nobody has, for what is sent from outside of any process. */
function nobody(): Pid {
  const { nodeName, creation, thread } = scheduler();
  return makePid(nodeName, creation, thread, 0);
}
