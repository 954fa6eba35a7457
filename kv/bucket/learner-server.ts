/** The process `<bucket>.Learner`: owns what this node's acceptor is known to have chosen, for those who wait for a key to change. */
import { GenServer, Next, type Call, type CallResult, type From, type InitResult } from '../../supervisors/index.ts';
import { Learned } from './learner.ts';
import type { BucketShared } from './table.ts';

/** How many cells this node learned to be chosen. */
export type LearnerCall = Call<'count', number>;

export class LearnerServer extends GenServer<Learned, LearnerCall, never, unknown, BucketShared> {
  override init(shared: BucketShared): InitResult<Learned> {
    const learned = new Learned();
    shared.learner = learned;
    this.self.signal.addEventListener('abort', () => {
      if (shared.learner === learned) shared.learner = null;
    });
    return Next.ok(learned);
  }

  override handleCall(_request: 'count', _from: From<number>, learned: Learned): CallResult<Learned, number> {
    return Next.reply(learned.count, learned);
  }
}
