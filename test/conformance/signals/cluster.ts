/**
 * The nodes that scenarios run on, as the driver sees them: n1, where it runs itself, and others that it can start and kill. How they come
 * into being is the placement's business.
 */
import { type Atom, atom, type LocalNode } from '../../../runtime/index.ts';

export interface Cluster {
  /** n1. */
  readonly node: LocalNode;
  /** Whether all nodes are ours: then what they say about themselves is exact, and nothing has to be waited for by the clock. */
  readonly isExact: boolean;
  readonly running: ReadonlySet<string>;
  /** A name of the kit as that of a node; the same for names that are no node's. */
  nodeName(name: string): Atom;
  /** Starts a node other than n1. Resolves when its process runs; it may not be reachable yet. */
  start(name: string): Promise<void>;
  /** Kills a node, as `kill -9` does. Resolves when its process is gone. */
  kill(name: string): Promise<void>;
}

/** `n2` is `cf_n2_TAG@127.0.0.1`. */
export function clusterNames(tag: string): { nodeName(name: string): Atom; nameOf(node: Atom): string | undefined } {
  const form = new RegExp(`^cf_(.+)_${tag}@127\\.0\\.0\\.1$`);
  return {
    nodeName: (name) => atom(`cf_${name}_${tag}@127.0.0.1`) as Atom,
    nameOf: (node) => form.exec(node.name)?.[1],
  };
}
