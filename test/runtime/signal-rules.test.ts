/** Corner cases of monitors, sends and spawns, each as OTP 25 was seen to do it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { atom, Exit, isDown, tuple, type Self } from '../../runtime/index.ts';
import { inProcess } from '../kit/scheduler.ts';

const boom = atom('boom');
const waits = async (self: Self): Promise<void> => void (await self.receive());

async function drain(self: Self): Promise<unknown[]> {
  const mail: unknown[] = [];
  for (;;) {
    const message = await self.receive({ timeoutMs: 1, otherwise: null });
    if (message === null) return mail;
    mail.push(message);
  }
}

test(
  'flush takes the first message that has the shape of a DOWN with that reference, and only after the monitor fired',
  inProcess(async (self) => {
    const child = self.spawn(waits);
    const ref = self.monitor(child);
    const lookalike = tuple(atom('x'), ref, 1, 2, 3);
    self.send(self.pid, lookalike);
    self.send(self.pid, tuple(atom('x'), ref, 1, 2));
    assert.equal(self.demonitor(ref, { flush: true, info: true }), true);
    assert.equal(self.processInfo().messageQueueLen, 2);
    assert.equal(self.demonitor(ref, { flush: true, info: true }), false);
    assert.deepEqual(await drain(self), [tuple(atom('x'), ref, 1, 2)]);
  }),
);

test(
  'flush leaves the DOWN of other monitors of the same process',
  inProcess(async (self) => {
    const child = self.spawn(waits);
    const [first, second] = [self.monitor(child, { tag: undefined }), self.monitor(child, { tag: boom })];
    self.exit(child, boom);
    self.demonitor(second, { flush: true });
    const mail = await drain(self);
    assert.equal(mail.length, 1);
    assert.ok(isDown(first)(mail[0]) && mail[0][0] === undefined, 'undefined is a tag like any other');
  }),
);

test(
  'a process that monitors itself, by pid or by name, gets a reference and neither monitor nor alias',
  inProcess(async (self) => {
    self.register('me');
    for (const target of [self.pid, 'me']) {
      const ref = self.monitor(target, { alias: 'explicitUnalias' });
      self.send(ref, 'nobody gets this');
      assert.deepEqual(self.processInfo().monitors, []);
      assert.equal(self.demonitor(ref, { info: true }), false);
      assert.equal(self.unalias(ref), false);
    }
    assert.deepEqual(await drain(self), []);
  }),
);

test(
  'nobody can have the name undefined: a monitor of it fires at once, a message to it is dropped',
  inProcess(async (self) => {
    const nobody = tuple(undefined, self.nodeName) as unknown as Parameters<Self['monitor']>[0];
    const ref = self.monitor(nobody);
    self.send(nobody, 1);
    const [down, ...rest] = await drain(self);
    assert.ok(isDown(ref)(down) && down.reason === Exit.noproc);
    assert.deepEqual([...(down.object as readonly unknown[])], [undefined, self.nodeName]);
    assert.deepEqual(rest, []);
  }),
);

test(
  'send with options says ok within the node, also for who is not there any more',
  inProcess(async (self) => {
    assert.equal(self.send(self.pid, 1, { noconnect: true }), 'ok');
    const gone = self.spawn(() => 1);
    await drain(self);
    assert.equal(self.send(gone, 1, { noconnect: true }), 'ok');
    assert.equal(self.send(tuple(atom('srv'), atom('nowhere@nohost')), 1, { noconnect: true }), 'noconnect');
    assert.throws(
      () => self.send('nobody', 1, {}),
      (error) => hasCode(error, 'badarg'),
    );
  }),
);

test(
  'spawnMonitor refuses a monitor it cannot make, and starts nothing',
  inProcess(async (self) => {
    let started = false;
    const monitor = { alias: 'sometimes' } as unknown as { alias: 'demonitor' };
    assert.throws(
      () => self.spawnMonitor(() => (started = true), { monitor }),
      (error) => hasCode(error, 'badarg'),
    );
    await drain(self);
    assert.equal(started, false);
  }),
);
