/** Process groups: members by node, changes told, everything gone with its process or node; between two nodes of ours. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { isDown, LocalNode, type Self } from '../../runtime/index.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import { Pg } from '../../supervisors/index.ts';
import { freePort } from '../kit/ports.ts';

const cookie = 'pg-test';
const PATIENCE = { timeoutMs: 5000 };
const idle = (self: Self): Promise<unknown> => self.receive(() => false);

let one: LocalNode;
let two: LocalNode;
before(async () => {
  const port = await freePort();
  one = await LocalNode.start({ name: 'pg1@127.0.0.1', cookie, threads: 0, epmd: { port } });
  two = await LocalNode.start({ name: 'pg2@127.0.0.1', cookie, threads: 0, epmd: { port } });
});
after(async () => {
  await two.stop();
  await one.stop();
});

/** The next change that a monitor tells. */
async function change(self: Self): Promise<unknown> {
  const [, what, group, pids] = (await self.receive(PATIENCE)) as readonly unknown[];
  return [String(what), group, (pids as readonly Pid[]).map(String)];
}

test('a process that joins twice is a member twice and leaves once at a time', () =>
  one.run(async (self) => {
    await Pg.startLink('solo');
    const options = { scope: 'solo' };
    await Pg.join('group', [self.pid, self.pid], options);
    assert.deepEqual(await Pg.getMembers('group', options), [self.pid, self.pid]);
    assert.equal(await Pg.leave('group', self.pid, options), true);
    assert.deepEqual(await Pg.getLocalMembers('group', options), [self.pid]);
    assert.equal(await Pg.leave('group', self.pid, options), true);
    assert.equal(await Pg.leave('group', self.pid, options), false);
    assert.deepEqual(await Pg.whichGroups(options), []);
    await Pg.stop(options);
  }));

test('members leave all their groups when they end, and monitors are told of each change', () =>
  one.run(async (self) => {
    await Pg.startLink('watched');
    const options = { scope: 'watched' };
    const { members } = await Pg.monitor('g', options);
    assert.deepEqual(members, []);
    const member = self.spawn(idle);
    await Pg.join('unseen', member, options);
    await Pg.join('g', member, options);
    assert.deepEqual(await change(self), ['join', 'g', [member.toString()]]);
    self.exit(member, Exit.kill);
    assert.deepEqual(await change(self), ['leave', 'g', [member.toString()]]);
    assert.deepEqual(await Pg.whichGroups(options), []);
    await Pg.stop(options);
  }));

test('monitorScope tells of all groups; after demonitor nothing comes, nor stays in the mailbox', () =>
  one.run(async (self) => {
    await Pg.startLink('scope');
    const options = { scope: 'scope' };
    await Pg.join('before', self.pid, options);
    const { ref, groups } = await Pg.monitorScope(options);
    assert.deepEqual(groups, [tuple('before', [self.pid])]);
    await Pg.join('after', self.pid, options);
    assert.equal(await Pg.demonitor(ref, options), true);
    assert.equal(await Pg.demonitor(ref, options), false);
    await Pg.join('later', self.pid, options);
    assert.equal(self.processInfo().messageQueueLen, 0);
    await Pg.stop(options);
  }));

test("scopes of connected nodes know each other's members, from before and after they met, until the node is lost", async () => {
  let far: Pid | undefined;
  await two.run(async (self) => {
    await Pg.startLink('shared', { self });
    far = two.spawn(idle);
    await Pg.join('early', far, { scope: 'shared', self });
    // The scope must outlive the process that started it.
    const scope = self.whereis('shared');
    assert.ok(scope !== undefined);
    self.unlink(scope);
  });
  await one.run(async (self) => {
    await Pg.startLink('shared', { self });
    const options = { scope: 'shared', self };
    const { members } = await Pg.monitor('early', options);
    assert.deepEqual(members, []);
    const late = await Pg.monitor('late', options);
    assert.deepEqual(late.members, []);
    assert.equal(await one.connect('pg2@127.0.0.1'), true);
    assert.deepEqual(await change(self), ['join', 'early', [far?.toString()]]);
    await two.run((own) => Pg.join('late', far as Pid, { scope: 'shared', self: own }));
    assert.deepEqual(await change(self), ['join', 'late', [far?.toString()]]);
    assert.deepEqual((await Pg.getMembers('late', options)).map(String), [far?.toString()]);
    assert.deepEqual(await Pg.getLocalMembers('late', options), []);
    await assert.rejects(Pg.join('late', far as Pid, options), { code: 'badarg', message: /its own node/ });
    await two.run(async (own) => {
      own.exit(far as Pid, Exit.kill);
      await own.receive(isDown(own.monitor(far as Pid)), PATIENCE);
    });
    const gone = [await change(self), await change(self)];
    assert.deepEqual(new Set(gone.map((told) => (told as unknown[])[1])), new Set(['early', 'late']));
    const again = two.spawn(idle);
    await two.run((own) => Pg.join('late', again, { scope: 'shared', self: own }));
    assert.equal(String(((await change(self)) as unknown[])[0]), 'join');
    await one.disconnect('pg2@127.0.0.1');
    assert.deepEqual(await change(self), ['leave', 'late', [again.toString()]]);
    await Pg.stop(options);
  });
});
