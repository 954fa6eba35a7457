/** From Elixir: connecting, pinging, monitors, links, calls to a server of ours, remote calls. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test, type TestContext } from 'node:test';
import { startProgram, type Program } from '../kit/programs.ts';
import { COOKIE, OURS, startResponder } from './responder-kit.ts';

/** True when Elixir is there. Without it the test is skipped, with a message; in CI it fails. */
function hasElixir(test: TestContext): boolean {
  if (spawnSync('elixir', ['--version']).status === 0) return true;
  const message = 'needs Elixir (apt-get install elixir)';
  if (process.env['CI'] !== undefined && process.env['CI'] !== '') throw new Error(`this test ${message}`);
  test.skip(message);
  return false;
}

/** `label` and the expression whose value is printed as `label: VALUE`. */
const EXPRESSIONS: readonly (readonly [label: string, expression: string, expected: string])[] = [
  ['connect', 'Node.connect(ours)', 'true'],
  ['ping', ':net_adm.ping(ours)', ':pong'],
  ['visible nodes', 'Node.list()', '[]'],
  ['all nodes', 'Node.list(:connected) == [ours]', 'true'],
  ['echo', 'ask.(agent, {:echo, %{"key" => [1, :two, {"three", nil}]}})', '%{"key" => [1, :two, {"three", nil}]}'],
  ['call', 'GenServer.call({:conformance_gs, ours}, {:echo, {:hello, "world"}})', '{:hello, "world"}'],
  [
    'cast',
    '(GenServer.cast({:conformance_gs, ours}, {:note, 1}); GenServer.call({:conformance_gs, ours}, :notes))',
    '[1]',
  ],
  ['timeout', 'catch_exit.(fn -> GenServer.call({:conformance_gs, ours}, {:delay, 300, 1}, 50) end)', ':timeout'],
  ['late answer', '(receive do other -> other after 500 -> :nothing end)', ':nothing'],
  [
    'monitor',
    '(c = ask.(agent, :spawn_child); r = Process.monitor(c); send(c, {self(), make_ref(), {:exit, :bye}}); ' +
      'receive do {:DOWN, ^r, :process, ^c, why} -> why after 5000 -> :none end)',
    ':bye',
  ],
  [
    'monitor of a name',
    '(r = Process.monitor({:nobody, ours}); receive do {:DOWN, ^r, _, _, why} -> why end)',
    ':noproc',
  ],
  [
    'link',
    '(Process.flag(:trap_exit, true); c = ask.(agent, :spawn_child); Process.link(c); ' +
      'send(c, {self(), make_ref(), {:exit, {:shutdown, :x}}}); receive do {:EXIT, ^c, why} -> why after 5000 -> :none end)',
    '{:shutdown, :x}',
  ],
  [
    'kill',
    '(c = ask.(agent, :spawn_child); r = Process.monitor(c); Process.exit(c, :kill); receive do {:DOWN, ^r, _, _, w} -> w end)',
    ':killed',
  ],
  ['crash', 'catch_exit.(fn -> GenServer.call(ask.(agent, :spawn_gs), {:crash, :oops}) end)', ':oops'],
  ['rpc', ':rpc.call(ours, :host, :add, [1, 2])', '3'],
  ['erpc', ':erpc.call(ours, :host, :add, [3, 4])', '7'],
  ['undef', "match?({:badrpc, {:EXIT, {:undef, _}}}, :rpc.call(ours, :os, :cmd, ['ls']))", 'true'],
  ['spawn', '(c = Node.spawn(ours, :conformance, :child, []); ask.(c, :ping))', ':pong'],
  [
    'agent',
    '(Agent.start(fn -> 5 end, name: :five); ask.(agent, {:gen_call, {:five, node()}, {:get, &(&1)}, 1000}))',
    '{:ok, 5}',
  ],
  [
    'task',
    '(1..50 |> Task.async_stream(fn n -> ask.(agent, {:echo, n}) end) |> Enum.map(&elem(&1, 1)) |> Enum.sum())',
    '1275',
  ],
  [
    'node monitor',
    '(Node.monitor(ours, true); Node.disconnect(ours); receive do {:nodedown, ^ours} -> :down after 5000 -> :none end)',
    ':down',
  ],
  ['again', '(ask.(agent, :ping))', ':pong'],
];

const PRELUDE = `
ours = :"${OURS}"
agent = {:conformance, ours}
ask = fn to, op ->
  ref = make_ref()
  send(to, {self(), ref, op})
  receive do {^ref, answer} -> answer after 5000 -> :no_answer end
end
catch_exit = fn f -> try do f.() catch :exit, {why, _} -> why end end
_ = {agent, ask, catch_exit}
`;

function startElixir(t: TestContext, epmdPort: number, script: string): Program {
  const args = ['--name', 'ex@127.0.0.1', '--cookie', COOKIE, '--erl', '-start_epmd false', '-e', script];
  return startProgram(t, 'elixir', args, { ERL_EPMD_PORT: String(epmdPort) });
}

test('Elixir connects, pings, monitors, links, calls and spawns', async (t) => {
  if (!hasElixir(t)) return;
  const { epmdPort } = await startResponder(t);
  const lines = EXPRESSIONS.map(([label, expression]) => `IO.puts("${label}: " <> inspect(${expression}))`);
  const elixir = startElixir(t, epmdPort, `${PRELUDE}\n${lines.join('\n')}\nIO.puts("finished")`);
  await elixir.printed(/^finished$/m, 60_000);
  const printed = new Map(
    elixir
      .output()
      .split('\n')
      .map((line) => line.split(/: (.*)/s).slice(0, 2) as [string, string]),
  );
  const found = EXPRESSIONS.map(([label]) => `${label}: ${printed.get(label)}`);
  assert.deepEqual(
    found,
    EXPRESSIONS.map(([label, , expected]) => `${label}: ${expected}`),
  );
});

test('a visible node of ours is in Node.list()', async (t) => {
  if (!hasElixir(t)) return;
  const { epmdPort } = await startResponder(t, { more: ['--visible'] });
  const elixir = startElixir(
    t,
    epmdPort,
    `${PRELUDE}\nNode.connect(ours)\nIO.puts("list: " <> inspect(Node.list() == [ours]))`,
  );
  await elixir.printed(/^list: true$/m, 60_000);
});
