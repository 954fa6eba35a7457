/** What the functions of a process are given, checked: pids, names, monitor targets and options. */
import { BadArgumentError, QuorateError } from '../errors.ts';
import { Atom, nameAtom } from '../term/atom.ts';
import { Pid } from '../term/pid.ts';
import { isTuple, tuple2 } from '../term/tuple.ts';
import type { Scheduler } from './scheduler.ts';
import { ELSEWHERE } from './place.ts';
import type { MonitorOptions, MonitorTarget, RemoteName } from './self.ts';

const MONITOR_ALIAS_MODES: readonly unknown[] = ['explicitUnalias', 'demonitor', 'replyDemonitor'];

export interface AskedTarget {
  readonly pid: Pid | null;
  readonly node: Atom | null;
  readonly object: Pid | RemoteName;
}

export function resolveTarget(scheduler: Scheduler, target: Exclude<MonitorTarget, Pid>): AskedTarget {
  if (target instanceof Atom || typeof target === 'string') {
    const name = toName(target, 'monitor');
    return { pid: scheduler.whereis(name) ?? null, node: null, object: tuple2(name, scheduler.nodeName) };
  }
  if (isTuple(target) && target.length === 2 && target[1] instanceof Atom) {
    const [name, node] = target as readonly [unknown, Atom];
    if (isNameless(name)) return { pid: null, node: null, object: tuple2(name, node) as unknown as RemoteName };
    if (!(name instanceof Atom)) throw new BadArgumentError('monitor: in {Name, Node} the name must be an atom');
    const own = node === scheduler.nodeName;
    return { pid: own ? (scheduler.whereis(name) ?? null) : null, node: own ? null : node, object: tuple2(name, node) };
  }
  throw new BadArgumentError('monitor: takes a pid, a registered name, or {Name, Node}');
}

/** An atom that JavaScript has as a value of its own: nobody can be registered under it. */
export function isNameless(name: unknown): boolean {
  return name === undefined || name === null || name === true || name === false;
}

export function isMonitorOptions(options: MonitorOptions): boolean {
  if (typeof options !== 'object' || (options as unknown) === null) return false;
  const { alias } = options;
  return alias === undefined || MONITOR_ALIAS_MODES.includes(alias);
}

/** @throws `badarg` */
export function assertMonitorOptions(options: MonitorOptions): void {
  if (!isMonitorOptions(options)) {
    throw new BadArgumentError(
      `monitor: options must be an object, and its alias one of ${MONITOR_ALIAS_MODES.join(', ')}`,
    );
  }
}

/** A registered name or node name as an atom. @throws `badarg` */
export function toName(name: Atom | string, what: string): Atom {
  if (name instanceof Atom) return name;
  if (typeof name === 'string') return nameAtom(name);
  throw new BadArgumentError(`${what}: a name must be an atom or a string, not ${name === null ? 'nil' : typeof name}`);
}

export function assertPid(pid: unknown, what: string): asserts pid is Pid {
  if (!(pid instanceof Pid)) throw new BadArgumentError(`${what}: takes a pid, not ${typeof pid}`);
}

export function createNoProcError(what: string, pid: Pid): QuorateError {
  return new QuorateError('noproc', `${what}: ${pid.toString()} is not alive`, { details: { pid: pid.toString() } });
}

/** Refuses a pid that cannot get a name. Returns how a name is refused. @throws `badarg` */
export function assertRegistrable(scheduler: Scheduler, asked: Atom, pid: Pid): (why: string) => never {
  const refuse = (why: string): never => {
    throw new BadArgumentError(`register ${asked.name}: ${why}`, { details: { name: asked.name } });
  };
  if (scheduler.locate(pid) === ELSEWHERE) refuse(`${pid.toString()} is a process of another node`);
  if (!scheduler.isAlive(pid)) refuse(`${pid.toString()} is not alive`);
  const other = scheduler.names.nameOf(pid);
  if (other !== undefined) refuse(`${pid.toString()} is registered as ${other.name} already; a process has one name`);
  return refuse;
}
