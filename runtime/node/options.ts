/** The options of a node, checked before anything starts. */
import { BadArgumentError } from '../errors.ts';
import type { ResolveNode } from '../dist/directory.ts';
import type { Env } from '../env.ts';
import type { Placement } from '../process/self.ts';
import { assertFlags, assertOptions } from '../process/assert-options.ts';
import { PLACEMENTS } from '../process/spawn-requests.ts';
import type { ModuleTable } from '../process/spawner.ts';
import { THREADS_MAX } from '../term/pid.ts';
import type { EpmdOptions, WireLimits } from '../thread/control.ts';
import type { Logger } from './logger.ts';
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
  /**
   * Whether whole floats that come from nodes of Erlang are `Float` objects, so that they go back as floats. Default false: they are numbers.
   */
  readonly keepFloats?: boolean;
  /** A peer that is silent for this long is gone; the same on all nodes. Default 60,000 ms. */
  readonly netTicktimeMs?: number;
  /** Connect over TLS, with certificates on both sides; the same on all nodes. Default: plain TCP. */
  readonly tls?: TlsOptions;
  readonly limits?: WireLimits;
  /** Whether processes are found by `self()` in their code. Default true; false spares Node 20 the cost of AsyncLocalStorage. */
  readonly implicitSelf?: boolean;
  /**
   * What other nodes may start here by spawn(node, module, function, args), and call by `rpc` and `erpc`. On the thread that started the node also found
   * by spawns of this program.
   */
  readonly modules?: ModuleTable;
  /** The thread for processes that are spawned by module and say none. Default `caller`: the spawner's own. */
  readonly placement?: Placement;
  /** Most threads for `offload`; default: one less than the machine has cores. They are started when needed, and end when idle. */
  readonly offloadThreads?: number;
  /** How much the JavaScript heap of each worker thread may grow, in megabytes, at least 16. Default: Node's own limit. A thread that needs more is lost. */
  readonly threadMemoryLimitMb?: number;
  /** A thread that does not get to its event loop for this long is reported (`longSchedule`). Default 500 ms. */
  readonly longScheduleMs?: number;
  /** URL of a module of the application: from there package names in spawns by module are looked up. Default: the program's main module. */
  readonly resolveFrom?: string | URL;
  /**
   * URLs of modules that each worker thread loads before any process runs on it, threads of isolated processes too: for what has to be set up once per
   * thread. The calling thread is the program's own affair.
   */
  readonly preload?: readonly (string | URL)[];
  /** URL of the module that runs in each worker thread, for programs that are bundled; see `createThreadEntry`. */
  readonly threadEntry?: string | URL;
  /** Takes crash, supervisor and trace reports; default: lines on stderr. False: none, the diagnostics channels have them all the same. */
  readonly logger?: Logger | false;
  /** Time, randomness and turns; only with `threads: 0`. */
  readonly env?: Env;
  /** Only with `threads: 0`. */
  readonly transport?: Transport;
}

export function assertNodeOptions(options: NodeOptions): void {
  assertFlags(options, ['hidden', 'implicitSelf', 'keepFloats'], 'LocalNode.start');
  assertPlaces(options);
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
  assertThreadOptions(options);
  const { logger = false } = options;
  const methods = ['info', 'warn', 'error'] as const;
  if (logger !== false && methods.some((method) => typeof (logger as Partial<Logger>)[method] !== 'function')) {
    throw new BadArgumentError('LocalNode.start: logger takes the functions info, warn and error, or is false');
  }
  if (options.epmd !== undefined && options.resolve !== undefined) {
    throw new BadArgumentError('LocalNode.start: epmd and resolve are two ways to find nodes; give one of them');
  }
}

function assertPlaces({ listen = {}, netTicktimeMs, modules = {} }: NodeOptions): void {
  assertOptions(listen, 'LocalNode.start: listen');
  const { port } = listen;
  if (port !== undefined && (!Number.isInteger(port) || port < 0 || port > 65_535)) {
    throw new BadArgumentError(`LocalNode.start: listen.port must be a port from 0 to 65535, not ${String(port)}`);
  }
  if (netTicktimeMs !== undefined && !(typeof netTicktimeMs === 'number' && netTicktimeMs > 0)) {
    throw new BadArgumentError(`LocalNode.start: netTicktimeMs must be a number > 0, not ${String(netTicktimeMs)}`);
  }
  assertOptions(modules, 'LocalNode.start: modules');
  for (const [name, exported] of Object.entries(modules)) {
    const isModule = typeof (exported as unknown) === 'object' && (exported as unknown) !== null;
    if (!isModule) throw new BadArgumentError(`LocalNode.start: modules.${name} must be an object of functions`);
  }
}

function assertThreadOptions({ threads = 1, placement, offloadThreads, longScheduleMs, ...more }: NodeOptions): void {
  const isThread = Number.isInteger(placement) && (placement as number) >= 0 && (placement as number) <= threads;
  if (placement !== undefined && !isThread && !PLACEMENTS.includes(placement)) {
    throw new BadArgumentError(
      `LocalNode.start: placement must be ${PLACEMENTS.join(', ')} or a thread from 0 to ${threads}, not ${String(placement)}`,
    );
  }
  if (offloadThreads !== undefined && (!Number.isInteger(offloadThreads) || offloadThreads < 1)) {
    throw new BadArgumentError(
      `LocalNode.start: offloadThreads must be a whole number from 1, not ${String(offloadThreads)}`,
    );
  }
  if (longScheduleMs !== undefined && !(longScheduleMs >= 10)) {
    throw new BadArgumentError(
      `LocalNode.start: longScheduleMs must be a number from 10, not ${String(longScheduleMs)}`,
    );
  }
  const { threadMemoryLimitMb: limitMb } = more;
  if (limitMb !== undefined && (!Number.isInteger(limitMb) || limitMb < 16)) {
    throw new BadArgumentError(
      `LocalNode.start: threadMemoryLimitMb must be a whole number from 16, not ${String(limitMb)}`,
    );
  }
  for (const [option, url] of [
    ['resolveFrom', more.resolveFrom],
    ['threadEntry', more.threadEntry],
    ...(more.preload ?? []).map((one) => ['preload', one] as const),
  ] as const) {
    if (url !== undefined && !URL.canParse(String(url))) {
      throw new BadArgumentError(
        `LocalNode.start: ${option} must be a URL such as import.meta.url, not ${String(url)}`,
      );
    }
  }
}
