/**
 * The registered names of a node with several threads: one table in shared memory, so that registering is atomic and seen
 * everywhere at once, as on the BEAM. A lock word guards it; critical sections take microseconds, so a lock that is held for a second
 * was left by a thread that was terminated inside, and is taken over.
 *
 * Layout: header of int32 [lock, version, used]; a directory of 4 int32 per slot [name length, name hash, pid id, pid serial];
 * then 1020 bytes of name per slot. Open addressing with linear probing, removal by shifting back.
 */
import { QuorateError } from '../errors.ts';
import { nameAtom, type Atom } from '../term/atom.ts';
import { Pid, THREAD_BITS } from '../term/pid.ts';
import type { NameTable } from '../process/names.ts';

const LOCK = 0;
const VERSION = 1;
const USED = 2;
const HEADER_INTS = 16;
const SLOTS = 8192;
const SLOT_INTS = 4;
const NAME_BYTES = 1020;
/** Most registered names of a node with several threads. */
export const NAMES_MAX = 6000;
const LOCK_ABANDONED_MS = 1000;
const NAMES_AT: number = (HEADER_INTS + SLOTS * SLOT_INTS) * 4;

export function createSharedNames(): SharedArrayBuffer {
  return new SharedArrayBuffer(NAMES_AT + SLOTS * NAME_BYTES);
}

interface Cached {
  readonly version: number;
  readonly pid: Pid | undefined;
}

export interface SharedNamesOptions {
  readonly shared: SharedArrayBuffer;
  readonly nodeName: Atom;
  readonly creation: number;
  /** The thread that this view of the table serves. */
  readonly thread: number;
  /** A name whose process is not alive counts as free. */
  isAlive(pid: Pid): boolean;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

export class SharedNames implements NameTable {
  readonly #ints: Int32Array;
  readonly #bytes: Uint8Array;
  readonly #options: SharedNamesOptions;
  readonly #cache = new Map<Atom, Cached>();
  #lockCount = 0;

  constructor(options: SharedNamesOptions) {
    this.#options = options;
    this.#ints = new Int32Array(options.shared);
    this.#bytes = new Uint8Array(options.shared);
  }

  register(name: Atom, pid: Pid): boolean {
    const bytes = encoder.encode(name.name);
    return this.#locked(() => {
      if ((this.#ints[USED] as number) >= NAMES_MAX) this.#sweep();
      const hash = hashOf(bytes);
      const slot = this.#probe(bytes, hash);
      if (this.#length(slot) !== 0 && this.#options.isAlive(this.#pidAt(slot))) return false;
      if (this.#length(slot) === 0) {
        if ((this.#ints[USED] as number) >= NAMES_MAX) throw createFullError(name);
        this.#ints[USED] = (this.#ints[USED] as number) + 1;
      }
      this.#write(slot, bytes, hash, pid);
      return true;
    });
  }

  /** Also frees the name of a process that has ended, though it counted as free already. */
  unregister(name: Atom): boolean {
    const bytes = encoder.encode(name.name);
    return this.#locked(() => {
      const slot = this.#probe(bytes, hashOf(bytes));
      if (this.#length(slot) === 0) return false;
      const wasAlive = this.#options.isAlive(this.#pidAt(slot));
      this.#remove(slot);
      return wasAlive;
    });
  }

  whereis(name: Atom): Pid | undefined {
    const version = Atomics.load(this.#ints, VERSION);
    let cached = this.#cache.get(name);
    if (cached === undefined || cached.version !== version) {
      cached = this.#read(name);
      if (this.#cache.size > 2 * NAMES_MAX) this.#cache.clear();
      this.#cache.set(name, cached);
    }
    return cached.pid !== undefined && this.#options.isAlive(cached.pid) ? cached.pid : undefined;
  }

  nameOf(pid: Pid): Atom | undefined {
    return this.#locked(() => {
      for (let slot = 0; slot < SLOTS; slot++) {
        const at = HEADER_INTS + slot * SLOT_INTS;
        if (this.#ints[at + 2] !== (pid.id | 0) || this.#ints[at + 3] !== (pid.serial | 0)) continue;
        if (this.#length(slot) !== 0) return nameAtom(this.#nameAt(slot));
      }
      return undefined;
    });
  }

  names(): readonly Atom[] {
    return this.#locked(() => {
      const names: Atom[] = [];
      for (let slot = 0; slot < SLOTS; slot++) {
        if (this.#length(slot) !== 0 && this.#options.isAlive(this.#pidAt(slot)))
          names.push(nameAtom(this.#nameAt(slot)));
      }
      return names;
    });
  }

  #read(name: Atom): Cached {
    const bytes = encoder.encode(name.name);
    return this.#locked(() => {
      const slot = this.#probe(bytes, hashOf(bytes));
      const pid = this.#length(slot) === 0 ? undefined : this.#pidAt(slot);
      return { version: this.#ints[VERSION] as number, pid };
    });
  }

  #locked<T>(work: () => T): T {
    const since = this.#lock();
    try {
      return work();
    } finally {
      if (Atomics.compareExchange(this.#ints, LOCK, since, 0) === since) Atomics.notify(this.#ints, LOCK, 1);
    }
  }

  /** The lock word is a ticket that differs from time to time, so that the same holder is recognised. */
  #lock(): number {
    this.#lockCount = (this.#lockCount + 1) & 0xf_ffff;
    const ticket = ((this.#lockCount << THREAD_BITS) | this.#options.thread) + 1;
    for (;;) {
      const holder = Atomics.compareExchange(this.#ints, LOCK, 0, ticket);
      if (holder === 0) return ticket;
      if (Atomics.wait(this.#ints, LOCK, holder, LOCK_ABANDONED_MS) !== 'timed-out') continue;
      if (Atomics.compareExchange(this.#ints, LOCK, holder, ticket) === holder) return ticket;
    }
  }

  #length(slot: number): number {
    return this.#ints[HEADER_INTS + slot * SLOT_INTS] as number;
  }

  #pidAt(slot: number): Pid {
    const at = HEADER_INTS + slot * SLOT_INTS;
    const { nodeName, creation } = this.#options;
    return new Pid(nodeName, (this.#ints[at + 2] as number) >>> 0, (this.#ints[at + 3] as number) >>> 0, creation);
  }

  #nameAt(slot: number): string {
    const from = NAMES_AT + slot * NAME_BYTES;
    return decoder.decode(this.#bytes.slice(from, from + this.#length(slot)));
  }

  /** The slot that has the name, or the free one where it belongs. */
  #probe(bytes: Uint8Array, hash: number): number {
    let slot = hash & (SLOTS - 1);
    while (this.#length(slot) !== 0 && !this.#isNamed(slot, bytes, hash)) slot = (slot + 1) & (SLOTS - 1);
    return slot;
  }

  #isNamed(slot: number, bytes: Uint8Array, hash: number): boolean {
    if (this.#length(slot) !== bytes.length || this.#ints[HEADER_INTS + slot * SLOT_INTS + 1] !== hash) return false;
    const from = NAMES_AT + slot * NAME_BYTES;
    for (let i = 0; i < bytes.length; i++) if (this.#bytes[from + i] !== bytes[i]) return false;
    return true;
  }

  /** The length is written last: a slot half written by a thread that was terminated looks free. */
  #write(slot: number, bytes: Uint8Array, hash: number, pid: Pid): void {
    const at = HEADER_INTS + slot * SLOT_INTS;
    this.#bytes.set(bytes, NAMES_AT + slot * NAME_BYTES);
    this.#ints[at + 1] = hash;
    this.#ints[at + 2] = pid.id | 0;
    this.#ints[at + 3] = pid.serial | 0;
    this.#ints[at] = bytes.length;
    Atomics.add(this.#ints, VERSION, 1);
  }

  /** Drops the names of the dead. Only those stay behind that another thread registered for a process. */
  #sweep(): void {
    for (let slot = 0; slot < SLOTS; slot++) {
      while (this.#length(slot) !== 0 && !this.#options.isAlive(this.#pidAt(slot))) this.#remove(slot);
    }
  }

  #remove(slot: number): void {
    let hole = slot;
    for (let next = (hole + 1) & (SLOTS - 1); this.#length(next) !== 0; next = (next + 1) & (SLOTS - 1)) {
      const home = (this.#ints[HEADER_INTS + next * SLOT_INTS + 1] as number) & (SLOTS - 1);
      if (((next - home) & (SLOTS - 1)) < ((next - hole) & (SLOTS - 1))) continue;
      this.#move(next, hole);
      hole = next;
    }
    this.#ints[HEADER_INTS + hole * SLOT_INTS] = 0;
    this.#ints[USED] = (this.#ints[USED] as number) - 1;
    Atomics.add(this.#ints, VERSION, 1);
  }

  #move(from: number, to: number): void {
    const source = HEADER_INTS + from * SLOT_INTS;
    this.#ints.copyWithin(HEADER_INTS + to * SLOT_INTS, source, source + SLOT_INTS);
    const name = NAMES_AT + from * NAME_BYTES;
    this.#bytes.copyWithin(NAMES_AT + to * NAME_BYTES, name, name + this.#length(from));
  }
}

/** FNV-1a, 31 bits. */
function hashOf(bytes: Uint8Array): number {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return hash & 0x7fff_ffff;
}

function createFullError(name: Atom): QuorateError {
  return new QuorateError(
    'system_limit',
    `register ${name.name}: this node has ${NAMES_MAX} registered names, the most it can hold; use a registry for many names`,
  );
}
