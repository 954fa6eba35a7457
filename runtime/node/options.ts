/** The options of a node, checked before anything starts. */
import { BadArgumentError } from '../errors.ts';
import type { ResolveNode } from '../dist/directory.ts';
import type { Env } from '../env.ts';
import type { ModuleTable } from '../process/spawner.ts';
import { THREADS_MAX } from '../term/pid.ts';
import type { EpmdOptions, WireLimits } from '../thread/control.ts';
import type { TlsOptions } from '../transport/tls.ts';
import type { Transport } from '../transport/transport.ts';

export interface NodeOptions {
  /** `name@host`, ASCII. Without it the node is not distributed: it knows no others and opens no port. */
  readonly name?: string;
  /** What nodes must share to connect. Needed with `name`. */
  readonly cookie?: string;
  /**
   * Worker threads, default 1. The first one is the system thread, which holds the connections to other nodes. 0: everything on the calling thread.
   */
  readonly threads?: number;
  /** Whether OTP nodes list this one only among hidden nodes (default true). */
  readonly hidden?: boolean;
  /** Where to listen; default 127.0.0.1 and any free port. */
  readonly listen?: { readonly host?: string; readonly port?: number };
  /** How nodes find each other: EPMD (default; its port from `ERL_EPMD_PORT`, else 4369), or `resolve`. */
  readonly epmd?: EpmdOptions;
  readonly resolve?: ResolveNode;
  /** A peer that is silent for this long is gone; the same on all nodes. Default 60,000 ms. */
  readonly netTicktimeMs?: number;
  /** Connect over TLS, with certificates on both sides; the same on all nodes. Default: plain TCP. */
  readonly tls?: TlsOptions;
  readonly limits?: WireLimits;
  /** Whether processes are found by `self()` in their code. Default true; false spares Node 20 the cost of AsyncLocalStorage. */
  readonly implicitSelf?: boolean;
  /** What other nodes may start here by spawn(node, module, function, args). */
  readonly modules?: ModuleTable;
  /** Time, randomness and turns; only with `threads: 0`. */
  readonly env?: Env;
  /** Only with `threads: 0`. */
  readonly transport?: Transport;
}

export function assertNodeOptions(options: NodeOptions): void {
  const { name, cookie, threads = 1, env, transport } = options;
  if (!Number.isInteger(threads) || threads < 0 || threads >= THREADS_MAX) {
    throw new BadArgumentError(
      `LocalNode.start: threads must be a whole number from 0 to ${THREADS_MAX - 1}, not ${threads}`,
    );
  }
  if (name !== undefined && (typeof cookie !== 'string' || cookie === '')) {
    throw new BadArgumentError(
      'LocalNode.start: a node with a name needs a cookie, a non-empty string that all nodes share',
    );
  }
  if (threads > 0 && (env !== undefined || transport !== undefined)) {
    throw new BadArgumentError('LocalNode.start: env and transport can be given only with threads: 0');
  }
  if (options.tls !== undefined && transport !== undefined) {
    throw new BadArgumentError('LocalNode.start: tls is a transport of its own; give tls or transport');
  }
  for (const [limit, value] of Object.entries(options.limits ?? {})) {
    if (typeof value !== 'number' || !(value > 0)) {
      throw new BadArgumentError(`LocalNode.start: limits.${limit} must be a positive number, not ${String(value)}`);
    }
  }
  if (options.epmd !== undefined && options.resolve !== undefined) {
    throw new BadArgumentError('LocalNode.start: epmd and resolve are two ways to find nodes; give one of them');
  }
}
