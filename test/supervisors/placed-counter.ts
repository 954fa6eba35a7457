/** Servers and supervisors that tests start on other threads by their module. */
import type { Self } from '../../runtime/process/self.ts';
import { pidThread, type Pid } from '../../runtime/term/pid.ts';
import { DynamicSupervisor, GenServer, Next, Supervisor } from '../../supervisors/index.ts';
import type { Call, CallResult, From, InitResult, SupervisorInit } from '../../supervisors/index.ts';

export type PlacedCall = Call<'get', number> | Call<'thread', number> | Call<'crash', never>;

export class PlacedCounter extends GenServer<number, PlacedCall, 'inc', unknown, number> {
  static readonly module: string = import.meta.url;

  override init(start: number): InitResult<number> {
    return start < 0 ? Next.fail('negative') : Next.ok(start);
  }

  override handleCall(request: 'get' | 'thread' | 'crash', _from: From, count: number): CallResult<number, number> {
    if (request === 'crash') throw new Error('boom');
    return Next.reply(request === 'get' ? count : pidThread(this.self.pid), count + 1);
  }
}

export class PlacedTree extends Supervisor<number> {
  static readonly module: string = import.meta.url;

  override init(start: number): SupervisorInit {
    return { strategy: 'oneForAll', children: [PlacedCounter.childSpec(start, { id: 'counter' })] };
  }
}

export class PlacedDynamic extends DynamicSupervisor {
  static readonly module: string = import.meta.url;
}

/** Calls a counter by its global name and says on which thread it is. */
export async function askByName(self: Self, to: Pid, name: unknown): Promise<void> {
  self.send(to, ['thread', await PlacedCounter.call({ global: name }, 'thread'), pidThread(self.pid)]);
}
