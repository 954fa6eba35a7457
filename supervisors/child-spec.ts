/**
 * Child specifications: types, defaults, and the checks that OTP makes, in its order and with its reasons, before anything starts. An error names
 * the child, the field, what was found and what would be right.
 */
import type { Placement, Self } from '../runtime/process/self.ts';
import { Atom, nameAtom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { equalTerms } from '../runtime/term/equal.ts';
import { struct } from '../runtime/term/opaque.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isTuple, tuple, tuple2 } from '../runtime/term/tuple.ts';
import { INFINITY } from './atoms.ts';
import { ChildSpecError } from './errors.ts';
import type { ServerName } from './names.ts';
import type { RunnableClass } from './start-class.ts';
import type { StartResult } from './start.ts';
import { createWords, type Words } from './words.ts';

/** `permanent`: always restarted. `transient`: unless it ended `normal`, `shutdown` or `{shutdown, _}`. `temporary`: never. */
export type Restart = 'permanent' | 'transient' | 'temporary';
/** How a child is ended: killed at once, told to shut down and killed after so many milliseconds, or told and waited for. */
export type Shutdown = 'brutalKill' | 'infinity' | number;
export type ChildType = 'worker' | 'supervisor';
/** Whether a significant child's own end ends the supervisor: never, any one's, the last one's. */
export type AutoShutdown = 'never' | 'anySignificant' | 'allSignificant';

/** What a start function may return: the pid of a process linked to the supervisor, or what a start came to. */
export type StartReturn = Pid | StartResult | Atom | readonly unknown[];
/** Runs in the supervisor. `self` is the supervisor's process; `extra` what `startChild` of a `simpleOneForOne` added. */
export type StartFunction = (self: Self, ...extra: readonly unknown[]) => StartReturn | Promise<StartReturn>;

/** A function or server class by where it is exported: can be sent to a supervisor on another thread. */
export interface ModuleStart {
  readonly module: string;
  readonly exported: string;
  readonly args?: readonly unknown[];
}

/** A start by where it is exported; of a class it may have what a `ClassStart` may. */
export interface ExportedStart extends ModuleStart, StartPlace {}

/** Under which name, and where, a child of a class is started; as in `StartOptions`. */
export interface StartPlace {
  readonly name?: ServerName;
  readonly thread?: Placement;
  readonly node?: string | Atom;
}

/** A class with its argument, as `Counter.childSpec(args)` gives. */
export interface ClassStart extends StartPlace {
  readonly server: RunnableClass;
  readonly args?: unknown;
}

export type Start = StartFunction | ExportedStart | ClassStart;

export interface ChildSpec {
  /** Names the child in its supervisor: any term. */
  readonly id: unknown;
  readonly start: Start;
  /** Default `permanent`. */
  readonly restart?: Restart;
  /** Default 5000 for workers, `infinity` for supervisors. */
  readonly shutdown?: Shutdown;
  /** Default `worker`. */
  readonly type?: ChildType;
  /** Default false; see `autoShutdown` of the supervisor. */
  readonly significant?: boolean;
  /** For release tools: a list of module names, or the atom `dynamic`. Default: the module of the start, if it has one. */
  readonly modules?: unknown;
}

/** Of a start: what is given of its place. */
export function placeOf({ name, thread, node }: StartPlace): StartPlace {
  return {
    ...(name === undefined ? {} : { name }),
    ...(thread === undefined ? {} : { thread }),
    ...(node === undefined ? {} : { node }),
  };
}

/** A specification with all fields, found good. */
export interface CheckedSpec {
  readonly id: unknown;
  readonly start: Start;
  readonly restart: Restart;
  readonly shutdown: Shutdown;
  readonly type: ChildType;
  readonly significant: boolean;
  readonly modules: unknown;
}

export const SHUTDOWN_MS_DEFAULT = 5000;

export const RESTARTS: Words<Restart> = createWords(['permanent', 'transient', 'temporary']);
export const CHILD_TYPES: Words<ChildType> = createWords(['worker', 'supervisor']);
export const SHUTDOWNS: Words<'brutalKill' | 'infinity'> = createWords(['brutalKill', 'infinity']);
export const AUTO_SHUTDOWNS: Words<AutoShutdown> = createWords(['never', 'anySignificant', 'allSignificant']);

const FUN: Atom = nameAtom('fun');
const DYNAMIC: Atom = nameAtom('dynamic');

/**
 * A child spec with its defaults. `autoShutdown` null: not judged against a supervisor's.
 *
 * @throws ChildSpecError `bad_child_spec`
 */
export function checkChildSpec(given: unknown, autoShutdown: AutoShutdown | null): CheckedSpec {
  const fields = readFields(given);
  if (fields === null) {
    throw specError('spec', given, 'an object with id and start', tagged('invalid_child_spec', given), undefined);
  }
  const id = fields['id'];
  if (!('id' in fields))
    throw specError('id', undefined, 'given: it names the child', nameAtom('missing_id'), undefined);
  if (fields['start'] === undefined) {
    throw specError('start', undefined, 'a function, a class start or a module start', nameAtom('missing_start'), id);
  }
  const start = readStart(fields['start']);
  if (start === undefined) {
    const right = 'a function, { module, exported, args } or { server, args }';
    throw specError('start', fields['start'], right, tagged('invalid_mfa', fields['start']), id);
  }
  const restart = readWord(RESTARTS, 'restart', fields, 'permanent', 'invalid_restart_type', id);
  const significant = readSignificant(fields['significant'] ?? false, restart, autoShutdown, id);
  const type = readWord(CHILD_TYPES, 'type', fields, 'worker', 'invalid_child_type', id);
  const shutdown = readShutdown(fields['shutdown'], type, id);
  const modules = readModules(fields['modules'] ?? modulesOf(start), id);
  return { id, start, restart, significant, type, shutdown, modules };
}

/** All specs of a supervisor: each good, no id twice. @throws ChildSpecError `bad_child_spec` */
export function checkChildSpecs(given: readonly unknown[], autoShutdown: AutoShutdown | null): CheckedSpec[] {
  const checked: CheckedSpec[] = [];
  for (const one of given) {
    const spec = checkChildSpec(one, autoShutdown);
    if (checked.some((other) => equalTerms(other.id, spec.id))) {
      throw specError('id', spec.id, 'unique in its supervisor', tagged('duplicate_child_name', spec.id), spec.id);
    }
    checked.push(spec);
  }
  return checked;
}

/** The spec as OTP's map, as `get_childspec` gives it. A function is shown, not sent. */
export function specTerm(spec: CheckedSpec): object {
  return struct({
    id: spec.id,
    start: startTermOf(spec.start),
    restart: RESTARTS.term(spec.restart),
    significant: spec.significant,
    shutdown: shutdownTerm(spec.shutdown),
    type: CHILD_TYPES.term(spec.type),
    modules: spec.modules,
  });
}

export function shutdownTerm(shutdown: Shutdown): unknown {
  return typeof shutdown === 'number' ? shutdown : SHUTDOWNS.term(shutdown);
}

/** `{Module, Function, Args}`. */
export function startTermOf(start: Start): unknown {
  if (typeof start === 'function') return tuple(FUN, start.name, []);
  if ('server' in start)
    return tuple(start.server.module ?? start.server.name, start.server.name, [describeTerm(start.args)]);
  return tuple(start.module, start.exported, [...(start.args ?? [])]);
}

/** A spec that may be wrong as a term that can be sent: functions and classes are shown. */
export function describeSpec(given: unknown): unknown {
  const fields = readFields(given);
  if (fields === null) return typeof given === 'function' ? describeFound(given) : given;
  const start = fields['start'] === undefined ? undefined : readStart(fields['start']);
  return struct({ ...fields, ...(start === undefined ? {} : { start: startTermOf(start) }) });
}

function readFields(given: unknown): Record<string, unknown> | null {
  if (typeof given !== 'object' || given === null || Array.isArray(given) || given instanceof Atom) return null;
  if (!(given instanceof Map)) return { ...given };
  const fields: Record<string, unknown> = {};
  for (const [key, value] of given) if (key instanceof Atom) fields[key.name] = value;
  return fields;
}

function readStart(value: unknown): Start | undefined {
  if (typeof value === 'function') return value as StartFunction;
  if (isTuple(value) && value.length === 3 && Array.isArray(value[2]) && !isTuple(value[2])) {
    const [module, exported] = [nameOf(value[0]), nameOf(value[1])];
    return module === undefined || exported === undefined ? undefined : { module, exported, args: value[2] };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  if ('server' in value && typeof value.server === 'function') return value as ClassStart;
  const { module, exported, args } = value as { module?: unknown; exported?: unknown; args?: unknown };
  if (typeof module !== 'string' || typeof exported !== 'string') return undefined;
  return args === undefined || Array.isArray(args) ? (value as ExportedStart) : undefined;
}

function nameOf(value: unknown): string | undefined {
  return value instanceof Atom ? value.name : typeof value === 'string' ? value : undefined;
}

function readWord<W extends string>(
  words: Words<W>,
  field: string,
  fields: Record<string, unknown>,
  otherwise: W,
  reason: string,
  id: unknown,
): W {
  const value = fields[field];
  if (value === undefined) return otherwise;
  const word = words.read(value);
  if (word === undefined) throw specError(field, value, words.describe(), tagged(reason, value), id);
  return word;
}

function readSignificant(value: unknown, restart: Restart, autoShutdown: AutoShutdown | null, id: unknown): boolean {
  if (typeof value !== 'boolean') {
    throw specError('significant', value, 'true or false', tagged('invalid_significant', value), id);
  }
  if (!value) return false;
  const clash = (field: string, term: Atom, right: string): ChildSpecError => {
    const pair = [tuple2(nameAtom(field), term), tuple2(nameAtom('significant'), true)];
    return specError('significant', true, right, tuple2(nameAtom('bad_combination'), pair), id);
  };
  if (restart === 'permanent') {
    throw clash('restart', RESTARTS.term(restart), 'false for a permanent child: it never ends for good');
  }
  if (autoShutdown === 'never') {
    throw clash('auto_shutdown', AUTO_SHUTDOWNS.term(autoShutdown), "false under autoShutdown 'never'");
  }
  return true;
}

function readShutdown(value: unknown, type: ChildType, id: unknown): Shutdown {
  if (value === undefined) return type === 'worker' ? SHUTDOWN_MS_DEFAULT : 'infinity';
  if (value === Infinity || value === INFINITY) return 'infinity';
  const shutdown = Number.isInteger(value) && (value as number) >= 0 ? (value as number) : SHUTDOWNS.read(value);
  if (shutdown !== undefined) return shutdown;
  throw specError(
    'shutdown',
    value,
    'milliseconds >= 0, ' + SHUTDOWNS.describe(),
    tagged('invalid_shutdown', value),
    id,
  );
}

function modulesOf(start: Start): unknown {
  if (typeof start === 'function') return DYNAMIC;
  if ('server' in start) return [start.server.module ?? start.server.name];
  return [start.module];
}

function readModules(value: unknown, id: unknown): unknown {
  if (value === DYNAMIC || value === 'dynamic') return DYNAMIC;
  if (!Array.isArray(value) || isTuple(value)) {
    throw specError('modules', value, "a list of module names, or 'dynamic'", tagged('invalid_modules', value), id);
  }
  for (const module of value as unknown[]) {
    if (nameOf(module) !== undefined) continue;
    throw specError('modules', module, 'a list of names only', tagged('invalid_module', module), id);
  }
  return value;
}

function tagged(reason: string, value: unknown): unknown {
  return tuple2(nameAtom(reason), value);
}

function specError(field: string, found: unknown, right: string, reason: unknown, id: unknown): ChildSpecError {
  const child = id === undefined ? 'child spec' : `child spec ${describeTerm(id)}`;
  const message = `${child}: ${field} is ${describeFound(found)}; it must be ${right}`;
  return new ChildSpecError('bad_child_spec', field, message, reason);
}

function describeFound(value: unknown): string {
  if (value === undefined) return 'missing';
  return typeof value === 'function' ? `function ${value.name}` : describeTerm(value);
}
