/** The web API of examples/http-api, node by node as an HTTP client sees it. */
import assert from 'node:assert/strict';
import { request, Agent } from 'node:http';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { freePort } from '../kit/ports.ts';
import { until } from '../kit/wait.ts';
import { Machine, type RunningCommand } from '../kv/cli/command.ts';
import { repositoryRoot } from '../tooling/repository.ts';

const PROGRAM = join(repositoryRoot, 'dist', 'examples', 'http-api', 'main.js');
const PATIENCE_MS = 30_000;

class Site {
  readonly #machine: Machine;
  readonly #ports: readonly number[];

  constructor(machine: Machine, ports: readonly number[]) {
    this.#machine = machine;
    this.#ports = ports;
  }

  static async create(t: TestContext): Promise<Site> {
    return new Site(await Machine.create(t), [await freePort(), await freePort(), await freePort()]);
  }

  /** Starts a node with the same command every time. Resolves when it serves. */
  async start(number: number, ...more: string[]): Promise<RunningCommand> {
    const names = [1, 2, 3].map((other) => `n${other}@127.0.0.1`);
    const [name] = names.splice(number - 1, 1);
    const args = ['--name', name as string, '--port', String(this.port(number)), '--join', names.join(',')];
    const node = this.#machine.start([...args, '--cookie', 'C', '--cluster-size', '3', ...more], PROGRAM);
    await node.until(/serves http/);
    return node;
  }

  get machine(): Machine {
    return this.#machine;
  }

  port(number: number): number {
    return this.#ports[number - 1] as number;
  }

  url(number: number, path: string): string {
    return `http://127.0.0.1:${this.port(number)}${path}`;
  }

  async ask(
    number: number,
    path: string,
    init: RequestInit = {},
  ): Promise<{ status: number; body: unknown; headers: Headers }> {
    const response = await fetch(this.url(number, path), init);
    const text = await response.text();
    return { status: response.status, body: text === '' ? null : JSON.parse(text), headers: response.headers };
  }

  put(number: number, path: string, value: unknown): Promise<{ status: number; body: unknown }> {
    return this.ask(number, path, { method: 'PUT', body: JSON.stringify(value) });
  }

  async health(number: number): Promise<{ readonly quorum: boolean; readonly waits: readonly string[] }> {
    return (await this.ask(number, '/healthz')).body as { quorum: boolean; waits: readonly string[] };
  }

  ready(number: number): Promise<void> {
    return until(
      async () => (await this.health(number)).quorum,
      async () => JSON.stringify(await this.health(number)),
      PATIENCE_MS,
    );
  }

  /** It waits for nothing any more: it has its seat, and all that was decided. */
  settled(number: number): Promise<void> {
    return until(
      async () => (await this.health(number)).waits.length === 0,
      async () => JSON.stringify(await this.health(number)),
      PATIENCE_MS,
    );
  }
}

async function three(t: TestContext): Promise<{ site: Site; nodes: RunningCommand[] }> {
  const site = await Site.create(t);
  const nodes = await Promise.all([1, 2, 3].map((number) => site.start(number)));
  await Promise.all([1, 2, 3].map((number) => site.ready(number)));
  return { site, nodes };
}

async function statusAndBody(answer: Promise<{ status: number; body: unknown }>): Promise<[number, unknown]> {
  const { status, body } = await answer;
  return [status, body];
}

function errorOf(body: unknown): string {
  const { error, message } = body as { error: string; message: string };
  assert.ok(message.length > 10, 'a sentence says what is wrong');
  return error;
}

test('one node alone has no quorum and says so; the second makes one, in any order of starts', async (t) => {
  const site = await Site.create(t);
  await site.start(3);
  const { status, body } = await site.ask(3, '/healthz');
  assert.deepEqual([status, (body as { quorum: boolean }).quorum], [200, false]);
  const refused = await site.put(3, '/kv/early', 1);
  assert.deepEqual([refused.status, errorOf(refused.body)], [503, 'no_quorum']);
  assert.equal((await site.ask(3, '/kv/early')).status, 503);
  await site.start(1);
  await Promise.all([site.ready(1), site.ready(3)]);
  assert.deepEqual((await site.ask(1, '/kv/early')).status, 404, 'what was refused was not done');
  assert.deepEqual((await site.put(1, '/kv/early', 2)).body, { value: 2 });
  await site.start(2);
  await site.ready(2);
  assert.deepEqual((await site.put(2, '/kv/early', 3)).body, { value: 2 });
});

test('what requests are answered: values, methods, paths, bad input', async (t) => {
  const { site } = await three(t);
  await t.test('any JSON is a value and comes back the same from another node', async () => {
    const values = [
      null,
      false,
      0,
      -1.5,
      '',
      'ü\u{1F600}',
      [],
      {},
      [[{ a: null }]],
      { ver: 1, __proto__x: { b: 'c' } },
      1e21,
    ];
    for (const [index, value] of values.entries()) {
      assert.deepEqual((await site.put(1, `/kv/value${index}`, value)).body, { value });
      assert.deepEqual((await site.ask(2, `/kv/value${index}`)).body, { value });
    }
  });
  await t.test(
    'a write with the present version wins; with another it is 409 with the present pair, on every node',
    async () => {
      assert.deepEqual((await site.ask(1, '/cas/x')).body, { ver: 0, value: null });
      assert.deepEqual(await statusAndBody(site.put(1, '/cas/x', { ver: 0, value: 'a' })), [
        200,
        { ver: 1, value: 'a' },
      ]);
      assert.deepEqual(await statusAndBody(site.put(2, '/cas/x', { ver: 0, value: 'b' })), [
        409,
        { ver: 1, value: 'a' },
      ]);
      assert.deepEqual(await statusAndBody(site.put(3, '/cas/x', { ver: 5, value: 'b' })), [
        409,
        { ver: 1, value: 'a' },
      ]);
      assert.deepEqual(await statusAndBody(site.put(3, '/cas/x', { ver: 1, value: null })), [
        200,
        { ver: 2, value: null },
      ]);
      assert.deepEqual((await site.ask(2, '/cas/x')).body, { ver: 2, value: null });
      assert.equal((await site.ask(2, '/kv/x')).status, 404, 'the keys of /kv are others');
    },
  );
  await t.test('of many writes with one version at once exactly one wins', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) => statusAndBody(site.put((i % 3) + 1, '/cas/race', { ver: 0, value: i }))),
    );
    const won = answers.filter(([status]) => status === 200);
    assert.equal(won.length, 1);
    for (const [, body] of answers) assert.deepEqual(body, won[0]?.[1]);
  });
  await t.test('a pair that is none is 400', async () => {
    for (const body of [
      null,
      [],
      1,
      {},
      { ver: 0 },
      { value: 1 },
      { ver: '0', value: 1 },
      { ver: -1, value: 1 },
      { ver: 0.5, value: 1 },
      { ver: 0, value: 1, more: 2 },
    ]) {
      const { status, body: answer } = await site.put(1, '/cas/pair', body);
      assert.deepEqual([status, errorOf(answer)], [400, 'bad_body'], JSON.stringify(body));
    }
    assert.deepEqual((await site.ask(1, '/cas/pair')).body, { ver: 0, value: null });
  });
  await t.test('keys are percent-encoded', async () => {
    for (const key of ['a/b', 'a b', '?', '#', '100%', 'ключ', '\u{1F600}', 'a.b']) {
      const path = `/kv/${encodeURIComponent(key)}`;
      assert.deepEqual((await site.put(1, path, key)).body, { value: key });
      assert.deepEqual((await site.ask(3, path)).body, { value: key });
    }
    for (const path of ['/kv/', '/kv/a/b', '/kv/%zz', '/kv/%ff', '/kv/a?b']) {
      assert.equal((await site.ask(1, path)).status, 400, path);
    }
  });
  await t.test('a body that is not JSON is 400', async () => {
    for (const body of [
      '',
      '{',
      'nothing',
      '{"a":1}}',
      '1e999',
      new Uint8Array([0xff]),
      `${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    ]) {
      const { status, body: answer } = await site.ask(1, '/kv/bad', { method: 'PUT', body });
      assert.equal(status, 400, String(body).slice(0, 20));
      errorOf(answer);
    }
    assert.equal((await site.ask(1, '/kv/bad')).status, 404);
  });
  await t.test('HEAD is GET without a body; other methods are 405 and other paths 404', async () => {
    const head = await site.ask(1, '/kv/value0', { method: 'HEAD' });
    assert.deepEqual([head.status, head.body], [200, null]);
    assert.match(head.headers.get('content-type') ?? '', /^application\/json/);
    assert.equal((await site.ask(1, '/kv/none', { method: 'HEAD' })).status, 404);
    for (const [method, path, allow] of [
      ['DELETE', '/kv/value0', 'GET, HEAD, PUT'],
      ['POST', '/cas/x', 'GET, HEAD, PUT'],
      ['PUT', '/healthz', 'GET, HEAD'],
    ] as const) {
      const { status, headers } = await site.ask(1, path, { method });
      assert.deepEqual([status, headers.get('allow')], [405, allow]);
    }
    assert.equal((await site.ask(1, '/')).status, 404);
    assert.equal((await site.ask(1, '/kvx/a')).status, 404);
  });
  await t.test('up to 1 MiB is stored, more is 413 and costs no memory, as text and as stored', async () => {
    const large = 'x'.repeat(1_000_000);
    assert.deepEqual((await site.put(1, '/kv/large', large)).body, { value: large });
    assert.deepEqual((await site.ask(2, '/kv/large')).body, { value: large });
    const tooLarge = await site.put(1, '/kv/larger', 'x'.repeat(10_000_000));
    assert.deepEqual([tooLarge.status, errorOf(tooLarge.body)], [413, 'too_large']);
    const asStored = await site.put(
      1,
      '/kv/larger',
      Array.from({ length: 200_000 }, () => 1.5),
    );
    assert.deepEqual([asStored.status, errorOf(asStored.body)], [413, 'too_large']);
    assert.equal((await site.ask(1, '/kv/larger')).status, 404);
  });
  await t.test(
    'a client that asks before it sends a body is told at once that it is too large, or to go on',
    async () => {
      const send = (bytes: number): Promise<{ status: number; asked: boolean }> =>
        new Promise((resolve, reject) => {
          let asked = false;
          const headers = { expect: '100-continue', 'content-length': bytes };
          const put = request(site.url(1, '/kv/asked'), { method: 'PUT', headers }, (response) => {
            response.resume();
            put.destroy();
            resolve({ status: response.statusCode ?? 0, asked });
          });
          put.on('error', reject).on('continue', () => {
            asked = true;
            put.end(`"${'x'.repeat(bytes - 2)}"`);
          });
          put.flushHeaders();
        });
      assert.deepEqual(await send(2_000_000), { status: 413, asked: false });
      assert.deepEqual(await send(20), { status: 200, asked: true });
    },
  );
  await t.test('connections are kept and used again', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const ports = new Set<number | undefined>();
    for (let i = 0; i < 5; i++) {
      await new Promise<void>((resolve, reject) => {
        const get = request(site.url(1, '/kv/value0'), { agent }, (response) => {
          ports.add(response.socket.localPort);
          response.resume().on('end', resolve);
        });
        get.on('error', reject).end();
      });
    }
    agent.destroy();
    assert.equal(ports.size, 1);
  });
});

test('a node that was killed and started again with the same command recovers, serves and votes, without help', async (t) => {
  const { site, nodes } = await three(t);
  await Promise.all([1, 2, 3].map((number) => site.settled(number)));
  await site.put(1, '/kv/before', 'kept');
  nodes[2]?.child.kill('SIGKILL');
  await nodes[2]?.ended;
  assert.deepEqual((await site.put(2, '/kv/meanwhile', 1)).body, { value: 1 });
  await site.start(3);
  await site.ready(3);
  assert.deepEqual((await site.ask(3, '/kv/before')).body, { value: 'kept' });
  assert.deepEqual((await site.put(3, '/kv/meanwhile', 2)).body, { value: 1 });
  await site.settled(3);
  nodes[0]?.child.kill('SIGKILL');
  await nodes[0]?.ended;
  await site.ready(3);
  assert.deepEqual((await site.ask(3, '/kv/before')).body, { value: 'kept' });
  assert.deepEqual((await site.put(2, '/kv/after', 3)).body, { value: 3 });
});

test('an operation that may be done late is 504, and the node says that it has no quorum when the others are gone', async (t) => {
  const site = await Site.create(t);
  const nodes = await Promise.all([1, 2, 3].map((number) => site.start(number, '--timeout-ms', '400')));
  await Promise.all([1, 2, 3].map((number) => site.ready(number)));
  for (const node of nodes.slice(1)) node.child.kill('SIGSTOP');
  const { status, body } = await site.put(1, '/kv/late', 'perhaps');
  assert.deepEqual([status, errorOf(body)], [504, 'unknown']);
  for (const node of nodes.slice(1)) node.child.kill('SIGKILL');
  await Promise.all(nodes.slice(1).map(({ ended }) => ended));
  await until(
    async () => (await site.put(1, '/kv/refused', 1)).status === 503,
    () => 'puts are not refused',
  );
  assert.equal(((await site.ask(1, '/healthz')).body as { quorum: boolean }).quorum, false);
});

test('SIGTERM: the request under way is answered, the node ends with 0, the others go on', async (t) => {
  const { site, nodes } = await three(t);
  await site.put(1, '/kv/a', 1);
  const [, second] = nodes as [RunningCommand, RunningCommand, RunningCommand];
  // its body is still on the way when the signal comes
  const slow = new Promise<number>((resolve, reject) => {
    const put = request(site.url(2, '/kv/slow'), { method: 'PUT' }, (response) => resolve(response.statusCode ?? 0));
    put.on('error', reject).write('[1,');
    setTimeout(() => second.child.kill('SIGTERM'), 100);
    setTimeout(() => put.end('2]'), 400);
  });
  assert.equal(await slow, 200);
  assert.equal((await second.ended).status, 0);
  assert.deepEqual((await site.ask(1, '/kv/slow')).body, { value: [1, 2] });
  assert.deepEqual((await site.put(3, '/kv/b', 2)).body, { value: 2 });
});

test('a port that is taken ends the program before the node is anybody, with one line and exit code 1', async (t) => {
  const site = await Site.create(t);
  await site.start(1);
  const args = ['--name', 'n2@127.0.0.1', '--port', String(site.port(1)), '--join', 'n1@127.0.0.1', '--cookie', 'C'];
  const { status, stderr } = await site.machine.start(args, PROGRAM).ended;
  assert.equal(status, 1);
  assert.match(stderr, /EADDRINUSE\): give another --port/);
});

test('a second node of the same name ends with 1 and a sentence, the first one stays', async (t) => {
  const site = await Site.create(t);
  await site.start(1);
  const args = ['--name', 'n1@127.0.0.1', '--port', String(site.port(2)), '--cookie', 'C', '--cluster-size', '1'];
  const { status, stderr } = await site.machine.start(args, PROGRAM).ended;
  assert.equal(status, 1);
  assert.match(stderr, /n1@127\.0\.0\.1|n1/);
  assert.equal((await site.ask(1, '/healthz')).status, 200);
});

test('wrong arguments end with 2 and a sentence before anything starts', async (t) => {
  const machine = await Machine.create(t);
  const { status, stderr, stdout } = await machine.start(['--name', 'n1', '--cookie', 'C'], PROGRAM).ended;
  assert.deepEqual([status, stdout], [2, '']);
  assert.match(stderr, /^.+\n--help shows all options\n$/);
});

test('--help shows every option', async (t) => {
  const machine = await Machine.create(t);
  const { status, stdout } = await machine.start(['--help'], PROGRAM).ended;
  assert.equal(status, 0);
  for (const option of [
    'name',
    'cookie',
    'port',
    'host',
    'join',
    'cluster-size',
    'founders',
    'state-dir',
    'timeout-ms',
  ]) {
    assert.ok(stdout.includes(`--${option} `));
  }
});
