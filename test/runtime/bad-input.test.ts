/**
 * What the functions of a process, the free functions and a node are given wrongly: a typed error with a code, at the caller, and nothing
 * else has changed. Each line is one call; after each the process, the node's processes and names are as before.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import * as quorate from '../../runtime/index.ts';
import { atom, isAtom, LocalNode, tuple, type Pid, type Ref, type Self } from '../../runtime/index.ts';
import { freePort } from '../kit/ports.ts';

/** Whatever a program in JavaScript can call, with whatever it has at hand. */
type Loose = Readonly<Record<keyof Self | keyof typeof quorate | keyof LocalNode, (...args: unknown[]) => unknown>>;

interface World {
  readonly self: Self;
  /** A process that lives, one that has ended, one of another node, and one that has a name. */
  readonly alive: Pid;
  readonly dead: Pid;
  readonly elsewhere: Pid;
  readonly named: Pid;
  /** A reference of another node. */
  readonly farRef: Ref;
}

type Call = (api: Loose, world: World) => unknown;
type Row = readonly [code: string, what: string, call: Call];

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const cycle: unknown[] = [];
cycle.push(cycle);
class Socket {
  readonly #handle = 1;
  get handle(): number {
    return this.#handle;
  }
}
const LONG = 'x'.repeat(256);

/** For `Self` and for the free functions alike. */
const BOTH: readonly Row[] = [
  ['not_sendable', 'send a function', (api, { alive }) => api.send(alive, () => 1)],
  ['not_sendable', 'send a function deep inside', (api, { alive }) => api.send(alive, { a: [1, { b: () => 1 }] })],
  ['not_sendable', 'send a symbol', (api, { alive }) => api.send(alive, Symbol('s'))],
  ['not_sendable', 'send a cycle', (api, { alive }) => api.send(alive, cycle)],
  ['not_sendable', 'send an instance of a class', (api, { alive }) => api.send(alive, new Socket())],
  ['not_sendable', 'send a function to another node', (api, { elsewhere }) => api.send(elsewhere, [() => 1])],
  ['not_sendable', 'send a function to the dead', (api, { dead }) => api.send(dead, () => 1)],
  ['badarg', 'send to a number', (api) => api.send(5, 'hello')],
  ['badarg', 'send to nothing', (api) => api.send(undefined, 'hello')],
  ['badarg', 'send to an array', (api) => api.send(['name', 'node'], 'hello')],
  ['badarg', 'send to a name that nobody has', (api) => api.send('nobody', 'hello')],
  ['badarg', 'send to a name that is too long', (api) => api.send(LONG, 'hello')],
  ['badarg', 'receive with a number', (api) => api.receive(5)],
  ['badarg', 'receive with null', (api) => api.receive(null)],
  ['badarg', 'receive with a negative timeout', (api) => api.receive({ timeoutMs: -1 })],
  ['badarg', 'receive with no number', (api) => api.receive({ timeoutMs: NaN })],
  ['badarg', 'receive with a string for a timeout', (api) => api.receive(isAtom, { timeoutMs: '5' })],
  ['badarg', 'receive with a number for options', (api) => api.receive(isAtom, 100)],
  ['badarg', 'link a number', (api) => api.link(5)],
  ['badarg', 'link a name', (api) => api.link('somebody')],
  ['noproc', 'link the dead', (api, { dead }) => api.link(dead)],
  ['badarg', 'unlink null', (api) => api.unlink(null)],
  ['badarg', 'monitor a number', (api) => api.monitor(5)],
  ['badarg', 'monitor nothing', (api) => api.monitor()],
  ['badarg', 'monitor a tuple of strings', (api) => api.monitor(tuple('a', 'b'))],
  ['badarg', 'monitor with null for options', (api, { alive }) => api.monitor(alive, null)],
  ['badarg', 'monitor with an unknown kind of alias', (api, { alive }) => api.monitor(alive, { alias: 'sometimes' })],
  ['badarg', 'demonitor a pid', (api, { alive }) => api.demonitor(alive)],
  ['badarg', 'demonitor a reference of another node', (api, { farRef }) => api.demonitor(farRef)],
  ['badarg', 'demonitor with a word for a flag', (api, { self }) => api.demonitor(self.makeRef(), { flush: 'yes' })],
  ['badarg', 'exit a number', (api) => api.exit(5, 'reason')],
  ['not_sendable', 'exit with a function for a reason', (api, { alive }) => api.exit(alive, () => 1)],
  ['badarg', 'trap exits with a word', (api) => api.trapExit('yes')],
  ['badarg', 'an alias of an unknown kind', (api) => api.alias('once')],
  ['badarg', 'unalias a pid', (api, { alive }) => api.unalias(alive)],
  ['badarg', 'register a name that is taken', (api, { alive }) => api.register('taken', alive)],
  ['badarg', 'register a second name', (api, { named }) => api.register('other', named)],
  ['badarg', 'register a number', (api, { alive }) => api.register(5, alive)],
  ['badarg', 'register a name that is too long', (api, { alive }) => api.register(LONG, alive)],
  ['badarg', 'register the dead', (api, { dead }) => api.register('fresh', dead)],
  ['badarg', 'register a process of another node', (api, { elsewhere }) => api.register('fresh', elsewhere)],
  ['badarg', 'register what is no pid', (api) => api.register('fresh', 'me')],
  ['badarg', 'unregister a name that nobody has', (api) => api.unregister('nobody')],
  ['badarg', 'unregister a pid', (api, { alive }) => api.unregister(alive)],
  ['badarg', 'whereis of a pid', (api, { alive }) => api.whereis(alive)],
  ['badarg', 'spawn a number', (api) => api.spawn(5)],
  ['badarg', 'spawn nothing', (api) => api.spawn()],
  ['badarg', 'spawn with a name that is taken', (api) => api.spawn(() => 1, { name: 'taken' })],
  ['badarg', 'spawn with a number for a name', (api) => api.spawn(() => 1, { name: 5 })],
  ['badarg', 'spawn with a word for a flag', (api) => api.spawn(() => 1, { link: 'yes' })],
  ['badarg', 'spawn with null for options', (api) => api.spawn(() => 1, null)],
  ['badarg', 'spawn and link a string', (api) => api.spawnLink('f')],
  ['badarg', 'spawn and link with a number for options', (api) => api.spawnLink(() => 1, 5)],
  [
    'badarg',
    'spawn and monitor with an unknown alias',
    (api) => api.spawnMonitor(() => 1, { monitor: { alias: 'x' } }),
  ],
  ['badarg', 'spawn a module without a function', (api) => api.spawn(placed)],
  ['badarg', 'spawn a module with no array of arguments', (api) => api.spawn(placed, 'echo', 'args')],
  ['badarg', 'spawn a module by a relative path', (api) => api.spawn('./placed.js', 'echo')],
  ['badarg', 'spawn on a thread that is no number', (api) => api.spawn(placed, 'echo', [], { thread: 'two' })],
  ['badarg', 'spawn on half a thread', (api) => api.spawn(placed, 'echo', [], { thread: 1.5 })],
  ['noconnection', 'spawn on a thread that is not there', (api) => api.spawn(placed, 'echo', [], { thread: 9 })],
  ['badarg', 'isolated, and on a thread', (api) => api.spawn(placed, 'echo', [], { isolated: true, thread: 1 })],
  ['badarg', 'isolated with a word', (api) => api.spawn(placed, 'echo', [], { isolated: 'yes' })],
  ['badarg', 'a memory limit without isolation', (api) => api.spawn(placed, 'echo', [], { memoryLimitMb: 64 })],
  [
    'badarg',
    'a memory limit that is too small',
    (api) => api.spawn(placed, 'echo', [], { isolated: true, memoryLimitMb: 1 }),
  ],
  [
    'not_sendable',
    'spawn a module with a function for an argument',
    (api) => api.spawn(placed, 'echo', [() => 1], { thread: 1 }),
  ],
  ['not_sendable', 'the same, isolated', (api) => api.spawn(placed, 'echo', [() => 1], { isolated: true })],
  ['not_sendable', 'the same, here', (api) => api.spawn(placed, 'echo', [() => 1], { thread: 0 })],
  ['module_not_found', 'spawn a module that is not there', (api) => api.spawn('no-such-package/worker', 'f')],
  ['module_not_found', 'the same on a thread', (api) => api.spawn('no-such-package/worker', 'f', [], { thread: 1 })],
  ['undef', 'spawn a function that is not there', (api) => api.spawn(placed, 'nothing', [], { thread: 1 })],
  [
    'notsup',
    'spawn a module that the other node has not registered',
    (api, { elsewhere }) => api.spawn('m', 'f', [], { node: elsewhere.node }),
  ],
  ['badarg', 'spawn on a node that is a number', (api) => api.spawn('m', 'f', [], { node: 5 })],
  ['badarg', 'send later after a word', (api, { alive }) => api.sendAfter('soon', alive, 'hello')],
  ['badarg', 'send later, before now', (api, { alive }) => api.sendAfter(-5, alive, 'hello')],
  ['badarg', 'send later to a number', (api) => api.sendAfter(1, 5, 'hello')],
  ['not_sendable', 'send a function later', (api, { alive }) => api.sendAfter(1, alive, () => 1)],
  ['badarg', 'cancel a timer by a number', (api) => api.cancelTimer(5)],
  ['badarg', 'ask about a number', (api) => api.processInfo(5)],
  ['badarg', 'ask about a process of another node', (api, { elsewhere }) => api.processInfo(elsewhere)],
  ['badarg', 'ask whether a name lives', (api) => api.isAlive('taken')],
  ['badarg', 'ask whether a process of another node lives', (api, { elsewhere }) => api.isAlive(elsewhere)],
  ['badarg', 'monitor a node that is a number', (api) => api.monitorNode(5, true)],
  ['badarg', 'monitor a node with a word', (api) => api.monitorNode('n@127.0.0.1', 'yes')],
];

const ONLY_SELF: readonly Row[] = [
  ['badarg', 'send with a number for options', (api, { alive }) => api.send(alive, 'hello', 5)],
  ['badarg', 'send with a word for a flag', (api, { alive }) => api.send(alive, 'hello', { noconnect: 'yes' })],
  ['badarg', 'request a spawn of a function', (api) => api.spawnRequest(() => 1)],
  ['badarg', 'request a spawn with null for options', (api) => api.spawnRequest('m', 'f', [], null)],
  [
    'not_sendable',
    'request a spawn with a function',
    (api) => api.spawnRequest('m', 'f', [() => 1], { node: 'n@127.0.0.1' }),
  ],
  ['badarg', 'disconnect a number', (api) => api.disconnectNode(5)],
];

const ONLY_FREE: readonly Row[] = [
  ['badarg', 'run what is no function', (api) => api.run(5)],
  ['badarg', 'offload a number', (api) => api.offload(5, 'f')],
  ['badarg', 'offload with a word for a signal', (api) => api.offload(placed, 'fibonacci', [1], { signal: 'stop' })],
  ['badarg', 'offload by a relative path', (api) => api.offload('./placed.js', 'fibonacci')],
  ['not_sendable', 'offload with a function', (api) => api.offload(placed, 'fibonacci', [() => 1])],
  ['undef', 'offload a function that is not there', (api) => api.offload(placed, 'nothing')],
];

/** What must be the same after a call that failed. */
async function snapshot(node: LocalNode, { self, alive, named }: World): Promise<unknown> {
  const stats = (await node.stats()).map(({ thread, processes }) => [thread, processes]);
  const names = ['taken', 'fresh', 'other', 'nobody'].map((name) => String(self.whereis(name)));
  const infos = [self.processInfo(), await self.processInfo(alive), await self.processInfo(named)];
  return JSON.stringify([stats.slice(0, 2), names, infos], (key, value: unknown) =>
    key === 'target' ? undefined : value,
  );
}

async function expectCode(code: string, call: () => unknown): Promise<void> {
  let outcome: unknown;
  try {
    outcome = await call();
  } catch (error) {
    assert.ok(error instanceof Error, String(error));
    assert.equal((error as Error & { code?: unknown }).code, code, error.stack);
    assert.ok(error.message.length > 15, `says nothing: ${error.message}`);
    return;
  }
  assert.fail(`no error, but ${String(outcome)}`);
}

describe('bad input', () => {
  let node: LocalNode;
  let other: LocalNode;
  before(async () => {
    const port = await freePort();
    const common = { cookie: 'bad-input', epmd: { port } };
    node = await LocalNode.start({ ...common, name: 'one@127.0.0.1', threads: 1 });
    other = await LocalNode.start({ ...common, name: 'two@127.0.0.1', threads: 0, modules: { known: { f: () => 1 } } });
  });
  after(async () => {
    await node.stop();
    await other.stop();
  });

  /** Runs a process with everything that the calls need. */
  const inWorld = (fn: (world: World) => Promise<void>): Promise<void> =>
    node.run(async (self) => {
      const waiting = async (process: Self): Promise<void> => void (await process.receive(() => false));
      const alive = self.spawn(waiting);
      const named = self.spawn(waiting, { name: 'taken' });
      const dead = self.spawn(() => 1);
      const elsewhere = other.spawn(waiting);
      const farRef = await other.run((there) => there.makeRef());
      await node.connect(other.name);
      const gone = self.monitor(dead);
      await self.receive(quorate.isDown(gone));
      await fn({ self, alive, dead, elsewhere, named, farRef });
      for (const pid of [alive, named]) self.exit(pid, atom('kill'));
    });

  for (const [where, rows] of [
    ['self', [...BOTH, ...ONLY_SELF]],
    ['free functions', [...BOTH, ...ONLY_FREE]],
  ] as const) {
    test(`${where}: each of ${rows.length} bad calls is refused with its code, and changes nothing`, () =>
      inWorld(async (world) => {
        const api = (where === 'self' ? world.self : quorate) as unknown as Loose;
        const bound = new Proxy(api, { get: (target, name) => target[name as keyof Loose].bind(target) });
        for (const [code, what, call] of rows) {
          const earlier = await snapshot(node, world);
          await expectCode(code, () => call(bound, world)).catch((error: Error) => {
            throw new Error(`${what}: ${error.message}`, { cause: error });
          });
          assert.equal(await snapshot(node, world), earlier, what);
        }
        world.self.send(world.self.pid, 'still here');
        assert.equal(await world.self.receive({ timeoutMs: 5000 }), 'still here', 'nothing else came');
      }));
  }

  test('control: a call that is right is noticed as such, and a change is seen', () =>
    inWorld(async (world) => {
      await assert.rejects(
        expectCode('badarg', () => world.self.send(world.alive, 'fine')),
        /no error/,
      );
      const earlier = await snapshot(node, world);
      world.self.monitor(world.alive);
      assert.notEqual(await snapshot(node, world), earlier);
    }));

  test('a spawn request that is refused says so in its reply, since it has returned by then', () =>
    inWorld(async ({ self }) => {
      const ref = self.spawnRequest('unknown', 'f', [], { node: other.name });
      const reply = (await self.receive((m) => Array.isArray(m) && ref.equals(m[1]), { timeoutMs: 5000 })) as unknown[];
      assert.deepEqual([...reply].slice(2), [atom('error'), atom('notsup')]);
    }));

  test('everything is refused to a process that has ended, and to nobody', async () => {
    const ended = await node.run(async (self) => {
      let child: Self | undefined;
      const [, ref] = self.spawnMonitor((other) => void (child = other));
      await self.receive(quorate.isDown(ref));
      return child as Self;
    });
    for (const name of [
      'send',
      'receive',
      'link',
      'monitor',
      'spawn',
      'register',
      'makeRef',
      'alias',
      'exit',
      'sendAfter',
    ] as const) {
      await expectCode('noproc', () => (ended as unknown as Loose)[name](ended.pid, 'x'));
    }
    for (const name of [
      'self',
      'receive',
      'link',
      'monitor',
      'alias',
      'trapExit',
      'spawnLink',
      'monitorNode',
    ] as const) {
      await expectCode('no_process', () => (quorate as unknown as Loose)[name](ended.pid, true));
    }
  });

  const OPTIONS: readonly (readonly [string, object | null])[] = [
    ['no object', null],
    ['a name without a host', { name: 'n', cookie: 'c' }],
    ['a name without a cookie', { name: 'n@127.0.0.1' }],
    ['an empty cookie', { name: 'n@127.0.0.1', cookie: '' }],
    ['half a thread', { threads: 1.5 }],
    ['less than no thread', { threads: -1 }],
    ['too many threads', { threads: 5000 }],
    ['a clock for several threads', { threads: 1, env: quorate.realEnv }],
    ['two ways to find nodes', { epmd: {}, resolve: () => null }],
    ['an unknown placement', { placement: 'anywhere' }],
    ['placement on a thread that there is not', { threads: 2, placement: 3 }],
    ['no thread for offloaded work', { offloadThreads: 0 }],
    ['a memory limit that is too small', { threadMemoryLimitMb: 1 }],
    ['a time for stuck threads that is too short', { longScheduleMs: 1 }],
    ['a path for a URL', { resolveFrom: './here.js' }],
    ['a path for the thread entry', { threadEntry: 'entry.js' }],
    ['a word for a flag', { hidden: 'no' }],
    ['a port that there is not', { listen: { port: 70_000 } }],
    ['a tick time of nothing', { netTicktimeMs: 0 }],
    ['modules that are none', { modules: { m: 5 } }],
    ['a logger that cannot', { logger: { info: 1 } }],
  ];

  test(`each of ${OPTIONS.length} bad options of a node is refused`, async () => {
    for (const [what, options] of OPTIONS) {
      await expectCode('badarg', () => LocalNode.start(options as never)).catch((error: Error) => {
        throw new Error(`${what}: ${error.message}`, { cause: error });
      });
    }
  });

  test('the functions of a node', async () => {
    const api = node as unknown as Loose;
    await expectCode('badarg', () => api.connect(5));
    await expectCode('badarg', () => api.disconnect(null));
    await expectCode('badarg', () => api.setCookie('n@127.0.0.1', ''));
    await expectCode('badarg', () => api.killThread('one'));
    await expectCode('badarg', () => api.killThread(0));
    await expectCode('badarg', () => api.spawn(5));
    await expectCode('badarg', () => api.run('f'));
    await expectCode('badarg', () => api.send(5, 'x'));
    await expectCode('badarg', () => api.whereis(5));
    await expectCode('badarg', () => api.offload(5));
  });
});

test('without a node the free functions say what is missing', async () => {
  for (const name of [
    'spawn',
    'send',
    'whereis',
    'register',
    'makeRef',
    'run',
    'offload',
    'isAlive',
    'nodes',
  ] as const) {
    await expectCode('no_node', async () => (quorate as unknown as Loose)[name](() => 1, 'x', []));
  }
});
