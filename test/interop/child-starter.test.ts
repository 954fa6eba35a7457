/** A supervisor on an Erlang node whose children are servers of ours, by a plain child spec that calls our starter. */
import { test } from 'node:test';
import { LocalNode } from '../../runtime/index.ts';
import { atom } from '../../runtime/term/atom.ts';
import { ChildStarter, GenServer, Next } from '../../supervisors/index.ts';
import type { Call, CallResult, From, InitResult } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, startErlang } from '../kit/programs.ts';
import { until } from '../kit/wait.ts';

const cookie = 'starter-test';

class Counter extends GenServer<number, Call<unknown, number>, never, never, number> {
  override init(start: number): InitResult<number> {
    if (start < 0) return Next.fail(atom('negative'));
    this.self.trapExit(true);
    return Next.ok(start);
  }
  override handleCall(request: unknown, _from: From, count: number): CallResult<number, number> {
    if (request === atom('die')) return Next.stop(atom('died'), count);
    return Next.reply(count, count + 1);
  }
  override terminate(reason: unknown): void {
    ended.push(String(reason));
  }
}

const ended: string[] = [];
const toldSoFar = (): string => `other ends than ${ended.join()}, or fewer processes`;

/** The child specs name only OTP's own gen_server:call. */
const RUN = `
  Spec = fun(Id, Name, Arg) -> #{id => Id,
    start => {gen_server, call, [{starter, 'tc@127.0.0.1'}, {start_link, Name, Arg}, infinity]}} end,
  Say = fun(What, V) -> io:format("~w: ~0p~n", [What, V]) end,
  {ok, Sup} = supervisor:start_link({local, sup}, supervisor_host, []),
  {ok, One} = supervisor:start_child(Sup, Spec(one, counter, 5)),
  Say(node, node(One)),
  Say(linked, lists:member(One, element(2, process_info(Sup, links)))),
  Say(first, gen_server:call(One, get)),
  Say(second, gen_server:call(One, get)),
  exit(One, kill),
  Wait = fun(F, Id, Old) ->
    case lists:keyfind(Id, 1, supervisor:which_children(Sup)) of
      {Id, Pid, _, _} when is_pid(Pid), Pid =/= Old -> Pid;
      _ -> timer:sleep(5), F(F, Id, Old)
    end end,
  Two = Wait(Wait, one, One),
  Say(restarted, gen_server:call(Two, get)),
  Say(died, catch gen_server:call(Two, die)),
  Three = Wait(Wait, one, Two),
  Say(again, gen_server:call(Three, get)),
  {error, {Failed, _}} = supervisor:start_child(Sup, Spec(bad, counter, -1)),
  Say(fails, Failed),
  {error, {Unknown, _}} = supervisor:start_child(Sup, Spec(unknown, nothing, 1)),
  Say(unknown, Unknown),
  Ref = monitor(process, Three),
  Say(terminated, supervisor:terminate_child(Sup, one)),
  receive {'DOWN', Ref, _, _, Why} -> Say(why, Why) after 5000 -> Say(why, none) end,
  {ok, Four} = supervisor:start_child(Sup, Spec(four, counter, 40)),
  Say(four, gen_server:call(Four, get)),
  io:format("done~n"),
  timer:sleep(infinity).`;

/** A supervisor needs a module with an init: this one has no children, and bears nine restarts. */
const HOST = `
  {ok, supervisor_host, HostCode} = compile:forms([
    {attribute, 1, module, supervisor_host}, {attribute, 2, export, [{init, 1}]},
    {function, 3, init, 1, [{clause, 3, [{nil, 3}], [],
      [{tuple, 3, [{atom, 3, ok}, {tuple, 3, [{map, 3, [{map_field_assoc, 3, {atom, 3, intensity}, {integer, 3, 9}}]}, {nil, 3}]}]}]}]}]),
  {module, supervisor_host} = code:load_binary(supervisor_host, "", HostCode),
  logger:set_primary_config(level, none),`;

const EXPECTED: readonly RegExp[] = [
  /^node: 'tc@127.0.0.1'$/m,
  /^linked: true$/m,
  /^first: 5$/m,
  /^second: 6$/m,
  /^restarted: 5$/m,
  /^died: \{'EXIT',\{died,/m,
  /^again: 5$/m,
  /^fails: negative$/m,
  /^unknown: \{not_registered,nothing\}$/m,
  /^terminated: ok$/m,
  /^why: shutdown$/m,
  /^four: 40$/m,
];

test('an OTP supervisor starts, restarts and ends servers of ours, which end with its node', async (t) => {
  if (!hasErlang(t)) return;
  const epmdPort = await freePort();
  const node = await LocalNode.start({ name: 'tc@127.0.0.1', cookie, threads: 1, epmd: { port: epmdPort } });
  t.after(() => node.stop());
  /** The node's own process and the starter; what started it ends a moment later. */
  const atRest = (): boolean => node.scheduler.processCount === 2;
  await ChildStarter.start({ counter: Counter }, { name: 'starter' });
  await until(atRest, toldSoFar);
  const erlang = startErlang(t, { name: 'ec@127.0.0.1', cookie, epmdPort, run: HOST + RUN });
  await erlang.printed(/done/);
  for (const line of EXPECTED) await erlang.printed(line);
  await until(() => ended.includes('shutdown') && ended.includes('died'), toldSoFar);
  erlang.kill('SIGKILL');
  await until(() => ended.includes('noconnection') && atRest(), toldSoFar);
});
