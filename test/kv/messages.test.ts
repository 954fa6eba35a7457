/** What operations cost between whole nodes: requests and replies as they arrive in the acceptors and proposers of three of them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { CASPaxos, PaxosKV, type Quorate } from '../../kv/index.ts';
import { localBucket } from '../../kv/bucket/local.ts';
import { readRequests, type RequestBatch } from '../../kv/bucket/wire.ts';
import type { ProposerLimits } from '../../kv/paxos/proposer-state.ts';
import { eventually, withInside } from './kit/cluster-inside.ts';

const COUNT = 20;
const OTHERS = 2;
const PATIENT: Partial<ProposerLimits> = { attemptMs: 60_000, slowMsMin: 5000, slowMsMax: 5000 };

class Counts {
  readonly requests: Record<string, number> = {};
  replies = 0;

  constructor(nodes: readonly Quorate[]) {
    for (const { node } of nodes) {
      const shared = localBucket(node.name, 'PaxosKV');
      const { acceptor, proposer } = shared ?? {};
      assert.ok(acceptor && proposer);
      // a machine that stands still for a moment must not make a proposer give up waiting: that costs messages
      Object.assign(proposer.core, { limits: { ...proposer.core.limits, ...PATIENT } });
      const onRequests = acceptor.onRequests.bind(acceptor);
      acceptor.onRequests = (batch: RequestBatch): void => {
        readRequests(batch, acceptor.acceptor.clock, ({ kind }) => {
          this.requests[kind] = (this.requests[kind] ?? 0) + 1;
        });
        onRequests(batch);
      };
      const onReplies = proposer.onReplies.bind(proposer);
      proposer.onReplies = (batch): void => {
        this.replies += 1;
        onReplies(batch);
      };
    }
  }

  reset(): void {
    for (const kind of Object.keys(this.requests)) delete this.requests[kind];
    this.replies = 0;
  }

  /** One after the other, so that every batch has one request that is answered; hints may come with it or later. */
  async expect(run: (i: number) => Promise<unknown>, requests: Record<string, number>): Promise<void> {
    this.reset();
    for (let i = 0; i < COUNT; i++) await run(i);
    const expected = Object.fromEntries(Object.entries(requests).map(([kind, n]) => [kind, n * COUNT]));
    const replies = Object.entries(expected).reduce(
      (sum, [kind, n]) => (kind === 'chosen' || kind === 'forget' ? sum : sum + n),
      0,
    );
    // an operation is answered before the last member is
    await eventually(
      () => this.replies >= replies && Object.entries(expected).every(([kind, n]) => (this.requests[kind] ?? 0) >= n),
      () => JSON.stringify(this.requests),
    );
    assert.deepEqual({ ...this.requests }, expected);
    assert.equal(this.replies, replies);
  }
}

test('operations between nodes take the messages that the protocol says', async () => {
  await withInside(async (cluster) => {
    const nodes = await cluster.startSettled(1, 2, 3);
    const [a, b] = nodes as [Quorate, Quorate];
    const counts = new Counts(nodes);
    const on = (quorate: Quorate, run: (i: number) => Promise<unknown>) => (i: number) =>
      quorate.node.run(() => run(i));
    const add = (value: unknown): unknown => ((value as number | null) ?? 0) + 1;
    await counts.expect(
      on(a, (i) => PaxosKV.put(`k${i}`, i)),
      { prepare: OTHERS, chosen: OTHERS },
    );
    await counts.expect(
      on(b, (i) => PaxosKV.put(`k${i}`, 'other')),
      { prepare: OTHERS },
    );
    await counts.expect(
      on(b, (i) => PaxosKV.get(`k${i}`)),
      { read: OTHERS },
    );
    await counts.expect(
      on(a, (i) => CASPaxos.changeQuery(`c${i}`, add, (value) => value)),
      { prepare: OTHERS, accept: OTHERS, chosen: OTHERS },
    );
    await counts.expect(
      on(a, (i) => CASPaxos.changeQuery(`c${i}`, add, (value) => value)),
      { accept: OTHERS, chosen: OTHERS },
    );
    await counts.expect(
      on(b, (i) => CASPaxos.changeQuery(`c${i}`, add, (value) => value)),
      { prepare: OTHERS, accept: OTHERS, chosen: OTHERS },
    );
  });
});
