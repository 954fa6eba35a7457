/**
 * Starting an instance of a class as a process: on this thread from the class itself, on another from the module that exports it. The new
 * process runs `runIn` of the class.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import type { Self } from '../runtime/process/self.ts';
import type { ModuleTable, PlacedFunction } from '../runtime/process/spawner.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import type { Pid } from '../runtime/term/pid.ts';
import type { Ref } from '../runtime/term/ref.ts';
import type { ModuleStart } from './child-spec.ts';
import { loadExport } from './load.ts';
import { isKeptName, packName, unpackName, type ServerName } from './names.ts';
import { alreadyStarted, holderOf, pidOf, startAndWait } from './start.ts';
import type { AwaitStartOptions, Starter, StartOptions, StartResult } from './start.ts';

/** What all behaviours have in common: they can be run in a process that was made for them. */
export interface RunnableClass {
  readonly name: string;
  /** `import.meta.url` of the file that exports the class, for starts on other threads and nodes. */
  readonly module?: string;
  /** Under which name that file exports it; default: the name of the class. */
  readonly exported?: string;
  /** @internal runs an instance in the process `self` until it ends */
  runIn(self: Self, args: unknown, starter: Starter, name: ServerName | undefined): Promise<void>;
}

/** Starts an instance from the process `self`; OTP's answer, never a throw for a start that failed. */
export async function startClass(
  self: Self,
  behaviour: RunnableClass,
  args: unknown,
  options: StartOptions & Omit<AwaitStartOptions, 'timeoutMs'> = {},
  link = true,
): Promise<StartResult> {
  const { name, thread } = options;
  const node = elsewhere(self, options);
  // Only the node that the process will be of knows who has a name of that node.
  if (name !== undefined && (node === null || isKeptName(name))) {
    const found = holderOf(self, name);
    const holder = found instanceof Promise ? await found : found;
    if (holder !== undefined) return alreadyStarted(holder);
  }
  if (node !== null) {
    const { name: own, exported = own } = behaviour;
    const start = (starter: Starter): Promise<Pid> =>
      self.spawn(STARTABLE, exported, [args, starter, packName(name)], { node, link });
    return startAndWait(self, start, link, options);
  }
  if (thread === undefined) {
    const run = (own: Self, starter: Starter): Promise<void> => behaviour.runIn(own, args, starter, name);
    return startAndWait(self, (starter) => self.spawn((own) => run(own, starter), { link }), link, options);
  }
  const { module, exported } = moduleOf(behaviour);
  const packedName = packName(name);
  const spawn = (starter: Starter): ReturnType<typeof self.spawnLink> | Promise<ReturnType<typeof self.spawnLink>> =>
    self.spawn(import.meta.url, 'runPlaced', [module, exported, args, starter, packedName], { thread, link });
  return startAndWait(self, spawn, link, options);
}

/** Under which module name classes are registered for other nodes. */
const STARTABLE = '$startable';

/**
 * The classes as `modules` of a node takes them: other nodes may then start them here, with `{ node }`. They are known there by `exported`, or their name, and
 * run on the thread that started this node.
 *
 * ```ts
 * await LocalNode.start({ name: 'b@host', cookie, modules: startable(Counter, Ledger) });
 * await Counter.start(5, { node: 'b@host' }); // on another node of the cluster
 * ```
 */
export function startable(...classes: readonly RunnableClass[]): ModuleTable {
  const functions: Record<string, PlacedFunction> = {};
  for (const one of classes) {
    functions[one.exported ?? one.name] = async (self: Self, args: unknown, starter: Starter, name: unknown) =>
      one.runIn(self, args, starter, await unpackName(name));
  }
  return { [STARTABLE]: functions };
}

/** The other node that a start is for; null when it is for this one. @throws `badarg` for a thread of another node */
function elsewhere(self: Self, { node, thread }: StartOptions): Atom | null {
  const name = typeof node === 'string' ? nameAtom(node) : node;
  if (name === undefined || name === self.nodeName) return null;
  if (thread === undefined) return name;
  throw new BadArgumentError(`a start on ${name.name} cannot choose the thread there; give node or thread`);
}

/** A process and the monitor that its starter holds. */
export interface Monitored<P extends Pid = Pid> {
  readonly pid: P;
  readonly ref: Ref;
}

/** As `startClass` without link, with a monitor. @throws StartError (rejects) */
export async function startMonitored(
  self: Self,
  behaviour: RunnableClass,
  args: unknown,
  options: StartOptions = {},
): Promise<Monitored> {
  let held: Ref | undefined;
  const onMonitor = (ref: Ref): void => void (held = ref);
  const pid = pidOf(behaviour.name, await startClass(self, behaviour, args, { ...options, onMonitor }, false));
  return { pid, ref: held ?? self.monitor(pid) };
}

/**
 * The body of a process that was placed on a thread, started by its name.
 *
 * @public
 */
export async function runPlaced(
  self: Self,
  module: string,
  exported: string,
  args: unknown,
  starter: Starter,
  name: unknown,
): Promise<void> {
  const found: unknown = await loadExport(module, exported);
  if (!isRunnable(found)) throw new BadArgumentError(`${exported} of ${module} is not a server or supervisor class`);
  await found.runIn(self, args, starter, await unpackName(name));
}

export function isRunnable(value: unknown): value is RunnableClass {
  return typeof value === 'function' && typeof (value as { runIn?: unknown }).runIn === 'function';
}

/** Where a class can be found again. @throws `badarg` without `static module` */
export function moduleOf(startable: RunnableClass): ModuleStart {
  const { module, name, exported = name } = startable;
  if (module !== undefined) return { module, exported };
  throw new BadArgumentError(
    `${name} cannot be started on another thread: it needs 'static module = import.meta.url' and to be exported from that file`,
  );
}
