/** Messages of 64 MB, and the small ones beside them: on other connections of both nodes, and on the same one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom, tuple } from '../../runtime/index.ts';
import { ask, startGood, startPinging, startVictim, VICTIM } from '../kit/wire.ts';

const COUNT = 4;
const BYTES = 64 * 1_048_576;
const RECEIVER = 'receiver@127.0.0.1';
/** To encode, copy and hand over 64 MB at once holds up a thread, on a loaded machine for a second or more; most messages do not meet that. */
const SLOWEST_MS = 8_000;
const MEDIAN_MS = 400;

for (const threads of [0, 1]) {
  test(`64 MB messages do not block small ones, threads ${threads}`, async (t) => {
    const sender = await startVictim(t, { threads });
    await startVictim(t, { threads, name: RECEIVER }, sender.epmdPort);
    const node = await startGood(t, sender);
    const tally = tuple(atom('tally'), atom(RECEIVER));
    const countThere = (): Promise<unknown> =>
      node.run((self) => {
        self.send(tally, tuple(self.pid));
        return self.receive({ timeoutMs: 30_000 });
      });
    await ask(node, 'latency', tuple(atom('echo'), atom(RECEIVER)), 3);
    assert.equal(await countThere(), 0);
    const toSender = startPinging(node);
    const toReceiver = startPinging(node, 5, RECEIVER);
    let busy = true;
    const same: number[] = [];
    const sameConnection = (async () => {
      while (busy) same.push(...((await ask(node, 'latency', tuple(atom('echo'), atom(RECEIVER)), 10)) as number[]));
    })();
    const from = performance.now();
    node.spawn((self) => self.send(tuple(atom('pump'), atom(VICTIM)), tuple(self.pid, tally, COUNT, BYTES, true)));
    while ((await countThere()) !== COUNT)
      assert.ok(performance.now() - from < 60_000, 'the large messages take too long');
    const tookMs = performance.now() - from;
    busy = false;
    await sameConnection;
    const figures = {
      sender: await toSender.stop(),
      receiver: await toReceiver.stop(),
      same: same.sort((a, b) => a - b),
    };
    t.diagnostic(`${COUNT} messages of 64 MB took ${tookMs.toFixed(0)} ms`);
    for (const [where, took] of Object.entries(figures)) {
      const at = (share: number): number => took[Math.min(took.length - 1, Math.floor(share * took.length))] as number;
      t.diagnostic(
        `small messages (${where}): ${took.length}, median ${at(0.5).toFixed(1)} ms, 95 % ${at(0.95).toFixed(0)} ms, slowest ${at(1).toFixed(0)} ms`,
      );
      assert.ok(took.length >= 10, `${where}: ${took.length} answers`);
      assert.ok(at(0.5) < MEDIAN_MS && at(1) < SLOWEST_MS, `${where}: median ${at(0.5)} ms, slowest ${at(1)} ms`);
    }
  });
}
