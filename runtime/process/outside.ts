/**
 * What lies beyond a thread, as its scheduler sees it: the node's other threads, and other nodes. The scheduler decides where a signal goes;
 * an implementation carries it there in order, or reports the loss (`onThreadLost`, `onNodeLost` of the scheduler).
 */
import { QuorateError, type PlainError } from '../errors.ts';
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import type { Ref } from '../term/ref.ts';
import type { ProcessInfo } from './self.ts';
import type { Signal } from '../term/signal.ts';

export interface Outside {
  /** To another thread of this node. The signal's terms are encoded before this returns. @throws `not_sendable` */
  toThread(thread: number, signal: Signal): void;
  /**
   * To another node, connecting to it first where needed. The signal is taken in any case; false: the connection is over its high-water mark.
   *
   * @throws `not_sendable`
   */
  toNode(node: Atom, signal: Signal): boolean;
  /** Whether a connection is over its high-water mark. */
  isBusy(node: Atom): boolean;
  /** Resolves when a node's connection has room again, or there is none. */
  drained(node: Atom): Promise<void>;
  /** Whether a process of another thread of this node is alive now. */
  isAlive(pid: Pid): boolean;
  /** The same, after everything that this thread has sent to it. False also when its thread is lost meanwhile. */
  askAlive(pid: Pid): Promise<boolean>;
  /** About a process of another thread, after everything that this thread has sent to it; undefined when it is not alive. */
  processInfo(pid: Pid): Promise<ProcessInfo | undefined>;
  /** Makes sure there is a connection; if there is none and none can be made, `onNodeLost` follows. */
  watchNode(node: Atom): void;
  /** Ends the connection to a node, after what this thread has sent to it; false when there was none. */
  disconnect(node: Atom): Promise<boolean>;
  /** Names of the nodes that are connected. */
  nodes(): readonly Atom[];
  /** Has `listener` called, in this thread, with each node that gets connected, until the function that this gives is called. */
  onNodeUp(listener: (node: Atom) => void): () => void;
  /** A thread of its own for one process. @throws (rejects) `notsup` on a node of one thread, `system_limit`, `thread_ended` */
  isolate(memoryLimitMb: number | undefined): Promise<number>;
  /** Why a spawn that the thread asked for will be refused, before the refusal. */
  explainRefusal(thread: number, ref: Ref, error: PlainError): void;
  /** Runs a function that is no process on a thread for such work. Its arguments and result are encoded terms. */
  offload(work: OffloadWork, signal: AbortSignal): Promise<unknown>;
}

/** A call of an exported function, its arguments encoded. */
export interface OffloadWork {
  readonly module: string;
  readonly exported: string;
  readonly args: Uint8Array;
}

/** A node of one thread that knows no other node: whatever leaves it is lost at once. */
export function createSolitude(onNodeLost: (node: Atom) => void, defer: (fn: () => void) => void): Outside {
  return {
    toThread: () => undefined,
    toNode(node) {
      defer(() => onNodeLost(node));
      return true;
    },
    isBusy: () => false,
    drained: () => Promise.resolve(),
    isAlive: () => false,
    askAlive: () => Promise.resolve(false),
    processInfo: () => Promise.resolve(undefined),
    disconnect: () => Promise.resolve(false),
    watchNode: (node) => defer(() => onNodeLost(node)),
    nodes: () => [],
    onNodeUp: () => () => undefined,
    isolate: () => Promise.reject(createNoThreadsError('spawn with isolated: true')),
    explainRefusal: () => undefined,
    offload: () => Promise.reject(createNoThreadsError('offload')),
  };
}

export function createNoThreadsError(what: string): QuorateError {
  return new QuorateError('notsup', `${what}: this node has no worker threads; start it with threads: 1 or more`);
}
