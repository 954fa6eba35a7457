/** The judges of the simulation find what is wrong when it is shown to them by hand. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ZERO } from '../../kv/paxos/ballot.ts';
import { makeCell } from '../../kv/paxos/change.ts';
import { Histories } from './histories.ts';
import { Invariants, Violation } from './invariants.ts';
import type { Ballot, Cell, Config, Incarnation } from '../../kv/paxos/messages.ts';

const ballot = (r: number, e = 1): Ballot => ({ e, r, p: 1 });
const member = (name: string, boot = 1): Incarnation => ({ name, id: name, boot });
const M = ['a', 'b', 'c'].map((name) => member(name));
const first: Config = { cluster: 'c', e: 1, N: 3, M, r: 2, uniform: true, mergeAll: false, prev: null };
const second: Config = { ...first, e: 2, M: [member('d'), ...M.slice(1)], prev: first };

const created = (id: number, b: Ballot): Cell => makeCell({ live: true, value: [id], bind: null }, null, b);
const changed = (before: Cell, id: number, b: Ballot): Cell =>
  makeCell({ live: true, value: [...(before.value as number[]), id], bind: null }, before, b);
const erased = (before: Cell, b: Ballot): Cell => makeCell({ live: false, value: null, bind: null }, before, b);

function judges(): { invariants: Invariants; histories: Histories } {
  const invariants = new Invariants();
  invariants.onConfig(first);
  return { invariants, histories: new Histories(invariants) };
}

function observe(histories: Histories, id: number, cell: Cell | null): void {
  const called = histories.call('k', id, 'read');
  histories.answer(called, cell !== null && cell.live ? (cell.value as number[]) : null, cell);
}

describe('the rumour of what was observed', () => {
  const old = created(1, ballot(2));
  const young = changed(old, 2, ballot(5));

  it('is contradicted by an older version, and by nothing where nothing was erased', () => {
    const { histories } = judges();
    observe(histories, 10, young);
    assert.throws(() => observe(histories, 11, old), Violation);
    assert.throws(() => observe(histories, 12, null), Violation);
  });

  it('is not contradicted by the same version, a newer one, or an older one that was asked for before', () => {
    const { histories } = judges();
    const early = histories.call('k', 9, 'read');
    observe(histories, 10, old);
    observe(histories, 11, old);
    observe(histories, 12, young);
    histories.answer(early, [1], old);
  });

  it('is contradicted by an erased incarnation that is read again', () => {
    const { histories, invariants } = judges();
    observe(histories, 10, old);
    for (const who of M) invariants.onObservation('k', old.ver, who);
    invariants.onEraseProposed('k', old.ver, 1);
    observe(histories, 11, erased(old, ballot(7)));
    assert.throws(() => observe(histories, 12, old), Violation);
    observe(histories, 13, created(3, ballot(9)));
  });

  it('knows one creator per incarnation', () => {
    const { histories } = judges();
    observe(histories, 10, old);
    assert.throws(() => observe(histories, 11, changed({ ...old, value: [8] }, 2, ballot(6))), Violation);
  });

  it('ends when all members lost their state', () => {
    const { histories } = judges();
    const put = histories.call('k', 1, 'put');
    histories.answer(put, [1], old);
    histories.endLoss(histories.beginLoss(['k']));
    observe(histories, 11, null);
    histories.finish();
  });
});

describe('the invariants', () => {
  it('refuse an erase without the observations of a quorum', () => {
    const { invariants } = judges();
    invariants.onObservation('k', ballot(2), member('a'));
    assert.throws(() => invariants.onEraseProposed('k', ballot(2), 1), Violation);
  });

  it('refuse votes of members that are not active, and of those whom the configuration does not list', () => {
    const { invariants } = judges();
    assert.throws(() => invariants.onVote(member('a'), 1), Violation);
    invariants.onActive(member('a'), 1);
    invariants.onVote(member('a'), 1);
    assert.throws(() => invariants.onActive(member('a', 2), 1), Violation);
  });

  it('refuse a merge from too few, from unsealed members, and from members that were not active', () => {
    const { invariants } = judges();
    for (const who of M.slice(0, 2)) invariants.onActive(who, 1);
    invariants.onConfig(second);
    const [a, b, c] = M.map((from) => ({ from, e: 2 }));
    assert.ok(a !== undefined && b !== undefined && c !== undefined);
    invariants.onMerge(member('d'), second, [a, b]);
    assert.throws(() => invariants.onMerge(member('d'), second, [a]), Violation);
    assert.throws(() => invariants.onMerge(member('d'), second, [a, { ...b, e: 1 }]), Violation);
    assert.throws(() => invariants.onMerge(member('d'), second, [a, c]), Violation);
  });

  it('refuse one ballot for two attempts, two cells for one ballot, and an acceptance that nobody offered', () => {
    const { invariants } = judges();
    invariants.onBallot('k', ballot(1), 'x');
    assert.throws(() => invariants.onBallot('k', ballot(1), 'y'), Violation);
    invariants.onOffer('k', ballot(1), false, created(1, ballot(1)));
    assert.throws(() => invariants.onOffer('k', ballot(1), false, created(2, ballot(1))), Violation);
    const cell = created(3, ballot(4));
    const entry = { p: ballot(4), ab: ballot(4), fast: false, cell, chosen: false, ae: 1, fl: ZERO, seen: [] };
    assert.throws(() => invariants.onAccepted('k', entry, member('a')), Violation);
  });

  it('refuse chosen cells that do not extend each other, unless a forgetting lies between', () => {
    const choose = (invariants: Invariants, cell: Cell, b: Ballot): void => {
      invariants.onOffer('k', b, false, cell);
      const entry = { p: b, ab: b, fast: false, cell, chosen: false, ae: 1, fl: ZERO, seen: [] };
      for (const who of M.slice(0, 2)) invariants.onAccepted('k', entry, who);
    };
    const one = created(1, ballot(1));
    const gone = erased(one, ballot(2));
    const broken = judges().invariants;
    choose(broken, one, ballot(1));
    choose(broken, created(2, ballot(3)), ballot(3));
    assert.throws(() => broken.finish(), Violation);
    const sound = judges().invariants;
    choose(sound, one, ballot(1));
    choose(sound, gone, ballot(2));
    sound.onForget('k', ballot(2));
    choose(sound, created(2, ballot(3)), ballot(3));
    sound.finish();
  });
});
