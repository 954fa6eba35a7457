/**
 * What operations cost, in messages between nodes: every row of the register protocol's table that is not about membership or locks, with the
 * proposer on a member. Hints (Chosen, Forget) travel with others and nobody waits for them; they are counted apart.
 */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createChange, createCollect, createErase, createPut, createRead } from '../../../kv/paxos/operation.ts';
import { observe } from '../../../kv/paxos/lifetimes.ts';
import type { Acceptor } from '../../../kv/paxos/acceptor.ts';
import type { Change } from '../../../kv/paxos/change.ts';
import type { Ballot } from '../../../kv/paxos/messages.ts';
import type { Outcome } from '../../../kv/paxos/decide.ts';
import { resultOf, SmallCluster } from './small-cluster.ts';

const BOUND = { pid: null, node: 'gone', key: null, until: null };

const add: Change = (cell) => {
  const value = (cell !== null && cell.live ? (cell.value as number) : 0) + 1;
  return { draft: { live: true, value, bind: null }, result: value };
};

function valueOf(outcome: Outcome): unknown {
  assert.equal(outcome.kind, 'ok');
  return outcome.kind === 'ok' && outcome.cell?.live === true ? outcome.cell.value : null;
}

/** Counts from here on. */
function reset(cluster: SmallCluster): void {
  cluster.messages = 0;
  cluster.hints = 0;
  cluster.messagesOf = [];
}

/** `proposer` no longer reckons with these members, and nothing reaches them. */
function takeDown(cluster: SmallCluster, proposer: number, members: readonly number[]): void {
  const own = cluster.proposers[proposer] as { connected: number };
  for (const member of members) own.connected &= ~(1 << member);
}

/** A key whose bound thing has ended, as a majority has seen. */
function putToBeErased(cluster: SmallCluster): Ballot {
  const put = cluster.finish(0, createPut('k', 1, BOUND));
  assert.ok(put.kind === 'ok' && put.cell !== null);
  for (const acceptor of cluster.acceptors) observe(acceptor, 'k', put.cell.ver, []);
  return put.cell.ver;
}

for (const N of [3, 5]) {
  const others = N - 1;
  const q = Math.floor(N / 2) + 1;

  describe(`what operations cost with ${N} members`, () => {
    it('a put of a fresh key is one round trip, and N - 1 hints', () => {
      const cluster = new SmallCluster(N);
      cluster.finish(1, createPut('k', 1, null));
      assert.equal(cluster.messages, 2 * others);
      assert.equal(cluster.hints, others);
    });

    for (let down = 1; down <= N - q; down++) {
      it(`with ${down} known to be down it is two, among those that are up`, () => {
        const cluster = new SmallCluster(N);
        takeDown(
          cluster,
          0,
          Array.from({ length: down }, (_, i) => N - 1 - i),
        );
        assert.equal(resultOf(cluster.finish(0, createPut('k', 1, null))), 1);
        assert.equal(cluster.messages, 4 * (others - down));
      });
    }

    it('of two puts of a fresh key at once each is two round trips, the loser three when it comes too early', () => {
      for (const early of [false, true]) {
        const cluster = new SmallCluster(N);
        const loser = cluster.start(0, createPut('k', 'x', null));
        const winner = cluster.start(N - 1, createPut('k', 'y', null));
        // each has its own member, and the higher ballot is everywhere before the lower one
        cluster.deliverOne((m) => m.proposer === 0 && m.member === 0);
        cluster.deliverAll((m) => m.proposer === N - 1 && m.message.kind === 'prepare');
        cluster.deliverAll((m) => m.message.kind !== 'accept' && m.message.kind !== 'accepted');
        cluster.pass(N - 1, 50);
        if (!early) cluster.deliverAll();
        for (let i = 0; i < 4; i++) {
          cluster.pass(0, 100);
          cluster.deliverAll();
        }
        assert.equal(resultOf(cluster.outcomeOf(winner)), 'y');
        assert.equal(resultOf(cluster.outcomeOf(loser)), 'y');
        assert.equal(cluster.messagesOf[N - 1], 4 * others);
        const costs = cluster.messagesOf[0] as number;
        assert.ok(early ? costs >= 4 * others && costs <= 6 * others : costs === 4 * others, `${costs} messages`);
      }
    });

    it('a put of a key that is known to be chosen is answered by the replies to its Prepare', () => {
      const cluster = new SmallCluster(N);
      cluster.finish(0, createPut('k', 1, null));
      reset(cluster);
      assert.equal(resultOf(cluster.finish(1, createPut('k', 2, null))), 1);
      assert.equal(cluster.messages, 2 * others);
    });

    it('a read that finds agreement is one round trip and changes nothing', () => {
      const cluster = new SmallCluster(N);
      cluster.finish(0, createPut('k', 1, null));
      reset(cluster);
      assert.equal(valueOf(cluster.finish(1, createRead('k'))), 1);
      assert.equal(cluster.messages, 2 * others);
      assert.equal(cluster.hints, 0);
    });

    it('a read of a fast value without the hint needs all members, and then still one round trip', () => {
      const cluster = new SmallCluster(N);
      cluster.start(0, createPut('k', 1, null));
      cluster.deliverAll((m) => m.message.kind !== 'chosen');
      cluster.drop(() => true);
      reset(cluster);
      assert.equal(valueOf(cluster.finish(1, createRead('k'))), 1);
      assert.equal(cluster.messages, 2 * others);
    });

    it('a read that finds no agreement is three round trips: it writes back; started classic it is two', () => {
      for (const startsClassic of [false, true]) {
        const cluster = new SmallCluster(N);
        cluster.start(0, createChange('k', add));
        cluster.deliverAll((m) => m.message.kind === 'prepare' || m.message.kind === 'promise');
        cluster.deliverOne((m) => m.message.kind === 'accept' && m.member === 0);
        cluster.drop(() => true);
        reset(cluster);
        assert.equal(valueOf(cluster.finish(1, createRead('k', { startsClassic }))), 1);
        assert.equal(cluster.messages, (startsClassic ? 4 : 6) * others);
      }
    });

    it('a read that misses an answer is two round trips when its Prepare finds agreement', () => {
      const cluster = new SmallCluster(N);
      // a quorum holds the change, member 1 does not, and the reader is told of it by too few at first
      cluster.start(0, createChange('k', add));
      cluster.deliverAll((m) => m.message.kind === 'prepare' || m.message.kind === 'promise');
      cluster.deliverAll((m) => m.message.kind === 'accept' && (m.member === 0 || m.member > N - q));
      cluster.drop(() => true);
      reset(cluster);
      const read = cluster.start(N - 1, createRead('k'));
      cluster.deliverAll((m) => !m.isReply);
      cluster.drop((m) => m.member === 0);
      cluster.deliverAll();
      cluster.pass(N - 1, 600);
      cluster.deliverAll((m) => m.member === 0 || m.member > N - q);
      cluster.deliverAll();
      assert.equal(valueOf(cluster.outcomeOf(read)), 1);
      assert.equal(cluster.messages, 4 * others);
    });

    it("the same proposer's next change is one round trip, another's is two", () => {
      const cluster = new SmallCluster(N);
      cluster.finish(0, createChange('k', add));
      assert.equal(cluster.messages, 4 * others);
      reset(cluster);
      assert.equal(resultOf(cluster.finish(0, createChange('k', add))), 2);
      assert.equal(cluster.messages, 2 * others);
      assert.equal(cluster.hints, others);
      reset(cluster);
      assert.equal(resultOf(cluster.finish(1, createChange('k', add))), 3);
      assert.equal(cluster.messages, 4 * others);
    });

    it('an erase is two round trips after the observations of a majority', () => {
      const cluster = new SmallCluster(N, { forgets: false });
      const ver = putToBeErased(cluster);
      reset(cluster);
      assert.equal(cluster.finish(0, createErase('k', ver)).kind, 'ok');
      assert.equal(cluster.messages, 4 * others);
      assert.equal(valueOf(cluster.finish(2, createRead('k'))), null);
    });

    it("forgetting costs N - 1 hints more when the eraser's Accept reached all", () => {
      const cluster = new SmallCluster(N);
      const ver = putToBeErased(cluster);
      reset(cluster);
      assert.equal(cluster.finish(0, createErase('k', ver)).kind, 'ok');
      assert.equal(cluster.messages, 4 * others);
      assert.equal(cluster.hints, 2 * others, 'Chosen and Forget');
      for (const acceptor of cluster.acceptors) assert.equal(acceptor.keys.size, 0);
    });

    it('and two round trips more when it did not', () => {
      const cluster = new SmallCluster(N);
      const ver = putToBeErased(cluster);
      cluster.start(0, createErase('k', ver));
      cluster.drop((m) => m.message.kind === 'accept' && m.member === N - 1);
      cluster.deliverAll((m) => m.message.kind !== 'accept' || m.member !== N - 1);
      cluster.drop(() => true);
      reset(cluster);
      assert.equal(cluster.finish(1, createCollect('k')).kind, 'ok');
      assert.equal(cluster.messages, 4 * others);
      for (const acceptor of cluster.acceptors as Acceptor[]) assert.equal(acceptor.keys.size, 0);
    });
  });
}
