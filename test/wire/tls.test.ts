/** Distribution over TLS: between our nodes, with OTP's, and with those who have no right to it. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { hasCode } from '../../runtime/errors.ts';
import {
  atom,
  Exit,
  isDown,
  LocalNode,
  tuple,
  type NodeOptions,
  type Pid,
  type QuorateError,
} from '../../runtime/index.ts';
import { ERL_MISSING, startErl } from '../dist/erl-node.ts';
import { until } from '../kit/wait.ts';
import { makeCertificates, skipWithoutOpenssl, type Certificates } from '../kit/certificates.ts';
import { freePort } from '../kit/ports.ts';

const options = { skip: skipWithoutOpenssl() };
const withErl = { skip: skipWithoutOpenssl() || ERL_MISSING };
const cookie = 'tls-test';
const A = 'a@127.0.0.1';
const B = 'b@127.0.0.1';
/** OTP compares the host of a node's name with the DNS names in its certificate. */
const LOCAL = 'a@localhost';
const PATIENCE = { timeoutMs: 10_000 };

interface Heard {
  readonly node: LocalNode;
  readonly refused: QuorateError[];
  readonly unreachable: string[];
}

async function start(t: TestContext, name: string, more: NodeOptions): Promise<Heard> {
  const node = await LocalNode.start({ name, cookie, threads: 0, ...more });
  t.after(() => node.stop());
  const heard: Heard = { node, refused: [], unreachable: [] };
  node.on('refused', (error) => heard.refused.push(error));
  node.on('unreachable', (_peer, reason) => heard.unreachable.push(reason));
  return heard;
}

/** Answers every `{From, Message}` with the message. */
function startEcho(node: LocalNode): void {
  node.spawn(
    async (self) => {
      for (;;) {
        const [from, message] = (await self.receive()) as readonly [Pid, unknown];
        self.send(from, message);
      }
    },
    { name: 'echo' },
  );
}

for (const threads of [0, 1]) {
  test(`two nodes with certificates of one authority talk over TLS, threads ${threads}`, options, async (t) => {
    const { node: pem, nodePaths } = makeCertificates(t);
    const epmd = { port: await freePort() };
    const a = await start(t, A, { tls: pem, threads, epmd });
    const b = await start(t, B, { tls: nodePaths, threads, epmd });
    startEcho(b.node);
    await a.node.run(async (self) => {
      const echo = tuple(atom('echo'), atom(B));
      const ref = self.monitor(echo);
      const large = 'x'.repeat(3_000_000);
      self.send(echo, tuple(self.pid, large));
      assert.equal(await self.receive(PATIENCE), large);
      for (let i = 0; i < 2_000; i++) self.send(echo, tuple(self.pid, i));
      for (let i = 0; i < 2_000; i++) assert.equal(await self.receive(PATIENCE), i);
      await b.node.stop();
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
    });
  });
}

test('what goes over the wire is encrypted: neither node names nor messages are in it', options, async (t) => {
  const { node: pem } = makeCertificates(t);
  const epmd = { port: await freePort() };
  const a = await start(t, A, { tls: pem, epmd });
  const seen: Buffer[] = [];
  // A plain connection that says what a plain node would say gets nothing from a TLS node but a TLS alert.
  const socket = connect(a.node.port, '127.0.0.1', () => socket.write(Buffer.from([0, 5, 0x4e, 0, 0, 0, 0])));
  socket.on('data', (bytes) => seen.push(bytes));
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await closed;
  assert.ok(!Buffer.concat(seen).includes('127.0.0.1'));
  assert.equal(a.refused.at(-1)?.code, 'tls_failed');
});

interface Refusal {
  readonly label: string;
  readonly dialler: (certificates: Certificates) => NodeOptions;
  readonly target: (certificates: Certificates) => NodeOptions;
  /** What the dialler and the target give as the reason. */
  readonly dialled: string;
  readonly accepted: string | null;
}

const refusals: readonly Refusal[] = [
  {
    label: 'a dialler whose certificate another authority signed',
    dialler: ({ stranger }) => ({ tls: stranger }),
    target: ({ node }) => ({ tls: node }),
    dialled: 'tls_refused',
    accepted: 'tls_bad_certificate',
  },
  {
    label: 'an acceptor whose certificate another authority signed',
    dialler: ({ node }) => ({ tls: node }),
    target: ({ stranger }) => ({ tls: stranger }),
    dialled: 'tls_bad_certificate',
    accepted: null,
  },
  {
    label: 'an acceptor whose certificate is for another host',
    dialler: ({ node }) => ({ tls: node }),
    target: ({ elsewhere }) => ({ tls: elsewhere }),
    dialled: 'tls_wrong_host',
    accepted: null,
  },
  {
    label: 'a plain node that dials one with TLS',
    dialler: () => ({}),
    target: ({ node }) => ({ tls: node }),
    dialled: 'closed',
    accepted: 'tls_failed',
  },
  {
    label: 'a node with TLS that dials a plain one',
    dialler: ({ node }) => ({ tls: node }),
    target: () => ({}),
    dialled: 'tls_failed',
    accepted: 'bad_frame',
  },
];

for (const { label, dialler, target, dialled, accepted } of refusals) {
  for (const threads of [0, 1]) {
    test(`${label} is refused, and both say why, threads ${threads}`, options, async (t) => {
      const certificates = makeCertificates(t);
      const epmd = { port: await freePort() };
      const a = await start(t, A, { ...dialler(certificates), threads, epmd });
      const b = await start(t, B, { ...target(certificates), threads, epmd });
      assert.equal(await a.node.connect(B), false);
      await until(() => a.unreachable.length > 0, 'the dialler to say why');
      assert.deepEqual(a.unreachable, [dialled]);
      assert.deepEqual([...a.node.nodes(), ...b.node.nodes()], []);
      if (accepted === null) return;
      await until(() => b.refused.length > 0, 'the acceptor to say why');
      assert.equal(b.refused[0]?.code, accepted);
      assert.match(b.refused[0]?.message ?? '', /127\.0\.0\.1:\d+/);
    });
  }
}

test('a client without a certificate is refused before the distribution hears of it', options, async (t) => {
  const { node: pem } = makeCertificates(t);
  const b = await start(t, B, { tls: pem, epmd: { port: await freePort() } });
  const socket = connectTls({ host: '127.0.0.1', port: b.node.port, ca: pem.ca });
  const bytes: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => bytes.push(chunk));
  socket.on('error', () => undefined);
  // A whole first message of the distribution, sent at once.
  socket.on('secureConnect', () =>
    socket.write(Buffer.from('\0\x15N\0\0\0\x0d\x07\xdf\x7f\xbc\0\0\0\x09\0\x03x@h', 'latin1')),
  );
  await new Promise((resolve) => socket.on('close', resolve));
  await until(() => b.refused.length > 0, 'the refusal');
  assert.equal(b.refused[0]?.code, 'tls_no_certificate');
  assert.equal(Buffer.concat(bytes).length, 0);
});

test('a certificate for another host is taken when hosts are not to be verified', options, async (t) => {
  const { node: pem, elsewhere } = makeCertificates(t);
  const epmd = { port: await freePort() };
  const a = await start(t, A, { tls: { ...pem, verifyHost: false }, epmd });
  await start(t, B, { tls: elsewhere, epmd });
  assert.equal(await a.node.connect(B), true);
});

test('the cookie is needed over TLS too', options, async (t) => {
  const { node: pem } = makeCertificates(t);
  const epmd = { port: await freePort() };
  const a = await start(t, A, { tls: pem, cookie: 'another', epmd });
  const b = await start(t, B, { tls: pem, epmd });
  assert.equal(await a.node.connect(B), false);
  assert.deepEqual(a.unreachable, ['bad_cookie']);
  await until(() => b.refused.length > 0, 'the refusal');
  assert.equal(b.refused[0]?.code, 'bad_cookie');
});

test(
  'a file that is not there, text that is no certificate and a key that does not fit are bad_certificate',
  options,
  async (t) => {
    const { node: pem, stranger } = makeCertificates(t);
    const wrong = [
      { ...pem, cert: '/nowhere/cert.pem' },
      { ...pem, cert: '-----BEGIN CERTIFICATE-----\nrubbish\n-----END CERTIFICATE-----\n' },
      { ...pem, key: stranger.key },
    ];
    const epmd = { port: await freePort() };
    for (const threads of [0, 1]) {
      for (const tls of wrong) {
        const started = LocalNode.start({ name: A, cookie, threads, epmd, tls });
        await assert.rejects(started, (error) => hasCode(error, 'bad_certificate'));
      }
    }
  },
);

/** Arguments for an OTP node that speaks TLS with that certificate. */
function erlTls(folder: string, name: string): readonly string[] {
  const own = `{cacertfile,"${folder}/authority.pem"},{certfile,"${folder}/${name}.pem"},{keyfile,"${folder}/${name}.key"},{verify,verify_peer}`;
  const file = join(folder, `${name}.conf`);
  writeFileSync(file, `[{server,[${own},{fail_if_no_peer_cert,true}]},{client,[${own}]}].\n`);
  return ['-proto_dist', 'inet_tls', '-ssl_dist_optfile', file];
}

for (const threads of [0, 1]) {
  test(`an OTP node over TLS connects to us, pings us and gets answers, threads ${threads}`, withErl, async (t) => {
    const certificates = makeCertificates(t);
    const epmdPort = await freePort();
    const a = await start(t, LOCAL, { tls: certificates.node, threads, epmd: { port: epmdPort } });
    startEcho(a.node);
    const args = erlTls(certificates.folder, 'node');
    const erl = await startErl({ name: 'erl@localhost', cookie, epmdPort, shortNames: true, args });
    t.after(() => erl.kill());
    assert.equal(await erl.eval(`net_adm:ping('${LOCAL}')`), 'pong');
    const asked = `{echo, '${LOCAL}'} ! {self(), {hello, 1, <<"text">>}}, receive M -> M after 5000 -> late end`;
    assert.equal(await erl.eval(asked), '{hello,1,<<"text">>}');
    const large = `{echo, '${LOCAL}'} ! {self(), binary:copy(<<1>>, 5000000)}, receive L -> {byte_size(L), binary:at(L, 4999999)} after 9000 -> late end`;
    assert.equal(await erl.eval(large), '{5000000,1}');
  });

  test(`we connect to an OTP node over TLS and hear when it dies, threads ${threads}`, withErl, async (t) => {
    const certificates = makeCertificates(t);
    const epmdPort = await freePort();
    const a = await start(t, LOCAL, { tls: certificates.node, threads, epmd: { port: epmdPort } });
    const args = erlTls(certificates.folder, 'node');
    const erl = await startErl({ name: 'erl@localhost', cookie, epmdPort, shortNames: true, args });
    t.after(() => erl.kill());
    await erl.eval('register(echo, spawn(fun Loop() -> receive {F, M} -> F ! M, Loop() end end))');
    await a.node.run(async (self) => {
      const echo = tuple(atom('echo'), atom('erl@localhost'));
      const ref = self.monitor(echo);
      self.send(echo, tuple(self.pid, 'over tls'));
      assert.equal(await self.receive(PATIENCE), 'over tls');
      erl.kill();
      assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.noconnection);
    });
  });
}

test('an OTP node with a certificate of another authority is refused, and so are we by it', withErl, async (t) => {
  const certificates = makeCertificates(t);
  const epmdPort = await freePort();
  const a = await start(t, LOCAL, { tls: certificates.node, epmd: { port: epmdPort } });
  const erl = await startErl({
    name: 'erl@localhost',
    cookie,
    epmdPort,
    shortNames: true,
    args: erlTls(certificates.folder, 'stranger'),
  });
  t.after(() => erl.kill());
  assert.equal(await erl.eval(`net_adm:ping('${LOCAL}')`), 'pang');
  assert.equal(await a.node.connect('erl@localhost'), false);
  assert.deepEqual(a.unreachable, ['tls_bad_certificate']);
});

test('an OTP node tells us that it does not take our certificate', withErl, async (t) => {
  const certificates = makeCertificates(t);
  const epmdPort = await freePort();
  const a = await start(t, LOCAL, { tls: certificates.stranger, epmd: { port: epmdPort } });
  const erl = await startErl({
    name: 'erl@localhost',
    cookie,
    epmdPort,
    shortNames: true,
    args: erlTls(certificates.folder, 'node'),
  });
  t.after(() => erl.kill());
  assert.equal(await a.node.connect('erl@localhost'), false);
  assert.deepEqual(a.unreachable, ['tls_refused']);
});
