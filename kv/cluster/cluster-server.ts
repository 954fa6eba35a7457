/**
 * The process `$cluster.Acceptor` of a node: carries the cluster's step machine. A changed boot record is saved before anything that follows from it
 * is sent; while it is being saved, messages wait. Buckets and others on the node subscribe to what they need.
 */
import type { Env } from '../../runtime/env.ts';
import { isDown } from '../../runtime/process/message.ts';
import { nameAtom, type Atom } from '../../runtime/term/atom.ts';
import { samePid, type Pid } from '../../runtime/term/pid.ts';
import { isTagged, tuple2 } from '../../runtime/term/tuple.ts';
import {
  GenServer,
  Next,
  type Call,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
  type RequestOf,
} from '../../supervisors/index.ts';
import { acceptorName, type BucketView, type ClusterCast } from '../bucket/view.ts';
import { StateError } from '../errors.ts';
import type { Incarnation, NodeName } from '../paxos/messages.ts';
import { createCluster, stepCluster } from './core.ts';
import type { CheckedClusterOptions } from './options.ts';
import type { RunningBucket } from './hello.ts';
import { randomId } from './random-id.ts';
import { createRecord, newestOf, type BootRecord } from './record.ts';
import type { RecordStorage } from './record-storage.ts';
import type { ClusterEffect, ClusterInput, ClusterState, Request, RequestAnswer } from './state.ts';
import { statusOf, type ClusterStatus } from './status.ts';
import { CLUSTER_PROCESS, isSystemTerm, readSystemTerm, systemTerm, type SystemMessage } from './system-messages.ts';
import { viewOf } from './view-of.ts';

export interface ClusterArgs {
  readonly options: CheckedClusterOptions;
  readonly storage: RecordStorage;
  readonly env: Env;
  readonly log: (level: 'info' | 'error', text: string) => void;
  /** Kept by whoever supervises this process: the buckets that run on the node do not end with it, and nobody may be told that they did. */
  readonly running: Map<string, RunningOn>;
}

/** A bucket that runs on this node, and the process with which its tables end. */
export interface RunningOn {
  readonly bucket: RunningBucket;
  readonly owner: Pid;
}

/** What watchers get, as casts. */
export type ClusterNews =
  | { readonly kind: 'status'; readonly status: ClusterStatus }
  | { readonly kind: 'dataLost'; readonly bucket: string }
  | { readonly kind: 'log'; readonly level: 'info' | 'error'; readonly text: string };

export type ClusterCall =
  | Call<
      {
        readonly kind: 'bucketUp';
        readonly bucket: string;
        readonly partitions: number;
        readonly boot: number | null;
        readonly owner: Pid;
      },
      Incarnation
    >
  | Call<{ readonly kind: 'watchBucket'; readonly bucket: string; readonly pid: Pid }, BucketView>
  | Call<{ readonly kind: 'watchCluster'; readonly pid: Pid }, ClusterStatus>
  | Call<{ readonly kind: 'status' }, ClusterStatus>
  /** Answered when it is done, refused, or after `timeoutMs`. */
  | Call<
      { readonly kind: 'request'; readonly request: Request; readonly timeoutMs: number; readonly token?: string },
      RequestAnswer
    >;

const CLUSTER: Atom = nameAtom(CLUSTER_PROCESS);
const NODEDOWN: Atom = nameAtom('nodedown');
const GEN_CAST: Atom = nameAtom('$gen_cast');
const TICK: Atom = nameAtom('$tick');
/** Often while something is being decided, seldom when all is settled. */
const BUSY_TICK_MS = 20;
const IDLE_TICK_MS = 200;
const EARLY_LINES_MAX = 100;
const MISUNDERSTOOD_MAX = 100;
const isAnyDown = isDown();

interface Subscriber {
  readonly pid: Pid;
  /** Null: watches the cluster. */
  readonly bucket: string | null;
}

interface Owner {
  readonly bucket: string;
  readonly boot: number;
}

export class ClusterServer extends GenServer<null, ClusterCall, ClusterCast, unknown, ClusterArgs> {
  #args!: ClusterArgs;
  #state!: ClusterState;
  #saved!: BootRecord;
  readonly #subscribers: Map<string, Subscriber> = new Map();
  readonly #owners: Map<string, Owner> = new Map();
  readonly #monitored: Set<NodeName> = new Set();
  /** Errors of messages that could not be read; each is logged once. */
  readonly #misunderstood: Set<string> = new Set();
  readonly #views: Map<string, string> = new Map();
  /** Who waits for the answer to a request. */
  readonly #asking: Map<number, { readonly from: From; readonly token: string | null }> = new Map();
  #requests = 0;
  #told = '';
  /** Lines that were logged before anybody watched. */
  #early: ClusterNews[] | null = [];

  override async init(args: ClusterArgs): Promise<InitResult<null>> {
    this.#args = args;
    // A peer that does not read is lost after its tick time; until then it must not hold up the agreement of the others.
    this.self.setAsyncDist(true);
    const { env, options, storage } = args;
    const name = this.self.nodeName.name;
    const record = (await storage.load()) ?? (await this.#firstRecord(name));
    if (record.name !== name) {
      throw new StateError(
        'state_foreign',
        `the state in ${storage.place} is of node ${record.name}, this is ${name}: give every node a state folder of its own`,
      );
    }
    this.#saved = record;
    this.#state = createCluster({
      record,
      running: new Map([...args.running].map(([name, { bucket }]) => [name, bucket])),
      unannounced: new Set(Object.keys(record.buckets).filter((bucket) => this.#seemsToRun(bucket))),
      settings: { founders: options.founders, clusterSize: options.clusterSize },
      mayFound: options.mayFound,
      join: options.join,
      proposer: Math.floor(env.random() * 2 ** 53),
    });
    for (const [name, { bucket, owner }] of args.running) {
      this.#owners.set(this.self.monitor(owner).key, { bucket: name, boot: bucket.boot });
    }
    await this.#step({ kind: 'tick' });
    this.#armTick();
    return Next.ok(null);
  }

  override async handleCall(
    request: RequestOf<ClusterCall>,
    from: From,
  ): Promise<CallResult<null, Incarnation | BucketView | ClusterStatus | RequestAnswer>> {
    switch (request.kind) {
      case 'bucketUp': {
        const { bucket, partitions, boot, owner } = request;
        await this.#step({ kind: 'bucketUp', bucket, partitions, boot });
        const present = this.#state.running.get(bucket)?.boot ?? 0;
        const { name, id } = this.#state.record;
        this.#own(bucket, present, owner);
        return Next.reply({ name, id, boot: present }, null);
      }
      case 'watchBucket':
        this.#subscribe({ pid: request.pid, bucket: request.bucket });
        return Next.reply(viewOf(this.#state, request.bucket), null);
      case 'watchCluster':
        this.#subscribe({ pid: request.pid, bucket: null });
        for (const news of this.#early ?? []) this.self.send(request.pid, tuple2(GEN_CAST, news));
        this.#early = null;
        return Next.reply(statusOf(this.#state), null);
      case 'status':
        return Next.reply(statusOf(this.#state), null);
      case 'request': {
        this.#requests += 1;
        this.#asking.set(this.#requests, { from, token: request.token ?? null });
        const until = this.#args.env.now() + request.timeoutMs;
        await this.#step({ kind: 'request', id: this.#requests, request: request.request, until });
        return Next.noreply(null);
      }
    }
  }

  override async handleCast(message: ClusterCast): Promise<CastResult<null>> {
    if (message.kind === 'misunderstood') this.#logOnce(message.text);
    else if (message.kind === 'withdraw') await this.#withdraw(message.token);
    else await this.#step(message);
    return Next.noreply(null);
  }

  override async handleInfo(message: unknown): Promise<CastResult<null>> {
    if (message === TICK) {
      await this.#step({ kind: 'tick' });
      this.#armTick();
    } else if (isSystemTerm(message)) await this.#onSystemTerm(message);
    else if (isTagged(message, NODEDOWN, 2)) {
      const { name } = message[1] as Atom;
      this.#monitored.delete(name);
      await this.#step({ kind: 'down', name });
    } else if (isAnyDown(message)) await this.#onDown(message.ref.key);
    return Next.noreply(null);
  }

  async #withdraw(token: string): Promise<void> {
    for (const [id, asking] of this.#asking) {
      if (asking.token !== token) continue;
      this.#asking.delete(id);
      await this.#step({ kind: 'withdraw', id });
      return;
    }
  }

  #seemsToRun(bucket: string): boolean {
    return !this.#args.running.has(bucket) && this.self.whereis(nameAtom(acceptorName(bucket))) !== undefined;
  }

  /** The bucket runs until its owner ends. */
  #own(bucket: string, boot: number, owner: Pid): void {
    const running = this.#state.running.get(bucket);
    if (running !== undefined) this.#args.running.set(bucket, { bucket: running, owner });
    for (const known of this.#owners.values()) if (known.bucket === bucket && known.boot === boot) return;
    this.#owners.set(this.self.monitor(owner).key, { bucket, boot });
  }

  async #firstRecord(name: NodeName): Promise<BootRecord> {
    const record = createRecord(name, randomId(this.#args.env));
    await this.#args.storage.save(record);
    return record;
  }

  async #onSystemTerm(term: readonly [number, unknown, Pid, Record<string, unknown>]): Promise<void> {
    let read: { readonly from: NodeName; readonly message: SystemMessage };
    try {
      read = readSystemTerm(term);
    } catch (error) {
      return this.#logOnce((error as Error).message);
    }
    const { from, message } = read;
    if (from === this.self.nodeName.name) return;
    if (!this.#monitored.has(from)) {
      this.#monitored.add(from);
      this.self.monitorNode(nameAtom(from), true);
    }
    await this.#step({ kind: 'message', from, message });
  }

  async #onDown(ref: string): Promise<void> {
    this.#subscribers.delete(ref);
    const owner = this.#owners.get(ref);
    if (owner === undefined) return;
    this.#owners.delete(ref);
    if (this.#args.running.get(owner.bucket)?.bucket.boot === owner.boot) this.#args.running.delete(owner.bucket);
    await this.#step({ kind: 'bucketDown', bucket: owner.bucket, boot: owner.boot });
  }

  async #step(input: ClusterInput): Promise<void> {
    const { env, storage } = this.#args;
    const effects = stepCluster(this.#state, input, {
      now: env.now(),
      random: () => env.random(),
      newId: () => randomId(env, 8),
    });
    const { record } = this.#state;
    // most ticks find nothing to do: nobody needs to be told the same again
    if (input.kind === 'tick' && effects.length === 0 && record === this.#saved && this.#told !== '') return;
    if (record !== this.#saved) {
      await storage.save(record);
      this.#saved = record;
    }
    for (const effect of effects) this.#carryOut(effect);
    this.#tellViews();
    this.#tellStatus();
  }

  #carryOut(effect: ClusterEffect): void {
    switch (effect.kind) {
      case 'send':
        this.self.send(tuple2(CLUSTER, nameAtom(effect.to)), systemTerm(this.self.pid, effect.message));
        return;
      case 'log':
        return this.#log(effect.level, effect.text);
      case 'dataLost':
        this.#log('info', `bucket ${effect.bucket} begins anew, empty: all its members had lost their state`);
        return this.#news({ kind: 'dataLost', bucket: effect.bucket });
      case 'answer': {
        const asking = this.#asking.get(effect.id);
        this.#asking.delete(effect.id);
        if (asking !== undefined) GenServer.reply(asking.from, effect.answer, { self: this.self });
        return;
      }
      case 'boot':
        return; // the caller of bucketUp gets it as the reply
    }
  }

  /** Once: whoever got no answer in time asks again. */
  #subscribe(subscriber: Subscriber): void {
    for (const { pid, bucket } of this.#subscribers.values())
      if (bucket === subscriber.bucket && samePid(pid, subscriber.pid)) return;
    this.#subscribers.set(this.self.monitor(subscriber.pid).key, subscriber);
  }

  /** Every subscriber of a bucket gets its view when it changed. */
  #tellViews(): void {
    const buckets = new Set([...this.#subscribers.values()].flatMap((s) => (s.bucket === null ? [] : [s.bucket])));
    for (const bucket of buckets) {
      const view = viewOf(this.#state, bucket);
      const text = JSON.stringify(view);
      if (text === this.#views.get(bucket)) continue;
      this.#views.set(bucket, text);
      for (const { pid, bucket: wanted } of this.#subscribers.values()) {
        if (wanted === bucket) this.self.send(pid, tuple2(GEN_CAST, { kind: 'view', view }));
      }
    }
  }

  #tellStatus(): void {
    const status = statusOf(this.#state);
    const { hasQuorum, connected, clusterSize } = status;
    const text = JSON.stringify(status);
    if (text === this.#told) return;
    const line = `[quorum:${hasQuorum ? 'yes' : 'no'}] [cluster:${connected}/${clusterSize}]`;
    const before = this.#told === '' ? null : (JSON.parse(this.#told) as ClusterStatus);
    this.#told = text;
    if (before?.hasQuorum !== hasQuorum || before.connected !== connected) {
      this.#log('info', hasQuorum && before?.hasQuorum === false ? `Quorum reached. ${line}` : line);
    }
    this.#news({ kind: 'status', status });
  }

  #news(news: ClusterNews): void {
    for (const { pid, bucket } of this.#subscribers.values()) {
      if (bucket === null) this.self.send(pid, tuple2(GEN_CAST, news));
    }
  }

  #logOnce(text: string): void {
    if (this.#misunderstood.has(text) || this.#misunderstood.size >= MISUNDERSTOOD_MAX) return;
    this.#misunderstood.add(text);
    this.#log('error', text);
  }

  #log(level: 'info' | 'error', text: string): void {
    this.#args.log(level, text);
    const news: ClusterNews = { kind: 'log', level, text };
    if (this.#early !== null && this.#early.length < EARLY_LINES_MAX) this.#early.push(news);
    this.#news(news);
  }

  #armTick(): void {
    const { pending, rounds, record, requests } = this.#state;
    const isBusy =
      pending.size > 0 ||
      rounds.size > 0 ||
      requests.length > 0 ||
      (!record.active && newestOf(record.system) !== null);
    this.self.sendAfter(isBusy ? BUSY_TICK_MS : IDLE_TICK_MS, this.self.pid, TICK);
  }
}
