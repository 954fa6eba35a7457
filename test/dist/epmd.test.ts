import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { realEnv } from '../../runtime/env.ts';
import { hasCode } from '../../runtime/errors.ts';
import { createResolveDirectory } from '../../runtime/dist/directory.ts';
import { askNames, askPort, askRegister } from '../../runtime/dist/epmd-client.ts';
import type { EpmdAsk, EpmdRegisterResult, EpmdRegistered } from '../../runtime/dist/epmd-client.ts';
import { createEpmdDirectory, epmdPortOf } from '../../runtime/dist/epmd-directory.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import { MemoryNetwork } from '../../runtime/transport/memory.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { VirtualEnv } from './virtual-env.ts';
import { until } from '../kit/wait.ts';
import { freePort } from '../kit/ports.ts';

const cleanUps: (() => unknown)[] = [];
after(async () => {
  for (const cleanUp of cleanUps) await cleanUp();
});

async function tcpServer(): Promise<{ ask: EpmdAsk; close: () => Promise<void> }> {
  const server = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  cleanUps.push(() => server.close());
  const ask: EpmdAsk = { transport: tcpTransport, env: realEnv, address: { host: '127.0.0.1', port: server.port } };
  return { ask, close: () => server.close() };
}

function registered(result: EpmdRegisterResult): EpmdRegistered {
  assert.equal(result.kind, 'registered');
  cleanUps.push(() => (result as EpmdRegistered).close());
  return result as EpmdRegistered;
}

test('our client registers, looks up and lists at our server', async () => {
  const { ask } = await tcpServer();
  const first = registered(await askRegister(ask, 'n1', 1001, true));
  assert.ok(first.creation > 3);
  registered(await askRegister(ask, 'n2', 1002, false));
  assert.equal((await askPort(ask, 'n1'))?.port, 1001);
  assert.equal((await askPort(ask, 'n1'))?.hidden, true);
  assert.equal(await askPort(ask, 'n3'), null);
  assert.deepEqual(await askNames(ask), [
    { name: 'n1', port: 1001 },
    { name: 'n2', port: 1002 },
  ]);
});

test('a name is taken while its socket lives, then free again with another creation', async () => {
  const { ask } = await tcpServer();
  const first = registered(await askRegister(ask, 'n1', 1001, true));
  assert.deepEqual(await askRegister(ask, 'n1', 1002, true), { kind: 'taken' });
  first.close();
  let again: EpmdRegisterResult = { kind: 'taken' };
  while (again.kind === 'taken') again = await askRegister(ask, 'n1', 1002, true);
  assert.notEqual(registered(again).creation, first.creation);
});

test('a question that nobody hears fails with epmd_unreachable', async () => {
  const address = { host: '127.0.0.1', port: await freePort() };
  const ask = { transport: tcpTransport, env: realEnv, address };
  await assert.rejects(askNames(ask), (error) => hasCode(error, 'epmd_unreachable'));
  assert.deepEqual(await askRegister(ask, 'n', 1, true), { kind: 'unreachable', reason: 'refused' });
});

test('a server answers a request that comes byte by byte, and drops garbage, excess and silence', async () => {
  const env = new VirtualEnv();
  const network = new MemoryNetwork({ env, chunkBytesMax: 1 });
  const transport = network.transport();
  const server = await startEpmdServer(transport, env, { host: 'h', port: 4369 });
  const ask: EpmdAsk = { transport, env, address: { host: 'h', port: 4369 } };
  const held = askRegister(ask, 'slow', 7, true);
  await env.advance(100);
  assert.equal((await held).kind, 'registered');
  const closes: string[] = [];
  const poke = (label: string, bytes: Uint8Array): void => {
    const connection = transport.dial(ask.address, {
      onOpen: () => connection.write(bytes),
      onBytes: () => undefined,
      onDrain: () => undefined,
      onClose: () => closes.push(label),
    });
  };
  poke('unknown request', new Uint8Array([0, 1, 99]));
  poke('too long', new Uint8Array([255, 255, 120]));
  poke('silent', new Uint8Array([0]));
  await env.advance(100);
  assert.deepEqual(closes.sort(), ['too long', 'unknown request']);
  await env.advance(6_000);
  assert.ok(closes.includes('silent'));
  assert.deepEqual(server.names, [{ name: 'slow', port: 7 }]);
});

test('a directory serves EPMD itself when none runs, and a second one uses it', async () => {
  const port = await freePort();
  const options = { transport: tcpTransport, env: realEnv, port };
  const first = createEpmdDirectory(options);
  const second = createEpmdDirectory(options);
  cleanUps.push(
    () => first.close(),
    () => second.close(),
  );
  const one = await first.register('n1@127.0.0.1', 1001, true);
  const two = await second.register('n2@127.0.0.1', 1002, true);
  assert.deepEqual([first.serving, second.serving], [true, false]);
  assert.deepEqual(await first.lookup(nameAtom('n2@127.0.0.1')), { host: '127.0.0.1', port: 1002 });
  assert.equal(await first.lookup(nameAtom('n3@127.0.0.1')), null);
  assert.deepEqual(await second.names('127.0.0.1'), [
    { name: 'n1', port: 1001 },
    { name: 'n2', port: 1002 },
  ]);
  one.close();
  two.close();
});

test('a directory that may not serve says that there is no EPMD', async () => {
  const port = await freePort();
  const directory = createEpmdDirectory({ transport: tcpTransport, env: realEnv, port, serve: false });
  await assert.rejects(directory.register('n1@127.0.0.1', 1, true), (error) => hasCode(error, 'epmd_unreachable'));
});

test('a taken name is tried again for two seconds, then name_taken', async () => {
  const env = new VirtualEnv();
  const network = new MemoryNetwork({ env });
  const options = { transport: network.transport(), env };
  const first = createEpmdDirectory(options);
  const registering = first.register('n1@127.0.0.1', 1, true);
  await env.advance(100);
  const held = await registering;
  const outcomes: string[] = [];
  const again = (label: string): void => {
    const directory = createEpmdDirectory(options);
    directory.register('n1@127.0.0.1', 2, true).then(
      () => outcomes.push(`${label} registered`),
      (error: { code: string }) => outcomes.push(`${label} ${error.code}`),
    );
  };
  again('early');
  await env.advance(1_500);
  assert.deepEqual(outcomes, []);
  await env.advance(1_000);
  assert.deepEqual(outcomes, ['early name_taken']);
  again('late');
  await env.advance(1_000);
  held.close();
  await env.advance(1_000);
  assert.deepEqual(outcomes, ['early name_taken', 'late registered']);
});

test('when the node that serves EPMD goes, another serves and all register again, keeping their creation', async () => {
  const env = new VirtualEnv();
  const network = new MemoryNetwork({ env });
  const options = { transport: network.transport(), env };
  const directories = [1, 2, 3].map(() => createEpmdDirectory(options));
  const creations: number[] = [];
  for (const [i, directory] of directories.entries()) {
    const registering = directory.register(`n${i}@127.0.0.1`, i, true);
    await env.advance(50);
    creations.push((await registering).creation);
  }
  assert.deepEqual(
    directories.map((directory) => directory.serving),
    [true, false, false],
  );
  await directories[0]?.close();
  await env.advance(3_000);
  assert.equal(directories.filter((directory) => directory.serving).length, 1);
  const asking = directories[1]?.names('127.0.0.1');
  await env.advance(50);
  assert.deepEqual((await asking)?.map(({ name }) => name).sort(), ['n0', 'n1', 'n2']);
  assert.equal(new Set(creations).size, 3);
});

test('a taken-over EPMD over TCP serves again within a few seconds', async () => {
  const port = await freePort();
  const options = { transport: tcpTransport, env: realEnv, port };
  const first = createEpmdDirectory(options);
  const second = createEpmdDirectory(options);
  cleanUps.push(
    () => first.close(),
    () => second.close(),
  );
  const one = await first.register('n1@127.0.0.1', 1001, true);
  const two = await second.register('n2@127.0.0.1', 1002, true);
  one.close();
  await first.close();
  await until(() => second.serving, 'the second to serve');
  let names: readonly unknown[] = [];
  for (let i = 0; i < 100 && names.length === 0; i++) names = await second.names('127.0.0.1');
  assert.deepEqual(names, [{ name: 'n2', port: 1002 }]);
  two.close();
});

test('ERL_EPMD_PORT names the port, 4369 is the default', () => {
  assert.equal(epmdPortOf({}), 4369);
  assert.equal(epmdPortOf({ ERL_EPMD_PORT: '5000' }), 5000);
  assert.equal(epmdPortOf({ ERL_EPMD_PORT: 'x' }), 4369);
});

test("a user's resolve finds nodes by their full name, and its errors mean unknown", async () => {
  const directory = createResolveDirectory((name) => {
    if (name === 'bad@h') throw new Error('no');
    return name === 'n1@h' ? { host: 'h', port: 5 } : null;
  });
  assert.deepEqual(await directory.lookup(nameAtom('n1@h')), { host: 'h', port: 5 });
  assert.equal(await directory.lookup(nameAtom('n2@h')), null);
  assert.equal(await directory.lookup(nameAtom('bad@h')), null);
  assert.equal((await directory.register('n1@h', 5, true)).creation, 0);
});
