/**
 * Where nodes are found: the interface that distribution needs, and the simplest implementation of it, a function of
 * the user's. The other implementation is EPMD (epmd-directory.ts).
 */
import { parseNodeName } from './node-name.ts';
import type { Address } from '../transport/transport.ts';
import type { Atom } from '../term/atom.ts';
import type { EpmdName } from './epmd-messages.ts';

export interface Registration {
  /** Tells this incarnation of the node from others; 0 when the directory does not give one. */
  readonly creation: number;
  /** Gives the name back. */
  close(): void;
}

export interface NodeDirectory {
  /**
   * Makes a node known under the part of its name before `@`.
   *
   * @throws `name_taken` when another node has it, `epmd_unreachable` when there is nobody to ask.
   */
  register(name: string, port: number, hidden: boolean): Promise<Registration>;
  /** Where a node listens, or null when it is not known. Never throws: a directory that cannot be asked knows nobody. */
  lookup(node: Atom): Promise<Address | null>;
  /** The nodes that a host's directory knows. */
  names(host: string): Promise<readonly EpmdName[]>;
}

export type ResolveNode = (name: string) => Address | null | Promise<Address | null>;

/**
 * A directory that asks `resolve` for the address of a node, by its full name. Nothing is registered: each node
 * listens on a port that the others' `resolve` knows. Creations are random then.
 */
export function createResolveDirectory(resolve: ResolveNode): NodeDirectory {
  return {
    register: () => Promise.resolve({ creation: 0, close: () => undefined }),
    async lookup(node) {
      if (parseNodeName(node.name) === null) return null;
      try {
        return await resolve(node.name);
      } catch {
        return null;
      }
    },
    names: () => Promise.resolve([]),
  };
}
