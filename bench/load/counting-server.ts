/** The server that the call cases call: adds, and answers the new value. */
import { GenServer, Next, type Call, type CallResult, type From, type InitResult } from '../../supervisors/index.ts';

export class CountingServer extends GenServer<number, Call<number, number>> {
  static readonly module: string = import.meta.url;

  override init(): InitResult<number> {
    return Next.ok(0);
  }
  override handleCall(request: number, _from: From, count: number): CallResult<number, number> {
    return Next.reply(count + request, count + request);
  }
}
