/**
 * The contract's groups `hostile`, `leaks` and `tick`: peers that have proved the cookie and do not behave, the same work again and again, and silence.
 * The responder lives on, in bounded memory, and a well-behaved node stays connected with it and is answered all the while.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { atom, isDown, LocalNode, tuple, type Pid, type Self } from '../../runtime/index.ts';
import { TermWriter } from '../../runtime/codec/term-writer.ts';
import { until } from '../kit/wait.ts';
import { mutate } from '../fuzz/mutate.ts';
import { Random } from '../sim/random.ts';
import { withLength32 } from '../kit/wire.ts';
import { frameOf, portOf, RawNode } from './raw-node.ts';
import { COOKIE, OURS, startResponder, type Responder } from './responder-kit.ts';

const MB = 1_000_000;
const CONFORMANCE = tuple(atom('conformance'), atom(OURS));
const PATIENCE = { timeoutMs: 20_000 };
/** Memory is read from /proc. */
const options = { skip: process.platform === 'linux' ? false : 'reads /proc' };

interface World {
  readonly responder: Responder;
  readonly port: number;
  readonly good: LocalNode;
  readonly pid: number;
  readonly lost: string[];
}

async function start(t: TestContext, more: readonly string[] = []): Promise<World> {
  const responder = await startResponder(t, { more });
  const ticktime = more.includes('--ticktime') ? { netTicktimeMs: Number(more.at(-1)) } : {};
  const epmd = { port: responder.epmdPort };
  const good = await LocalNode.start({ name: 'good@127.0.0.1', cookie: COOKIE, threads: 0, epmd, ...ticktime });
  t.after(() => good.stop());
  const lost: string[] = [];
  good.on('nodedown', (_node, reason) => lost.push(reason));
  const pid = (await good.run((self) => ask(self, atom('os_pid')))) as number;
  return { responder, port: await portOf(responder), good, pid, lost };
}

async function ask(self: Self, op: unknown, to: Parameters<Self['send']>[0] = CONFORMANCE): Promise<unknown> {
  const ref = self.makeRef();
  self.send(to, tuple(self.pid, ref, op));
  const answer = await self.receive((m) => Array.isArray(m) && ref.equals(m[0]), PATIENCE);
  return (answer as unknown as readonly unknown[])[1];
}

/** What a process of this machine holds in memory. */
function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) * 1024;
}

/** The good node is connected as it was from the beginning, and answered. */
async function assertUnharmed({ good, lost, responder }: World): Promise<void> {
  assert.equal(await good.run((self) => ask(self, atom('ping'))), atom('pong'));
  assert.deepEqual(lost, [], responder.program.output());
}

const toConformance = (raw: RawNode): readonly unknown[] => [6, raw.pid(), atom(''), atom('conformance')];

/** Whole control tuples that no node sends. */
function wrongControls(raw: RawNode): readonly (readonly unknown[])[] {
  const [own, other] = [raw.pid(), raw.pid(2)];
  return [
    [],
    ['text'],
    [99, own],
    [0],
    [-1, own, own],
    [1, own],
    [1, own, own, own],
    [1, atom('a'), atom('b')],
    [2],
    [6, own, atom(''), 'text'],
    [6, 1, atom(''), atom('conformance')],
    [19, own, 7, raw.ref()],
    [19, own, atom('conformance'), own],
    [20, own, own],
    [24, own],
    [29, raw.ref(), own, own, tuple(1, 2), []],
    [29, raw.ref(), own, own, tuple(atom('m'), atom('f'), -1), []],
    [31, 1, own, 1, own],
    [33, own, own],
    [35, -1, own, other],
    [35, own, own, other],
    [36, 2 ** 60, own],
  ];
}

test(
  'wrong control tuples, and frames that are cut, mutated or random, cost their connection at most',
  options,
  async (t) => {
    const world = await start(t);
    const before = residentBytes(world.pid);
    let count = 0;
    const connect = (): Promise<RawNode> => RawNode.connect(t, world.port, `x${(count += 1)}@h`);
    let raw = await connect();
    for (const control of wrongControls(raw)) {
      if (raw.closed) raw = await connect();
      raw.send(control, 'payload');
      const isClosed = await raw.ask(atom('ping')).then(
        () => false,
        () => raw.closed,
      );
      if (isClosed) continue;
      assert.equal(raw.closed, false);
    }
    const random = new Random(7);
    const sound = wrongControls(raw).map((control) => frameOf(control, { a: [1, 'b'] }));
    for (let i = 0; i < 300; i++) {
      if (raw.closed) raw = await connect();
      const echo = frameOf(toConformance(raw), tuple(raw.pid(), raw.ref(), tuple(atom('echo'), { a: [1, 'b'] })));
      const frames = [
        echo.subarray(0, random.below(echo.length)),
        mutate(random, echo, sound),
        Buffer.from(Array.from({ length: 1 + random.below(90) }, () => random.below(256))),
      ];
      raw.attacker.peer.frame(random.pick(frames));
      await delay(1);
    }
    await assertUnharmed(world);
    const grown = residentBytes(world.pid) - before;
    t.diagnostic(`${count} connections; memory grew by ${(grown / MB).toFixed(1)} MB`);
    assert.ok(count > 20 && grown < 100 * MB, `memory grew by ${grown / MB} MB`);
  },
);

/** Payloads that announce more than they are, or are too much. */
function bombs(): Readonly<Record<string, Uint8Array>> {
  const deep = Buffer.concat([Buffer.alloc(5 * MB, Buffer.from('6c00000001', 'hex')), Buffer.alloc(MB, 106)]);
  return {
    'a list': Buffer.from('6cffffffff', 'hex'),
    'a binary': Buffer.from('6dffffffff', 'hex'),
    'a tuple': Buffer.from('69ffffffff', 'hex'),
    'a map': Buffer.from('74ffffffff', 'hex'),
    'a number': Buffer.from('6fffffffff00', 'hex'),
    'a bitstring': Buffer.from('4dffffffff05', 'hex'),
    'a fun': Buffer.from('70ffffffff00', 'hex'),
    'nested lists': deep,
    compressed: Buffer.from('507fffffff789c', 'hex'),
  };
}

test('allocation bombs, deep nesting and frames without end allocate nothing', options, async (t) => {
  const world = await start(t);
  const before = residentBytes(world.pid);
  for (const [what, bytes] of Object.entries(bombs())) {
    const raw = await RawNode.connect(t, world.port, `bomb${what.length}@h`);
    raw.attacker.peer.frame(Buffer.concat([frameOf(toConformance(raw)), bytes]));
    await raw.attacker.untilClosed(what);
  }
  for (const length of ['7fffffff', 'ffffffff']) {
    const raw = await RawNode.connect(t, world.port, 'large@h');
    raw.attacker.peer.write(Buffer.from(length, 'hex'));
    await raw.attacker.untilClosed(`a frame of 0x${length} bytes`);
  }
  await assertUnharmed(world);
  const grown = residentBytes(world.pid) - before;
  t.diagnostic(`memory grew by ${(grown / MB).toFixed(1)} MB`);
  assert.ok(grown < 100 * MB, `memory grew by ${grown / MB} MB`);
});

test('floods of atoms and monitors end with the connection that sent them, or before', options, async (t) => {
  const world = await start(t);
  const before = residentBytes(world.pid);
  const atoms = await RawNode.connect(t, world.port, 'atoms@h');
  for (let i = 0; i < 300 && !atoms.closed; i++) {
    const writer = new TermWriter();
    // No op: it is kept in the log.
    writer.term(Array.from({ length: 1_000 }, (_, n) => atom(`flood_${i}_${n}`)));
    atoms.attacker.peer.frame(Buffer.concat([frameOf(toConformance(atoms)), writer.copy()]));
    await until(() => atoms.closed || atoms.attacker.socket.writableLength === 0, 'the socket to take it');
  }
  await atoms.attacker.untilClosed('300,000 new atoms');
  assert.equal(await world.good.run((self) => ask(self, atom('clear'))), atom('ok'));
  const monitors = await RawNode.connect(t, world.port, 'monitors@h');
  for (let i = 0; i < 100; i++) {
    const frames = Array.from({ length: 1_000 }, (_, n) =>
      withLength32(frameOf([19, monitors.pid(n + 1), atom('conformance'), monitors.ref()])),
    );
    monitors.attacker.socket.write(Buffer.concat(frames));
  }
  assert.equal(await monitors.ask(atom('ping')), atom('pong'));
  await assertUnharmed(world);
  monitors.attacker.socket.destroy();
  await assertUnharmed(world);
  const grown = residentBytes(world.pid) - before;
  t.diagnostic(`memory grew by ${(grown / MB).toFixed(1)} MB`);
  assert.ok(grown < 300 * MB, `memory grew by ${grown / MB} MB`);
});

test('a peer that does not read holds back who sends to it, and nobody else', options, async (t) => {
  const world = await start(t);
  const before = residentBytes(world.pid);
  const deaf = await RawNode.connect(t, world.port, 'deaf@h');
  const agent = (await deaf.ask(atom('spawn_child'))) as never;
  deaf.attacker.socket.pause();
  // Small enough to come in one part.
  const text = 'x'.repeat(60_000);
  for (let i = 0; i < 600; i++)
    deaf.send([22, deaf.pid(), agent], tuple(deaf.pid(), deaf.ref(), tuple(atom('echo'), text)));
  for (let i = 0; i < 20; i++) {
    await assertUnharmed(world);
    await delay(20);
  }
  const grown = residentBytes(world.pid) - before;
  t.diagnostic(`memory grew by ${(grown / MB).toFixed(1)} MB`);
  assert.ok(grown < 250 * MB, `memory grew by ${grown / MB} MB`);
  deaf.attacker.socket.resume();
  assert.equal(await deaf.ask(atom('ping')), atom('pong'));
});

/** What programs do all day; all of it is over in the end. `isClean` false: what was sent is kept, for the control. */
async function work(world: World, t: TestContext, round: number, isClean = true): Promise<void> {
  const { good, port } = world;
  await good.run(async (self) => {
    const agents: Pid[] = [];
    for (let i = 0; i < 300; i++) agents.push((await ask(self, atom('spawn_child'))) as Pid);
    for (const agent of agents) {
      const ref = self.monitor(agent);
      self.send(agent, tuple(atom(`atom_${round}_${agents.indexOf(agent)}`), 'logged'));
      self.send(agent, tuple(self.pid, self.makeRef(), tuple(atom('exit'), atom('done'))));
      await self.receive(isDown(ref), PATIENCE);
    }
    for (let i = 0; i < 10; i++) await ask(self, tuple(atom('echo'), new Uint8Array(MB).fill(i)));
    for (let i = 0; i < 20; i++) self.send(CONFORMANCE, new Uint8Array(3 * MB).fill(i));
    if (isClean) await ask(self, atom('clear'));
    assert.equal(await ask(self, atom('ping')), atom('pong'));
  });
  for (let i = 0; i < 40; i++) {
    const raw = await RawNode.connect(t, port, `passing${round}-${i}@h`);
    raw.send([19, raw.pid(), atom('conformance'), raw.ref()]);
    await raw.ask(atom('ping'));
    raw.attacker.socket.destroy();
  }
}

/** How much memory there is after each of five rounds of the same work. */
async function measureRounds(t: TestContext, isClean: boolean): Promise<readonly number[]> {
  const world = await start(t);
  const after: number[] = [];
  for (let round = 0; round < 5; round++) {
    await work(world, t, round, isClean);
    after.push(residentBytes(world.pid) / MB);
  }
  await assertUnharmed(world);
  t.diagnostic(`MB after each round: ${after.map((mb) => mb.toFixed(0)).join(', ')}`);
  return after;
}

/** From the third round on nothing grows by more than the collector's mood, which is less than what a round leaves behind if it does. */
const levelsOff = ([, , third = 0, fourth = 0, fifth = 0]: readonly number[]): boolean =>
  Math.min(fourth, fifth) < third + 45;

test('the same work five times: memory levels off', options, async (t) => {
  assert.ok(levelsOff(await measureRounds(t, true)));
});

test('control: work that leaves something behind is noticed', options, async (t) => {
  assert.ok(!levelsOff(await measureRounds(t, false)));
});

test(
  'tick: an idle connection stays, a peer that is silent or frozen is gone in time and may return',
  options,
  async (t) => {
    const world = await start(t, ['--ticktime', '2000']);
    const { good, lost, pid, port } = world;
    const silent = await RawNode.connect(t, port, 'silent@h');
    const ticking = await RawNode.connect(t, port, 'ticking@h');
    const timer = setInterval(() => ticking.attacker.peer.write(new Uint8Array(4)), 500);
    t.after(() => clearInterval(timer));
    const from = performance.now();
    await silent.attacker.untilClosed('silence');
    const tookMs = performance.now() - from;
    assert.ok(tookMs > 1_500 && tookMs < 4_000, `closed after ${tookMs} ms`);
    await delay(2_500);
    assert.equal(ticking.closed, false);
    assert.deepEqual(lost, [], 'the idle connection of a node that ticks by itself');
    process.kill(pid, 'SIGSTOP');
    await delay(500);
    process.kill(pid, 'SIGCONT');
    await assertUnharmed(world);
    process.kill(pid, 'SIGSTOP');
    await until(() => lost.length > 0, 'the frozen one to be gone', 5_000);
    process.kill(pid, 'SIGCONT');
    assert.deepEqual(lost, ['net_tick_timeout']);
    assert.equal(await good.connect(OURS), true);
    assert.equal(await good.run((self) => ask(self, atom('ping'))), atom('pong'));
  },
);
