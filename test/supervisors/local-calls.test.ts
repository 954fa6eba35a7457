/** Calls on one thread are kept in a way of their own; what can be seen of them is what a monitor with an alias shows. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Exit, LocalNode } from '../../runtime/index.ts';
import {
  GenServer,
  Next,
  type Call,
  type CallError,
  type CallResult,
  type From,
  type InitResult,
} from '../../supervisors/index.ts';

type HoldCall = Call<number, number> | Call<'release', number> | Call<'twice', number>;

/** Keeps callers waiting until it is told to answer, in reverse order. */
class Holder extends GenServer<[From<number>, number][], HoldCall> {
  override init(): InitResult<[From<number>, number][]> {
    return Next.ok([]);
  }
  override handleCall(
    request: number | 'release' | 'twice',
    from: From<number>,
    held: [From<number>, number][],
  ): CallResult<[From<number>, number][], number> {
    if (request === 'twice') {
      GenServer.reply(from, 1, { self: this.self });
      GenServer.reply(from, 2, { self: this.self });
      return Next.noreply(held);
    }
    if (request !== 'release') return Next.noreply([...held, [from, request]]);
    for (const [caller, value] of held.reverse()) GenServer.reply(caller, value * 2, { self: this.self });
    return Next.reply(held.length, []);
  }
}

let node: LocalNode;
before(async () => {
  node = await LocalNode.start({ threads: 0, logger: false });
});
after(() => node.stop());

test('a thousand calls wait at once and each gets its own reply, in any order', async () => {
  const server = await node.run((self) => Holder.start(undefined, { self }));
  const calls = Array.from({ length: 1000 }, (_, i) =>
    node.run((self) => GenServer.call(server, i as never, { self })),
  );
  await node.run(async (self) => {
    while ((await node.processInfo(server))?.messageQueueLen !== 0)
      await self.receive({ timeoutMs: 1, otherwise: null });
    assert.equal((await node.processInfo(server))?.monitoredBy.length, 1000);
    assert.equal(await GenServer.call(server, 'release' as never, { self }), 1000);
  });
  assert.deepEqual(
    await Promise.all(calls),
    Array.from({ length: 1000 }, (_, i) => i * 2),
  );
  assert.deepEqual((await node.processInfo(server))?.monitoredBy, []);
});

test('a server that ends fails every call that waits for it, with its reason', async () => {
  const server = await node.run((self) => Holder.start(undefined, { self }));
  const calls = Array.from({ length: 300 }, (_, i) =>
    node.run((self) => GenServer.call(server, i as never, { self })).catch((error: CallError) => error),
  );
  await node.run(async (self) => {
    while ((await node.processInfo(server))?.monitoredBy.length !== 300)
      await self.receive({ timeoutMs: 1, otherwise: null });
    self.exit(server, Exit.kill);
  });
  const errors = (await Promise.all(calls)) as CallError[];
  assert.deepEqual(new Set(errors.map(({ code, why }) => `${code} ${String(why)}`)), new Set(['exit killed']));
});

test('a caller shows what it waits for, and takes its call with it when it ends', () =>
  node.run(async (self) => {
    const server = await Holder.start(undefined, { self });
    const caller = self.spawn(async (own) => void (await GenServer.call(server, 1 as never, { self: own })));
    while ((await self.processInfo(server))?.monitoredBy.length !== 1)
      await self.receive({ timeoutMs: 1, otherwise: null });
    assert.deepEqual((await self.processInfo(caller))?.monitors, [server]);
    self.exit(caller, Exit.kill);
    assert.deepEqual((await self.processInfo(server))?.monitoredBy, []);
    assert.equal(await GenServer.call(server, 'release' as never, { self }), 1);
  }));

test('after a reply, or the deadline, nothing more arrives', () =>
  node.run(async (self) => {
    const server = await Holder.start(undefined, { self });
    assert.equal(await GenServer.call(server, 'twice' as never, { self }), 1);
    await assert.rejects(GenServer.call(server, 5 as never, { self, timeoutMs: 5 }), { code: 'timeout' });
    assert.deepEqual((await self.processInfo(server))?.monitoredBy, []);
    await GenServer.call(server, 'release' as never, { self });
    assert.equal(await self.receive({ timeoutMs: 20, otherwise: 'nothing' }), 'nothing');
  }));
