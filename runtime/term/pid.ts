/**
 * Process identifiers. A pid is 64 bits of number (`id`, `serial`) with the node's name and its creation,
 * which tells incarnations of a node apart. Pids of other runtimes are opaque and go back bit for bit.
 *
 * Pids made by this node carry the thread that the process lives on in the low bits of `serial`, so that
 * routing is a lookup: `serial = (count / 2^32) * 2^THREAD_BITS + thread`, `id = count mod 2^32`.
 *
 * Pids that were decoded are new objects: compare with `samePid` or `pid.equals`, never with `===`.
 */
import { showAs } from './show.ts';
import type { Atom } from './atom.ts';

export const THREAD_BITS = 10;
export const THREADS_MAX: number = 2 ** THREAD_BITS;
const THREAD_MASK = THREADS_MAX - 1;

export class Pid {
  readonly node: Atom;
  readonly id: number;
  readonly serial: number;
  readonly creation: number;
  /** The live process of this thread that the pid names, or null; set by its scheduler. @internal */
  target: object | null = null;
  #key: string | undefined;

  /** @internal processes are made by `spawn`, pids of others by the decoder */
  constructor(node: Atom, id: number, serial: number, creation: number) {
    this.node = node;
    this.id = id;
    this.serial = serial;
    this.creation = creation;
  }

  /** One string per process, for use as a key. */
  get key(): string {
    return (this.#key ??= `${this.node.name}|${this.creation}|${this.serial}|${this.id}`);
  }

  equals(other: unknown): boolean {
    return other instanceof Pid && samePid(this, other);
  }

  toString(): string {
    return `#Pid<${this.node.name}.${this.id}.${this.serial}>`;
  }
}

export function isPid(value: unknown): value is Pid {
  return value instanceof Pid;
}

export function samePid(a: Pid, b: Pid): boolean {
  return a === b || (a.id === b.id && a.serial === b.serial && a.creation === b.creation && a.node === b.node);
}

/** The thread a pid of this node lives on. Meaningless for pids of other nodes. */
export function pidThread(pid: Pid): number {
  return pid.serial & THREAD_MASK;
}

/** The running number of a pid of this node, within its thread. */
export function pidCount(pid: Pid): number {
  return pidCountOf(pid.id, pid.serial);
}

/** The same from the pid's two numbers. @internal */
export function pidCountOf(id: number, serial: number): number {
  return Math.floor(serial / THREADS_MAX) * 2 ** 32 + id;
}

/** The pid number `count` (up to 2^53) of a thread. @internal */
export function makePid(node: Atom, creation: number, thread: number, count: number): Pid {
  if (count < 0x1_0000_0000) return new Pid(node, count, thread, creation);
  return new Pid(node, count >>> 0, Math.floor(count / 2 ** 32) * THREADS_MAX + thread, creation);
}

showAs(Pid.prototype, function (this: Pid) {
  return this.toString();
});
