/**
 * Many connections that come to nothing, over TCP and over TLS, with and without a system thread: that say nothing, that stop in the middle of the
 * handshake. All but a few are closed at once, those few when their time is up; memory stays bounded, and a node that means it gets in meanwhile.
 */
import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { ourFlags } from '../../runtime/codec/flags.ts';
import { withLength16 } from '../../runtime/dist/byte-fields.ts';
import { encodeName } from '../../runtime/dist/handshake-messages.ts';
import { LocalNode, type TlsOptions } from '../../runtime/index.ts';
import { until } from '../kit/wait.ts';
import { makeCertificates, skipWithoutOpenssl } from '../kit/certificates.ts';
import { underAttack } from '../kit/under-attack.ts';
import { COOKIE, VICTIM, withLength32, type Victim } from '../kit/wire.ts';

const MB = 1_000_000;
/** Handshakes at a time: `handshakesMax` as it is when nobody says otherwise. */
const KEPT = 64;
/** So many at a time, so that the system takes all of them. */
const WAVE = 50;

interface Crowd {
  readonly size: number;
  closed: number;
  /** Bytes that came back. */
  received: number;
}

/** Opens so many connections; `speak` says what there is to say on each. */
async function gather(
  t: TestContext,
  size: number,
  open: () => Socket,
  speak: (socket: Socket, i: number) => void,
): Promise<Crowd> {
  const crowd: Crowd = { size, closed: 0, received: 0 };
  const sockets: Socket[] = [];
  t.after(() => sockets.forEach((socket) => socket.destroy()));
  for (let i = 0; i < size; i++) {
    const socket = open();
    socket.on('error', () => undefined).on('close', () => (crowd.closed += 1));
    // Reads, so that it notices its end.
    socket.on('data', (bytes) => (crowd.received += bytes.length));
    socket.once('authorized' in socket ? 'secureConnect' : 'connect', () => speak(socket, i));
    sockets.push(socket);
    if (i % WAVE === WAVE - 1) await new Promise((resolve) => setTimeout(resolve, 5));
  }
  return crowd;
}

/** All but the newest go at once; while those are there somebody gets in; in the end all are gone. */
async function assertDispersed(
  t: TestContext,
  crowd: Crowd,
  victim: Victim,
  tls: TlsOptions | undefined,
): Promise<void> {
  await until(() => crowd.closed >= crowd.size - KEPT, 'all but the newest to be closed', 20_000);
  assert.ok(crowd.closed < crowd.size, 'the last ones may still speak');
  const late = await LocalNode.start({
    name: 'late@127.0.0.1',
    cookie: COOKIE,
    threads: 0,
    epmd: { port: victim.epmdPort },
    ...(tls === undefined ? {} : { tls }),
  });
  t.after(() => late.stop());
  assert.equal(await late.connect(VICTIM), true);
  await until(() => crowd.closed === crowd.size, 'all to be closed', 20_000);
}

/** Over TLS handshake messages have the longer length, as OTP has it there. */
const say =
  (withLength: (body: Uint8Array) => Uint8Array) =>
  (socket: Socket, i: number): void => {
    const claim = { name: `half${i}@h`, flags: ourFlags({ hidden: true }), creation: 99, hello: new Uint8Array(0) };
    socket.write(withLength(encodeName(claim)));
  };
const nothing = (): void => undefined;

for (const threads of [0, 1]) {
  const where = threads === 0 ? 'on one thread' : 'with a system thread';
  const overTls = { skip: skipWithoutOpenssl() };

  test(`1,000 connections that say nothing cost little, are closed, and keep no one out, ${where}`, async (t) => {
    await underAttack(t, { threads, grownMax: 80 * MB }, async (victim) => {
      const crowd = await gather(t, 1_000, () => connect(victim.port, '127.0.0.1'), nothing);
      await assertDispersed(t, crowd, victim, undefined);
      assert.equal(crowd.received, 0);
    });
  });

  test(
    `1,000 connections that say nothing to a node with TLS, not even its handshake, ${where}`,
    overTls,
    async (t) => {
      const { node: tls } = makeCertificates(t);
      await underAttack(t, { threads, tls, grownMax: 120 * MB }, async (victim) => {
        const crowd = await gather(t, 1_000, () => connect(victim.port, '127.0.0.1'), nothing);
        await assertDispersed(t, crowd, victim, tls);
        assert.equal(crowd.received, 0);
      });
    },
  );

  test(
    `150 connections with a good certificate that say nothing after the TLS handshake, ${where}`,
    overTls,
    async (t) => {
      const { node: tls } = makeCertificates(t);
      await underAttack(t, { threads, tls, grownMax: 150 * MB }, async (victim) => {
        const open = (): Socket => connectTls({ ...tls, host: '127.0.0.1', port: victim.port } as object);
        const crowd = await gather(t, 150, open, nothing);
        await assertDispersed(t, crowd, victim, tls);
      });
    },
  );

  test(`1,000 handshakes that stop after the name are closed, bring nobody up, and keep no one out, ${where}`, async (t) => {
    await underAttack(t, { threads, grownMax: 80 * MB }, async (victim) => {
      const crowd = await gather(t, 1_000, () => connect(victim.port, '127.0.0.1'), say(withLength16));
      await assertDispersed(t, crowd, victim, undefined);
      assert.ok(crowd.received > 0, 'the challenge came');
      assert.doesNotMatch(victim.program.output(), /event up half/);
    });
  });

  test(`150 handshakes over TLS that stop after the name, ${where}`, overTls, async (t) => {
    const { node: tls } = makeCertificates(t);
    await underAttack(t, { threads, tls, grownMax: 150 * MB }, async (victim) => {
      const open = (): Socket => connectTls({ ...tls, host: '127.0.0.1', port: victim.port } as object);
      const crowd = await gather(t, 150, open, say(withLength32));
      await assertDispersed(t, crowd, victim, tls);
      assert.ok(crowd.received > 0, 'the challenge came');
      assert.doesNotMatch(victim.program.output(), /event up half/);
    });
  });
}
