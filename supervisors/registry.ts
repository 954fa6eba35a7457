/**
 * A registry of processes under keys of any kind, on one node: unique keys, as names of servers, or duplicate keys, as lists of subscribers.
 *
 * ```ts
 * await Registry.startLink({ name: 'rooms', keys: 'unique' });
 * await Room.startLink('lobby', { name: Registry.via('rooms', 'lobby') });
 * await Room.call(Registry.via('rooms', 'lobby'), 'members');
 * ```
 *
 * A registry is a process with a name of the node. What is registered is linked to it: an entry goes with its process, and the processes go with their
 * registry, so that a registry that is started again never misses what lives. On its own thread a registry is read without a message; on
 * others reads are calls.
 *
 * Source: Elixir 1.14, Registry.
 */
import { BadArgumentError } from '../runtime/errors.ts';
import { scheduler } from '../runtime/node/default.ts';
import { runProcess } from '../runtime/process/run.ts';
import type { Self } from '../runtime/process/self.ts';
import { Atom, nameAtom } from '../runtime/term/atom.ts';
import { isPid, type Pid } from '../runtime/term/pid.ts';
import { isTagged, tuple2, type TupleOf } from '../runtime/term/tuple.ts';
import { ERROR } from './atoms.ts';
import { callServer } from './call.ts';
import { inProcess, requireCaller, type CallerOptions } from './caller.ts';
import type { ChildSpec } from './child-spec.ts';
import { SupervisorError } from './errors.ts';
import type { ServerPid } from './gen-server-types.ts';
import type { NameRegistry, ViaName } from './names.ts';
import { ALREADY_REGISTERED, RegistryServer, type RegistryEntry, type RegistryOptions } from './registry-server.ts';
import type { StartOptions } from './start.ts';
import { stopServer } from './system.ts';

/** A registry by its name on this node. */
export type RegistryRef = string | Atom;

/** What stands in a via name: the registry, the key, and the value that the entry gets. */
type ViaKey = TupleOf<readonly [RegistryRef, unknown, unknown]>;

/**
 * The names of all registries, as `{ via }` takes them.
 *
 * @public
 */
export const registryNames: NameRegistry = {
  name: 'Registry',
  module: import.meta.url,
  exported: 'registryNames',
  whereis(name) {
    const [registry, key] = name as ViaKey;
    const server = RegistryServer.onThisThread(nodeWhereis(registry));
    if (server !== undefined) return server.whereis(key);
    return runProcess(scheduler(), async (own) => {
      const found = await callServer(own, registry, ['whereis', key]);
      return isPid(found) ? found : undefined;
    });
  },
  async register(name, self) {
    const [registry, key, value] = name as ViaKey;
    const answer = await callServer(self, registry, ['register', key, value]);
    return !isTagged(answer, ERROR, 2);
  },
  async unregister(name, self) {
    const [registry, key] = name as ViaKey;
    await callServer(self, registry, ['unregister', key]);
  },
};

export class Registry {
  /** Starts a registry, linked to the caller. @throws StartError (rejects), `badarg` */
  static startLink(
    options: RegistryOptions,
    start: Omit<StartOptions, 'name'> = {},
  ): Promise<ServerPid<RegistryServer>> {
    const { name } = options;
    return RegistryServer.startLink(options, { ...start, name });
  }

  /** The spec of a registry as a child, before those that register with it. */
  static childSpec(options: RegistryOptions, spec: Partial<ChildSpec> = {}): ChildSpec {
    const { name } = options;
    return RegistryServer.childSpec(options, { id: name, ...spec }, { name });
  }

  /** A name for `start`, `call`, `cast` and `stop`, kept by a registry with unique keys. `value` goes into the entry. */
  static via(registry: RegistryRef, key: unknown, value?: unknown): ViaName {
    return { via: registryNames, name: [registry, key, value] };
  }

  /**
   * Registers the calling process.
   *
   * @throws SupervisorError (rejects) `already_registered` with `pid`: a unique key has another holder, or the caller has it already; CallError
   */
  static async register(registry: RegistryRef, key: unknown, value?: unknown, options?: CallerOptions): Promise<void> {
    const self = requireCaller(options?.self, 'Registry.register');
    const answer = await callServer(self, registry, ['register', key, value]);
    if (!isTagged(answer, ERROR, 2)) return;
    const why = answer[1] as readonly unknown[];
    const holder = isPid(why[1]) ? why[1] : undefined;
    throw new SupervisorError(ALREADY_REGISTERED.name, 'Registry.register', tuple2(why[0], holder), holder);
  }

  /** Takes away the caller's entries under the key. Fine when there are none. */
  static async unregister(registry: RegistryRef, key: unknown, options?: CallerOptions): Promise<void> {
    const self = requireCaller(options?.self, 'Registry.unregister');
    await callServer(self, registry, ['unregister', key]);
  }

  /** The entries under a key, oldest first. */
  static lookup(registry: RegistryRef, key: unknown, options?: CallerOptions): Promise<RegistryEntry[]> {
    return read(registry, options, ['lookup', key], (server) => server.lookup(key));
  }

  /** The keys of a process, each as often as it has it. */
  static keys(registry: RegistryRef, pid: Pid, options?: CallerOptions): Promise<unknown[]> {
    return read(registry, options, ['keys', pid], (server) => server.keysOf(pid));
  }

  /** How many entries there are. */
  static count(registry: RegistryRef, options?: CallerOptions): Promise<number> {
    return read(registry, options, ['count'], (server) => server.count());
  }

  /** Changes the value of the caller's entry under a unique key; resolves to the new one, or undefined when it has none. */
  static async updateValue<Value>(
    registry: RegistryRef,
    key: unknown,
    change: (value: Value) => Value,
    options?: CallerOptions,
  ): Promise<Value | undefined> {
    const self = requireCaller(options?.self, 'Registry.updateValue');
    const entries = await Registry.lookup(registry, key, { self });
    const own = entries.find(({ pid }) => pid.equals(self.pid));
    if (own === undefined) return undefined;
    const value = change(own.value as Value);
    await callServer(self, registry, ['update', key, value]);
    return value;
  }

  /** Calls `fn` with the entries under a key, if there are any: publish and subscribe in one line. */
  static async dispatch(
    registry: RegistryRef,
    key: unknown,
    fn: (entries: readonly RegistryEntry[]) => unknown,
    options?: CallerOptions,
  ): Promise<void> {
    const entries = await Registry.lookup(registry, key, options);
    if (entries.length > 0) await fn(entries);
  }

  static stop(registry: RegistryRef, options?: CallerOptions): Promise<void> {
    return inProcess(options?.self, (self) => stopServer(self, registry));
  }
}

function nodeWhereis(registry: RegistryRef): Pid | undefined {
  return scheduler().whereis(typeof registry === 'string' ? nameAtom(registry) : registry);
}

/** From the table when it is on this thread, else by a call. */
function read<T>(
  registry: RegistryRef,
  options: CallerOptions | undefined,
  request: readonly unknown[],
  direct: (server: RegistryServer) => T,
): Promise<T> {
  return inProcess(options?.self, async (self: Self) => {
    const server = RegistryServer.onThisThread(self.whereis(registry));
    if (server !== undefined) return direct(server);
    if (typeof registry !== 'string' && !(registry instanceof Atom)) {
      throw new BadArgumentError('a registry is known by its name on this node');
    }
    return (await callServer(self, registry, request)) as T;
  });
}
