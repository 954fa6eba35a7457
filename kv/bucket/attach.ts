/**
 * How a bucket's processes stay subscribed to the cluster's process: they ask for the view when they start, and again when that process was
 * restarted. Until it is back they go on with the view they have.
 */
import { hasCode, QuorateError } from '../../runtime/errors.ts';
import { isDown } from '../../runtime/process/message.ts';
import type { Self } from '../../runtime/process/self.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { CallError } from '../../supervisors/index.ts';
import { ClusterServer } from '../cluster/cluster-server.ts';
import { CLUSTER_PROCESS } from '../cluster/system-messages.ts';
import type { BucketView } from './view.ts';

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
const ATTACH: Atom = nameAtom('$attach');
const AGAIN_MS = 50;
/** The cluster's process saves its record before it answers, which a busy disk may hold up: a start waits longer for it than a bucket that works. */
const START_PATIENCE_MS = 20_000;

/** Whose question it is, and how long an answer is waited for. */
interface Caller {
  readonly self: Self;
  readonly timeoutMs?: number;
}

type Announce = (server: Pid, caller: Caller) => Promise<void>;

/** Throws `no_cluster` when no cluster service runs on the node. */
export function clusterProcess(self: Self, bucket: string): Pid {
  const server = self.whereis(CLUSTER);
  if (server !== undefined) return server;
  const remedy = 'start the node with startQuorate, or put Cluster.childSpec() before the bucket in its supervisor';
  throw new QuorateError(
    'no_cluster',
    `bucket ${bucket} cannot start: no cluster service runs on this node; ${remedy}`,
  );
}

/** A question to the cluster's process while a bucket starts. Rejects with `timeout`, in words. */
export async function askAtStart<T>(bucket: string, ask: (timeoutMs: number) => Promise<T>): Promise<T> {
  try {
    return await ask(START_PATIENCE_MS);
  } catch (error) {
    if (!(error instanceof CallError) || error.code !== 'timeout') throw error;
    throw new QuorateError(
      'timeout',
      `bucket ${bucket} cannot start: the cluster service of this node has not answered within ${START_PATIENCE_MS} ms; ` +
        'it saves the boot record before it answers: see whether that disk is full or slow',
    );
  }
}

export class Attachment {
  readonly #self: Self;
  readonly #bucket: string;
  readonly #announce: Announce;
  #isDownOfServer: ((message: unknown) => boolean) | null = null;

  /** `announce` tells the cluster's process what it must know before it gives the view. */
  constructor(self: Self, bucket: string, announce: Announce = () => Promise.resolve()) {
    this.#self = self;
    this.#bucket = bucket;
    this.#announce = announce;
  }

  /** Rejects with `no_cluster` when no cluster service runs on the node, and with `timeout`. */
  attach(): Promise<BucketView> {
    return askAtStart(this.#bucket, (timeoutMs) => this.#attach({ self: this.#self, timeoutMs }));
  }

  async #attach(caller: Caller): Promise<BucketView> {
    const self = this.#self;
    const server = clusterProcess(self, this.#bucket);
    await this.#announce(server, caller);
    const request = { kind: 'watchBucket', bucket: this.#bucket, pid: self.pid } as const;
    const view = await ClusterServer.call(server, request, caller);
    this.#isDownOfServer = isDown(self.monitor(server));
    return view;
  }

  /** Is this message about the subscription? Then `attachAgain` is due, or will be. */
  isOurs(message: unknown): boolean {
    if (message === ATTACH) return true;
    if (this.#isDownOfServer?.(message) !== true) return false;
    this.#isDownOfServer = null;
    return true;
  }

  /** The view, or null when the cluster's process is not back yet; it is tried again. */
  async attachAgain(): Promise<BucketView | null> {
    try {
      return await this.#attach({ self: this.#self });
    } catch (error) {
      if (!(error instanceof CallError) && !hasCode(error, 'no_cluster')) throw error;
      this.#self.sendAfter(AGAIN_MS, this.#self.pid, ATTACH);
      return null;
    }
  }
}
