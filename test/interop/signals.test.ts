/** The contract's group `signals`: each control message to the responder as raw bytes, and its exact answer; the link protocol step by step. */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { atom, Exit, Pid, tuple } from '../../runtime/index.ts';
import { frameOf, portOf, RawNode, type Came } from './raw-node.ts';
import { startResponder } from './responder-kit.ts';

const NO_COOKIE = atom('');
const BOOM = atom('boom');

interface World {
  readonly raw: RawNode;
  readonly agent: Pid;
  readonly port: number;
}

async function start(t: TestContext): Promise<World> {
  const port = await portOf(await startResponder(t));
  const raw = await RawNode.connect(t, port, 'raw@h');
  return { raw, port, agent: (await raw.ask(atom('spawn_child'))) as Pid };
}

async function another(raw: RawNode): Promise<Pid> {
  return (await raw.ask(atom('spawn_child'))) as Pid;
}

/** Tells an agent to end; that is not answered. */
function end(raw: RawNode, agent: Pid, reason: unknown): void {
  raw.send([22, raw.pid(9), agent], tuple(raw.pid(9), raw.ref(), tuple(atom('exit'), reason)));
}

/** All that comes until the answer to a ping, which comes after what was asked for before. */
async function untilQuiet(raw: RawNode): Promise<readonly Came[]> {
  const before: Came[] = [];
  await raw.ask(atom('ping'), undefined, before);
  return before;
}

function assertCame({ control, payload }: Came, expected: readonly unknown[], reason?: unknown): void {
  assert.deepEqual(control.map(String), expected.map(String));
  assert.deepEqual(payload, reason);
}

/** Ended, and every consequence of its end over. */
async function deadAgent(raw: RawNode): Promise<Pid> {
  const dead = await another(raw);
  const ref = raw.ref();
  raw.send([19, raw.pid(), dead, ref]);
  end(raw, dead, Exit.normal);
  assertCame(await raw.next(), [28, dead, raw.pid(), ref], Exit.normal);
  return dead;
}

test('a monitor of what is not there is answered with noproc, by pid with the pid, by name with the name', async (t) => {
  const { raw, agent } = await start(t);
  const dead = await deadAgent(raw);
  const old = new Pid(agent.node, agent.id, agent.serial, agent.creation + 1);
  for (const target of [dead, old, atom('nobody_has_this_name')]) {
    const ref = raw.ref();
    raw.send([19, raw.pid(), target, ref]);
    assertCame(await raw.next(), [28, target, raw.pid(), ref], Exit.noproc);
  }
});

test('a DOWN carries the reason as payload, and none comes after a demonitor', async (t) => {
  const { raw, agent } = await start(t);
  const [first, second] = [raw.ref(), raw.ref()];
  raw.send([19, raw.pid(), agent, first]);
  raw.send([19, raw.pid(2), agent, second]);
  raw.send([20, raw.pid(), agent, first]);
  end(raw, agent, tuple(BOOM, 1));
  assertCame(await raw.next(), [28, agent, raw.pid(2), second], tuple(BOOM, 1));
  assert.deepEqual(await untilQuiet(raw), []);
});

test('a link to what is not there is an EXIT noproc; a link ends with the EXIT of the one that ends', async (t) => {
  const { raw, agent } = await start(t);
  const dead = await deadAgent(raw);
  raw.send([1, raw.pid(), dead]);
  assertCame(await raw.next(), [24, dead, raw.pid()], Exit.noproc);
  raw.send([1, raw.pid(), agent]);
  raw.send([1, raw.pid(), agent]);
  end(raw, agent, BOOM);
  assertCame(await raw.next(), [24, agent, raw.pid()], BOOM);
  assert.deepEqual(await untilQuiet(raw), []);
});

test('every unlink with an id is acknowledged with that id, also of dead and never linked processes; the old one is not', async (t) => {
  const { raw, agent } = await start(t);
  const dead = await deadAgent(raw);
  const nobody = new Pid(agent.node, 12_345_678, 0, agent.creation);
  let id = 2n ** 60n;
  for (const target of [agent, dead, nobody]) {
    id += 1n;
    raw.send([35, id, raw.pid(), target]);
    assertCame(await raw.next(), [36, id, target, raw.pid()]);
  }
  raw.send([1, raw.pid(), agent]);
  raw.send([4, raw.pid(), agent]);
  end(raw, agent, BOOM);
  assert.deepEqual(await untilQuiet(raw), []);
});

test('an unlink of theirs that is not acknowledged: our links are ignored until it is, and a link of theirs forgets it', async (t) => {
  const { raw, agent } = await start(t);
  const own = raw.pid(5);
  const linked: Came[] = [];
  await raw.ask(tuple(atom('link'), own), agent, linked);
  // It comes before the answer or after it.
  assertCame([...linked, ...(await untilQuiet(raw))][0] as Came, [1, agent, own]);
  const before: Came[] = [];
  await raw.ask(tuple(atom('unlink'), own), agent, before);
  const unlink = before.concat(await untilQuiet(raw)).find(({ control }) => control[0] === 35) as Came;
  assert.deepEqual([unlink.control[2], unlink.control[3]].map(String), [agent, own].map(String));
  // Crossing: ours went off before their unlink came in. It makes no link.
  raw.send([1, own, agent]);
  raw.send([36, unlink.control[1], own, agent]);
  end(raw, agent, BOOM);
  assert.deepEqual(await untilQuiet(raw), []);
});

test('exit signals: kill is killed, normal is ignored, a trapped one is a message; the old and the traced forms are understood', async (t) => {
  const { raw, agent } = await start(t);
  const token = tuple(0, 1, 2);
  await raw.ask(tuple(atom('trap'), true), agent);
  raw.send([26, raw.pid(), agent], BOOM);
  raw.send([8, raw.pid(), agent, atom('old')]);
  raw.send([18, raw.pid(), agent, token, atom('traced')]);
  raw.send([27, raw.pid(), agent, token], atom('traced_payload'));
  const log = (await raw.ask(atom('log'), agent)) as readonly unknown[];
  const exits = [BOOM, atom('old'), atom('traced'), atom('traced_payload')];
  assert.deepEqual(
    log.map(String),
    exits.map((reason) => String(tuple(atom('EXIT'), raw.pid(), reason))),
  );
  const plain = await another(raw);
  raw.send([26, raw.pid(), plain], Exit.normal);
  assert.equal(await raw.ask(atom('ping'), plain), atom('pong'));
  const ref = raw.ref();
  raw.send([19, raw.pid(), agent, ref]);
  raw.send([26, raw.pid(), agent], Exit.kill);
  assertCame(await raw.next(), [28, agent, raw.pid(), ref], Exit.killed);
});

test('messages in every form arrive in their order: by pid, by name, to an alias, traced, old; to the dead they are lost', async (t) => {
  const { raw, agent } = await start(t);
  const token = tuple(0, 1, 2);
  assert.equal(await raw.ask(tuple(atom('register'), atom('by_name')), agent), atom('ok'));
  raw.send([22, raw.pid(), agent], 1);
  raw.send([2, NO_COOKIE, agent], 2);
  raw.send([6, raw.pid(), NO_COOKIE, atom('by_name')], 3);
  raw.send([12, NO_COOKIE, agent, token], 4);
  raw.send([16, raw.pid(), NO_COOKIE, atom('by_name'), token], 5);
  raw.send([23, raw.pid(), agent, token], 6);
  raw.send([22, raw.pid(), new Pid(agent.node, agent.id, agent.serial, agent.creation + 1)], 'to another life');
  raw.send([6, raw.pid(), NO_COOKIE, atom('nobody_has_this_name')], 'to nobody');
  raw.send([33, raw.pid(), raw.ref()], 'to no alias');
  raw.send([7, raw.pid(), agent]);
  assert.deepEqual(await raw.ask(atom('log'), agent), [1, 2, 3, 4, 5, 6]);
});

test('a message in parts is put together, with others between its parts', async (t) => {
  const { raw, agent } = await start(t);
  const whole = Buffer.from(frameOf([22, raw.pid(), agent], 'x'.repeat(1_000))).subarray(2);
  const header = (kind: number, left: number): Buffer => {
    const bytes = Buffer.alloc(18);
    bytes.set([131, kind]);
    bytes.writeBigUInt64BE(77n, 2);
    bytes.writeBigUInt64BE(BigInt(left), 10);
    return bytes;
  };
  const { peer } = raw.attacker;
  peer.frame(Buffer.concat([header(69, 3), whole.subarray(0, 400)]));
  raw.send([22, raw.pid(2), agent], 'between');
  peer.frame(Buffer.concat([header(70, 2), whole.subarray(400, 700)]));
  peer.frame(Buffer.concat([header(70, 1), whole.subarray(700)]));
  assert.deepEqual(await raw.ask(atom('log'), agent), ['between', 'x'.repeat(1_000)]);
});

test('a spawn request is always answered: with the pid, linked and monitored as asked, or with why not', async (t) => {
  const { raw } = await start(t);
  const request = (module: string, fn: string, options: readonly unknown[]): ReturnType<RawNode['ref']> => {
    const ref = raw.ref();
    raw.send([29, ref, raw.pid(), raw.pid(), tuple(atom(module), atom(fn), 0), options], []);
    return ref;
  };
  const refused = request('no_module', 'no_function', []);
  assertCame(await raw.next(), [31, refused, raw.pid(), 0, atom('notsup')]);
  const ref = request('conformance', 'child', [atom('link'), atom('monitor')]);
  const { control } = await raw.next();
  const child = control[4] as Pid;
  assert.deepEqual([control[0], control[3], child instanceof Pid], [31, 3, true]);
  end(raw, child, BOOM);
  const ends = [await raw.next(), await raw.next()].map((came) => came.control.map(String).join()).sort();
  assert.deepEqual(
    ends,
    [
      [24, child, raw.pid()],
      [28, child, raw.pid(), ref],
    ].map((one) => one.map(String).join()),
  );
});

test('ends of their processes in every form, old and traced: DOWN and EXIT have the reason', async (t) => {
  const { raw, agent } = await start(t);
  const token = tuple(0, 1, 2);
  await raw.ask(tuple(atom('trap'), true), agent);
  const forms: readonly ((own: Pid, ref: unknown) => void)[] = [
    (own, ref) => raw.send([21, own, agent, ref, BOOM]),
    (own, ref) => raw.send([28, own, agent, ref], BOOM),
    (own) => raw.send([3, own, agent, BOOM]),
    (own) => raw.send([13, own, agent, token, BOOM]),
    (own) => raw.send([24, own, agent], BOOM),
    (own) => raw.send([25, own, agent, token], BOOM),
  ];
  const expected: string[] = [];
  for (const [i, send] of forms.entries()) {
    const own = raw.pid(20 + i);
    const isMonitor = i < 2;
    const ref = await raw.ask(tuple(atom(isMonitor ? 'monitor' : 'link'), own), agent);
    send(own, ref);
    const down = tuple(atom('DOWN'), ref, atom('process'), own, BOOM);
    expected.push(String(isMonitor ? down : tuple(atom('EXIT'), own, BOOM)));
  }
  const log = (await raw.ask(atom('log'), agent)) as readonly unknown[];
  assert.deepEqual(log.map(String), expected);
});
