/** Whole nodes over the memory transport, in virtual time. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { Ref } from '../../runtime/term/ref.ts';
import { MemoryWorld, sendText } from './node-kit.ts';
import type { TestNode } from './node-kit.ts';

async function pair(world: MemoryWorld): Promise<readonly [TestNode, TestNode]> {
  const a = await world.start('a@h');
  const b = await world.start('b@h');
  return [a, b];
}

test('a first send connects; what was sent meanwhile arrives in order; both sides are up once', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  for (let i = 0; i < 20; i++) sendText(a, b, i);
  await world.env.advance(100);
  for (let i = 20; i < 40; i++) sendText(a, b, i);
  sendText(b, a, 'back');
  await world.env.advance(100);
  assert.deepEqual(
    b.messages,
    Array.from({ length: 40 }, (_, i) => i),
  );
  assert.deepEqual(a.messages, ['back']);
  assert.deepEqual([a.events, b.events], [['up b@h'], ['up a@h']]);
  assert.equal(a.peers[0]?.creation, b.dist.creation);
  assert.equal(Buffer.from(a.peers[0]?.hello ?? []).toString('latin1'), 'quorate\x01');
  assert.equal(a.peers[0]?.hidden, true);
  assert.equal(world.network.connectionCount, 1);
});

test('two visible nodes are visible to each other', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h', { hidden: false });
  const b = await world.start('b@h', { hidden: false });
  const c = await world.start('c@h');
  void a.dist.connect(b.name);
  void a.dist.connect(c.name);
  await world.env.advance(100);
  assert.deepEqual(
    a.peers.map(({ node, hidden }) => [node.name, hidden]),
    [
      ['b@h', false],
      ['c@h', true],
    ],
  );
});

test('byte-by-byte delivery changes nothing', async () => {
  const world = new MemoryWorld(1, 1);
  const [a, b] = await pair(world);
  for (let i = 0; i < 5; i++) sendText(a, b, `message ${i}`);
  await world.env.advance(100);
  assert.deepEqual(b.messages, ['message 0', 'message 1', 'message 2', 'message 3', 'message 4']);
});

test('all kinds of signals arrive as they were sent', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  const ref = new Ref(a.name, a.dist.creation, 1, 2, 3);
  const from = a.pid(1);
  const to = b.pid(2);
  const signals = [
    { kind: 'send', from, to, message: [1, 2n, 'x'] },
    { kind: 'monitor', from, to, ref },
    { kind: 'demonitor', from, to: nameAtom('x'), ref },
    { kind: 'link', from, to },
    { kind: 'unlink', id: 7n, from, to },
    { kind: 'linkExit', from, to, reason: nameAtom('boom') },
    { kind: 'exit', from, to, reason: null },
    { kind: 'down', from: nameAtom('x'), to, ref, reason: nameAtom('noproc') },
  ] as const;
  for (const signal of signals) a.dist.send(b.name, signal);
  await world.env.advance(100);
  assert.deepEqual(
    b.signals.map((signal) => signal.kind),
    signals.map((signal) => signal.kind),
  );
  assert.deepEqual(b.signals.map((signal) => 'reason' in signal && signal.reason).slice(5), [
    nameAtom('boom'),
    null,
    nameAtom('noproc'),
  ]);
});

test('simultaneous connects end in one connection, and nothing that was queued is lost', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const world = new MemoryWorld(seed);
    world.latencyMs = () => Math.floor(world.env.random() * 20);
    const [a, b] = await pair(world);
    sendText(a, b, 'from a');
    await world.env.advance(seed % 25);
    sendText(b, a, 'from b');
    await world.env.advance(2_000);
    assert.deepEqual([a.messages, b.messages], [['from b'], ['from a']], `seed ${seed}`);
    assert.deepEqual([a.events, b.events], [['up b@h'], ['up a@h']], `seed ${seed}`);
    assert.equal(world.network.connectionCount, 1, `seed ${seed}`);
  }
});

test('another cookie: the dialler hears bad_cookie once and loses its queue, the acceptor refuses', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h', { cookie: 'other' });
  const b = await world.start('b@h');
  sendText(a, b, 'lost');
  const connected = a.dist.connect(b.name);
  await world.env.advance(1_000);
  assert.equal(await connected, false);
  assert.deepEqual(a.events, ['error bad_cookie', 'unreachable b@h bad_cookie']);
  assert.deepEqual(b.events, ['error bad_cookie']);
  assert.deepEqual(b.messages, []);
  assert.equal(world.network.connectionCount, 0);
});

test('a node that nobody knows, or that does not listen, is unreachable', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h');
  world.addresses.set('gone@h', { host: '127.0.0.1', port: 1 });
  sendText(a, nameAtom('nobody@h'), 1);
  sendText(a, nameAtom('gone@h'), 2);
  await world.env.advance(100);
  assert.deepEqual(a.events.sort(), ['unreachable gone@h refused', 'unreachable nobody@h unknown_node']);
  assert.deepEqual(a.dist.peers(), []);
});

test('the node that answers must be the one that was dialled', async () => {
  const world = new MemoryWorld();
  const [a] = await pair(world);
  world.addresses.set('c@h', world.addresses.get('b@h') as { host: string; port: number });
  assert.equal(a.dist.send(nameAtom('c@h'), { kind: 'link', from: a.pid(1), to: a.pid(2) }), true);
  await world.env.advance(100);
  assert.deepEqual(a.events, ['error bad_name', 'unreachable c@h bad_name']);
});

test('a lost connection is down once on both sides, and the next send connects anew', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  sendText(a, b, 1);
  await world.env.advance(100);
  world.network.cutAll();
  await world.env.advance(100);
  sendText(a, b, 2);
  await world.env.advance(100);
  assert.deepEqual(a.events, ['up b@h', 'down b@h reset', 'up b@h']);
  assert.deepEqual(b.events, ['up a@h', 'down a@h reset', 'up a@h']);
  assert.deepEqual(b.messages, [1, 2]);
  assert.ok((a.peers[1]?.connectionId ?? 0) > (a.peers[0]?.connectionId ?? 0));
});

test('a send from inside onDown belongs to the next connection', async () => {
  const world = new MemoryWorld();
  const b = await world.start('b@h');
  const a: TestNode = await world.start('a@h', { onDown: () => void sendText(a, b, 'again') });
  void a.dist.connect(b.name);
  await world.env.advance(100);
  world.network.cutAll();
  await world.env.advance(100);
  assert.deepEqual(a.events, ['up b@h', 'down b@h reset', 'up b@h']);
  assert.deepEqual(b.messages, ['again']);
});

test('disconnect sends what waits, then both sides are down', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  void a.dist.connect(b.name);
  await world.env.advance(100);
  sendText(a, b, 'x'.repeat(300_000));
  sendText(a, b, 'last');
  assert.equal(a.dist.disconnect(b.name), true);
  assert.deepEqual(a.events, ['up b@h', 'down b@h disconnected']);
  assert.equal(a.dist.disconnect(b.name), false);
  await world.env.advance(100);
  assert.equal((b.messages[0] as string).length, 300_000);
  assert.equal(b.messages[1], 'last');
  assert.deepEqual(b.events, ['up a@h', 'down a@h closed']);
});

test('what cannot be sent throws, before and after connecting, and spoils nothing', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  const notSendable = (error: unknown): boolean => hasCode(error, 'not_sendable');
  sendText(a, b, 1);
  assert.throws(() => sendText(a, b, [() => 1]), notSendable);
  await world.env.advance(100);
  sendText(a, b, 2);
  assert.throws(() => sendText(a, b, { deep: [Symbol('x')] }), notSendable);
  sendText(a, b, 3);
  await world.env.advance(100);
  assert.deepEqual(b.messages, [1, 2, 3]);
});

test('a message is what it was when it was sent', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  const list = [1];
  sendText(a, b, list);
  list.push(2);
  await world.env.advance(100);
  assert.deepEqual(b.messages, [[1]]);
});

test('messages of others go between the parts of a large one, those of its sender after it', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  void a.dist.connect(b.name);
  await world.env.advance(100);
  const large = 'x'.repeat(2_000_000);
  sendText(a, b, large, 1);
  sendText(a, b, 'of the same', 1);
  sendText(a, b, 'of another', 2);
  await world.env.advance(1_000);
  assert.deepEqual(b.messages, ['of another', large, 'of the same']);
});

test('large messages before the connection is there arrive in order', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  const sizes = [1, 70_000, 3, 500_000, 65_536, 2];
  for (const size of sizes) sendText(a, b, 'y'.repeat(size));
  await world.env.advance(1_000);
  assert.deepEqual(
    b.messages.map((text) => (text as string).length),
    sizes,
  );
});

test('send says when too much waits, and drained says when it is gone', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h', { highWaterBytes: 100_000 });
  const b = await world.start('b@h');
  void a.dist.connect(b.name);
  await world.env.advance(100);
  let sent = 0;
  while (sendText(a, b, 'z'.repeat(1_000))) sent++;
  assert.ok(sent >= 95 && sent <= 100, `${sent}`);
  let drained = false;
  const waiting = a.dist.drained(b.name).then(() => (drained = true));
  await Promise.resolve();
  assert.equal(drained, false);
  await world.env.advance(100);
  await waiting;
  assert.equal(sendText(a, b, 'more'), true);
  await world.env.advance(100);
  assert.equal(b.messages.length, sent + 2);
});

test('a peer that reads nothing is given up over the backlog limit', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h', { backlogBytesMax: 500_000 });
  const b = await world.start('b@h');
  void a.dist.connect(b.name);
  await world.env.advance(100);
  world.latencyMs = () => 1e9;
  for (let i = 0; i < 1_000; i++) sendText(a, b, 'z'.repeat(1_000));
  await world.env.advance(100);
  assert.deepEqual(a.events, ['up b@h', 'down b@h overload']);
});

test('ticks keep an idle connection for ever', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  void a.dist.connect(b.name);
  await world.env.advance(3_600_000);
  assert.deepEqual([a.events, b.events], [['up b@h'], ['up a@h']]);
});

test('a silent peer is down after 1 to 1.25 tick times, once', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h', { netTicktimeMs: 8_000 });
  const b = await world.start('b@h', { netTicktimeMs: 8_000 });
  void a.dist.connect(b.name);
  await world.env.advance(60_000);
  world.latencyMs = () => 1e9;
  await world.env.advance(7_900);
  assert.deepEqual(a.events, ['up b@h']);
  await world.env.advance(4_200);
  assert.deepEqual(a.events, ['up b@h', 'down b@h net_tick_timeout']);
  await world.env.advance(60_000);
  assert.deepEqual(a.events, ['up b@h', 'down b@h net_tick_timeout']);
});

test('a node that stood still for ten tick times keeps its peers', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  void a.dist.connect(b.name);
  await world.env.advance(1_000);
  world.env.block(600_000);
  await world.env.advance(600_000);
  assert.deepEqual([a.events, b.events], [['up b@h'], ['up a@h']]);
});

test('stop: every peer is down once, the port is free, later sends do nothing', async () => {
  const world = new MemoryWorld();
  const [a, b] = await pair(world);
  void a.dist.connect(b.name);
  await world.env.advance(100);
  sendText(a, b, 'bye');
  const stopped = a.dist.stop();
  await world.env.advance(5_000);
  await stopped;
  assert.deepEqual(a.events, ['up b@h', 'down b@h stopped']);
  assert.deepEqual(b.events, ['up a@h', 'down a@h closed']);
  assert.deepEqual(b.messages, ['bye']);
  assert.equal(sendText(a, b, 'no'), true);
  assert.equal(await a.dist.connect(b.name), false);
  sendText(b, a, 'too late');
  await world.env.advance(5_000);
  assert.equal(b.events.at(-1), 'unreachable a@h refused');
  assert.equal(world.network.connectionCount, 0);
});

test('a port in use, a bad name and an empty cookie are refused', async () => {
  const world = new MemoryWorld();
  const a = await world.start('a@h');
  const listen = { host: '127.0.0.1', port: a.dist.port };
  await assert.rejects(world.start('b@h', { listen }), (error) => hasCode(error, 'port_in_use'));
  await assert.rejects(world.start('nohost'), (error) => hasCode(error, 'badarg'));
  await assert.rejects(world.start('b@h', { cookie: '' }), (error) => hasCode(error, 'badarg'));
});
