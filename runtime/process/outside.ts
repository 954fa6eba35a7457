/**
 * What lies beyond a thread, as its scheduler sees it: the node's other threads, and other nodes. The scheduler decides where a signal goes;
 * an implementation carries it there in order, or reports the loss (`onThreadLost`, `onNodeLost` of the scheduler).
 */
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
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
  /** About a process of another thread; undefined when it is not alive. */
  processInfo(pid: Pid): Promise<ProcessInfo | undefined>;
  /** Makes sure there is a connection; if there is none and none can be made, `onNodeLost` follows. */
  watchNode(node: Atom): void;
  /** Names of the nodes that are connected. */
  nodes(): readonly Atom[];
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
    processInfo: () => Promise.resolve(undefined),
    watchNode: (node) => defer(() => onNodeLost(node)),
    nodes: () => [],
  };
}
