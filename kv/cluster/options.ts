/** The options of a node's part in a cluster, checked before anything starts. */
import { BadArgumentError } from '../../runtime/errors.ts';
import type { NodeName } from '../paxos/messages.ts';
import { quorumSize, SEATS_MAX } from '../paxos/quorum.ts';

export interface ClusterOptions {
  /** The number of nodes that the cluster is meant to have; default 3. More than half of them must be connected for anything to be decided. */
  readonly clusterSize?: number;
  /**
   * The nodes that may found the cluster, the same list on all of them: `clusterSize` names or more, or exactly one. Default, for a name
   * that ends in a number: the numbers from 1 to `clusterSize` with the same rest of the name.
   */
  readonly founders?: readonly NodeName[];
  /** More nodes to look for; one of the cluster is enough. */
  readonly join?: readonly NodeName[];
  /**
   * Folder of the boot record; default `~/.local/state/quorate/<node>`. null: keep it in memory, which is only right with the
   * true word for `bootstrap`.
   */
  readonly stateDir?: string | null;
  /** With `stateDir: null`: `new` at the very first start of this name, `join` at every other. */
  readonly bootstrap?: 'new' | 'join';
}

export interface CheckedClusterOptions {
  readonly clusterSize: number;
  readonly founders: readonly NodeName[];
  readonly join: readonly NodeName[];
  readonly stateDir: string | null | undefined;
  readonly mayFound: boolean;
}

/** @throws `badarg` */
export function checkClusterOptions(nodeName: NodeName, options: ClusterOptions): CheckedClusterOptions {
  const { clusterSize = 3, join = [], stateDir, bootstrap } = options;
  if (!Number.isInteger(clusterSize) || clusterSize < 1 || clusterSize > SEATS_MAX) {
    throw new BadArgumentError(
      `clusterSize must be a whole number from 1 to ${SEATS_MAX}, not ${typeof clusterSize} ${String(clusterSize)}`,
    );
  }
  for (const [option, names] of Object.entries({ founders: options.founders, join })) {
    if (names === undefined || (Array.isArray(names) && names.every((name) => typeof name === 'string'))) continue;
    throw new BadArgumentError(`${option} must be an array of node names, like ['n1@127.0.0.1']`);
  }
  const founders = options.founders ?? defaultFounders(nodeName, clusterSize);
  if (founders.length !== 1 && founders.length < quorumSize(clusterSize)) {
    throw new BadArgumentError(
      `founders [${founders.join(', ')}] cannot found a cluster of ${clusterSize}: give one designated founder, or at least ${quorumSize(clusterSize)}`,
    );
  }
  if (new Set(founders).size !== founders.length)
    throw new BadArgumentError(`founders [${founders.join(', ')}] names a node twice`);
  if (stateDir === null && bootstrap === undefined) {
    throw new BadArgumentError(
      "with stateDir: null the node cannot know whether it has run before: say bootstrap: 'new' at its very first start and 'join' at all others",
    );
  }
  return {
    clusterSize,
    founders,
    join: join.filter((name) => name !== nodeName),
    stateDir,
    mayFound: bootstrap !== 'join',
  };
}

function defaultFounders(nodeName: NodeName, clusterSize: number): readonly NodeName[] {
  const [, base, , rest] = /^(.*?)(\d+)(@.*)$/.exec(nodeName) ?? [];
  if (base === undefined || rest === undefined) {
    if (clusterSize === 1) return [nodeName];
    throw new BadArgumentError(
      `the founders of a cluster cannot be told from the name ${nodeName}: give them, or end the names in numbers (n1@host, n2@host, ...)`,
    );
  }
  return Array.from({ length: clusterSize }, (_, i) => `${base}${i + 1}${rest}`);
}
