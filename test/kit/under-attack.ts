/** An attack on a node while a well-behaved one goes on talking to it: nobody but the attacker is harmed, and memory stays bounded. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { LocalNode, NodeOptions } from '../../runtime/index.ts';
import { memoryOf, startGood, startPinging, startVictim, type Victim } from './wire.ts';

const MB = 1_000_000;

/** Runs an attack while a good node pings; checks that it is unharmed, and that memory has grown by at most so much. */
export async function underAttack(
  t: TestContext,
  options: {
    readonly threads: number;
    readonly limits?: object;
    readonly netTicktimeMs?: number;
    readonly tls?: NonNullable<NodeOptions['tls']>;
    readonly grownMax: number;
  },
  attack: (victim: Victim, good: LocalNode) => Promise<void>,
): Promise<void> {
  const { grownMax, ...nodeOptions } = options;
  const victim = await startVictim(t, nodeOptions);
  const { netTicktimeMs, tls } = options;
  const good = await startGood(t, victim, {
    ...(netTicktimeMs === undefined ? {} : { netTicktimeMs }),
    ...(tls === undefined ? {} : { tls }),
  });
  const before = await memoryOf(good);
  const pinging = startPinging(good);
  await attack(victim, good).catch(async (error: unknown) => {
    await pinging.stop().catch(() => undefined);
    throw error;
  });
  const took = await pinging.stop();
  const grown = (await memoryOf(good)) - before;
  const slowest = took.at(-1) ?? Infinity;
  t.diagnostic(
    `memory grew by ${(grown / MB).toFixed(1)} MB; ${took.length} pings, the slowest took ${slowest.toFixed(0)} ms`,
  );
  assert.ok(grown < grownMax, `memory grew by ${(grown / MB).toFixed(1)} MB, at most ${grownMax / MB} are right`);
  assert.ok(took.length > 0 && slowest < 5_000, `a ping took ${slowest} ms`);
}
