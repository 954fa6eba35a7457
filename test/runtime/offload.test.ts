import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { hasCode } from '../../runtime/errors.ts';
import { atom, Exit, isDown, isTagged, LocalNode, offload, tuple } from '../../runtime/index.ts';
import { equalTerms } from '../../runtime/term/equal.ts';

const placed = new URL('../fixtures/placed.js', import.meta.url).href;
const PATIENCE = { timeoutMs: 15_000 };

for (const threads of [0, 2]) {
  describe(`offloaded work (threads: ${threads})`, () => {
    let node: LocalNode;
    before(async () => {
      node = await LocalNode.start({ threads, offloadThreads: 2 });
    });
    after(() => node.stop());

    test('gives its result, and leaves the calling thread free meanwhile', async () => {
      let turns = 0;
      const ticking = setInterval(() => (turns += 1), 1);
      assert.equal(await node.offload(placed, 'fibonacci', [27]), 196_418);
      clearInterval(ticking);
      assert.ok(turns > 1, `${turns} turns`);
    });

    test('takes and gives terms as they are sent between processes', () =>
      node.run(async (self) => {
        const terms = [atom('a'), tuple(1, 'b'), self.pid, 10n, new Map([[1, 2]]), new Date(5), undefined];
        assert.ok(equalTerms(await node.offload(placed, 'echoAll', terms), terms));
        assert.ok(!equalTerms(await node.offload(placed, 'echoAll', terms), terms.toReversed()));
      }));

    test('rejects with what the function throws', () =>
      assert.rejects(node.offload(placed, 'fail'), (error: Error) => {
        assert.ok(error instanceof RangeError);
        assert.equal(error.message, 'out of range');
        return hasCode(error, 'too_far');
      }));

    test('names what is missing or cannot be sent', async () => {
      const missing = new URL('./nowhere.js', import.meta.url).href;
      await assert.rejects(node.offload(missing, 'f'), (error: Error) => {
        assert.match(error.message, /offload: cannot find .*nowhere\.js/);
        return hasCode(error, 'module_not_found');
      });
      await assert.rejects(node.offload(placed, 'nope'), (error) => hasCode(error, 'undef'));
      await assert.rejects(node.offload(placed, 'echoAll', [() => 1]), (error) => hasCode(error, 'not_sendable'));
      await assert.rejects(node.offload(placed, 'giveFunction'), (error) => hasCode(error, 'not_sendable'));
      await assert.rejects(node.offload(placed, 7 as never), (error) => hasCode(error, 'badarg'));
    });

    test('aborting it stops even an endless loop, and what waits in the queue', async () => {
      const abort = new AbortController();
      const works = [1, 2, 3, 4].map(() => node.offload(placed, 'loopAtOnce', [], { signal: abort.signal }));
      const settled = Promise.allSettled(works);
      setTimeout(() => abort.abort(), 200);
      for (const { status, ...rest } of await settled) {
        assert.equal(status, 'rejected');
        assert.ok(hasCode((rest as { reason: unknown }).reason, 'aborted'));
      }
      await assert.rejects(node.offload(placed, 'loopAtOnce', [], { signal: abort.signal }), (error) =>
        hasCode(error, 'aborted'),
      );
      assert.equal(await node.offload(placed, 'fibonacci', [10]), 55);
    });

    test('ends with the process that asked for it', () =>
      node.run(async (self) => {
        let came: unknown;
        const [pid, ref] = self.spawnMonitor(async () => {
          await offload(placed, 'loopAtOnce').catch((error: unknown) => (came = error));
        });
        setTimeout(() => self.exit(pid, Exit.kill), 200);
        assert.equal((await self.receive(isDown(ref), PATIENCE)).reason, Exit.killed);
        assert.equal(await node.offload(placed, 'fibonacci', [10]), 55);
        assert.ok(hasCode(came, 'aborted'));
      }));

    test('a thread that ends under it is said to have ended, and the next call is served', async () => {
      await assert.rejects(node.offload(placed, 'endThread'), (error) => hasCode(error, 'thread_ended'));
      assert.equal(await node.offload(placed, 'fibonacci', [10]), 55);
    });

    if (threads > 0) {
      test('processes of other threads offload too, errors included', () =>
        node.run(async (self) => {
          const came: unknown[] = [];
          for (const exported of ['fibonacci', 'fail', 'endThread', 'nope']) {
            await self.spawn(placed, 'offloadHere', [placed, exported, self.pid], { thread: 1 });
            const [, result] = (await self.receive((m) => isTagged(m, atom('offloaded')), PATIENCE)) as unknown[];
            came.push(result);
          }
          assert.deepEqual(came, [6765, 'too_far', 'thread_ended', 'undef']);
        }));
    }
  });
}
