/** Each rule of the acceptor, of the choice and of the decision by itself, on hand-made states. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createAcceptor, stepAcceptor } from '../../../kv/paxos/acceptor.ts';
import { ballotHex, ballotToken, compareBallots, ZERO } from '../../../kv/paxos/ballot.ts';
import { EMPTY, eraseChange, HISTORY_MAX, historyOf, makeCell, putChange } from '../../../kv/paxos/change.ts';
import { decide } from '../../../kv/paxos/decide.ts';
import { choice, knownChosen, quorumSize } from '../../../kv/paxos/quorum.ts';
import { createChange } from '../../../kv/paxos/operation.ts';
import { createProposer, startOperation, stepReply } from '../../../kv/paxos/proposer.ts';
import { decideRead } from '../../../kv/paxos/read.ts';
import { adopt } from '../../../kv/paxos/transfer.ts';
import { configOf } from './small-cluster.ts';
import type { Acceptor, AcceptorEffect } from '../../../kv/paxos/acceptor.ts';
import type { Deciding } from '../../../kv/paxos/decide.ts';
import type { Ballot, Cell, Holding, Promised, RegisterReply, RegisterRequest } from '../../../kv/paxos/messages.ts';

const ballot = (r: number, p = 1, e = 1): Ballot => ({ e, r, p });
const cellOf = (value: unknown, b: Ballot): Cell => makeCell({ live: true, value, bind: null }, null, b);
const nothing: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };
const classic = (r: number, cell: Cell, more: Partial<Holding> = {}): Holding => {
  return { ab: ballot(r), fast: false, cell, chosen: false, ae: 1, fl: ZERO, ...more };
};
const fast = (r: number, cell: Cell, more: Partial<Holding> = {}): Holding => ({
  ...classic(r, cell, more),
  fast: true,
});

function newAcceptor(isDurable = false): Acceptor {
  const config = configOf(3);
  const acceptor = createAcceptor(config.M[0] as (typeof config.M)[number], isDurable);
  adopt(acceptor, config);
  return acceptor;
}

function send(acceptor: Acceptor, message: RegisterRequest): RegisterReply | undefined {
  const effects: AcceptorEffect[] = [];
  stepAcceptor(acceptor, message, effects);
  const reply = effects.find((effect) => effect.kind === 'reply');
  return reply?.kind === 'reply' ? reply.message : undefined;
}

const prepare = (b: Ballot, cell: Cell | null = null): RegisterRequest => {
  return { kind: 'prepare', e: 1, key: 'k', b, fast: cell };
};
const accept = (b: Ballot, cell: Cell, next: Ballot | null = null): RegisterRequest => {
  return { kind: 'accept', e: 1, key: 'k', b, cell, next };
};

describe('ballots', () => {
  it('are compared by epoch, round and proposer, and so are their tokens and hexadecimal forms', () => {
    const p = 2 ** 53 - 1;
    const ascending = [ZERO, ballot(0, 1), ballot(1, 1), ballot(1, p), ballot(2, 0), ballot(p, p), ballot(1, 1, 2)];
    for (let i = 1; i < ascending.length; i++) {
      const [low, high] = [ascending[i - 1] as Ballot, ascending[i] as Ballot];
      assert.ok(compareBallots(low, high) < 0 && compareBallots(high, low) > 0);
      assert.ok(ballotToken(low) < ballotToken(high));
      assert.ok(ballotHex(low) < ballotHex(high) && ballotHex(low).length === ballotHex(high).length);
    }
  });

  it('a quorum is more than half of the seats', () => {
    assert.deepEqual([1, 2, 3, 4, 5, 6, 7].map(quorumSize), [1, 2, 2, 3, 3, 4, 4]);
  });
});

describe('an acceptor', () => {
  it('takes a fast value only when it holds nothing, and only above its promise', () => {
    const [x, y] = [cellOf('x', ballot(1)), cellOf('y', ballot(2))];
    const fresh = newAcceptor();
    assert.equal(send(fresh, prepare(ballot(1), x))?.kind, 'taken');
    const second = send(fresh, prepare(ballot(2), y)) as Promised;
    assert.equal(second.kind, 'promise');
    assert.equal(second.cell, x);
    assert.equal((send(fresh, prepare(ballot(1), x)) as RegisterReply).kind, 'nack');

    const promised = newAcceptor();
    send(promised, prepare(ballot(2)));
    assert.equal((send(promised, prepare(ballot(1), x)) as RegisterReply).kind, 'nack');
    assert.equal(send(promised, prepare(ballot(2), y))?.kind, 'promise');
    assert.equal(send(promised, prepare(ballot(3), cellOf('z', ballot(3))))?.kind, 'taken');
  });

  it('says to a duplicate of the fast Prepare again that it took it', () => {
    const acceptor = newAcceptor();
    const x = cellOf('x', ballot(1));
    send(acceptor, prepare(ballot(1), x));
    assert.equal(send(acceptor, prepare(ballot(1), x))?.kind, 'taken');
  });

  it('refuses an Accept below its promise, takes one at or above it, and raises the promise to next', () => {
    const acceptor = newAcceptor();
    send(acceptor, prepare(ballot(5)));
    assert.equal(send(acceptor, accept(ballot(4), cellOf('x', ballot(4))))?.kind, 'nack');
    assert.equal(send(acceptor, accept(ballot(5), cellOf('y', ballot(5)), ballot(7)))?.kind, 'accepted');
    assert.equal(send(acceptor, prepare(ballot(6)))?.kind, 'nack');
    assert.equal(send(acceptor, prepare(ballot(7)))?.kind, 'promise');
    assert.equal(acceptor.clock, 7);
  });

  it('accepts a duplicate although it has promised more since', () => {
    const acceptor = newAcceptor();
    const y = accept(ballot(5), cellOf('y', ballot(5)));
    send(acceptor, y);
    send(acceptor, prepare(ballot(9)));
    assert.equal(send(acceptor, y)?.kind, 'accepted');
    assert.deepEqual(acceptor.keys.get('k')?.p, ballot(9));
  });

  it('refuses ballots below its floor for keys it does not know, by whole ballots', () => {
    const acceptor = newAcceptor();
    acceptor.floor = ballot(5, 0, 2);
    acceptor.e = 2;
    const old = { ...accept(ballot(9), cellOf('x', ballot(9))), e: 2 };
    assert.equal(send(acceptor, old)?.kind, 'nack');
    assert.equal(send(acceptor, { ...prepare(ballot(9), cellOf('x', ballot(9))), e: 2 })?.kind, 'nack');
    assert.equal(acceptor.keys.size, 0);
    const later = ballot(5, 1, 2);
    assert.equal(send(acceptor, { ...accept(later, cellOf('x', later)), e: 2 })?.kind, 'accepted');
    assert.equal(acceptor.keys.get('k')?.fl, acceptor.floor);
  });

  it('forgets exactly the tombstone that was accepted, and nothing newer promised', () => {
    const forget: RegisterRequest = { kind: 'forget', e: 1, key: 'k', b: ballot(4), floor: ballot(5, 0) };
    const live = newAcceptor();
    send(live, accept(ballot(4), cellOf('x', ballot(4))));
    send(live, forget);
    assert.equal(live.keys.size, 1);

    const other = newAcceptor();
    send(other, accept(ballot(6), EMPTY));
    send(other, forget);
    assert.equal(other.keys.size, 1);

    const promised = newAcceptor();
    send(promised, accept(ballot(4), EMPTY));
    send(promised, prepare(ballot(6)));
    send(promised, forget);
    assert.equal(promised.keys.size, 1);

    const exact = newAcceptor();
    send(exact, accept(ballot(4), EMPTY));
    send(exact, forget);
    assert.equal(exact.keys.size, 0);
    assert.deepEqual(exact.floor, ballot(5, 0));
    assert.equal(exact.clock, 5);
  });

  it('believes a hint only about the very acceptance it names', () => {
    const acceptor = newAcceptor();
    send(acceptor, prepare(ballot(1), cellOf('x', ballot(1))));
    send(acceptor, { kind: 'chosen', e: 1, key: 'k', b: ballot(1), fast: false });
    assert.equal(acceptor.keys.get('k')?.chosen, false);
    send(acceptor, { kind: 'chosen', e: 1, key: 'k', b: ballot(1), fast: true });
    assert.equal(acceptor.keys.get('k')?.chosen, true);
  });

  it('answers other epochs with what the asker needs, and does not vote while it is not active', () => {
    const acceptor = newAcceptor();
    assert.equal(send(acceptor, { ...prepare(ballot(1)), e: 0 })?.kind, 'oldEpoch');
    assert.equal(send(acceptor, { ...prepare(ballot(1)), e: 2 })?.kind, 'behind');
    acceptor.active = false;
    assert.equal(send(acceptor, prepare(ballot(1)))?.kind, 'inactive');
    assert.equal(acceptor.keys.size, 0);
  });

  it('lets no promise and no acceptance leave before it is stored, when it is durable', () => {
    for (const message of [prepare(ballot(1)), accept(ballot(1), cellOf('x', ballot(1)))]) {
      const effects: AcceptorEffect[] = [];
      stepAcceptor(newAcceptor(true), message, effects);
      assert.deepEqual(
        effects.map((effect) => effect.kind),
        ['persist'],
      );
    }
  });
});

describe('the choice of a quorum', () => {
  const [x, y] = [cellOf('x', ballot(3)), cellOf('y', ballot(2))];

  it('is none when nothing was accepted, or fast values differ, or one member has none', () => {
    assert.equal(choice([nothing, nothing]), null);
    assert.equal(choice([fast(3, x), fast(2, y)]), null);
    assert.equal(choice([fast(3, x), nothing]), null);
  });

  it('is a fast value that all replies report', () => {
    assert.deepEqual(choice([fast(3, x), fast(3, x)]), { fast: true, ab: ballot(3), cell: x });
  });

  it('is the highest classic acceptance, whatever fast ones are above it', () => {
    assert.equal(choice([fast(9, x), classic(2, y)])?.cell, y);
    assert.equal(choice([classic(2, y), classic(3, x)])?.cell, x);
  });

  it('is known chosen by a quorum of classic acceptances, all fast ones, or a hint, of this epoch', () => {
    const config = configOf(3);
    const known = (replies: Holding[]): boolean => knownChosen(choice(replies), replies, config);
    assert.equal(known([classic(3, x), classic(3, x)]), true);
    assert.equal(known([classic(3, x), nothing]), false);
    assert.equal(known([classic(3, x, { chosen: true }), nothing]), true);
    assert.equal(known([fast(3, x), fast(3, x)]), false);
    assert.equal(known([fast(3, x), fast(3, x), fast(3, x)]), true);
    assert.equal(known([classic(3, x, { ae: 0 }), classic(3, x)]), false);
  });
});

describe('a plain read', () => {
  it('answers none and known cells, and leaves everything else to a classic attempt', () => {
    const config = configOf(3);
    const x = cellOf('x', ballot(3));
    assert.deepEqual(decideRead([nothing], config), { kind: 'unsettled' });
    assert.deepEqual(decideRead([nothing, fast(3, x)], config), { kind: 'done', cell: null });
    assert.deepEqual(decideRead([classic(3, x), classic(3, x)], config), { kind: 'done', cell: x });
    assert.deepEqual(decideRead([classic(3, x), nothing], config), { kind: 'unsettled' });
    assert.deepEqual(decideRead([classic(3, EMPTY), nothing], config), { kind: 'unsettled' });
  });

  it('does not trust the hint of one member when another may have forgotten the key since', () => {
    const config = configOf(3);
    const x = cellOf('x', ballot(3));
    const known = classic(3, x, { chosen: true });
    assert.deepEqual(decideRead([known, nothing], config), { kind: 'done', cell: x });
    assert.deepEqual(decideRead([known, { ...nothing, fl: ballot(2) }], config), { kind: 'done', cell: x });
    assert.deepEqual(decideRead([known, { ...nothing, fl: ballot(5) }], config), { kind: 'unsettled' });
    assert.deepEqual(decideRead([known, classic(3, x, { fl: ballot(5) })], config), { kind: 'done', cell: x });
    const missed = { ...nothing, fl: ballot(5) };
    assert.deepEqual(
      decideRead([known, missed, classic(3, x)], config),
      { kind: 'done', cell: x },
      'a quorum holds it',
    );
  });
});

describe('the decision of a proposer', () => {
  const config = configOf(3);
  const promised = (holding: Holding, more: Partial<Promised> = {}): Promised => {
    return { kind: 'promise', from: 0, e: 1, b: ballot(9), clock: 9, seen: [], ...holding, ...more };
  };
  const put = (offers: Deciding['offers'] = []): Deciding => {
    return { kind: 'put', change: putChange('mine', null), ver: null, b: ballot(99), offers };
  };
  const offer = { b: ballot(5), result: 'mine' };

  it('a first attempt writes its own value when nothing is there', () => {
    const decision = decide(put(), [promised(nothing), promised(nothing)], config);
    assert.ok(decision.kind === 'write' && decision.own);
    assert.deepEqual(historyOf(decision.cell), [ballot(99)]);
  });

  it('what is there and known is answered, what is there and not known is written first', () => {
    const x = cellOf('x', ballot(3));
    assert.equal(decide(put(), [promised(classic(3, x)), promised(classic(3, x))], config).kind, 'done');
    const decision = decide(put(), [promised(classic(3, x)), promised(nothing)], config);
    assert.ok(decision.kind === 'write' && !decision.own && decision.cell === x);
  });

  it('a retry that finds its ballot in the history answers ok, also below later changes and erasure', () => {
    const mine = cellOf('mine', ballot(5));
    const found = decide(put([offer]), [promised(classic(5, mine)), promised(classic(5, mine))], config);
    assert.ok(found.kind === 'write' && found.outcome.kind === 'ok' && found.outcome.result === 'mine');
    const erased = makeCell({ live: false, value: null, bind: null }, mine, ballot(7));
    const below = decide(put([offer]), [promised(classic(7, erased)), promised(classic(7, erased))], config);
    assert.ok(below.kind === 'done' && below.outcome.kind === 'ok' && below.outcome.result === 'mine');
    const change = decide(
      { ...put([offer]), kind: 'change' },
      [promised(classic(7, erased)), promised(nothing)],
      config,
    );
    assert.ok(change.kind === 'write' && change.outcome.kind === 'applied');
  });

  it('a retry whose ballot may have fallen out of the history, or been forgotten, is unknown', () => {
    let cell = cellOf('x', ballot(6));
    for (let r = 7; r < 7 + HISTORY_MAX; r++) cell = makeCell({ live: true, value: r, bind: null }, cell, ballot(r));
    assert.deepEqual(cell.cut, ballot(6));
    const dropped = decide(put([offer]), [promised(classic(30, cell)), promised(classic(30, cell))], config);
    assert.deepEqual(dropped, { kind: 'done', outcome: { kind: 'unknown' } });
    const forgot = { ...nothing, fl: ballot(8, 0) };
    const forgotten = decide(put([offer]), [promised(nothing), promised(forgot)], config);
    assert.deepEqual(forgotten, { kind: 'done', outcome: { kind: 'unknown' } });
  });

  it('a retry answers without writing only when nothing of its own can still win', () => {
    const x = cellOf('x', ballot(3));
    const low = decide(put([offer]), [promised(classic(3, x)), promised(classic(3, x))], config);
    assert.equal(low.kind, 'write');
    const high = decide(put([offer]), [promised(classic(7, x)), promised(classic(7, x))], config);
    assert.equal(high.kind, 'done');
    const read: Deciding = { ...put([offer]), change: () => ({ draft: null, result: null }) };
    assert.equal(decide(read, [promised(nothing), promised(nothing)], config).kind, 'write');
    assert.equal(decide({ ...read, offers: [] }, [promised(nothing), promised(nothing)], config).kind, 'done');
  });

  it('an erase needs the own observations of a quorum, and gives the cell to members that lack it', () => {
    const v = ballot(3);
    const x = cellOf('x', v);
    const seen = [{ ver: v, ticket: null }];
    const erase: Deciding = { kind: 'erase', change: eraseChange(v), ver: v, b: ballot(99), offers: [] };
    const both = [promised(classic(3, x), { seen }), promised(classic(3, x), { seen })];
    const decision = decide(erase, both, config);
    assert.ok(decision.kind === 'write' && decision.own && !decision.cell.live);
    const one = decide(erase, [promised(classic(3, x), { seen }), promised(classic(3, x))], config);
    assert.deepEqual(one, { kind: 'done', outcome: { kind: 'gave_up' } });
    const lacking = decide(erase, [promised(classic(3, x), { seen }), promised(nothing)], config);
    assert.ok(lacking.kind === 'write' && lacking.cell === x && lacking.outcome.kind === 'gave_up');
    const otherLife = [{ ver: ballot(2), ticket: null }];
    const stale = [promised(classic(3, x), { seen: otherLife }), promised(classic(3, x), { seen: otherLife })];
    assert.equal(decide(erase, stale, config).kind, 'done');
  });

  it('a collect buries what is not live under an empty cell, and gives up on a live one', () => {
    const collect: Deciding = { ...put(), kind: 'collect' };
    assert.equal(decide(collect, [promised(nothing), promised(nothing)], config).kind, 'write');
    const x = cellOf('x', ballot(3));
    assert.deepEqual(decide(collect, [promised(classic(3, x)), promised(nothing)], config), {
      kind: 'done',
      outcome: { kind: 'gave_up' },
    });
  });
});

describe('a proposer', () => {
  it('does not count a member that took a fast value where none was offered', () => {
    const proposer = createProposer(1);
    Object.assign(proposer, { config: configOf(3), connected: 0b111 });
    const change = createChange('k', () => ({ draft: null, result: null }));
    startOperation(proposer, change, 0, []);
    for (const kind of ['taken', 'promise'] as const) {
      stepReply(proposer, { kind, from: 1, e: 1, b: change.b, clock: 1, ...nothing, seen: [] }, 1, []);
      assert.equal(change.answeredCount, kind === 'promise' ? 1 : 0);
    }
  });
});
