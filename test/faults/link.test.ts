import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { until } from '../kit/wait.ts';
import { Random } from '../sim/random.ts';
import { Link } from './link.ts';

interface Ends {
  readonly link: Link;
  readonly near: Socket;
  readonly far: Socket;
  /** What has arrived. */
  readonly atFar: Buffer[];
  readonly atNear: Buffer[];
}

async function connected(t: TestContext): Promise<Ends> {
  const random = new Random(1);
  const link = await Link.open(() => random.unit());
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  link.leadTo((server.address() as AddressInfo).port);
  const near = connect(link.port, '127.0.0.1').on('error', () => undefined);
  const [far] = (await once(server, 'connection')) as [Socket];
  far.on('error', () => undefined);
  t.after(async () => {
    near.destroy();
    far.destroy();
    server.close();
    await link.close();
  });
  return { link, near, far, atFar: collect(far), atNear: collect(near) };
}

function collect(socket: Socket): Buffer[] {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  return chunks;
}

function textOf(chunks: readonly Buffer[]): string {
  return Buffer.concat(chunks).toString();
}

test('an open link passes all bytes in order, both ways, and the end of the connection', async (t) => {
  const { near, far, atFar, atNear } = await connected(t);
  const text = Array.from({ length: 200_000 }, (_, i) => `${i} `).join('');
  near.write(text);
  far.write('back');
  await until(() => textOf(atFar) === text && textOf(atNear) === 'back', 'all bytes');
  near.end();
  await once(far, 'end');
});

test('a silent link holds what is sent, in its direction only, and delivers it when it opens', async (t) => {
  const { link, near, far, atFar, atNear } = await connected(t);
  near.write('before ');
  await until(() => textOf(atFar) === 'before ', 'what was sent before');
  link.set({ kind: 'silent', towards: 'there' });
  near.write('meanwhile');
  far.write('answer');
  await until(() => textOf(atNear) === 'answer', 'what comes back');
  assert.equal(textOf(atFar), 'before ');
  link.set({ kind: 'open' });
  await until(() => textOf(atFar) === 'before meanwhile', 'what was held');
});

test('nobody is told of a silent link that the other side ended, until it opens', async (t) => {
  const { link, near, far } = await connected(t);
  link.set({ kind: 'silent', towards: 'both' });
  let isClosed = false;
  near.on('close', () => (isClosed = true));
  far.resetAndDestroy();
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.equal(isClosed, false);
  link.set({ kind: 'open' });
  await until(() => isClosed, 'the end to be passed on');
});

test('a cut link resets its connections and takes no new ones, until it opens', async (t) => {
  const { link, near, far } = await connected(t);
  link.set({ kind: 'cut' });
  await until(() => near.destroyed && far.destroyed, 'both ends to be told');
  const refused = connect(link.port, '127.0.0.1').on('error', () => undefined);
  await until(() => refused.destroyed, 'the new connection to be refused');
  link.set({ kind: 'open' });
  const again = connect(link.port, '127.0.0.1');
  await once(again, 'connect');
  again.destroy();
});

test('a slow link delays, and keeps the order', async (t) => {
  const { link, near, atFar } = await connected(t);
  link.set({ kind: 'slow', delayMs: 60, jitterMs: 40 });
  const from = performance.now();
  for (let i = 0; i < 5; i++) {
    near.write(`${i} `);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await until(() => textOf(atFar) === '0 1 2 3 4 ', 'all of it');
  assert.ok(performance.now() - from >= 60);
});
