/** Peers that do not behave: each loses its own connection, and nobody else notices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { writeControl } from '../../runtime/codec/control.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { makePid } from '../../runtime/term/pid.ts';
import type { Signal } from '../../runtime/term/signal.ts';
import { MemoryWorld, sendText } from './node-kit.ts';
import type { TestNode } from './node-kit.ts';
import { RawPeer } from './raw-peer.ts';

async function node(world: MemoryWorld, name = 'b@h', options = {}): Promise<TestNode> {
  return world.start(name, options);
}

function dial(world: MemoryWorld, target: TestNode, onOpen?: (peer: RawPeer) => void): RawPeer {
  return new RawPeer(world.network.transport(), { host: '127.0.0.1', port: target.dist.port }, onOpen);
}

/** A peer by hand that has come through the handshake. */
async function proved(world: MemoryWorld, target: TestNode, name: string): Promise<RawPeer> {
  const peer = dial(world, target, (raw) => raw.name(name));
  await world.env.advance(10);
  peer.reply('C');
  await world.env.advance(10);
  assert.equal(target.events.at(-1), `up ${name}`);
  return peer;
}

function frameOf(signal: Signal, payload?: unknown): Uint8Array {
  const writer = new TermWriter();
  writer.u8(131);
  writer.u8(68);
  writer.u8(0);
  writeControl(writer, signal);
  if (payload !== undefined) writer.term(payload);
  return writer.copy();
}

test('a connection that says nothing is closed after seven seconds, not before', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const peer = dial(world, b);
  await world.env.advance(6_900);
  assert.equal(peer.closed, null);
  await world.env.advance(200);
  assert.equal(peer.closed, 'closed');
});

test('at every step the seven seconds start anew, and run out', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const peer = dial(world, b);
  await world.env.advance(5_000);
  peer.name('x@h');
  await world.env.advance(6_900);
  assert.equal(peer.closed, null);
  await world.env.advance(200);
  assert.equal(peer.closed, 'closed');
  assert.deepEqual(b.events, []);
});

test('bytes that make no whole message do not count as progress', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const peer = dial(world, b, (raw) => raw.write(new Uint8Array([1, 0])));
  for (let i = 0; i < 8; i++) {
    await world.env.advance(1_000);
    peer.write(new Uint8Array([7]));
  }
  assert.equal(peer.closed, 'closed');
});

test('only so many handshakes at a time: the oldest goes, connections that are up stay', async () => {
  const world = new MemoryWorld();
  const b = await node(world, 'b@h', { handshakesMax: 4 });
  const good = await proved(world, b, 'good@h');
  const peers: RawPeer[] = [];
  for (let i = 0; i < 6; i++) {
    peers.push(dial(world, b));
    await world.env.advance(10);
  }
  assert.deepEqual(
    peers.map(({ closed }) => closed),
    ['closed', 'closed', null, null, null, null],
  );
  assert.equal(good.closed, null);
});

test('while many are half open, a real node still gets in', async () => {
  const world = new MemoryWorld();
  const [a, b] = [await node(world, 'a@h'), await node(world, 'b@h', { handshakesMax: 4 })];
  for (let i = 0; i < 10; i++) dial(world, b);
  sendText(a, b, 'hello');
  await world.env.advance(100);
  assert.deepEqual(b.messages, ['hello']);
});

test('garbage, a handshake message that is too long, and the old handshake are closed at once', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const pokes = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    new Uint8Array([0, 0]),
    new Uint8Array([255, 255]),
    new Uint8Array([0, 7, 0x6e, 0, 5, 0, 0, 0, 0]),
  ];
  for (const poke of pokes) {
    const peer = dial(world, b, (raw) => raw.write(poke));
    await world.env.advance(10);
    assert.equal(peer.closed, 'closed', Buffer.from(poke).toString('hex'));
  }
});

test('random bytes never bring anything up', async () => {
  const world = new MemoryWorld(7);
  const b = await node(world);
  for (let i = 0; i < 200; i++) {
    const peer = dial(world, b, (raw) => raw.write(world.env.randomBytes(1 + (i % 60))));
    await world.env.advance(20_000);
    assert.equal(peer.closed, 'closed');
  }
  assert.ok(
    b.events.every((event) => event.startsWith('error ')),
    b.events.join(),
  );
});

test('frames may come glued to the proof of the cookie', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const peer = dial(world, b, (raw) => raw.name('x@h'));
  await world.env.advance(10);
  const from = makePid(nameAtom('x@h'), 99, 0, 1);
  const body = frameOf({ kind: 'sendName', from, name: nameAtom('in'), message: null }, 'glued');
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  peer.reply('C', Buffer.concat([length, body, new Uint8Array(4)]));
  await world.env.advance(10);
  assert.deepEqual(b.events, ['up x@h']);
  assert.deepEqual(b.messages, ['glued']);
});

test('a name that is connected: without the cookie nothing changes, with it down comes before up', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const old = await proved(world, b, 'x@h');
  const thief = dial(world, b, (raw) => raw.name('x@h'));
  await world.env.advance(10);
  assert.equal(thief.lastStatus, 'alive');
  thief.status('true');
  await world.env.advance(10);
  thief.reply('wrong');
  await world.env.advance(10);
  assert.equal(thief.closed, 'closed');
  assert.deepEqual(b.events, ['up x@h', 'error bad_cookie']);
  const fresh = dial(world, b, (raw) => raw.name('x@h'));
  await world.env.advance(10);
  fresh.status('true');
  await world.env.advance(10);
  assert.equal(old.closed, null, 'the old one stays until the proof');
  fresh.reply('C');
  await world.env.advance(10);
  assert.equal(old.closed, 'closed');
  assert.equal(fresh.closed, null);
  assert.deepEqual(b.events, ['up x@h', 'error bad_cookie', 'down x@h replaced', 'up x@h']);
});

test('who answers false to alive is let go', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  await proved(world, b, 'x@h');
  const second = dial(world, b, (raw) => raw.name('x@h'));
  await world.env.advance(10);
  second.status('false');
  await world.env.advance(10);
  assert.equal(second.closed, 'closed');
  assert.deepEqual(b.events, ['up x@h']);
});

test('somebody who claims a name without the cookie delays dialling the real one by a second at most', async () => {
  const world = new MemoryWorld();
  const [a, b] = [await node(world, 'a@h'), await node(world, 'b@h')];
  dial(world, b, (raw) => raw.name('a@h'));
  await world.env.advance(10);
  sendText(b, a, 'hello');
  await world.env.advance(1_100);
  assert.deepEqual(a.messages, ['hello']);
});

test('mandatory flags, names from us, and our own name: not_allowed', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const cases: readonly (readonly [string, bigint?])[] = [['x@h', 0n], ['h', (1n << 33n) | 0xd07df7fbcn], ['b@h']];
  for (const [name, flags] of cases) {
    const peer = dial(world, b, (raw) => raw.name(name, flags));
    await world.env.advance(10);
    assert.equal(peer.lastStatus, 'not_allowed', name);
    assert.equal(peer.closed, 'closed', name);
  }
});

test('after the handshake a frame that is wrong ends its connection and no other', async () => {
  const other = nameAtom('other@h');
  const from = makePid(nameAtom('x@h'), 99, 0, 1);
  const stranger = makePid(other, 99, 0, 1);
  const to = makePid(nameAtom('b@h'), 99, 0, 1);
  const frames: Readonly<Record<string, Uint8Array>> = {
    'unknown header': new Uint8Array([131, 1, 2, 3]),
    'header that was not agreed': new Uint8Array([112, 131, 104, 0]),
    'atom cache': new Uint8Array([131, 68, 1, 104, 0]),
    'no control tuple': new Uint8Array([131, 68, 0, 97, 1]),
    'unknown op': new Uint8Array([131, 68, 0, 104, 2, 97, 99, 97, 1]),
    'payload that is missing': frameOf({ kind: 'send', from, to, message: null }),
    'payload that is no term': Buffer.concat([frameOf({ kind: 'send', from, to, message: null }), new Uint8Array([7])]),
    'link for somebody else': frameOf({ kind: 'link', from: stranger, to }),
    'part that never began': new Uint8Array([131, 70, ...new Uint8Array(15), 1, 5]),
    'part cut short': new Uint8Array([131, 69, 0, 0]),
    'part number 0': new Uint8Array([131, 69, ...new Uint8Array(16), 0]),
  };
  for (const [label, frame] of Object.entries(frames)) {
    const world = new MemoryWorld();
    const b = await node(world);
    const good = await proved(world, b, 'good@h');
    const bad = await proved(world, b, 'x@h');
    bad.frame(frame);
    await world.env.advance(10);
    assert.equal(bad.closed, 'closed', label);
    assert.equal(good.closed, null, label);
    assert.deepEqual(b.events.slice(2), ['error bad_frame', 'down x@h bad_frame'], label);
  }
});

test('a well-formed frame of the same shape keeps the connection', async () => {
  const world = new MemoryWorld();
  const b = await node(world);
  const peer = await proved(world, b, 'x@h');
  const from = makePid(nameAtom('x@h'), 99, 0, 1);
  peer.frame(frameOf({ kind: 'link', from, to: b.pid(1) }));
  peer.frame(frameOf({ kind: 'send', from, to: b.pid(1), message: null }, 7));
  await world.env.advance(10);
  assert.equal(peer.closed, null);
  assert.deepEqual(
    b.signals.map(({ kind }) => kind),
    ['link', 'send'],
  );
});

test('a frame, or parts together, over the limit end the connection before they are held', async () => {
  const world = new MemoryWorld();
  const b = await node(world, 'b@h', { frameBytesMax: 100_000 });
  const one = await proved(world, b, 'one@h');
  one.write(new Uint8Array([0, 1, 134, 161]));
  await world.env.advance(10);
  assert.equal(one.closed, 'closed');
  const two = await proved(world, b, 'two@h');
  const first = Buffer.alloc(19 + 60_000);
  first.set([131, 69, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9, 0]);
  two.frame(first);
  await world.env.advance(10);
  assert.equal(two.closed, null);
  const second = Buffer.alloc(18 + 60_000);
  second.set([131, 70, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8]);
  two.frame(second);
  await world.env.advance(10);
  assert.equal(two.closed, 'closed');
});

test('a connection on which nothing is sent gets a tick every quarter of the tick time', async () => {
  const world = new MemoryWorld();
  const b = await node(world, 'b@h', { netTicktimeMs: 4_000 });
  const peer = await proved(world, b, 'x@h');
  for (let quarter = 0; quarter < 12; quarter++) {
    peer.write(new Uint8Array(4));
    await world.env.advance(1_000);
  }
  const ticks = peer.received.filter(({ length }) => length === 0).length;
  assert.ok(ticks >= 11 && ticks <= 12, `${ticks} ticks in three tick times`);
});
