/** Our EPMD client with the real epmd, and real Erlang nodes with our EPMD server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { realEnv } from '../../runtime/env.ts';
import { askNames, askPort, askRegister } from '../../runtime/dist/epmd-client.ts';
import type { EpmdAsk } from '../../runtime/dist/epmd-client.ts';
import { startEpmdServer } from '../../runtime/dist/epmd-server.ts';
import { tcpTransport } from '../../runtime/transport/tcp.ts';
import { ERL_MISSING, startErl, startRealEpmd } from './erl-node.ts';
import { freePort } from '../kit/ports.ts';
import { until } from '../kit/wait.ts';

test('our client registers, looks up and lists at a real epmd', { skip: ERL_MISSING }, async (t) => {
  const port = await freePort();
  const epmd = startRealEpmd(port);
  t.after(() => epmd.kill('SIGKILL'));
  const ask: EpmdAsk = { transport: tcpTransport, env: realEnv, address: { host: '127.0.0.1', port } };
  let up = false;
  await until(() => {
    void askNames(ask).then(
      () => (up = true),
      () => undefined,
    );
    return up;
  }, 'epmd to answer');
  const registered = await askRegister(ask, 'js1', 4711, true);
  assert.equal(registered.kind, 'registered');
  assert.ok(registered.kind === 'registered' && registered.creation > 3);
  assert.equal((await askPort(ask, 'js1'))?.port, 4711);
  assert.equal((await askPort(ask, 'js1'))?.hidden, true);
  assert.equal(await askPort(ask, 'js2'), null);
  assert.deepEqual(await askNames(ask), [{ name: 'js1', port: 4711 }]);
  assert.deepEqual(await askRegister(ask, 'js1', 4712, true), { kind: 'taken' });
  registered.close();
});

test('two real nodes register, list and ping each other through our EPMD server', { skip: ERL_MISSING }, async (t) => {
  const server = await startEpmdServer(tcpTransport, realEnv, { host: '127.0.0.1', port: 0 });
  t.after(() => server.close());
  const options = { cookie: 'C', epmdPort: server.port, args: ['-start_epmd', 'false'] };
  const starting = ['e1@127.0.0.1', 'e2@127.0.0.1'].map((name) => startErl({ ...options, name }));
  const nodes = await Promise.all(starting);
  t.after(() => nodes.forEach((node) => node.kill()));
  assert.deepEqual(server.names.map(({ name }) => name).sort(), ['e1', 'e2']);
  assert.equal(await nodes[0]?.eval("net_adm:ping('e2@127.0.0.1')"), 'pong');
  const listed = await nodes[0]?.eval('lists:sort(element(2, net_adm:names({127,0,0,1})))');
  assert.match(String(listed), /^\[\{"e1",\d+\},\{"e2",\d+\}\]$/);
  const creations = await Promise.all(nodes.map((node) => node.eval('erlang:system_info(creation)')));
  assert.equal(new Set(creations).size, 2);
  nodes[0]?.kill();
  await until(() => server.names.length === 1, 'the killed node to be forgotten');
});
