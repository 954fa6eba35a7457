/** The process of a registry, and its table. Requests are lists, `['register', key, value]`; who asks is who is registered. */
import { BadArgumentError } from '../runtime/errors.ts';
import { canonicalKey } from '../runtime/codec/canonical.ts';
import type { Process } from '../runtime/process/process.ts';
import { isExit } from '../runtime/process/message.ts';
import { nameAtom, type Atom } from '../runtime/term/atom.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { samePid, type Pid } from '../runtime/term/pid.ts';
import { tuple, tuple2 } from '../runtime/term/tuple.ts';
import { ERROR, OK } from './atoms.ts';
import { GenServer } from './gen-server.ts';
import { Next, type Call, type CallResult, type CastResult, type From, type InitResult } from './gen-server-types.ts';

export interface RegistryOptions {
  readonly name: string | Atom;
  /** `unique`: a key has one holder. `duplicate`: any number, also of one process. */
  readonly keys: 'unique' | 'duplicate';
  /** Registered names that get `{register, Registry, Key, Pid, Value}` and `{unregister, Registry, Key, Pid}`. */
  readonly listeners?: readonly (string | Atom)[];
}

export interface RegistryEntry {
  readonly pid: Pid;
  readonly value: unknown;
}

interface KeyedEntry extends RegistryEntry {
  readonly key: unknown;
}

export const ALREADY_REGISTERED: Atom = nameAtom('already_registered');
const REGISTER: Atom = nameAtom('register');
const UNREGISTER: Atom = nameAtom('unregister');
const NOT_LOCAL: Atom = nameAtom('not_local');

/** The registries of this thread by the key of their pid. */
const servers = new Map<string, RegistryServer>();

export class RegistryServer extends GenServer<
  object,
  Call<readonly unknown[], unknown>,
  never,
  unknown,
  RegistryOptions
> {
  readonly #entries = new Map<string, KeyedEntry[]>();
  /** The keys of each process, once per entry. */
  readonly #keysOf = new Map<string, string[]>();
  #name: Atom = nameAtom('registry');
  #unique = true;
  #listeners: readonly (string | Atom)[] = [];
  /** Linked to it before anybody registered: that link is not the registry's to end. */
  #parents: readonly Pid[] = [];

  /** The registry with that pid, if it runs on this thread. */
  static onThisThread(pid: Pid | undefined): RegistryServer | undefined {
    return pid === undefined ? undefined : servers.get(pid.key);
  }

  override init(options: RegistryOptions): InitResult<object> {
    const { name, keys, listeners = [] } = options;
    if (keys !== 'unique' && keys !== 'duplicate') {
      throw new BadArgumentError(`Registry: keys is ${describeTerm(keys)}; it must be 'unique' or 'duplicate'`);
    }
    const { self } = this;
    self.trapExit(true);
    this.#parents = self.processInfo().links;
    this.#name = typeof name === 'string' ? nameAtom(name) : name;
    this.#unique = keys === 'unique';
    this.#listeners = listeners;
    servers.set(self.pid.key, this);
    self.signal.addEventListener('abort', () => servers.delete(self.pid.key));
    return Next.ok({ name, keys });
  }

  override handleCall(request: readonly unknown[], from: From, state: object): CallResult<object, unknown> {
    return Next.reply(this.#answer(request, from[0]), state);
  }

  override handleInfo(message: unknown, state: object): CastResult<object> {
    if (isExit()(message)) this.#forget((message as { pid: Pid }).pid);
    return Next.noreply(state);
  }

  #answer(request: readonly unknown[], caller: Pid): unknown {
    const [what, subject, value] = request;
    switch (what) {
      case 'register':
        return this.#register(subject, caller, value);
      case 'unregister':
        return this.#unregister(subject, caller);
      case 'update':
        return this.#update(subject, caller, value);
      case 'lookup':
        return this.lookup(subject);
      case 'whereis':
        return this.whereis(subject);
      case 'keys':
        return this.keysOf(subject as Pid);
      case 'count':
        return this.count();
      default:
        throw new BadArgumentError(`a registry does not know the request ${describeTerm(request)}`);
    }
  }

  /** The holder of a unique key. A process that has ended has none, also before its registry knows. */
  whereis(key: unknown): Pid | undefined {
    if (!this.#unique) throw new BadArgumentError('only a registry with unique keys can name processes');
    return this.#living(canonicalKey(key))[0]?.pid;
  }

  lookup(key: unknown): RegistryEntry[] {
    return this.#living(canonicalKey(key)).map(({ pid, value }) => ({ pid, value }));
  }

  keysOf(pid: Pid): unknown[] {
    const keys: unknown[] = [];
    for (const key of new Set(this.#keysOf.get(pid.key))) {
      for (const entry of this.#entries.get(key) ?? []) if (samePid(entry.pid, pid)) keys.push(entry.key);
    }
    return keys;
  }

  count(): number {
    let count = 0;
    for (const key of this.#entries.keys()) count += this.#living(key).length;
    return count;
  }

  #living(key: string): KeyedEntry[] {
    const { scheduler } = this.self as Process;
    return (this.#entries.get(key) ?? []).filter(({ pid }) => scheduler.isAlive(pid));
  }

  #register(key: unknown, pid: Pid, value: unknown): unknown {
    if (pid.node !== this.self.nodeName) return tuple2(ERROR, tuple2(NOT_LOCAL, pid));
    const id = canonicalKey(key);
    const holder = this.#unique ? this.#living(id)[0] : undefined;
    if (holder !== undefined) return tuple2(ERROR, tuple2(ALREADY_REGISTERED, holder.pid));
    const entry = { key, pid, value };
    // What a dead holder left is replaced; its end, when it is told, finds nothing.
    this.#entries.set(id, this.#unique ? [entry] : [...(this.#entries.get(id) ?? []), entry]);
    const keys = this.#keysOf.get(pid.key);
    if (keys === undefined) this.#keysOf.set(pid.key, [id]);
    else keys.push(id);
    this.self.link(pid);
    this.#tell(tuple(REGISTER, this.#name, key, pid, value));
    return OK;
  }

  #unregister(key: unknown, pid: Pid): unknown {
    const id = canonicalKey(key);
    const left = this.#keysOf.get(pid.key)?.filter((one) => one !== id) ?? [];
    this.#drop(id, pid);
    if (left.length > 0) this.#keysOf.set(pid.key, left);
    else if (this.#keysOf.delete(pid.key) && !this.#parents.some((one) => samePid(one, pid))) this.self.unlink(pid);
    return OK;
  }

  #update(key: unknown, pid: Pid, value: unknown): unknown {
    const id = canonicalKey(key);
    const changed = this.#entries.get(id)?.map((entry) => (samePid(entry.pid, pid) ? { ...entry, value } : entry));
    if (changed !== undefined) this.#entries.set(id, changed);
    return OK;
  }

  #forget(pid: Pid): void {
    for (const id of new Set(this.#keysOf.get(pid.key))) this.#drop(id, pid);
    this.#keysOf.delete(pid.key);
  }

  #drop(id: string, pid: Pid): void {
    const entries = this.#entries.get(id) ?? [];
    const kept = entries.filter((entry) => !samePid(entry.pid, pid));
    if (kept.length > 0) this.#entries.set(id, kept);
    else this.#entries.delete(id);
    for (const entry of entries) {
      if (samePid(entry.pid, pid)) this.#tell(tuple(UNREGISTER, this.#name, entry.key, pid));
    }
  }

  #tell(message: unknown): void {
    for (const listener of this.#listeners) {
      const pid = this.self.whereis(listener);
      if (pid !== undefined) this.self.send(pid, message);
    }
  }
}
