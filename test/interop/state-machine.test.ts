/** A state machine of ours called by Erlang's gen_statem module, and a gen_statem of Erlang called by ours. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, LocalNode, tuple, type Pid } from '../../runtime/index.ts';
import { Action, GenServer, GenStateMachine, getState, Transition } from '../../supervisors/index.ts';
import type { Call, CallError, MachineEvent, MachineInit, StepResult } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';
import { hasErlang, loadModule, startErlang } from '../kit/programs.ts';

const cookie = 'statem-test';
const OURS = 'ts@127.0.0.1';
const ERLANG = 'es@127.0.0.1';

type Requests = Call<unknown, unknown>;

/** Postpones `close` until it is open. */
class Door extends GenStateMachine<string, number, Requests> {
  override init(): MachineInit<string, number> {
    return Transition.start('closed', 0);
  }
  override handleEvent(event: MachineEvent<Requests>, state: string, count: number): StepResult<string, number> {
    if (event.kind === 'cast') return Transition.next(event.message === atom('open') ? 'opened' : 'closed', count + 1);
    if (event.kind !== 'call' || event.request === atom('silent')) return Transition.keepAll();
    if (event.request === atom('stop')) return Transition.stop(atom('enough'));
    if (event.request === atom('close') && state === 'closed') return Transition.keepAll([Action.postpone()]);
    const next = event.request === atom('close') ? 'closed' : state;
    return Transition.next(next, count, [Action.reply(event.from, tuple(atom('was'), state, count))]);
  }
}

const CALLS = `
  D = {door, '${OURS}'},
  Try = fun(What, F) -> io:format("~w: ~0p~n", [What, try {value, F()} catch exit:R -> {exit, R} end]) end,
  Try(get, fun() -> gen_statem:call(D, get) end),
  Self = self(),
  spawn(fun() -> Self ! {closed, gen_statem:call(D, close)} end),
  timer:sleep(100),
  Try(cast, fun() -> gen_statem:cast(D, open) end),
  Try(postponed, fun() -> receive {closed, V} -> V after 5000 -> none end end),
  Try(silent, fun() -> gen_statem:call(D, silent, 50) end),
  Try(clean, fun() -> gen_statem:call(D, silent, {clean_timeout, 50}) end),
  Try(late, fun() -> gen_statem:receive_response(gen_statem:send_request(D, get), 5000) end),
  Try(state, fun() -> sys:get_state(D) end),
  Try(ends, fun() -> gen_statem:call(D, stop) end),
  Try(nobody, fun() -> gen_statem:call({nobody, '${OURS}'}, x) end),
  io:format("done~n"),`;

const MACHINE = `
-module(gate).
-behaviour(gen_statem).
-export([start/0, init/1, callback_mode/0, shut/3, open/3]).
start() -> gen_statem:start({local, gate}, ?MODULE, [], []).
init([]) -> {ok, shut, 0}.
callback_mode() -> state_functions.
shut(cast, open, N) -> {next_state, open, N + 1};
shut({call, _}, pass, _) -> {keep_state_and_data, postpone};
shut({call, _}, die, _) -> {stop, boom};
shut({call, F}, R, N) -> {keep_state_and_data, {reply, F, {shut, R, N}}}.
open({call, F}, R, N) -> {next_state, shut, N, {reply, F, {open, R, N}}};
open(_, _, _) -> keep_state_and_data.
`;

const EXPECTED: readonly RegExp[] = [
  /^get: \{value,\{was,<<"closed">>,0\}\}$/m,
  /^cast: \{value,ok\}$/m,
  /^postponed: \{value,\{was,<<"opened">>,1\}\}$/m,
  /^silent: \{exit,\{timeout,\{gen_statem,call,\[\{door,'ts@127.0.0.1'\},silent,50\]\}\}\}$/m,
  /^clean: \{exit,\{timeout,\{gen_statem,call,/m,
  /^late: \{value,\{reply,\{was,<<"closed">>,1\}\}\}$/m,
  /^state: \{value,\{<<"closed">>,1\}\}$/m,
  /^ends: \{exit,\{enough,\{gen_statem,call,\[\{door,'ts@127.0.0.1'\},stop,infinity\]\}\}\}$/m,
  /^nobody: \{exit,\{noproc,\{gen_statem,call,/m,
];

test('gen_statem of Erlang works with our machines, and ours with those of Erlang', async (t) => {
  if (!hasErlang(t)) return;
  const epmdPort = await freePort();
  const node = await LocalNode.start({ name: OURS, cookie, threads: 1, epmd: { port: epmdPort } });
  t.after(() => node.stop());
  await Door.start(undefined, { name: 'door' });
  const run = `${loadModule('gate', MACHINE)} {ok, _} = gate:start(), ${CALLS} ok.`;
  const erlang = startErlang(t, { name: ERLANG, cookie, epmdPort, run });
  await erlang.printed(/done/);
  for (const line of EXPECTED) await erlang.printed(line);

  await node.run(async (self) => {
    const gate = tuple(atom('gate'), atom(ERLANG));
    assert.deepEqual(await GenStateMachine.call(gate, atom('knock')), tuple(atom('shut'), atom('knock'), 0));
    self.spawn(async (own) => own.send(self.pid, await GenStateMachine.call(gate, atom('pass'), { self: own })));
    const pid = (await GenServer.call(tuple(atom('rex'), atom(ERLANG)), whereis(self.pid))) as Pid;
    GenStateMachine.cast(gate, atom('open'));
    assert.deepEqual(await self.receive({ timeoutMs: 5000 }), tuple(atom('open'), atom('pass'), 1));
    assert.deepEqual(await getState(pid), tuple(atom('shut'), 1));
    const late = await GenStateMachine.call(gate, atom('pass'), { timeoutMs: 50 }).catch((e: CallError) => e);
    assert.equal((late as CallError).code, 'timeout');
    const died = await GenStateMachine.call(pid, atom('die')).catch((e: CallError) => e);
    assert.deepEqual(
      (died as CallError).reason,
      tuple(atom('boom'), tuple(atom('gen_statem'), atom('call'), [pid, atom('die'), atom('infinity')])),
    );
  });
});

function whereis(caller: unknown): unknown {
  return tuple(atom('call'), atom('erlang'), atom('whereis'), [atom('gate')], caller);
}
