import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { atom, Exit, isDown, isExit, isTuple, ProcessError, tuple, type Pid, type Self } from '../../runtime/index.ts';
import { inProcess } from '../kit/scheduler.ts';

const boom = atom('boom');
const waits = async (self: Self): Promise<void> => void (await self.receive());

async function downReason(self: Self, pid: Pid): Promise<unknown> {
  const ref = self.monitor(pid);
  return (await self.receive(isDown(ref), { timeoutMs: 1000 })).reason;
}

test(
  'a monitor tells why: normal for a return, the reason for an exit, noproc for the dead',
  inProcess(async (self) => {
    assert.equal(
      await downReason(
        self,
        self.spawn(() => 1),
      ),
      Exit.normal,
    );
    assert.deepEqual(
      await downReason(
        self,
        self.spawn((other) => other.exit(tuple(boom, 1))),
      ),
      tuple(boom, 1),
    );
    const dead = self.spawn(() => 1);
    await downReason(self, dead);
    assert.equal(await downReason(self, dead), Exit.noproc);
    assert.equal(
      await downReason(
        self,
        self.spawn(() => 1),
      ),
      Exit.normal,
    );
  }),
);

test(
  'an uncaught error is {Error, Stack}, another thrown value {{nocatch, V}, Stack}',
  inProcess(async (self) => {
    const failed = await downReason(
      self,
      self.spawn(async () => Promise.reject(new TypeError('bad'))),
    );
    assert.ok(isTuple(failed));
    assert.ok(failed[0] instanceof Error && failed[0].message === 'bad');
    assert.ok(Array.isArray(failed[1]) && isTuple(failed[1][0]));
    const thrown = await downReason(
      self,
      self.spawn(() => {
        // eslint-disable-next-line no-throw-literal
        throw 5 as unknown as Error;
      }),
    );
    // The stack of what is no Error is not known, but the reason has the shape that everybody expects.
    assert.deepEqual(thrown, tuple(tuple(atom('nocatch'), 5), [tuple(atom('js'), atom('call'), 0, [])]));
    const error = await downReason(
      self,
      self.spawn(() => {
        throw new ProcessError(boom);
      }),
    );
    assert.ok(isTuple(error) && error[0] === boom);
  }),
);

test(
  'an abnormal exit takes linked processes along, and they theirs; normal does not',
  inProcess(async (self) => {
    const last = self.spawn(waits);
    const middle = self.spawn(async (other) => {
      other.link(last);
      await other.receive();
    });
    const ref = self.monitor(last);
    const first = self.spawn(async (other) => {
      other.link(middle);
      await other.receive();
      other.exit(boom);
    });
    await self.receive({ timeoutMs: 5, otherwise: 0 });
    self.send(first, 'go');
    assert.equal((await self.receive(isDown(ref), { timeoutMs: 1000 })).reason, boom);

    const survivor = self.spawn(waits);
    await downReason(
      self,
      self.spawn((other) => other.link(survivor)),
    );
    assert.equal(self.isAlive(survivor), true);
  }),
);

test(
  'a process that traps exits gets them as messages; kill cannot be trapped and shows as killed',
  inProcess(async (self) => {
    self.trapExit(true);
    const child = self.spawnLink((other) => other.exit(boom));
    assert.equal((await self.receive(isExit(child), { timeoutMs: 1000 })).reason, boom);
    const trapper = self.spawnLink(waits, { trapExit: true });
    self.exit(trapper, Exit.kill);
    assert.equal((await self.receive(isExit(trapper), { timeoutMs: 1000 })).reason, Exit.killed);
  }),
);

test(
  'linking to the dead is noproc: an error, or a message when trapping',
  inProcess(async (self) => {
    const dead = self.spawn(() => 1);
    await downReason(self, dead);
    assert.throws(
      () => self.link(dead),
      (error) => hasCode(error, 'noproc'),
    );
    self.trapExit(true);
    self.link(dead);
    assert.equal((await self.receive(isExit(dead), { timeoutMs: 1000 })).reason, Exit.noproc);
  }),
);

test(
  'unlink and demonitor end the relation',
  inProcess(async (self) => {
    const child = self.spawnLink(waits);
    self.unlink(child);
    const ref = self.monitor(child);
    assert.equal(self.demonitor(ref, { info: true }), true);
    assert.equal(self.demonitor(ref, { info: true }), false);
    self.exit(child, Exit.kill);
    assert.equal(await self.receive({ timeoutMs: 5, otherwise: 'nothing' }), 'nothing');
    assert.deepEqual(self.processInfo().links, []);
  }),
);

test(
  'a chain of a hundred thousand links breaks without exhausting the stack',
  inProcess(async (self) => {
    let next = self.spawn(waits);
    const ref = self.monitor(next);
    for (let i = 0; i < 100_000; i++) {
      const before = next;
      next = self.spawn(async (other) => {
        other.link(before);
        if (i === 99_999) other.send(self.pid, 'all linked');
        await other.receive();
      });
    }
    const head = next;
    const done = self.monitor(head);
    assert.equal(await self.receive(), 'all linked');
    self.exit(head, boom);
    await self.receive(isDown(done), { timeoutMs: 10_000 });
    assert.equal((await self.receive(isDown(ref), { timeoutMs: 10_000 })).reason, boom);
  }),
);

test(
  'names: one process has one, one name has one process, and the dead give it back',
  inProcess(async (self) => {
    const child = self.spawn(waits, { name: 'worker' });
    assert.equal(self.whereis('worker'), child);
    assert.throws(
      () => self.register('worker'),
      (error) => hasCode(error, 'badarg'),
    );
    assert.throws(
      () => self.register('second', child),
      (error) => hasCode(error, 'badarg'),
    );
    const ref = self.monitor('worker');
    self.send('worker', 'end');
    const down = await self.receive(isDown(ref), { timeoutMs: 1000 });
    assert.deepEqual([...(down.object as readonly unknown[])], [atom('worker'), self.nodeName]);
    assert.equal(self.whereis('worker'), undefined);
    assert.throws(
      () => self.send('worker', 1),
      (error) => hasCode(error, 'badarg'),
    );
  }),
);

test(
  'an alias takes messages until it ends; a replyDemonitor alias takes one',
  inProcess(async (self) => {
    const plain = self.alias();
    self.send(plain, 1);
    assert.equal(self.unalias(plain), true);
    self.send(plain, 2);
    assert.equal(await self.receive(), 1);

    const server = self.spawn(waits);
    const ref = self.monitor(server, { alias: 'replyDemonitor' });
    self.send(ref, 'reply');
    self.send(ref, 'late');
    assert.equal(await self.receive(), 'reply');
    self.exit(server, Exit.kill);
    assert.equal(await self.receive({ timeoutMs: 5, otherwise: 'nothing' }), 'nothing');
  }),
);

test(
  'an ended process does nothing any more: its self throws, its receive never settles, its signal has fired',
  inProcess(async (self) => {
    let kept: Self | undefined;
    let settled = false;
    const child = self.spawn(async (other) => {
      kept = other;
      await other.receive();
      settled = true;
    });
    await self.receive({ timeoutMs: 1, otherwise: 0 });
    const { signal } = kept as Self;
    self.exit(child, Exit.kill);
    self.send(child, 'too late');
    assert.equal(signal.aborted, true);
    assert.throws(
      () => kept?.send(self.pid, 1),
      (error) => hasCode(error, 'noproc'),
    );
    await self.receive({ timeoutMs: 5, otherwise: 0 });
    assert.equal(settled, false);
  }),
);

test(
  'timers send once, can be cancelled, and say what was left',
  inProcess(async (self) => {
    const late = self.sendAfter(60_000, self.pid, 'late');
    const left = self.cancelTimer(late);
    assert.ok(typeof left === 'number' && left > 50_000 && left <= 60_000);
    assert.equal(self.cancelTimer(late), false);
    self.sendAfter(20, self.pid, 'second');
    self.sendAfter(1, self.pid, 'first');
    assert.equal(await self.receive(), 'first');
    assert.equal(await self.receive(), 'second');
  }),
);
