/** Lifetimes as one acceptor judges them, and what adopting, sealing and merging do to it. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAcceptor, stepAcceptor } from '../../../kv/paxos/acceptor.ts';

import { EMPTY, makeCell } from '../../../kv/paxos/change.ts';
import { eraseDelayMs, ERASE_RANK_MS, isBindOver, observe, rankOf } from '../../../kv/paxos/lifetimes.ts';
import { adopt, merge, serveSnapshot, snapshotPage } from '../../../kv/paxos/transfer.ts';
import { configOf } from './small-cluster.ts';
import type { Acceptor, AcceptorEffect, SealedState } from '../../../kv/paxos/acceptor.ts';
import type { Ballot, Bind, Cell, Config } from '../../../kv/paxos/messages.ts';

const ballot = (r: number, p = 1, e = 1): Ballot => ({ e, r, p });
const bind: Bind = { pid: null, node: 'm', key: null, until: null };
const cellOf = (value: unknown, b: Ballot, bound: Bind | null = null): Cell =>
  makeCell({ live: true, value, bind: bound }, null, b);

function member(place: number, config: Config = configOf(3)): Acceptor {
  const acceptor = createAcceptor(config.M[place] as Config['M'][number], false);
  adopt(acceptor, config);
  return acceptor;
}

function take(acceptor: Acceptor, key: string, b: Ballot, cell: Cell): AcceptorEffect[] {
  const effects: AcceptorEffect[] = [];
  stepAcceptor(acceptor, { kind: 'accept', e: acceptor.e, key, b, cell, next: null }, effects);
  return effects;
}

/** The configuration after `prev`: the last member is replaced by a newcomer. */
function replaced(prev: Config, changes: Partial<Config> = {}): Config {
  const newcomer = { name: 'n9', id: 'r9', boot: 1 };
  return { ...prev, e: prev.e + 1, M: [...prev.M.slice(0, -1), newcomer], prev: { ...prev, prev: null }, ...changes };
}

function stateOf(acceptor: Acceptor, config: Config): SealedState {
  const state = serveSnapshot(acceptor, config);
  assert.ok(state !== null);
  return state;
}

describe('lifetimes at one acceptor', () => {
  it('a bound cell is watched once, and an unbound one after it ends the watch', () => {
    const acceptor = member(0);
    const watches = (effects: AcceptorEffect[]): number => effects.filter((effect) => effect.kind === 'watch').length;
    assert.equal(watches(take(acceptor, 'k', ballot(1), cellOf(1, ballot(1), bind))), 1);
    assert.equal(watches(take(acceptor, 'k', ballot(2), cellOf(1, ballot(1), bind))), 0);
    assert.equal(watches(take(acceptor, 'k', ballot(3), EMPTY)), 1);
    assert.equal(watches(take(acceptor, 'k', ballot(4), cellOf(2, ballot(4)))), 0);
  });

  it('an observation is filed under the incarnation and never counts against the next one', () => {
    const acceptor = member(0);
    take(acceptor, 'k', ballot(1), cellOf(1, ballot(1), bind));
    const effects: AcceptorEffect[] = [];
    observe(acceptor, 'k', ballot(7), effects);
    assert.deepEqual(effects, []);
    observe(acceptor, 'k', ballot(1), effects);
    assert.deepEqual(effects, [{ kind: 'eraseSoon', key: 'k', ver: ballot(1) }]);
    assert.deepEqual(acceptor.keys.get('k')?.seen, [{ ver: ballot(1), ticket: null }]);
    take(acceptor, 'k', ballot(2), EMPTY);
    take(acceptor, 'k', ballot(3), cellOf(2, ballot(3), bind));
    assert.deepEqual(acceptor.keys.get('k')?.seen, []);
  });

  it('a key that another one is bound to is gone when it is known to be erased, or forgotten below the floor', () => {
    const acceptor = member(0);
    const bound: Bind = { pid: null, node: null, key: { key: 'k2', ver: ballot(2) }, until: null };
    assert.equal(isBindOver(acceptor, bound, 0), false);
    take(acceptor, 'k2', ballot(2), cellOf(1, ballot(2)));
    assert.equal(isBindOver(acceptor, bound, 0), false);
    take(acceptor, 'k2', ballot(5), EMPTY);
    assert.equal(isBindOver(acceptor, bound, 0), false);
    stepAcceptor(acceptor, { kind: 'chosen', e: 1, key: 'k2', b: ballot(5), fast: false }, []);
    assert.equal(isBindOver(acceptor, bound, 0), true);
    acceptor.keys.delete('k2');
    assert.equal(isBindOver(acceptor, bound, 0), false);
    acceptor.floor = ballot(6, 0);
    assert.equal(isBindOver(acceptor, bound, 0), true);
    assert.equal(isBindOver(acceptor, { ...bound, key: null, until: 100 }, 99), false);
    assert.equal(isBindOver(acceptor, { ...bound, key: null, until: 100 }, 100), true);
  });

  it('members take ranks without a tie, and the delay grows with the rank', () => {
    const config = configOf(5);
    const ranks = [0, 1, 2, 3, 4].map((place) => rankOf(config, place, 'apple'));
    assert.deepEqual([...ranks].sort(), [0, 1, 2, 3, 4]);
    const place = ranks.indexOf(3);
    assert.equal(eraseDelayMs(config, place, 'apple', 0.5), 3.5 * ERASE_RANK_MS);
  });
});

describe('adopting a configuration', () => {
  it('is done in order, and seals: older requests are refused from then on', () => {
    const acceptor = member(0);
    const next = replaced(configOf(3));
    assert.deepEqual(adopt(acceptor, { ...next, e: 3 }), { kind: 'lags', after: 1 });
    assert.equal(adopt(acceptor, configOf(3)).kind, 'known');
    assert.equal(adopt(acceptor, next).kind, 'adopted');
    assert.equal(acceptor.active, true);
    const effects: AcceptorEffect[] = [];
    stepAcceptor(acceptor, { kind: 'prepare', e: 1, key: 'k', b: ballot(9), fast: null }, effects);
    assert.ok(effects[0]?.kind === 'reply' && effects[0].message.kind === 'oldEpoch');
    assert.equal(acceptor.keys.size, 0);
  });

  it('a member that was removed serves its final state and votes no more', () => {
    const acceptor = member(2);
    take(acceptor, 'k', ballot(1), cellOf('x', ballot(1)));
    const next = replaced(configOf(3));
    assert.equal(serveSnapshot(acceptor, next), null);
    adopt(acceptor, next);
    assert.equal(acceptor.active, false);
    assert.equal(stateOf(acceptor, next).entries.length, 1);
  });

  it('a newcomer is not active before its merge, needs r states, and then holds what was chosen', () => {
    const first = configOf(3);
    const next = replaced(first);
    const [a, b] = [member(0), member(1)];
    const x = cellOf('x', ballot(2), bind);
    take(a, 'k', ballot(2), x);
    take(b, 'k', ballot(2), x);
    take(b, 'minor', ballot(3), cellOf('y', ballot(3)));
    b.floor = ballot(1, 0);
    for (const acceptor of [a, b]) adopt(acceptor, next);
    const joiner = createAcceptor(next.M[2] as Config['M'][number], false);
    const adoption = adopt(joiner, next);
    assert.ok(adoption.kind === 'merges' && adoption.need === 2);
    assert.equal(joiner.active, false);
    const states = [stateOf(a, next), stateOf(b, next)];
    assert.throws(() => merge(joiner, states.slice(0, 1), first, []));
    const effects: AcceptorEffect[] = [];
    merge(joiner, states, first, effects);
    assert.equal(joiner.active, true);
    assert.equal(joiner.keys.get('k')?.cell, x);
    assert.equal(joiner.keys.get('k')?.ae, 0);
    assert.equal(joiner.keys.get('minor')?.cell?.value, 'y');
    assert.deepEqual(joiner.floor, ballot(1, 0));
    assert.equal(joiner.clock, 3);
    assert.deepEqual(effects, [{ kind: 'watch', key: 'k', cell: x }]);
  });

  it('takes no fast value from states that do not all hold it', () => {
    const first = configOf(3);
    const next = replaced(first);
    const [a, b] = [member(0), member(1)];
    const x = cellOf('x', ballot(1));
    stepAcceptor(a, { kind: 'prepare', e: 1, key: 'k', b: ballot(1), fast: x }, []);
    for (const acceptor of [a, b]) adopt(acceptor, next);
    const joiner = createAcceptor(next.M[2] as Config['M'][number], false);
    adopt(joiner, next);
    merge(joiner, [stateOf(a, next), stateOf(b, next)], first, []);
    assert.equal(joiner.keys.has('k'), false);
  });

  it('when all merge, each stops voting, keeps its sealed state for the others, and goes on after the merge', () => {
    const first = configOf(3);
    const next = replaced(first, { N: 2, M: first.M.slice(0, 2), mergeAll: true });
    const [a, b] = [member(0), member(1)];
    const x = cellOf('x', ballot(2));
    take(b, 'k', ballot(2), x);
    for (const acceptor of [a, b]) {
      assert.equal(adopt(acceptor, next).kind, 'merges');
      assert.equal(acceptor.active, false);
    }
    const states = [stateOf(a, next), stateOf(b, next)];
    merge(a, states, first, []);
    assert.equal(a.keys.get('k')?.cell, x);
    assert.equal(stateOf(b, next).entries.length, 1);
    merge(b, states, first, []);
    assert.equal(b.keys.get('k')?.ae, 1);
  });

  it('a fresh configuration starts empty, and refuses what was begun before it: that may have been applied, and lost', () => {
    const acceptor = member(0);
    take(acceptor, 'k', ballot(2), cellOf('x', ballot(2)));
    const next: Config = { ...configOf(3, 2), prev: configOf(3), fresh: true };
    assert.equal(adopt(acceptor, next).kind, 'adopted');
    assert.deepEqual([acceptor.active, acceptor.keys.size, acceptor.floor], [true, 0, ballot(0, 0, 2)]);
  });

  it('a snapshot goes in pages that together hold every key once, and an empty one in one page', () => {
    const acceptor = member(0);
    const next = replaced(configOf(3));
    for (let i = 0; i < 5; i++) take(acceptor, `k${i}`, ballot(i + 1), cellOf(i, ballot(i + 1)));
    adopt(acceptor, next);
    const state = stateOf(acceptor, next);
    const pages = [0, 1, 2].map((page) => snapshotPage(acceptor.me, state, page, 2));
    assert.deepEqual(
      pages.flatMap((page) => page.entries.map(([key]) => key)),
      ['k0', 'k1', 'k2', 'k3', 'k4'],
    );
    assert.deepEqual(
      pages.map((page) => page.last),
      [false, false, true],
    );
    assert.equal(snapshotPage(acceptor.me, { ...state, entries: [] }, 0, 2).last, true);
  });
});

describe('a fresh configuration', () => {
  it('is adopted by an acceptor that missed those before it, and others are not jumped to', () => {
    const first = configOf(3);
    const back = { ...(first.M[0] as Config['M'][number]), boot: 2 };
    const acceptor = createAcceptor(back, false);
    adopt(acceptor, first);
    assert.equal(acceptor.active, false);
    const third: Config = { ...first, e: 3, M: [back, ...first.M.slice(1)] };
    assert.deepEqual(adopt(acceptor, third), { kind: 'lags', after: 1 });
    assert.deepEqual(adopt(acceptor, { ...third, fresh: true }), { kind: 'adopted' });
    assert.deepEqual([acceptor.active, acceptor.e], [true, 3]);
  });
});
