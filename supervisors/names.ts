/**
 * Names of servers beyond those of the node: `{ via: registry, name }`, kept by a registry of the program's choice, and `{ global: name }`, one holder in the
 * whole cluster. This folder has no global registry: a layer above gives one with `setGlobalRegistry`; until then such names are refused.
 *
 * A registry frees a name when its holder ends; a server frees its own only when its init refuses to run.
 */
import { BadArgumentError, QuorateError } from '../runtime/errors.ts';
import type { Process } from '../runtime/process/process.ts';
import type { RemoteName, Self } from '../runtime/process/self.ts';
import { Atom, nameAtom } from '../runtime/term/atom.ts';
import { copyTerm } from '../runtime/term/copy.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { Pid } from '../runtime/term/pid.ts';
import { tuple2, tuple3 } from '../runtime/term/tuple.ts';
import { loadObject } from './load.ts';

/** What a name of a `{ via }` is looked up in. All of it works on any thread that has the registry. */
export interface NameRegistry {
  /** Shown in exit reasons, `{via, Name, Key}`. */
  readonly name?: string;
  /** `import.meta.url` of the file that exports the registry: needed to start servers by such names on other threads. */
  readonly module?: string;
  /** Under which name that file exports it; default: `name`. */
  readonly exported?: string;
  /** Who has the name. Runs while the calling process may be waiting: it must not receive in that process's name. */
  whereis(name: unknown): Pid | undefined | Promise<Pid | undefined>;
  /** Gives the name to the process `self`, which calls this; false when somebody has it. May receive in `self`. */
  register(name: unknown, self: Self): boolean | Promise<boolean>;
  /** Frees the name of `self`. May receive in `self`. */
  unregister(name: unknown, self: Self): unknown;
  /** For casts, instead of `whereis` and a send. Same rule as `whereis`. */
  send?(name: unknown, message: unknown, self: Self): unknown;
}

/** A name that `via` keeps. */
export interface ViaName {
  readonly via: NameRegistry;
  readonly name: unknown;
}

/** A name that one process in the cluster has. */
export interface GlobalName {
  readonly global: unknown;
}

/** What a server can be started under. */
export type ServerName = string | Atom | ViaName | GlobalName;

/** A process as the runtime knows it: a pid, a registered name of this node, or `{Name, Node}`. */
export type DirectRef = Pid | Atom | string | RemoteName;

const VIA: Atom = nameAtom('via');
const GLOBAL: Atom = nameAtom('global');

const missingRegistry: NameRegistry = {
  whereis: refuseGlobal,
  register: refuseGlobal,
  unregister: refuseGlobal,
};

let globalRegistry: NameRegistry = missingRegistry;

/** Says who keeps `{ global }` names in this thread; undefined takes it away. Returns the former one, if there was one. */
export function setGlobalRegistry(registry: NameRegistry | undefined): NameRegistry | undefined {
  const before = globalRegistry;
  globalRegistry = registry ?? missingRegistry;
  return before === missingRegistry ? undefined : before;
}

function refuseGlobal(name: unknown): never {
  throw new QuorateError(
    'no_global_registry',
    `the name { global: ${describeTerm(name)} } needs a registry that the whole cluster agrees on, and this thread has none: ` +
      'start the store (quorate/kv), or give one with setGlobalRegistry',
  );
}

/** Whether a reference or name is kept by a registry. */
export function isKeptName(ref: DirectRef | ViaName | GlobalName): ref is ViaName | GlobalName {
  return !(ref instanceof Pid) && !(ref instanceof Atom) && typeof ref === 'object' && !Array.isArray(ref);
}

function registryOf(ref: ViaName | GlobalName): NameRegistry {
  return 'via' in ref ? ref.via : globalRegistry;
}

function keyOf(ref: ViaName | GlobalName): unknown {
  return 'via' in ref ? ref.name : ref.global;
}

/** Who has a kept name. @throws `no_global_registry` */
export function whereisKept(ref: ViaName | GlobalName): Pid | undefined | Promise<Pid | undefined> {
  return registryOf(ref).whereis(keyOf(ref));
}

/** As `whereisKept`, for something that the process sends next: what it has sent to such names before goes first. */
export function targetOfKept(self: Self, ref: ViaName | GlobalName): Pid | undefined | Promise<Pid | undefined> {
  const before = onTheirWay.get(self);
  return before === undefined ? whereisKept(ref) : before.then(() => whereisKept(ref));
}

/** Of processes whose messages wait until a registry has said where to: settles when they have gone. Without it a cast could overtake another. */
const onTheirWay: WeakMap<Self, Promise<void>> = new WeakMap();

/** Sends to whoever has the name; nobody, or a registry that cannot tell, is no failure. @throws `not_sendable`, `no_global_registry` */
export function sendToKept(self: Self, ref: ViaName | GlobalName, message: unknown): void {
  const registry = registryOf(ref);
  if (registry.send !== undefined) {
    registry.send(keyOf(ref), message, self);
    return;
  }
  const before = onTheirWay.get(self);
  const found = registry.whereis(keyOf(ref));
  if (before === undefined && !(found instanceof Promise)) {
    if (found !== undefined) self.send(found, message);
    return;
  }
  const gone = sendWhenKnown(self, before, found, copyTerm(message));
  onTheirWay.set(self, gone);
  void gone.then(() => onTheirWay.get(self) === gone && onTheirWay.delete(self));
}

/** Also for a process that has ended since: what it sent is sent. Never rejects. */
async function sendWhenKnown(
  self: Self,
  before: Promise<void> | undefined,
  found: Pid | undefined | Promise<Pid | undefined>,
  message: unknown,
): Promise<void> {
  const [pid] = await Promise.all([Promise.resolve(found).catch(() => undefined), before]);
  if (pid === undefined) return;
  const { scheduler } = self as Process;
  scheduler.send(self.pid, pid, message);
}

/** Gives `self` the name; who has it when it is taken, null when it worked. */
export function claimKept(
  self: Self,
  ref: ViaName | GlobalName,
): null | Pid | undefined | Promise<null | Pid | undefined> {
  const registered = registryOf(ref).register(keyOf(ref), self);
  const settle = (done: boolean): null | Pid | undefined | Promise<Pid | undefined> => (done ? null : whereisKept(ref));
  return typeof registered === 'boolean' ? settle(registered) : registered.then(settle);
}

export function releaseKept(self: Self, ref: ViaName | GlobalName): unknown {
  return registryOf(ref).unregister(keyOf(ref), self);
}

/** `{via, Registry, Name}`, `{global, Name}`. */
export function keptTerm(ref: ViaName | GlobalName): unknown {
  if ('via' in ref) return tuple3(VIA, nameAtom(ref.via.name ?? ref.via.constructor.name), ref.name);
  return tuple2(GLOBAL, ref.global);
}

/** A name as it can be sent to another thread. @throws `badarg` for a registry without `module` */
export function packName(name: ServerName | undefined): unknown {
  if (name === undefined || !isKeptName(name) || 'global' in name) return name;
  const { module, name: own, exported = own } = name.via;
  if (module !== undefined && exported !== undefined) return { via: { module, exported }, name: name.name };
  throw new BadArgumentError(
    'a server cannot be started on another thread by a name of this registry: it needs module (import.meta.url) and exported',
  );
}

/** A name that was never packed stays what it is. */
export async function unpackName(packed: unknown): Promise<ServerName | undefined> {
  const isVia = typeof packed === 'object' && packed !== null && 'via' in packed;
  if (!isVia || typeof (packed.via as NameRegistry).whereis === 'function') return packed as ServerName | undefined;
  const { via, name } = packed as unknown as { via: { module: string; exported: string }; name: unknown };
  return { via: (await loadObject(via.module, via.exported)) as NameRegistry, name };
}
