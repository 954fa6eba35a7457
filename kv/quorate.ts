/**
 * A node of a cluster in one call: `startQuorate({ name, cookie })` starts the node, its part in the cluster and the default bucket, in
 * one supervision tree on the node's system thread.
 *
 * ```ts
 * const quorate = await startQuorate({ name: 'n1@127.0.0.1', cookie: 'secret' });
 * await PaxosKV.waitForBucket();
 * await PaxosKV.put('apple', 1); // { ok: true, value: 1 }
 * await quorate.stop();
 * ```
 */
import { EventEmitter } from 'eventemitter3';
import { realEnv, type Env } from '../runtime/env.ts';
import { BadArgumentError, QuorateError } from '../runtime/errors.ts';
import { LocalNode, type NodeOptions } from '../runtime/index.ts';
import { isDown } from '../runtime/process/message.ts';
import type { Self } from '../runtime/process/self.ts';
import { describeTerm } from '../runtime/term/describe.ts';
import { Exit } from '../runtime/term/exit-reason.ts';
import type { Pid } from '../runtime/term/pid.ts';
import { isTagged } from '../runtime/term/tuple.ts';
import { followCluster, type ClusterEvents } from './cluster/cluster.ts';
import type { ClusterStatus } from './cluster/status.ts';
import {
  CLUSTER_FAILED,
  CLUSTER_STARTED,
  ROOT_START_MS,
  runClusterRoot,
  stopClusterRoot,
  type BucketSpec,
  type TreeOptions,
} from './cluster/cluster-tree.ts';
import { checkClusterOptions, type ClusterOptions } from './cluster/options.ts';
import { randomId } from './cluster/random-id.ts';
import type { RecordStorage } from './cluster/record-storage.ts';
import { DEFAULT_BUCKET } from './kv-options.ts';
import { assertQuorateOptions } from './quorate-options.ts';
import { GLOBAL_BUCKET, installGlobalNames, removeGlobalNames } from './global-names.ts';

export type Logger = (level: 'info' | 'error', text: string) => void;
/** As pino's: fields first. */
type NodeLogger = Exclude<NodeOptions['logger'], false | undefined>;

export interface QuorateOptions extends ClusterOptions, Omit<NodeOptions, 'logger'> {
  /** `name@host`. */
  readonly name: string;
  readonly cookie: string;
  /** Buckets to start besides the default one, by name or with their number of partitions; the default one may be among these. */
  readonly buckets?: readonly (string | BucketSpec)[];
  /** Whether `{ global }` names are kept in the store, in a bucket `GlobalNames`. Default true; the same on all nodes. */
  readonly globalNames?: boolean;
  /** Where log lines and crash reports go: a function, or a logger as pino's; default stderr. null: nowhere. */
  readonly logger?: Logger | NodeLogger | null;
  /** Where the boot record is kept instead of a file; only with `threads: 0`. */
  readonly storage?: RecordStorage;
}

/** Sets up the names in worker threads. */
const GLOBAL_NAMES_ENTRY: string = new URL('./global-names-entry.js', import.meta.url).href;

export interface Quorate {
  readonly node: LocalNode;
  /** As this node sees it now. */
  readonly status: ClusterStatus | null;
  on<E extends keyof ClusterEvents>(event: E, listener: (...args: ClusterEvents[E]) => void): this;
  off<E extends keyof ClusterEvents>(event: E, listener: (...args: ClusterEvents[E]) => void): this;
  /** Resolves when more than half of the cluster's nodes are connected. Rejects with `timeout`, saying what is awaited. */
  waitForQuorum(options?: { readonly timeoutMs?: number }): Promise<ClusterStatus>;
  /** Ends the buckets, the cluster's part and the node, and gives the boot record free. */
  stop(): Promise<void>;
}

/**
 * Rejects with `badarg`, with what `LocalNode.start` rejects with (`name_taken`, `port_in_use`, ...), `state_in_use`, `state_damaged`, `state_foreign`,
 * `state_unusable`, and `timeout`, saying what the start waited for.
 */
export async function startQuorate(options: QuorateOptions): Promise<Quorate> {
  assertQuorateOptions(options);
  const { clusterSize, founders, join, stateDir, bootstrap, buckets = [], globalNames = true, ...more } = options;
  const { logger, storage, ...nodeOptions } = more;
  if (storage !== undefined && options.threads !== 0)
    throw new BadArgumentError('startQuorate: storage can be given only with threads: 0');
  const checked = checkClusterOptions(options.name, {
    ...(clusterSize === undefined ? {} : { clusterSize }),
    ...(founders === undefined ? {} : { founders }),
    ...(join === undefined ? {} : { join }),
    ...(stateDir === undefined || storage !== undefined ? {} : { stateDir }),
    ...(bootstrap === undefined ? {} : { bootstrap }),
  });
  const tree: TreeOptions = {
    options: checked,
    buckets: bucketSpecs(globalNames ? [GLOBAL_BUCKET, ...buckets] : buckets),
    lockToken: randomId(options.env ?? realEnv),
    isLogging: false,
  };
  const { lines, reports } = chooseLoggers(options.name, logger);
  const node = await LocalNode.start({
    ...nodeOptions,
    ...(globalNames ? { preload: [GLOBAL_NAMES_ENTRY, ...(nodeOptions.preload ?? [])] } : {}),
    ...(reports === undefined ? {} : { logger: reports }),
  });
  const running = new RunningQuorate(node, tree, lines, options.env, storage);
  try {
    await running.start();
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

function bucketSpecs(given: readonly (string | BucketSpec)[]): readonly BucketSpec[] {
  const specs = given.map((one) => (typeof one === 'string' ? { bucket: one } : one));
  return specs.some(({ bucket }) => bucket === DEFAULT_BUCKET) ? specs : [{ bucket: DEFAULT_BUCKET }, ...specs];
}

/** For the cluster's log lines, and for the reports of the node; undefined: the node's own way. */
function chooseLoggers(
  name: string,
  given: QuorateOptions['logger'],
): { lines: Logger | null; reports: NodeOptions['logger'] } {
  if (given === undefined) return { lines: logToStderr(name), reports: undefined };
  if (given === null) return { lines: null, reports: false };
  if (typeof given !== 'function')
    return { lines: (level, text) => given[level]({ node: name }, text), reports: given };
  const info = (_fields: object, text: string): void => given('info', text);
  const error = (_fields: object, text: string): void => given('error', text);
  return { lines: given, reports: { info, warn: info, error } };
}

function logToStderr(name: string): Logger {
  return (_level, text) => void process.stderr.write(`${name} ${text}\n`);
}

class RunningQuorate implements Quorate {
  readonly node: LocalNode;
  status: ClusterStatus | null = null;
  readonly #tree: TreeOptions;
  readonly #events = new EventEmitter<ClusterEvents>();
  readonly #hasGlobalNames: boolean;
  readonly #env: Env | undefined;
  readonly #storage: RecordStorage | undefined;
  #root: Pid | null = null;
  #stopped: Promise<void> | null = null;

  constructor(
    node: LocalNode,
    tree: TreeOptions,
    logger: Logger | null,
    env: Env | undefined,
    storage: RecordStorage | undefined,
  ) {
    this.node = node;
    this.#tree = tree;
    this.#hasGlobalNames = tree.buckets.some(({ bucket }) => bucket === GLOBAL_BUCKET);
    this.#env = env;
    this.#storage = storage;
    this.#events.on('status', (status) => (this.status = status));
    if (logger !== null) this.#events.on('log', logger);
  }

  async start(): Promise<void> {
    if (this.#hasGlobalNames) installGlobalNames();
    this.node.spawn((self) => followCluster(self, this.#events));
    await this.#startRoot();
    // a system thread that died took the tree with it; its memory is gone, so the buckets come back as new boots
    this.node.on('thread', (thread, what) => {
      if (what !== 'replaced' || thread !== this.node.systemThread || this.#stopped !== null) return;
      this.#startRoot().catch((error: unknown) =>
        this.#events.emit('log', 'error', `cannot start again: ${String(error)}`),
      );
    });
  }

  on<E extends keyof ClusterEvents>(event: E, listener: (...args: ClusterEvents[E]) => void): this {
    this.#events.on(event, listener as never);
    return this;
  }

  off<E extends keyof ClusterEvents>(event: E, listener: (...args: ClusterEvents[E]) => void): this {
    this.#events.off(event, listener as never);
    return this;
  }

  waitForQuorum(options: { readonly timeoutMs?: number } = {}): Promise<ClusterStatus> {
    if (this.status?.hasQuorum === true) return Promise.resolve(this.status);
    return new Promise((resolve, reject) => {
      const env = this.#env ?? realEnv;
      const timer = options.timeoutMs === undefined ? null : env.setTimer(options.timeoutMs, () => onEnd(null));
      const onStatus = (status: ClusterStatus): void => {
        if (status.hasQuorum) onEnd(status);
      };
      const onEnd = (status: ClusterStatus | null): void => {
        timer?.cancel();
        this.#events.off('status', onStatus);
        if (status !== null) return resolve(status);
        const waits = this.status?.waits.join('; ') ?? 'the cluster service has not answered';
        reject(new QuorateError('timeout', `no quorum in time: ${waits}`));
      };
      this.#events.on('status', onStatus);
    });
  }

  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    const root = this.#root;
    if (root !== null) await this.node.run((self) => stopClusterRoot(self, root));
    await this.node.stop();
    if (this.#hasGlobalNames) removeGlobalNames();
    this.#events.removeAllListeners();
  }

  async #startRoot(): Promise<void> {
    const { systemThread } = this.node;
    const answer = await this.node.run(async (self) => {
      const root = await this.#spawnRoot(self, systemThread);
      self.monitor(root);
      const isAnswer = (message: unknown): message is readonly unknown[] => Array.isArray(message);
      const given = await self.receive(isAnswer, { timeoutMs: ROOT_START_MS, otherwise: null });
      if (given === null) self.exit(root, Exit.kill);
      return given;
    });
    if (answer === null) {
      const text = `the store of ${this.node.name.name} has not started within ${ROOT_START_MS} ms`;
      throw new QuorateError('timeout', `${text}: see whether its state folder can be read and written`);
    }
    if (isTagged(answer, CLUSTER_STARTED, 2)) {
      const root = answer[1] as Pid;
      this.#root = root;
      this.node.spawn((self) => this.#watchRoot(self, root));
      return;
    }
    if (isTagged(answer, CLUSTER_FAILED, 3)) throw new QuorateError(String(answer[1]), String(answer[2]));
    throw new QuorateError('start_failed', `the cluster's part of ${this.node.name.name} ended while it started`);
  }

  /** A tree that gave up leaves a node without a store: say so. */
  async #watchRoot(self: Self, root: Pid): Promise<void> {
    const down = await self.receive(isDown(self.monitor(root)));
    if (this.#stopped !== null || this.#root !== root) return;
    this.#events.emit(
      'log',
      'error',
      `the store of this node ended: ${describeTerm(down.reason)}; stop the node and start it again`,
    );
  }

  #spawnRoot(self: Self, systemThread: number): Pid | Promise<Pid> {
    const parts = {
      ...(this.#env === undefined ? {} : { env: this.#env }),
      ...(this.#storage === undefined ? {} : { storage: this.#storage }),
    };
    const starter = self.pid;
    if (systemThread === 0) return this.node.spawn((own) => runClusterRoot(own, starter, this.#tree, parts));
    const module = new URL('./cluster/cluster-tree.js', import.meta.url).href;
    return self.spawn(module, 'runClusterRoot', [starter, this.#tree], { thread: systemThread });
  }
}
