import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { atom, isTagged, tuple } from '../../runtime/index.ts';
import { createTestScheduler, inProcess } from '../kit/scheduler.ts';

const isNumber = (message: unknown): message is number => typeof message === 'number';

test(
  'messages of one sender arrive in the order they were sent',
  inProcess(async (self) => {
    const child = self.spawn(async (other) => {
      for (let i = 0; i < 10_000; i++) other.send(self.pid, i);
      await other.receive();
    });
    for (let i = 0; i < 10_000; i++) assert.equal(await self.receive(), i);
    self.send(child, 'end');
  }),
);

test(
  'a selective receive takes the oldest match and leaves the others in their order',
  inProcess(async (self) => {
    for (const message of ['a', 1, 'b', 2]) self.send(self.pid, message);
    assert.equal(await self.receive(isNumber), 1);
    assert.equal(await self.receive(isNumber), 2);
    assert.equal(await self.receive(), 'a');
    assert.equal(await self.receive(), 'b');
  }),
);

test(
  'a receive that waits looks at each newcomer once and keeps what it refused',
  inProcess(async (self) => {
    let seen = 0;
    self.sendAfter(1, self.pid, 'x');
    self.sendAfter(2, self.pid, 'y');
    self.sendAfter(3, self.pid, 3);
    const got = await self.receive((message): message is number => {
      seen += 1;
      return typeof message === 'number';
    });
    assert.equal(got, 3);
    assert.equal(seen, 3);
    assert.equal(self.processInfo().messageQueueLen, 2);
  }),
);

test(
  'a receive with a timeout rejects with timeout, or resolves to what was asked for instead',
  inProcess(async (self) => {
    await assert.rejects(self.receive({ timeoutMs: 1 }), (error) => hasCode(error, 'timeout'));
    assert.equal(await self.receive({ timeoutMs: 0, otherwise: 'none' }), 'none');
    self.send(self.pid, 'there');
    assert.equal(await self.receive({ timeoutMs: 0, otherwise: 'none' }), 'there');
  }),
);

test(
  'a message that comes in time cancels the timeout',
  inProcess(async (self) => {
    self.sendAfter(1, self.pid, 'early');
    assert.equal(await self.receive({ timeoutMs: 5000 }), 'early');
  }),
);

test(
  'a matcher that throws rejects the receive and loses no message',
  inProcess(async (self) => {
    const broken = (): never => {
      throw new Error('broken matcher');
    };
    self.send(self.pid, 'kept');
    await assert.rejects(async () => self.receive(broken), /broken matcher/);
    self.sendAfter(1, self.pid, 'second');
    await self.receive();
    const waiting = self.receive(broken);
    await assert.rejects(waiting, /broken matcher/);
    assert.equal(await self.receive(), 'second');
  }),
);

test(
  'two receives of one process at a time are refused',
  inProcess(async (self) => {
    const first = self.receive();
    assert.throws(
      () => void self.receive(),
      (error) => hasCode(error, 'receive_pending'),
    );
    self.send(self.pid, 'x');
    assert.equal(await first, 'x');
  }),
);

test(
  'a receiver never sees what the sender changes later',
  inProcess(async (self) => {
    const message = { list: [1, 2], map: new Map([['k', { deep: true }]]) };
    const pair = tuple(atom('pair'), message);
    self.send(self.pid, pair);
    message.list.push(3);
    message.map.clear();
    const got = await self.receive();
    assert.ok(isTagged(got, atom('pair'), 2));
    assert.deepEqual(got[1], { list: [1, 2], map: new Map([['k', { deep: true }]]) });
  }),
);

test(
  'what cannot be sent is refused with the path to it, at the sender',
  inProcess(async (self) => {
    assert.throws(
      () => self.send(self.pid, { users: [{ name: 'x' }, { socket: () => 1 }] }),
      (error) => hasCode(error, 'not_sendable') && /users\[1\]\.socket/.test((error as Error).message),
    );
    assert.equal(await self.receive({ timeoutMs: 0, otherwise: 'nothing' }), 'nothing');
  }),
);

test('two processes that talk without pause leave the event loop its turns', async () => {
  const scheduler = createTestScheduler();
  const echo = scheduler.spawn(async (self) => {
    for (;;) self.send((await self.receive()) as never, self.pid);
  });
  scheduler.spawn(async (self) => {
    self.send(echo, self.pid);
    for (;;) self.send((await self.receive()) as never, self.pid);
  });
  scheduler.spawn(async (self) => {
    for (;;) await self.receive({ timeoutMs: 0, otherwise: undefined });
  });
  for (let turns = 0; turns < 5; turns++) await new Promise((resolve) => setTimeout(resolve, 1));
  scheduler.stop('test over');
});

test('a turn that is used up delays messages but loses and reorders none', async () => {
  const scheduler = createTestScheduler();
  const got = await new Promise<unknown[]>((resolve) => {
    const sink = scheduler.spawn(async (self) => {
      const all: unknown[] = [];
      while (all.length < 20_000) all.push(await self.receive());
      resolve(all);
    });
    scheduler.spawn(async (self) => {
      for (let i = 0; i < 20_000; i++) {
        self.send(sink, i);
        if (i % 7 === 0) await Promise.resolve();
      }
    });
  });
  assert.deepEqual(
    got,
    Array.from({ length: 20_000 }, (_, i) => i),
  );
  scheduler.stop('test over');
});
