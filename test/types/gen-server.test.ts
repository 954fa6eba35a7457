/** What compiles and what does not: the types of a server's calls, casts and starts. The compiler is the test; running it only counts. */
import { test } from 'node:test';
import type { Pid } from '../../runtime/term/pid.ts';
import { GenServer, Next, Supervisor } from '../../supervisors/index.ts';
import type { Call, CallResult, CastResult, From, InitResult, ServerPid } from '../../supervisors/index.ts';

type StoreCall =
  | Call<{ readonly kind: 'get'; readonly key: string }, number | undefined>
  | Call<{ readonly kind: 'keys' }, readonly string[]>;
type StoreRequest = StoreCall['request'];

class Store extends GenServer<
  Map<string, number>,
  StoreCall,
  { readonly set: string },
  'tick',
  { readonly size: number }
> {
  override init(_args: { readonly size: number }): InitResult<Map<string, number>> {
    return Next.ok(new Map());
  }
  override handleCall(
    request: StoreRequest,
    _from: From,
    state: Map<string, number>,
  ): CallResult<Map<string, number>, StoreCall['reply']> {
    return request.kind === 'get' ? Next.reply(state.get(request.key), state) : Next.reply([...state.keys()], state);
  }
  override handleCast(_message: { readonly set: string }, state: Map<string, number>): CastResult<Map<string, number>> {
    return Next.noreply(state);
  }
}

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function assertType<_T extends true>(): void {
  return undefined;
}

export async function neverRun(store: ServerPid<Store>, plain: Pid): Promise<void> {
  const value = await GenServer.call(store, { kind: 'get', key: 'a' });
  assertType<Equal<typeof value, number | undefined>>();
  const keys = await Store.call('a_name', { kind: 'keys' });
  assertType<Equal<typeof keys, readonly string[]>>();
  const unknown = await GenServer.call(plain, 'anything');
  assertType<Equal<typeof unknown, unknown>>();
  const started = await Store.startLink({ size: 1 });
  assertType<Equal<typeof started, ServerPid<Store>>>();
  const request = GenServer.sendRequest(store, { kind: 'keys' });
  const response = await GenServer.receiveResponse(request);
  if (response?.kind === 'reply') assertType<Equal<typeof response.reply, readonly string[]>>();
  GenServer.cast(store, { set: 'a' });

  // @ts-expect-error no such request
  await GenServer.call(store, { kind: 'put', key: 'a' });
  // @ts-expect-error the key is missing
  await Store.call('a_name', { kind: 'get' });
  // @ts-expect-error not a cast of this server
  GenServer.cast(store, 'tick');
  // @ts-expect-error the arguments of init are missing
  await Store.startLink();
  // @ts-expect-error and these are wrong
  await Store.startLink({ size: 'big' });
  // @ts-expect-error restart is a word of three
  await Supervisor.startLink({ children: [{ id: 1, start: () => plain, restart: 'always' }] });
  // @ts-expect-error a child needs a start
  await Supervisor.startLink({ children: [{ id: 1 }] });
  // @ts-expect-error no such strategy
  await Supervisor.startLink({ strategy: 'oneForNone', children: [] });
}

test('the types of servers and supervisors hold what this file says', () => undefined);
