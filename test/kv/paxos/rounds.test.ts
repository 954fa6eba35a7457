/** Whole operations on the step functions: the textbook duels, repair, and what each operation costs. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createChange, createErase, createPut, createRead } from '../../../kv/paxos/operation.ts';
import { observe } from '../../../kv/paxos/lifetimes.ts';
import { stepConfig, stepConnected } from '../../../kv/paxos/proposer.ts';
import { createAcceptor } from '../../../kv/paxos/acceptor.ts';
import { adopt } from '../../../kv/paxos/transfer.ts';
import { resultOf, SmallCluster } from './small-cluster.ts';
import type { Acceptor } from '../../../kv/paxos/acceptor.ts';
import type { Change } from '../../../kv/paxos/change.ts';
import type { Outcome } from '../../../kv/paxos/decide.ts';
import type { Config } from '../../../kv/paxos/messages.ts';
import type { Proposer, ProposerEffect } from '../../../kv/paxos/proposer-state.ts';
import type { InFlight } from './small-cluster.ts';

const add: Change = (cell) => {
  const value = (cell !== null && cell.live ? (cell.value as number) : 0) + 1;
  return { draft: { live: true, value, bind: null }, result: value };
};

const to =
  (...members: number[]) =>
  (m: InFlight): boolean =>
    members.includes(m.member);
const toOrFrom =
  (proposer: number, ...members: number[]) =>
  (m: InFlight): boolean =>
    m.proposer === proposer && members.includes(m.member);

const isOfFirstPhase = ({ message }: InFlight): boolean => ['prepare', 'promise', 'taken'].includes(message.kind);

function valueOf(outcome: Outcome): unknown {
  assert.equal(outcome.kind, 'ok');
  return outcome.kind === 'ok' && outcome.cell?.live === true ? outcome.cell.value : null;
}

describe('the tutorial cases', () => {
  it('one proposer alone gets its value chosen', () => {
    const cluster = new SmallCluster(3);
    assert.equal(resultOf(cluster.finish(0, createPut('k', 'x', null))), 'x');
    assert.equal(valueOf(cluster.finish(2, createRead('k'))), 'x');
  });

  it('X and Y duel: Y comes later with a higher ballot and adopts the value of X', () => {
    const cluster = new SmallCluster(3);
    const x = cluster.start(0, createPut('k', 'x', null));
    // X reaches members 0 and 1 only; its Accept is at member 1 alone when Y begins.
    cluster.drop(to(2));
    cluster.deliverAll(isOfFirstPhase);
    cluster.pass(0, 30);
    cluster.deliverOne((m) => m.message.kind === 'accept' && m.member === 1);
    cluster.drop((m) => m.proposer === 0);
    const y = cluster.start(1, createPut('k', 'y', null));
    cluster.deliverAll(to(1, 2));
    cluster.pass(1, 30);
    cluster.deliverAll(to(1, 2));
    cluster.pass(1, 600);
    cluster.deliverAll(to(1, 2));
    assert.equal(resultOf(cluster.outcomeOf(y)), 'x');
    assert.equal(cluster.outcomes.has(x), false);
  });

  it('two puts that collide on the fast path agree, and the loser gets the value of the winner', () => {
    const cluster = new SmallCluster(3);
    const x = cluster.start(0, createPut('k', 'x', null));
    const y = cluster.start(2, createPut('k', 'y', null));
    cluster.deliverOne(toOrFrom(0, 0));
    cluster.deliverOne(toOrFrom(2, 2));
    cluster.deliverAll();
    for (let i = 0; i < 6; i++) {
      cluster.pass(0, 100);
      cluster.deliverAll();
      cluster.pass(2, 100);
      cluster.deliverAll();
    }
    assert.equal(resultOf(cluster.outcomeOf(x)), 'y');
    assert.equal(resultOf(cluster.outcomeOf(y)), 'y');
  });
});

describe('propose, repair, repair after a re-send', () => {
  it('a proposal is accepted by a quorum in one round and the third member learns it later', () => {
    const cluster = new SmallCluster(3);
    const put = cluster.start(0, createPut('k', 'v', null));
    cluster.drop(to(2));
    cluster.deliverAll();
    cluster.pass(0, 30);
    cluster.drop(to(2));
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(put)), 'v');
    assert.equal(cluster.cellAt(2, 'k'), null);
    assert.equal(valueOf(cluster.finish(2, createRead('k', { startsClassic: true }))), 'v');
  });

  it('a read repairs: it writes the value it found back to a quorum before it answers', () => {
    const cluster = new SmallCluster(3);
    const put = cluster.start(0, createChange('k', add));
    cluster.deliverAll(isOfFirstPhase);
    // Only its own member gets the Accept; then the proposer is gone.
    cluster.deliverOne((m) => m.message.kind === 'accept' && m.member === 0);
    cluster.drop((m) => m.proposer === 0);
    assert.equal(valueOf(cluster.finish(1, createRead('k'))), 1);
    assert.equal(cluster.outcomes.has(put), false);
    const holders = [0, 1, 2].filter((member) => cluster.cellAt(member, 'k')?.value === 1);
    assert.ok(holders.length >= 2);
  });

  it('a change whose answers were lost is repaired by somebody else and its retry does not apply it twice', () => {
    const cluster = new SmallCluster(3);
    const change = cluster.start(0, createChange('k', add));
    cluster.deliverAll(isOfFirstPhase);
    cluster.deliverOne((m) => m.message.kind === 'accept' && m.member === 1);
    cluster.drop((m) => m.proposer === 0);
    assert.equal(valueOf(cluster.finish(2, createRead('k', { startsClassic: true }))), 1);
    // The attempt times out, the back-off ends, and the retry has a higher ballot.
    cluster.pass(0, 600);
    cluster.pass(0, 300);
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(change)), 1);
    assert.equal(valueOf(cluster.finish(1, createRead('k'))), 1);
  });
});

describe('operations that meet trouble', () => {
  it('without a quorum in reach nothing is sent and the answer is no_quorum', () => {
    const cluster = new SmallCluster(3);
    (cluster.proposers[0] as { connected: number }).connected = 0b001;
    assert.equal(cluster.finish(0, createPut('k', 1, null)).kind, 'no_quorum');
    assert.equal(cluster.messages, 0);
    assert.equal(cluster.cellAt(0, 'k'), null);
  });

  it('a put that was sent and gets no answers by its deadline is unknown, a read is no_quorum', () => {
    const cluster = new SmallCluster(3);
    const put = cluster.start(0, createPut('k', 1, null, { deadlineMs: 100 }));
    const read = cluster.start(0, createRead('j', { deadlineMs: 100 }));
    cluster.drop(() => true);
    cluster.pass(0, 101);
    assert.equal(cluster.outcomeOf(put).kind, 'unknown');
    assert.equal(cluster.outcomeOf(read).kind, 'no_quorum');
  });

  it('an erase with one observation gives up and changes nothing', () => {
    const cluster = new SmallCluster(3);
    const bind = { pid: null, node: 'gone', key: null, until: null };
    const put = cluster.finish(0, createPut('k', 1, bind));
    assert.ok(put.kind === 'ok' && put.cell !== null);
    observe(cluster.acceptors[0] as Acceptor, 'k', put.cell.ver, []);
    assert.equal(cluster.finish(0, createErase('k', put.cell.ver)).kind, 'gave_up');
    assert.equal(valueOf(cluster.finish(1, createRead('k'))), 1);
  });

  it('when another proposer changed the key, the prepared ballot is dropped and the change is made on top', () => {
    const cluster = new SmallCluster(3);
    cluster.finish(0, createChange('k', add));
    cluster.finish(1, createChange('k', add));
    assert.equal(resultOf(cluster.finish(0, createChange('k', add))), 3);
  });

  it('a put that meets a newer epoch goes on under the new configuration, and its first offer is not forgotten', () => {
    const cluster = new SmallCluster(3);
    const next: Config = { ...cluster.config, e: 2, prev: cluster.config };
    const put = cluster.start(0, createPut('k', 'x', null));
    // Member 0 takes the fast value, then all adopt epoch 2 before the other two are asked.
    cluster.deliverOne(to(0));
    for (const acceptor of cluster.acceptors) adopt(acceptor, next);
    cluster.deliverAll();
    assert.deepEqual(
      cluster.adopted.map((config) => config.e),
      [2, 2],
    );
    const out: ProposerEffect[] = [];
    const proposer = cluster.proposers[0] as Proposer;
    stepConfig(proposer, next, 0b111, 0, out);
    assert.equal(put.offers.length, 1);
    assert.equal(put.b.e, 2);
    const [sent] = out;
    assert.ok(sent?.kind === 'send' && sent.message.kind === 'prepare' && sent.message.fast === null);
    for (let member = 0; member < 3; member++) {
      cluster.inFlight.push({ proposer: 0, member, message: sent.message, isReply: false });
    }
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(put)), 'x');
    assert.equal(cluster.cellAt(1, 'k')?.ver.e, 2);
  });

  it('a member that is behind is taught, and is not waited for', () => {
    const cluster = new SmallCluster(3);
    const next: Config = { ...cluster.config, e: 2, prev: cluster.config };
    for (const member of [0, 1]) adopt(cluster.acceptors[member] as Acceptor, next);
    const proposer = cluster.proposers[0] as Proposer;
    stepConfig(proposer, next, 0b111, 0, []);
    const put = cluster.start(0, createPut('k', 'x', null));
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(put)), 'x');
    assert.deepEqual(cluster.taught, [1, 1]);
  });

  it('when a quorum is behind, the next attempt comes after a back-off, not after the time of an attempt', () => {
    for (const create of [() => createPut('k', 'x', null), () => createRead('k')]) {
      const cluster = new SmallCluster(3);
      const next: Config = { ...cluster.config, e: 2, prev: cluster.config };
      adopt(cluster.acceptors[0] as Acceptor, next);
      stepConfig(cluster.proposers[0] as Proposer, next, 0b111, 0, []);
      const operation = cluster.start(0, create());
      cluster.deliverAll();
      assert.equal(operation.phase, 'waiting');
      for (const member of [1, 2]) adopt(cluster.acceptors[member] as Acceptor, next);
      cluster.pass(0, 5);
      cluster.deliverAll();
      assert.equal(cluster.outcomeOf(operation).kind, 'ok');
    }
  });

  it('a vote counts only while the very incarnation that the configuration lists is connected', () => {
    const cluster = new SmallCluster(3);
    const proposer = cluster.proposers[0] as Proposer;
    const put = cluster.start(0, createPut('k', 'x', null));
    cluster.deliverAll((m) => !m.isReply);
    for (const place of [1, 2]) stepConnected(proposer, place, false, 0, []);
    cluster.deliverAll();
    assert.equal(cluster.outcomes.has(put), false, 'whoever answers in their names has not said Hello');
    for (const place of [1, 2]) stepConnected(proposer, place, true, 0, []);
    cluster.pass(0, 500);
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(put)), 'x');
  });

  it('a member of an incarnation that the configuration does not list is not waited for', () => {
    const cluster = new SmallCluster(3);
    const stranger = createAcceptor({ name: 'n2', id: 'r2', boot: 2 }, false);
    adopt(stranger, cluster.config);
    cluster.acceptors[2] = stranger;
    const put = cluster.start(0, createPut('k', 'x', null));
    cluster.deliverAll();
    assert.equal(resultOf(cluster.outcomeOf(put)), 'x');
  });

  it('a tombstone that all members accepted is forgotten, and a later put creates a higher version', () => {
    const cluster = new SmallCluster(3, { forgets: true });
    const bind = { pid: null, node: 'gone', key: null, until: null };
    const put = cluster.finish(0, createPut('k', 1, bind));
    assert.ok(put.kind === 'ok' && put.cell !== null);
    for (const member of [0, 1, 2]) observe(cluster.acceptors[member] as Acceptor, 'k', put.cell.ver, []);
    cluster.finish(1, createErase('k', put.cell.ver));
    for (const acceptor of cluster.acceptors) assert.equal(acceptor.keys.has('k'), false);
    const again = cluster.finish(2, createPut('k', 2, null));
    assert.ok(again.kind === 'ok' && again.cell !== null && again.result === 2);
    assert.ok(again.cell.ver.r > put.cell.ver.r);
  });
});
