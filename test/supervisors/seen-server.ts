/** A server that fails in every way there is, for the tests of reports; can be placed on any thread. */
import { exit, type Pid, type Self } from '../../runtime/index.ts';
import {
  GenServer,
  Next,
  type CallResult,
  type CastResult,
  type From,
  type InitResult,
} from '../../supervisors/index.ts';

export interface SeenState {
  readonly count: number;
}

export class Seen extends GenServer<SeenState, never, unknown, unknown, string | undefined> {
  static readonly module: string = import.meta.url;

  override init(how: string | undefined): InitResult<SeenState> {
    if (how === 'throw') throw new Error('no init');
    if (how !== undefined) return Next.fail(how);
    return Next.ok({ count: 7 });
  }

  override handleCall(request: unknown, _from: From, state: SeenState): CallResult<SeenState, never> {
    return Next.reply(request, { count: state.count + 1 }) as unknown as CallResult<SeenState, never>;
  }

  override handleCast(message: unknown, state: SeenState): CastResult<SeenState> {
    if (message === 'inc') return Next.noreply({ count: state.count + 1 });
    if (message === 'throw') throw new TypeError('it broke');
    if (message === 'exit') exit('gone');
    if (message === 'nonsense') return 42 as unknown as CastResult<SeenState>;
    if (message === 'function') return Next.noreply({ count: 1, fn: () => 1 } as SeenState);
    return Next.stop(message, state);
  }
}

/** A plain process that fails with a name, a link, a monitor of its owner, and a mailbox of which it has read one message. */
export async function faulty(self: Self, owner: Pid): Promise<void> {
  self.trapExit(true);
  self.register('faulty_one');
  self.spawnLink((own) => own.receive());
  self.monitor(owner);
  self.send(owner, 'ready');
  await self.receive((message) => message === 'go');
  for (let i = 0; i < 12; i++) self.send(self.pid, i);
  throw new RangeError('too far');
}
