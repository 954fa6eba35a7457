/** The contract's group `handshake`: raw sockets against the responder, as acceptor and as dialler. Whatever comes, it goes on answering others. */
import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { FLAGS, ourFlags } from '../../runtime/codec/flags.ts';
import { FrameParser } from '../../runtime/codec/frame.ts';
import { withLength16 } from '../../runtime/dist/byte-fields.ts';
import { challengeDigest } from '../../runtime/dist/digest.ts';
import { askRegister } from '../../runtime/dist/epmd-client.ts';
import {
  encodeAck,
  encodeChallenge,
  encodeName,
  encodeStatus,
  parseReply,
} from '../../runtime/dist/handshake-messages.ts';
import { realEnv } from '../../runtime/env.ts';
import { atom, tuple } from '../../runtime/index.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { until } from '../kit/wait.ts';
import { Attacker, withLength32 } from '../kit/wire.ts';
import { frameOf, portOf, RawNode } from './raw-node.ts';
import { COOKIE, OURS, startResponder, type Responder } from './responder-kit.ts';

const HIDDEN = ourFlags({ hidden: true });
const DIGEST = 1n << 26n;

async function start(t: TestContext): Promise<{ readonly responder: Responder; readonly port: number }> {
  const responder = await startResponder(t);
  return { responder, port: await portOf(responder) };
}

async function answers(t: TestContext, port: number, name = 'witness@127.0.0.1'): Promise<void> {
  assert.equal(await (await RawNode.connect(t, port, name)).ask(atom('ping')), atom('pong'));
}

async function challenged(attacker: Attacker): Promise<void> {
  await until(() => attacker.peer.received.some((body) => body[0] === 0x4e), 'the challenge');
}

test('a handshake that comes byte by byte is one, and frames may be glued to its last message', async (t) => {
  const { port } = await start(t);
  const name = 'slow@127.0.0.1';
  const bytes = withLength16(encodeName({ name, flags: HIDDEN, creation: 99, hello: new Uint8Array(0) }));
  const slow = new Attacker(t, name, port, (peer) => bytes.forEach((byte) => peer.write(new Uint8Array([byte]))));
  slow.socket.setNoDelay(true);
  await challenged(slow);
  const raw = await RawNode.connect(t, port, 'other@127.0.0.1');
  const ping = frameOf([6, raw.pid(), atom(''), atom('conformance')], tuple(raw.pid(), raw.ref(), atom('ping')));
  slow.peer.reply(COOKIE, Buffer.concat([withLength32(ping), new Uint8Array(4)]));
  assert.equal((await raw.next()).payload instanceof Array, true, 'the ping in the glued frame was answered');
});

test('the eleven mandatory flags, or their digest, are enough; without one of the eleven: not_allowed', async (t) => {
  const { port } = await start(t);
  const mandatory = FLAGS.filter((flag) => flag.mandatory);
  const eleven = mandatory.reduce((bits, { bit }) => bits | bit, 0n);
  for (const [name, flags] of [['eleven@h', eleven] as const, ['digest@h', DIGEST] as const]) {
    const raw = await RawNode.connect(t, port, name, flags);
    assert.equal(await raw.ask(atom('ping')), atom('pong'), name);
  }
  for (const { name, bit } of mandatory) {
    const attacker = new Attacker(t, `x${name.toLowerCase()}@h`, port, (peer) => peer.name('lacking@h', eleven & ~bit));
    await attacker.untilClosed(`a node without ${name}`);
    assert.equal(attacker.peer.lastStatus, 'not_allowed', name);
  }
  assert.equal(mandatory.length, 11);
});

test('a wrong digest ends the connection without an answer, and garbage and names that are none at once', async (t) => {
  const { port } = await start(t);
  const thief = new Attacker(t, 'thief@h', port, (peer) => peer.name('thief@h'));
  await challenged(thief);
  thief.peer.reply('another cookie');
  await thief.untilClosed('a wrong digest');
  assert.ok(!thief.peer.received.some((body) => body[0] === 0x61), 'it proves nothing to who has proved nothing');
  for (const name of ['noat', '@x', 'a@', 'a@b@c', '', OURS]) {
    const attacker = new Attacker(t, name, port, (peer) => peer.name(name));
    await attacker.untilClosed(`the name ${name}`);
    assert.ok(!attacker.peer.received.some((body) => body[0] === 0x4e), name);
  }
  const pokes = [
    '474554202f20485454502f312e310d0a',
    '0000',
    'ffff',
    '00076e0005000000',
    '001a4e00000000',
    '0005780000000000',
  ];
  for (const poke of pokes) {
    const attacker = new Attacker(t, 'garbage', port, (peer) =>
      peer.write(Buffer.from(`${poke}${'00'.repeat(600)}`, 'hex')),
    );
    await attacker.untilClosed(poke);
  }
  await answers(t, port);
});

test('handshakes that stop half-way are closed after seven seconds, at every step, while others get in', async (t) => {
  const { port } = await start(t);
  const silent = new Attacker(t, 'silent@h', port);
  const named = new Attacker(t, 'named@h', port, (peer) => peer.name('named@h'));
  const dripping = new Attacker(t, 'dripping@h', port, (peer) => peer.write(new Uint8Array([0])));
  const kept = await RawNode.connect(t, port, 'kept@h');
  const again = new Attacker(t, 'kept@h', port, (peer) => peer.name('kept@h'));
  await until(() => again.peer.lastStatus === 'alive', 'the status alive');
  const from = performance.now();
  for (let i = 0; i < 5; i++) {
    await answers(t, port, `witness${i}@h`);
    await new Promise((resolve) => setTimeout(resolve, 1_000));
  }
  assert.deepEqual(
    [silent, named, dripping, again].map(({ closed }) => closed),
    [false, false, false, false],
  );
  await Promise.all([silent, named, dripping, again].map((one) => one.untilClosed('its seven seconds')));
  const tookMs = performance.now() - from;
  assert.ok(tookMs > 6_500 && tookMs < 15_000, `closed after ${tookMs} ms`);
  assert.equal(await kept.ask(atom('ping')), atom('pong'));
});

test('a second connection of a name replaces the first when it has proved the cookie, not before', async (t) => {
  const { port } = await start(t);
  const first = await RawNode.connect(t, port, 'twice@h');
  const agent = await first.ask(atom('spawn_child'));
  const thief = new Attacker(t, 'twice@h', port, (peer) => peer.name('twice@h'));
  await until(() => thief.peer.lastStatus === 'alive', 'the status alive');
  thief.peer.status('true');
  await challenged(thief);
  thief.peer.reply('another cookie');
  await thief.untilClosed('a wrong digest');
  assert.equal(await first.ask(atom('ping'), agent as never), atom('pong'));
  const modest = new Attacker(t, 'twice@h', port, (peer) => peer.name('twice@h'));
  await until(() => modest.peer.lastStatus === 'alive', 'the status alive');
  modest.peer.status('false');
  await modest.untilClosed('it answered false');
  assert.equal(first.closed, false);
  const second = new Attacker(t, 'twice@h', port, (peer) => peer.name('twice@h'));
  await until(() => second.peer.lastStatus === 'alive', 'the status alive');
  second.peer.status('true');
  await challenged(second);
  second.peer.reply(COOKIE);
  await first.attacker.untilClosed('it was replaced');
  assert.equal(second.closed, false);
});

// The connecting side, against peers by hand.

type Step = (body: Uint8Array, socket: Socket) => Uint8Array[];

/** A node by hand that EPMD knows, and that answers each handshake message by `step`. */
async function startFake(t: TestContext, responder: Responder, name: string, step: Step): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    const parser = new FrameParser({ lengthBytes: 2, frameBytesMax: 65_535 });
    socket.on('error', () => undefined);
    socket.on('data', (bytes) => {
      parser.push(bytes);
      for (let body = parser.next(); body !== null; body = parser.next()) {
        for (const answer of step(body.slice(), socket)) socket.write(answer);
        // What follows the proof of the cookie is of no interest here.
        if (body[0] === 0x72) return void socket.removeAllListeners('data');
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as { port: number };
  const ask = { transport: tcpTransport, env: realEnv, address: { host: '127.0.0.1', port: responder.epmdPort } };
  const registered = await askRegister(ask, name.split('@')[0] as string, port, true);
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
    if (registered.kind === 'registered') registered.close();
  });
  assert.equal(registered.kind, 'registered');
}

const status = (text: string): Uint8Array => withLength16(encodeStatus(text as 'ok'));
const challenge = (name: string, flags = HIDDEN): Uint8Array =>
  withLength16(encodeChallenge({ name, flags, creation: 99, challenge: 7, hello: new Uint8Array(0) }));
const proof = (body: Uint8Array, cookie: string): Uint8Array =>
  withLength16(encodeAck(challengeDigest(cookie, parseReply(body)?.challenge ?? 0)));
const isName = (body: Uint8Array): boolean => body[0] === 0x4e;

/** What each does, and whether the responder is connected with it then. */
const FAKES: Readonly<Record<string, { readonly step: (name: string) => Step; readonly connects: boolean }>> = {
  proper: {
    step: (name) => (body) => (isName(body) ? [status('ok'), challenge(name)] : [proof(body, COOKIE)]),
    connects: true,
  },
  wasalive: {
    step: (name) => (body) =>
      isName(body) ? [status('alive')] : body[0] === 0x73 ? [challenge(name)] : [proof(body, COOKIE)],
    connects: true,
  },
  closes: { step: () => (_body, socket) => (socket.destroy(), []), connects: false },
  garbage: { step: () => () => [Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n')], connects: false },
  refuses: { step: () => () => [status('not_allowed')], connects: false },
  nonsense: { step: () => () => [status('perhaps')], connects: false },
  another: { step: () => () => [status('ok'), challenge('else@127.0.0.1')], connects: false },
  flagless: { step: (name) => () => [status('ok'), challenge(name, 0n)], connects: false },
  unproven: {
    step: (name) => (body) => (isName(body) ? [status('ok'), challenge(name)] : [proof(body, 'another cookie')]),
    connects: false,
  },
  leaves: {
    step: (name) => (body, socket) => (isName(body) ? [status('ok'), challenge(name)] : (socket.destroy(), [])),
    connects: false,
  },
  silent: { step: () => () => [], connects: false },
};

test('as the connecting side: only a peer that goes through the handshake and proves the cookie is connected', async (t) => {
  const { responder, port } = await start(t);
  const raw = await RawNode.connect(t, port, 'asker@h');
  const found = Object.entries(FAKES).map(async ([what, { step, connects }]) => {
    const name = `${what}@127.0.0.1`;
    await startFake(t, responder, name, step(name));
    // An agent each: one that waits for its connection answers nobody.
    const asker = await RawNode.connect(t, port, `asks-${what}@h`);
    const agent = await asker.ask(atom('spawn_child'));
    assert.equal(await asker.ask(tuple(atom('connect'), atom(name)), agent as never), connects, what);
    const nodes = (await asker.ask(atom('nodes'))) as readonly unknown[];
    assert.equal(nodes.includes(atom(name)), connects, what);
  });
  await Promise.all(found);
  assert.equal(await raw.ask(atom('ping')), atom('pong'));
});

test('as the connecting side, told nok: it waits for the connection that the other one makes', async (t) => {
  const { responder, port } = await start(t);
  const name = 'yields@127.0.0.1';
  let dialledBack: Promise<RawNode> | null = null;
  await startFake(t, responder, name, () => {
    dialledBack ??= RawNode.connect(t, port, name);
    return [status('nok')];
  });
  const asker = await RawNode.connect(t, port, 'asker@h');
  assert.equal(await asker.ask(tuple(atom('connect'), atom(name))), true);
  assert.equal(await (await (dialledBack as unknown as Promise<RawNode>)).ask(atom('ping')), atom('pong'));
});
