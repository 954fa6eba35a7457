/** Our nodes with real Erlang nodes, through our own EPMD. Each test has its own port mapper, so they do not meet. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { realEnv } from '../../runtime/env.ts';
import { askRegister } from '../../runtime/dist/epmd-client.ts';
import { createEpmdDirectory } from '../../runtime/dist/epmd-directory.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import type { DistributionOptions } from '../../runtime/dist/distribution-types.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { ImproperList } from '../../runtime/term/opaque.ts';
import type { Ref } from '../../runtime/term/ref.ts';
import type { SendNameSignal, Signal } from '../../runtime/term/signal.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { ERL_MISSING, startErl } from './erl-node.ts';
import type { ErlNode } from './erl-node.ts';
import { sendText, startTestNode } from './node-kit.ts';
import type { TestNode } from './node-kit.ts';
import { freePort } from '../kit/ports.ts';
import { until } from '../kit/wait.ts';

const ERL = nameAtom('erl@127.0.0.1');
const JS = 'js@127.0.0.1';
const options = { skip: ERL_MISSING };

interface Pair {
  readonly js: TestNode;
  readonly erl: ErlNode;
  readonly startJs: (extra?: Partial<DistributionOptions>) => Promise<TestNode>;
  readonly startErl: (args?: readonly string[], cookie?: string) => Promise<ErlNode>;
}

async function pair(
  t: TestContext,
  extra: Partial<DistributionOptions> = {},
  erl: { readonly args?: readonly string[]; readonly cookie?: string } = {},
): Promise<Pair> {
  const epmdPort = await freePort();
  const directory = createEpmdDirectory({ transport: tcpTransport, env: realEnv, port: epmdPort });
  t.after(() => directory.close());
  const startJs = async (more: Partial<DistributionOptions> = {}): Promise<TestNode> => {
    const node = await startTestNode(JS, { directory, ...more });
    t.after(() => node.dist.stop());
    return node;
  };
  const startErlang = async (args: readonly string[] = [], cookie = 'C'): Promise<ErlNode> => {
    const node = await startErl({ name: ERL.name, cookie, epmdPort, args });
    t.after(() => node.kill());
    return node;
  };
  const js = await startJs(extra);
  return { js, erl: await startErlang(erl.args, erl.cookie), startJs, startErl: startErlang };
}

/** What the node above the distribution will do: answers `is_auth`, or every ping fails. */
function answerIsAuth(node: TestNode, signal: Signal): void {
  if (signal.kind !== 'sendName' || signal.name.name !== 'net_kernel') return;
  const [, from] = (signal as SendNameSignal).message as readonly [unknown, readonly [unknown, ImproperList]];
  const tag = from[1];
  const alias = tag.tail as Ref;
  const message = tuple(tag, nameAtom('yes'));
  node.dist.send(ERL, { kind: 'sendAlias', from: node.pid(1), alias, message });
}

async function answering(node: TestNode, question: Promise<string>): Promise<string> {
  let seen = 0;
  let answer: string | undefined;
  void question.then((text) => (answer = text));
  await until(() => {
    for (; seen < node.signals.length; seen++) answerIsAuth(node, node.signals[seen] as Signal);
    return answer !== undefined;
  }, 'the answer');
  return String(answer);
}

test('erl dials and pings us; we are hidden there', options, async (t) => {
  const { js, erl } = await pair(t);
  assert.equal(await answering(js, erl.eval(`net_adm:ping('${JS}')`)), 'pong');
  assert.equal(await erl.eval('{nodes(), nodes(hidden)}'), `{[],['${JS}']}`);
  assert.deepEqual(js.events, [`up ${ERL.name}`]);
  assert.equal(js.peers[0]?.hidden, true);
  assert.equal(js.peers[0]?.hello.length, 0);
  assert.equal(await erl.eval('erlang:system_info(creation)'), String(js.peers[0]?.creation));
});

test('we dial erl; a visible node is visible there', options, async (t) => {
  const { js, erl } = await pair(t, { hidden: false });
  assert.equal(await js.dist.connect(ERL), true);
  assert.equal(await erl.eval('{nodes(), nodes(hidden)}'), `{['${JS}'],[]}`);
  assert.equal(js.peers[0]?.hidden, false);
});

test('messages, large ones too, come back from an erl process as they were sent, in order', options, async (t) => {
  const { js, erl } = await pair(t);
  await erl.eval('register(echo, spawn(fun F() -> receive {P, M} -> P ! M, F() end end))');
  const me = js.pid(1);
  const messages = [1, 'x'.repeat(1_000_000), tuple(nameAtom('a'), 2), 'y'.repeat(65_537), [1, 2, 3], 'z'];
  for (const message of messages) {
    js.dist.send(ERL, { kind: 'sendName', from: me, name: nameAtom('echo'), message: tuple(me, message) });
  }
  await until(() => js.messages.length === messages.length, 'all echoes');
  assert.deepEqual(js.messages, messages);
});

test('erl dials with another cookie: it is refused, and we say bad_cookie', options, async (t) => {
  const { js, erl } = await pair(t, {}, { cookie: 'other' });
  assert.equal(await erl.eval(`net_kernel:connect_node('${JS}')`), 'false');
  assert.deepEqual(js.events, ['error bad_cookie']);
});

test('we dial with another cookie: unreachable with bad_cookie', options, async (t) => {
  const { js, erl } = await pair(t, {}, { cookie: 'other' });
  assert.equal(await js.dist.connect(ERL), false);
  assert.deepEqual(js.events, ['error bad_cookie', `unreachable ${ERL.name} bad_cookie`]);
  assert.equal(await erl.eval('nodes(hidden)'), '[]');
});

test('both dial at the same moment, many times: one usable connection each time', options, async (t) => {
  const { js, erl } = await pair(t);
  await erl.eval('register(echo, spawn(fun F() -> receive {P, M} -> P ! M, F() end end))');
  for (let round = 0; round < 20; round++) {
    const theirs = erl.eval(`net_kernel:connect_node('${JS}')`);
    if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    const ours = js.dist.connect(ERL);
    assert.deepEqual([await theirs, await ours], ['true', true], `round ${round}`);
    js.dist.send(ERL, {
      kind: 'sendName',
      from: js.pid(1),
      name: nameAtom('echo'),
      message: tuple(js.pid(1), round),
    });
    await until(() => js.messages.includes(round), `the echo of round ${round}`);
    assert.equal(js.dist.peers().length, 1);
    js.dist.disconnect(ERL);
    await erl.eval(`F = fun G() -> case nodes(connected) of [] -> ok; _ -> timer:sleep(5), G() end end, F()`);
  }
  assert.ok(
    js.events.every((event, i) => event.startsWith(i % 2 === 0 ? 'up ' : 'down ')),
    js.events.join(),
  );
});

test('a killed erl is down exactly once; its successor is another incarnation', options, async (t) => {
  const { js, erl, startErl: again } = await pair(t);
  await js.dist.connect(ERL);
  erl.kill();
  await until(() => js.events.length === 2, 'the end of the connection');
  assert.match(js.events[1] ?? '', /^down erl@127\.0\.0\.1 (closed|reset)$/);
  await again();
  assert.equal(await js.dist.connect(ERL), true);
  assert.deepEqual(js.events.slice(2), [`up ${ERL.name}`]);
  assert.notEqual(js.peers[0]?.creation, js.peers[1]?.creation);
});

test(
  'when a node of ours comes again while erl still holds the old connection, erl takes the new one',
  options,
  async (t) => {
    const { js, erl, startJs } = await pair(t);
    await js.dist.connect(ERL);
    assert.equal(await erl.eval('nodes(hidden)'), `['${JS}']`);
    // The first node goes on: for erl it is an old connection not yet known to be dead.
    const fresh = await startJs({ directory: addressBook(await portOf(erl)) });
    assert.equal(await fresh.dist.connect(ERL), true);
    await until(() => js.events.length === 2, 'the old connection to end');
    assert.match(js.events[1] ?? '', /^down /);
    assert.equal(await erl.eval('nodes(hidden)'), `['${JS}']`);
  },
);

test('erl that comes again while we still hold its old connection replaces it', options, async (t) => {
  const { js, erl } = await pair(t);
  await js.dist.connect(ERL);
  process.kill(erl.process.pid as number, 'SIGSTOP');
  // The stopped one still has its name at the first port mapper; the second knows only us.
  const epmd = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  t.after(() => epmd.close());
  const address = { host: '127.0.0.1', port: epmd.port };
  await askRegister({ transport: tcpTransport, env: realEnv, address }, 'js', js.dist.port, true);
  const other = await startErl({ name: ERL.name, cookie: 'C', epmdPort: epmd.port });
  t.after(() => other.kill());
  assert.equal(await other.eval(`net_kernel:connect_node('${JS}')`), 'true');
  await until(() => js.events.length === 3, 'the replacement');
  assert.deepEqual(js.events, [`up ${ERL.name}`, `down ${ERL.name} replaced`, `up ${ERL.name}`]);
});

test('ticks keep an idle connection with erl over several short tick times', options, async (t) => {
  const { js, erl } = await pair(t, { netTicktimeMs: 2_000 }, { args: ['-kernel', 'net_ticktime', '2'] });
  await js.dist.connect(ERL);
  const from = Date.now();
  await until(() => Date.now() - from > 5_500, 'time to pass');
  assert.deepEqual(js.events, [`up ${ERL.name}`]);
  assert.equal(await erl.eval('nodes(hidden)'), `['${JS}']`);
});

test('an erl that stands still is given up by us after the tick time', options, async (t) => {
  const { js, erl } = await pair(t, { netTicktimeMs: 1_000 });
  await js.dist.connect(ERL);
  process.kill(erl.process.pid as number, 'SIGSTOP');
  await until(() => js.events.length === 2, 'the tick time to pass');
  assert.deepEqual(js.events[1], `down ${ERL.name} net_tick_timeout`);
  sendText(js, ERL, 'dials again and finds nobody awake');
});

/** Finds everybody at one port, and registers nobody. */
function addressBook(port: number): DistributionOptions['directory'] {
  return {
    register: () => Promise.resolve({ creation: 0, close: () => undefined }),
    lookup: () => Promise.resolve({ host: '127.0.0.1', port }),
    names: () => Promise.resolve([]),
  };
}

async function portOf(erl: ErlNode): Promise<number> {
  const names = await erl.eval('{ok, Names} = net_adm:names({127,0,0,1}), proplists:get_value("erl", Names)');
  return Number(names);
}
