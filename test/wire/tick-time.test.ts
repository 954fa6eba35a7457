/**
 * Frozen peers (SIGSTOP): down within 0.75 to 1.25 tick times, as kernel(6) says of `net_ticktime`, in every pairing of our nodes with ours and with OTP's; a
 * short freeze is tolerated. What a loaded machine adds is allowed for on the late side only.
 */
import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { LocalNode } from '../../runtime/index.ts';
import { ERL_MISSING, startErl, type ErlNode } from '../dist/erl-node.ts';
import { until } from '../kit/wait.ts';
import { COOKIE, startGood, startPinging, startVictim, VICTIM } from '../kit/wire.ts';
import { freePort } from '../kit/ports.ts';

const TICKTIME_MS = 4_000;
const EARLIEST_MS = 0.75 * TICKTIME_MS;
/** 1.25 tick times, and 700 ms for the machine. */
const LATEST_MS = 1.25 * TICKTIME_MS + 700;
const ERL = 'erl@127.0.0.1';

interface Downs {
  readonly seen: { readonly node: string; readonly reason: string; readonly at: number }[];
}

function watchDowns(node: LocalNode): Downs {
  const seen: Downs['seen'] = [];
  node.on('nodedown', (name, reason) => seen.push({ node: name, reason, at: performance.now() }));
  return { seen };
}

/** Freezes a process of the system for a quarter of the tick time, then for good; checks that only the second ends its connection. */
async function checkFreezes(t: TestContext, pid: number, name: string, downs: Downs): Promise<void> {
  process.kill(pid, 'SIGSTOP');
  await delay(TICKTIME_MS / 4);
  process.kill(pid, 'SIGCONT');
  await delay(1.5 * TICKTIME_MS);
  assert.equal(downs.seen.length, 0, 'a short freeze ended the connection');
  const from = performance.now();
  process.kill(pid, 'SIGSTOP');
  await until(() => downs.seen.length > 0, 'the connection to end', 2 * TICKTIME_MS);
  process.kill(pid, 'SIGCONT');
  const [down] = downs.seen;
  const tookMs = (down?.at ?? Infinity) - from;
  t.diagnostic(
    `${name} was down ${tookMs.toFixed(0)} ms after it froze, ${(tookMs / TICKTIME_MS).toFixed(2)} tick times`,
  );
  assert.deepEqual([down?.node, down?.reason], [name, 'net_tick_timeout']);
  assert.ok(tookMs >= EARLIEST_MS && tookMs <= LATEST_MS, `down after ${tookMs} ms`);
}

async function startErlang(t: TestContext, epmdPort: number): Promise<ErlNode> {
  const args = ['-kernel', 'net_ticktime', String(TICKTIME_MS / 1000)];
  const erl = await startErl({ name: ERL, cookie: COOKIE, epmdPort, args });
  t.after(() => {
    // One that stands still does not end by itself.
    erl.kill();
  });
  return erl;
}

for (const threads of [0, 1]) {
  const concurrency = { concurrency: 4 };
  test(`frozen peers, threads ${threads}`, concurrency, async (t) => {
    await Promise.all([
      t.test('one of our nodes that freezes is down within its tick time', async (inner) => {
        const victim = await startVictim(inner, { netTicktimeMs: TICKTIME_MS });
        const node = await startGood(inner, victim, { threads, netTicktimeMs: TICKTIME_MS });
        assert.equal(await node.connect(VICTIM), true);
        await checkFreezes(inner, victim.program.child.pid as number, VICTIM, watchDowns(node));
      }),
      t.test('an OTP node that freezes is down within its tick time', { skip: ERL_MISSING }, async (inner) => {
        const epmdPort = await freePort();
        const node = await LocalNode.start({
          name: 'good@127.0.0.1',
          cookie: COOKIE,
          threads,
          epmd: { port: epmdPort },
          netTicktimeMs: TICKTIME_MS,
        });
        inner.after(() => node.stop());
        const erl = await startErlang(inner, epmdPort);
        assert.equal(await node.connect(ERL), true);
        await checkFreezes(inner, erl.process.pid as number, ERL, watchDowns(node));
      }),
      t.test(
        'our node that freezes is down at an OTP node within its tick time',
        { skip: ERL_MISSING },
        async (inner) => {
          const victim = await startVictim(inner, { threads, netTicktimeMs: TICKTIME_MS });
          const erl = await startErlang(inner, victim.epmdPort);
          assert.equal(await erl.eval(`net_adm:ping('${VICTIM}')`), 'pong');
          await erl.eval(`erlang:monitor_node('${VICTIM}', true)`);
          const from = performance.now();
          process.kill(victim.program.child.pid as number, 'SIGSTOP');
          assert.equal(
            await erl.eval(`receive {nodedown, N} -> N after ${3 * TICKTIME_MS} -> late end`),
            `'${VICTIM}'`,
          );
          const tookMs = performance.now() - from;
          process.kill(victim.program.child.pid as number, 'SIGCONT');
          inner.diagnostic(`OTP found us down after ${tookMs.toFixed(0)} ms`);
          assert.ok(tookMs >= EARLIEST_MS && tookMs <= LATEST_MS, `down after ${tookMs} ms`);
        },
      ),
      t.test('an idle connection, and one that talks, last for many tick times', async (inner) => {
        const victim = await startVictim(inner, { netTicktimeMs: 1_000 });
        const node = await startGood(inner, victim, { threads, netTicktimeMs: 1_000 });
        const downs = watchDowns(node);
        assert.equal(await node.connect(VICTIM), true);
        await delay(4_000);
        const pinging = startPinging(node, 200);
        await delay(3_000);
        await pinging.stop();
        assert.deepEqual(downs.seen, []);
      }),
    ]);
  });
}
