/**
 * The process `<bucket>.Learner`: feeds what this node's acceptor is known to have chosen to those who watch. It keeps nothing that is not in the
 * acceptor's table: restarted it begins anew, and its watchers, which see its end, come back and look for themselves what is there.
 */
import { isDown } from '../../runtime/process/message.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Ref } from '../../runtime/term/ref.ts';
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
import { isTakenTerm, learnedTerm } from './feed-terms.ts';
import { Feed, Learned } from './learner.ts';
import { selectsOf, type Selector } from './selector.ts';
import type { BucketShared } from './table.ts';

/** Is this node's acceptor a member that votes? Another one hears of nothing. */
export interface Feeding {
  readonly isActive: boolean;
}

export interface WatchRequest {
  readonly kind: 'watch';
  readonly pid: Pid;
  readonly id: number;
  readonly selector: Selector;
  readonly entriesMax: number;
}

export type LearnerCall =
  /** Feed `pid`, which ends it by ending; `entriesMax`: how many entries may be under way. */
  Call<WatchRequest, Feeding> | Call<{ readonly kind: 'feeding' }, Feeding>;

const isAnyDown = isDown();

interface Watching {
  readonly id: number;
  readonly feed: Feed;
  readonly monitor: Ref;
  readonly isEnd: (message: unknown) => boolean;
}

export class LearnerServer extends GenServer<Learned, LearnerCall, never, unknown, BucketShared> {
  /** By the watcher's pid. */
  readonly #watching: Map<string, Watching> = new Map();
  #shared!: BucketShared;

  override init(shared: BucketShared): InitResult<Learned> {
    const learned = new Learned(shared.env);
    this.#shared = shared;
    shared.learner = learned;
    // a watcher on another node that does not read must not hold up the others
    this.self.setAsyncDist(true);
    this.self.signal.addEventListener('abort', () => {
      if (shared.learner === learned) shared.learner = null;
    });
    return Next.ok(learned);
  }

  override handleCall(request: RequestOf<LearnerCall>, _from: From, learned: Learned): CallResult<Learned, Feeding> {
    if (request.kind === 'watch') this.#watch(request, learned);
    return Next.reply({ isActive: this.#shared.acceptor?.acceptor.active === true }, learned);
  }

  override handleInfo(message: unknown, learned: Learned): CastResult<Learned> {
    if (isTakenTerm(message)) {
      const watching = this.#watching.get(message[1].key);
      if (watching?.id === message[2]) watching.feed.taken(message[3]);
      learned.armFlush();
    } else if (isAnyDown(message)) this.#end(message, learned);
    return Next.noreply(learned);
  }

  #watch({ pid, id, selector, entriesMax }: WatchRequest, learned: Learned): void {
    const { self } = this;
    // A watcher that comes again, after a lost answer or since another partition's learner ended, has given up what it had.
    this.#drop(pid, learned);
    const feed = new Feed(selectsOf(selector), entriesMax, (list) => {
      if (!self.signal.aborted) self.send(pid, learnedTerm(id, list));
    });
    const monitor = self.monitor(pid);
    this.#watching.set(pid.key, { id, feed, monitor, isEnd: isDown(monitor) });
    learned.add(feed);
  }

  #drop(pid: Pid, learned: Learned): void {
    const before = this.#watching.get(pid.key);
    if (before === undefined) return;
    this.self.demonitor(before.monitor, { flush: true });
    this.#watching.delete(pid.key);
    learned.delete(before.feed);
  }

  #end(message: unknown, learned: Learned): void {
    for (const [pid, { feed, isEnd }] of this.#watching) {
      if (!isEnd(message)) continue;
      this.#watching.delete(pid);
      learned.delete(feed);
    }
  }
}
