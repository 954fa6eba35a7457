/**
 * The process behind one watch: it is fed by the learner of this node, or of a member when this node's acceptor does not vote, and looks itself at
 * what is there: at first, after every gap, and slowly all the time, since a hint that something was chosen may be lost.
 *
 * Order matters: first it is fed, then it looks, so that nothing falls between the two. Where it hears the same twice its tracks tell.
 */
import { hasCode } from '../../runtime/errors.ts';
import { isDown } from '../../runtime/process/message.ts';
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import type { RemoteName, Self } from '../../runtime/process/self.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Ref } from '../../runtime/term/ref.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
import { CallError } from '../../supervisors/index.ts';
import { copyOf } from '../apply-change.ts';
import { isBucketHere } from '../bucket/client.ts';
import { collectCells } from '../bucket/collect-keys.ts';
import { isLearnedTerm, readLearned, takenTerm, type Fed } from '../bucket/feed-terms.ts';
import type { GapReason } from '../bucket/learner.ts';
import { LearnerServer } from '../bucket/learner-server.ts';
import { partitionOf } from '../bucket/partitions.ts';
import { ProposerServer } from '../bucket/proposer-server.ts';
import { readiness } from '../bucket/routes.ts';
import type { Selector } from '../bucket/selector.ts';
import { learnerName, proposerName } from '../bucket/view.ts';
import { noBucket, StoreError } from '../errors.ts';
import { decodeKey } from '../key.ts';
import { ballotToken } from '../paxos/ballot.ts';
import { newestChange } from '../paxos/change.ts';
import type { Cell, Key } from '../paxos/messages.ts';
import { sameIncarnation } from '../paxos/quorum.ts';
import { pause, runRequest } from '../run-request.ts';
import type { EventQueue } from './event-queue.ts';
import { Tracks, type Told } from './tracks.ts';
import type { WatchEvent } from './watch.ts';

/** How late a change is told whose hint was lost, at most, while there is a quorum. */
const LOOK_MS = 5000;
/** Without a member to be fed by. */
const LOOK_ALONE_MS = 500;
/** Looking at all keys with a prefix may take its time, but not the machine's. */
const LOOK_PAUSES = 20;
const AGAIN_MS = 20;
const CALL_MS = 1000;
const READS_AT_ONCE = 8;

export interface WatchPlan {
  readonly bucket: string;
  readonly selector: Selector;
  /** How many events, and how many entries of a feed, may wait. */
  readonly eventsMax: number;
}

interface Feeder {
  readonly id: number;
  readonly partition: number;
  readonly to: Pid | RemoteName;
  readonly monitor: Ref;
  readonly isEnd: (message: unknown) => boolean;
}

const TIME: unique symbol = Symbol('time');

export class Watcher {
  readonly #at: Scheduler;
  readonly #self: Self;
  readonly #plan: WatchPlan;
  readonly #queue: EventQueue<WatchEvent>;
  readonly #tracks: Tracks = new Tracks();
  #feeders: Feeder[] = [];
  #ids = 0;
  /** No member feeds it. */
  #isAlone = false;
  #lookMs = LOOK_MS;

  constructor(at: Scheduler, self: Self, plan: WatchPlan, queue: EventQueue<WatchEvent>) {
    this.#at = at;
    this.#self = self;
    this.#plan = plan;
    this.#queue = queue;
  }

  /** Rejects with `no_bucket` when this node does not run the bucket, or not any more. */
  async run(): Promise<never> {
    await this.#subscribe();
    await this.#look(true);
    for (;;) {
      await this.#follow();
      await this.#subscribe();
      await this.#gap('restarted');
    }
  }

  /** Takes what is fed, and looks now and then, until a feeder is lost. */
  async #follow(): Promise<void> {
    const { env } = this.#at;
    let lookAtMs = env.now() + this.#lookMs;
    for (;;) {
      const message: unknown = await this.#self.receive({
        timeoutMs: Math.max(0, lookAtMs - env.now()),
        otherwise: TIME,
      });
      if (isLearnedTerm(message)) await this.#take(message[1], message[2]);
      else if (message === TIME) {
        if (!(await this.#isFed())) return;
        await this.#look(false);
        lookAtMs = env.now() + this.#lookMs;
      } else if (this.#feeders.some(({ isEnd }) => isEnd(message))) return;
    }
  }

  async #take(id: number, list: readonly unknown[]): Promise<void> {
    const feeder = this.#feeders.find((one) => one.id === id);
    if (feeder === undefined) return;
    let gap: GapReason | null = null;
    for (const fed of readOrGap(list)) {
      if (fed.kind === 'gap') gap = fed.reason;
      else await this.#hear(fed.key, fed.cell);
    }
    this.#self.send(feeder.to, takenTerm(this.#self.pid, id, list.length / 2));
    if (gap !== null) await this.#gap(gap);
  }

  async #hear(key: Key, cell: Cell | null): Promise<void> {
    await this.#tell(key, this.#tracks.take(key, cell));
    if (cell === null && this.#plan.selector.kind === 'prefix') this.#tracks.drop(key);
  }

  async #gap(reason: GapReason): Promise<void> {
    const { selector } = this.#plan;
    const key = selector.kind === 'key' ? { key: decodeKey(selector.key) } : {};
    await this.#queue.push({ kind: 'gap', reason, ...key });
    this.#tracks.open();
    await this.#look(false);
  }

  async #tell(key: Key, told: readonly Told[]): Promise<void> {
    for (const one of told) {
      switch (one.kind) {
        case 'value': {
          const version = ballotToken(newestChange(one.cell));
          await this.#queue.push({ kind: 'value', key: decodeKey(key), value: copyOf(one.cell.value), version });
          break;
        }
        case 'erased':
          await this.#queue.push({ kind: 'erased', key: decodeKey(key) });
          break;
        case 'gap':
          await this.#queue.push({ kind: 'gap', reason: one.reason, key: decodeKey(key) });
          break;
      }
    }
  }

  /** Tells what is there and was not told. */
  async #look(isFirst: boolean): Promise<void> {
    const { selector } = this.#plan;
    const { env } = this.#at;
    const startedMs = env.now();
    const keys = selector.kind === 'key' ? [selector.key] : await this.#news();
    for (let i = 0; i < keys.length; i += READS_AT_ONCE) {
      const some = keys.slice(i, i + READS_AT_ONCE);
      const cells = await Promise.all(some.map((key) => this.#read(key)));
      for (const [j, key] of some.entries()) {
        const cell = cells[j] ?? null;
        if (isFirst) await this.#tell(key, this.#tracks.first(key, cell));
        else await this.#hear(key, cell);
      }
    }
    const least = this.#isAlone ? LOOK_ALONE_MS : LOOK_MS;
    this.#lookMs = Math.max(least * (0.8 + 0.4 * env.random()), LOOK_PAUSES * (env.now() - startedMs));
  }

  async #read(key: Key): Promise<Cell | null> {
    const { bucket } = this.#plan;
    const request = { kind: 'get', key, timeoutMs: Infinity } as const;
    const options = { noQuorum: 'retry', signal: this.#self.signal } as const;
    return runRequest(bucket, request, options, (outcome) => (outcome.kind === 'ok' ? outcome.cell : null));
  }

  /** The keys of the prefix at which something is to be seen. */
  async #news(): Promise<Key[]> {
    const { bucket, selector } = this.#plan;
    for (;;) {
      const cells = await collectCells(this.#at, bucket, selector);
      if (cells !== null) {
        this.#tracks.prune((key) => cells.has(key));
        const isNews = ([key, cell]: readonly [Key, Cell]): boolean =>
          this.#tracks.isNews(key, newestChange(cell), cell.live);
        const gone = this.#tracks.liveKeys().filter((key) => !cells.has(key));
        return [...[...cells].filter(isNews).map(([key]) => key), ...gone];
      }
      if (!isBucketHere(this.#at, bucket)) throw noBucket(bucket);
      await pause(this.#at.env, 10 * AGAIN_MS, this.#self.signal);
    }
  }

  /** Gets a feeder for every partition that may have a watched key. */
  async #subscribe(): Promise<void> {
    const { bucket, selector } = this.#plan;
    for (let tries = 0; ; tries++) {
      for (const { monitor } of this.#feeders) this.#self.demonitor(monitor, { flush: true });
      this.#feeders = [];
      this.#isAlone = false;
      if (!isBucketHere(this.#at, bucket)) throw noBucket(bucket);
      const { partitions } = await readiness(this.#at, bucket);
      const all = selector.kind === 'key' ? [partitionOf(selector.key, partitions)] : [...Array(partitions).keys()];
      const found: (Feeder | null)[] = [];
      for (const partition of all) found.push(await this.#feederOf(partition));
      this.#feeders = found.filter((feeder) => feeder !== null);
      if (this.#feeders.length === all.length) return;
      await pause(this.#at.env, AGAIN_MS * Math.min(tries + 1, 10), this.#self.signal);
    }
  }

  /** This node's learner if its acceptor votes, else that of a member; this node's all the same when there is none. */
  async #feederOf(partition: number): Promise<Feeder | null> {
    const { bucket } = this.#plan;
    const name = nameAtom(learnerName(bucket, partition));
    const own = this.#self.whereis(name);
    if (own === undefined) return null;
    if (await this.#isActive(own)) return this.#watchAt(own, partition);
    const member = await this.#activeMember(partition);
    if (member === null) this.#isAlone = true;
    return this.#watchAt(member ?? own, partition);
  }

  async #activeMember(partition: number): Promise<RemoteName | null> {
    const name = nameAtom(learnerName(this.#plan.bucket, partition));
    for (const node of await this.#members(partition)) {
      const there = tuple2(name, nameAtom(node));
      if (await this.#isActive(there)) return there;
    }
    return null;
  }

  async #watchAt(to: Pid | RemoteName, partition: number): Promise<Feeder | null> {
    const { selector, eventsMax } = this.#plan;
    const id = ++this.#ids;
    const monitor = this.#self.monitor(to);
    const { pid } = this.#self;
    const request = { kind: 'watch', pid, id, selector, entriesMax: eventsMax } as const;
    const answer = await orNull(LearnerServer.call(to, request, { self: this.#self, timeoutMs: CALL_MS }));
    if (answer !== null) return { id, partition, to, monitor, isEnd: isDown(monitor) };
    this.#self.demonitor(monitor, { flush: true });
    return null;
  }

  async #isActive(to: Pid | RemoteName): Promise<boolean> {
    const answer = await orNull(LearnerServer.call(to, { kind: 'feeding' }, { self: this.#self, timeoutMs: CALL_MS }));
    return answer?.isActive === true;
  }

  /** Do all feeders still hear of what is chosen? Alone it looks for one that does. */
  async #isFed(): Promise<boolean> {
    for (const { to, partition } of this.#feeders) {
      if (await this.#isActive(to)) continue;
      // a member that is connected may not vote yet: asking it anew each time would tell a gap each time
      if (!this.#isAlone || (await this.#activeMember(partition)) !== null) return false;
    }
    return true;
  }

  /** The other members that are connected, in any order. */
  async #members(partition: number): Promise<string[]> {
    const proposer = nameAtom(proposerName(this.#plan.bucket, partition));
    const view = await orNull(ProposerServer.call(proposer, { kind: 'view' }, { self: this.#self }));
    const members = view?.configs.at(-1)?.M ?? [];
    const present = members.filter((m) => view?.present.some((p) => sameIncarnation(p, m)) === true);
    const names = present.map(({ name }) => name).filter((name) => name !== this.#self.nodeName.name);
    const from = Math.floor(this.#at.env.random() * names.length);
    return [...names.slice(from), ...names.slice(0, from)];
  }
}

/** What cannot be read was lost. */
function readOrGap(list: readonly unknown[]): Fed[] {
  try {
    return readLearned(list);
  } catch (error) {
    if (!hasCode(error, 'bad_frame')) throw error;
    return [{ kind: 'gap', reason: 'missed' }];
  }
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (error instanceof CallError) return null;
    throw error;
  }
}

/** What ends a watch, as its reader gets it. */
export function endOfWatch(error: unknown): Error | null {
  if (error instanceof StoreError && error.code === 'aborted') return null;
  return error instanceof Error ? error : new StoreError('unknown', 'not-applied', String(error));
}
