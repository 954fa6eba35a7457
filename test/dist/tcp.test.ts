/** Whole nodes over real sockets, with our EPMD. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { realEnv } from '../../runtime/env.ts';
import { hasCode } from '../../runtime/errors.ts';
import { createResolveDirectory } from '../../runtime/dist/directory.ts';
import { createEpmdDirectory } from '../../runtime/dist/epmd-directory.ts';
import type { EpmdDirectory } from '../../runtime/dist/epmd-directory.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { sendText, startTestNode } from './node-kit.ts';
import type { TestNode, TestNodeOptions } from './node-kit.ts';
import { freePort } from '../kit/ports.ts';
import { RawPeer } from './raw-peer.ts';
import { until } from '../kit/wait.ts';

async function epmdDirectory(t: TestContext): Promise<EpmdDirectory> {
  const directory = createEpmdDirectory({ transport: tcpTransport, env: realEnv, port: await freePort() });
  t.after(() => directory.close());
  return directory;
}

async function start(t: TestContext, name: string, options: TestNodeOptions): Promise<TestNode> {
  const node = await startTestNode(name, options);
  t.after(() => node.dist.stop());
  return node;
}

test('two nodes find each other through EPMD and exchange messages', async (t) => {
  const directory = await epmdDirectory(t);
  const a = await start(t, 'a@127.0.0.1', { directory });
  const b = await start(t, 'b@127.0.0.1', { directory });
  assert.notEqual(a.dist.creation, b.dist.creation);
  for (let i = 0; i < 10_000; i++) sendText(a, b, i);
  await until(() => b.messages.length === 10_000, 'all messages');
  assert.deepEqual(
    b.messages,
    Array.from({ length: 10_000 }, (_, i) => i),
  );
  assert.equal(await b.dist.connect(a.name), true);
  assert.deepEqual([a.events, b.events], [[`up ${b.name.name}`], [`up ${a.name.name}`]]);
});

test('simultaneous connects over TCP end in one usable connection', async (t) => {
  const directory = await epmdDirectory(t);
  for (let round = 0; round < 15; round++) {
    const a = await startTestNode(`a${round}@127.0.0.1`, { directory });
    const b = await startTestNode(`b${round}@127.0.0.1`, { directory });
    sendText(a, b, 'from a');
    sendText(b, a, 'from b');
    await until(() => a.messages.length === 1 && b.messages.length === 1, 'both messages');
    assert.deepEqual([a.events, b.events], [[`up ${b.name.name}`], [`up ${a.name.name}`]]);
    await Promise.all([a.dist.stop(), b.dist.stop()]);
  }
});

test('a taken name and a used port are errors that say what to do', async (t) => {
  const directory = await epmdDirectory(t);
  const a = await start(t, 'a@127.0.0.1', { directory });
  const listen = { host: '127.0.0.1', port: a.dist.port };
  await assert.rejects(startTestNode('b@127.0.0.1', { directory, listen }), (error) => hasCode(error, 'port_in_use'));
  await assert.rejects(startTestNode('a@127.0.0.1', { directory }), (error: Error) => {
    assert.match(error.message, /choose another name/);
    return hasCode(error, 'name_taken');
  });
});

test('an address that is not of this machine is bad_address', async () => {
  const directory = createResolveDirectory(() => null);
  const listen = { host: '203.0.113.7', port: 0 };
  await assert.rejects(startTestNode('a@h', { directory, listen }), (error) => hasCode(error, 'bad_address'));
});

test('a name is free for a new node right after its old one stopped, with another creation', async (t) => {
  const directory = await epmdDirectory(t);
  const first = await startTestNode('a@127.0.0.1', { directory });
  await first.dist.stop();
  const second = await start(t, 'a@127.0.0.1', { directory });
  assert.notEqual(first.dist.creation, second.dist.creation);
});

test('another cookie over TCP: both sides say bad_cookie', async (t) => {
  const directory = await epmdDirectory(t);
  const a = await start(t, 'a@127.0.0.1', { directory, cookie: 'other' });
  const b = await start(t, 'b@127.0.0.1', { directory });
  assert.equal(await a.dist.connect(b.name), false);
  assert.deepEqual(a.events, ['error bad_cookie', `unreachable ${b.name.name} bad_cookie`]);
  assert.deepEqual(b.events, ['error bad_cookie']);
});

test('a restarted node replaces its old connection, down before up', async (t) => {
  const ports = new Map<string, number>();
  const directory = createResolveDirectory((name) => ({ host: '127.0.0.1', port: ports.get(name) ?? 1 }));
  const b = await start(t, 'b@h', { directory });
  ports.set('b@h', b.dist.port);
  const old = await start(t, 'a@h', { directory });
  assert.equal(await old.dist.connect(b.name), true);
  // The old node still runs: from the outside that is a restart whose old socket has not been noticed to be dead.
  const fresh = await start(t, 'a@h', { directory });
  sendText(fresh, b, 'hello');
  await until(() => b.messages.length === 1, 'the message');
  assert.deepEqual(b.events, ['up a@h', 'down a@h replaced', 'up a@h']);
  assert.equal(b.peers.at(-1)?.creation, fresh.dist.creation);
  await until(() => old.events.length === 2, 'the old node to notice');
  assert.deepEqual(old.events, ['up b@h', 'down b@h closed']);
});

test('a user-given resolve needs no EPMD', async (t) => {
  const ports = { 'a@h': await freePort(), 'b@h': await freePort() };
  const port = (name: string): number => ports[name as keyof typeof ports];
  const directory = createResolveDirectory((name) => ({ host: '127.0.0.1', port: port(name) }));
  const listen = (name: string): { host: string; port: number } => ({ host: '127.0.0.1', port: port(name) });
  const a = await start(t, 'a@h', { directory, listen: listen('a@h') });
  const b = await start(t, 'b@h', { directory, listen: listen('b@h') });
  sendText(a, b, 'hi');
  await until(() => b.messages.length === 1, 'the message');
  assert.ok(a.dist.creation > 3 && a.dist.creation !== b.dist.creation);
});

test('a 20 MB message passes while small ones of others go between its parts', async (t) => {
  const directory = await epmdDirectory(t);
  const a = await start(t, 'a@127.0.0.1', { directory });
  const b = await start(t, 'b@127.0.0.1', { directory });
  await a.dist.connect(b.name);
  const large = 'x'.repeat(20_000_000);
  assert.equal(sendText(a, b, large, 1), false, 'over the high-water mark');
  for (let i = 0; i < 10; i++) sendText(a, b, i, 2);
  const drained = a.dist.drained(b.name);
  await until(() => b.messages.length === 11, 'all messages');
  assert.equal(b.messages.at(-1), large);
  await drained;
});

test('a message per turn and byte keeps arriving when the socket delivers one byte at a time', async (t) => {
  const directory = await epmdDirectory(t);
  const b = await start(t, 'b@127.0.0.1', { directory });
  const peer = new RawPeer(tcpTransport, { host: '127.0.0.1', port: b.dist.port }, (raw) => raw.name('x@h'));
  await until(() => peer.received.length === 2, 'the challenge');
  peer.reply('C');
  await until(() => b.events.length === 1, 'the connection');
  for (const byte of [0, 0, 0, 0, 0, 0, 0, 0, 0]) peer.write(new Uint8Array([byte]));
  assert.deepEqual(b.events, ['up x@h']);
  peer.destroy();
  await until(() => b.events.length === 2, 'the end');
  assert.match(b.events[1] ?? '', /^down x@h (closed|reset)$/);
});

test('one peer that sends garbage does not disturb two others in the middle of their traffic', async (t) => {
  const directory = await epmdDirectory(t);
  const a = await start(t, 'a@127.0.0.1', { directory });
  const b = await start(t, 'b@127.0.0.1', { directory });
  await a.dist.connect(b.name);
  const address = { host: '127.0.0.1', port: b.dist.port };
  const bad = Array.from(
    { length: 20 },
    () => new RawPeer(tcpTransport, address, (raw) => raw.write(Buffer.alloc(99, 255))),
  );
  for (let i = 0; i < 1_000; i++) sendText(a, b, i);
  await until(() => b.messages.length === 1_000 && bad.every(({ closed }) => closed !== null), 'all');
  assert.deepEqual(
    b.events.filter((event) => !event.startsWith('error ')),
    [`up ${a.name.name}`],
  );
  assert.equal(await a.dist.connect(nameAtom('nobody@127.0.0.1')), false);
});
