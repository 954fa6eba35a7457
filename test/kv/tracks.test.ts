/** What a watcher tells of the cells it hears of, and which keys a selector takes. */
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Feed, Learned } from '../../kv/bucket/learner.ts';
import { createPrefix, selectsOf } from '../../kv/bucket/selector.ts';
import { encodeKey } from '../../kv/key.ts';
import { makeCell, type Draft } from '../../kv/paxos/change.ts';
import type { Ballot, Cell } from '../../kv/paxos/messages.ts';
import { Tracks } from '../../kv/watch/tracks.ts';
import { realEnv } from '../../runtime/env.ts';
import { atom } from '../../runtime/term/atom.ts';
import { tuple } from '../../runtime/term/tuple.ts';

const ballot = (r: number): Ballot => ({ e: 1, r, p: 1 });
const dead: Draft = { live: false, value: null, bind: null };
const live = (value: unknown): Draft => ({ live: true, value, bind: null });

/** The cells of a key that is changed at rounds 1, 2, ...; undefined: erased. */
function line(...values: unknown[]): Cell[] {
  const cells: Cell[] = [];
  for (const [i, value] of values.entries()) {
    cells.push(makeCell(value === undefined ? dead : live(value), cells.at(-1) ?? null, ballot(i + 1)));
  }
  return cells;
}

function say(told: ReturnType<Tracks['take']>): unknown[] {
  return told.map((one) =>
    one.kind === 'value' ? one.cell.value : one.kind === 'gap' ? `gap ${one.reason}` : 'erased',
  );
}

function watched(...cells: (Cell | null)[]): unknown[] {
  const tracks = new Tracks();
  const [first = null, ...rest] = cells;
  return [...say(tracks.first('k', first)), ...rest.flatMap((cell) => say(tracks.take('k', cell)))];
}

describe('a watcher', () => {
  const [a, b, c, gone, again, last] = line('a', 'b', 'c', undefined, 'again', 'last') as [
    Cell,
    Cell,
    Cell,
    Cell,
    Cell,
    Cell,
  ];

  it('tells every change once, in order, whatever it hears late or twice', () => {
    assert.deepEqual(watched(a, b, a, b, c, b, gone, c, again, gone), ['a', 'b', 'c', 'erased', 'again']);
  });

  it('tells nothing of a key that is not there', () => {
    assert.deepEqual(watched(null), []);
    assert.deepEqual(watched(gone), []);
    assert.deepEqual(watched(null, null, a), ['a']);
  });

  it('tells a gap where the history shows a change that it never heard of', () => {
    assert.deepEqual(watched(a, c), ['a', 'gap missed', 'c']);
    assert.deepEqual(watched(null, b), ['gap missed', 'b']);
    assert.deepEqual(watched(c, again), ['c', 'gap missed', 'again'], 'an end that was missed');
    assert.deepEqual(watched(b, gone), ['b', 'gap missed', 'erased']);
    assert.deepEqual(watched(gone, last), ['gap missed', 'last']);
  });

  it('tells a gap when a key with a value is suddenly unknown, or begins a life without a past', () => {
    const fresh = makeCell(live('fresh'), null, ballot(9));
    assert.deepEqual(watched(a, null), ['a', 'gap forgotten', 'erased']);
    assert.deepEqual(watched(a, fresh), ['a', 'gap missed', 'fresh']);
    assert.deepEqual(watched(c, gone, null, fresh), ['c', 'erased', 'fresh'], 'it knew that it had ended');
  });

  it('tells one gap, not two, of what is found after it', () => {
    const tracks = new Tracks();
    tracks.first('k', a);
    tracks.open();
    assert.deepEqual(say(tracks.take('k', c)), ['c']);
    tracks.open();
    assert.deepEqual(say(tracks.take('k', c)), [], 'what was told already');
    assert.deepEqual(say(tracks.take('k', again)), ['gap missed', 'again']);
  });
});

describe('a learner', () => {
  const cells = line('a', 'b', 'c', 'd') as [Cell, Cell, Cell, Cell];
  const fed = (learned: Learned, credit = 100): unknown[][] => {
    const lists: unknown[][] = [];
    learned.add(
      new Feed(
        () => true,
        credit,
        (list) => lists.push([...list]),
      ),
    );
    return lists;
  };
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  const accept = (cell: Cell, r: number) =>
    ({ kind: 'accept', e: 1, key: 'k', b: ballot(r), cell, next: null }) as const;

  it('feeds the ancestors of a chosen cell that passed by, and knows them by its history', async () => {
    const learned = new Learned(realEnv);
    const lists = fed(learned);
    const stranger = makeCell(live('never chosen'), cells[0], { e: 1, r: 2, p: 9 });
    learned.learned('k', cells[0]);
    learned.offered(accept(stranger, 2));
    learned.offered(accept(cells[1], 2));
    learned.offered(accept(cells[3], 4));
    learned.learned('k', cells[3]);
    learned.learned('k', cells[3]);
    learned.forgotten('k');
    await turn();
    assert.deepEqual(lists, [['k', cells[0], 'k', cells[1], 'k', cells[3], 'k', null]]);
  });

  it('tells who does not keep up that something was dropped, once there is room again', async () => {
    const learned = new Learned(realEnv);
    const lists: unknown[][] = [];
    const feed = new Feed(
      () => true,
      2,
      (list) => lists.push([...list]),
    );
    learned.add(feed);
    for (const cell of cells) learned.learned('k', cell);
    await turn();
    assert.deepEqual(lists, [['k', cells[0], 'k', cells[1]]]);
    feed.taken(2);
    learned.armFlush();
    await turn();
    assert.deepEqual(lists[1], [null, 'overflow']);
  });
});

describe('a prefix', () => {
  const matches = (prefix: unknown, key: unknown): boolean => {
    const [selector, encoded] = [createPrefix(prefix, 'prefix'), encodeKey(key)];
    assert.ok(selector.ok && encoded.ok);
    return selectsOf(selector.value)(encoded.value);
  };
  const long = tuple(...Array.from({ length: 300 }, (_, i) => i));

  it('takes the keys of its own kind that begin with it', () => {
    for (const [prefix, key] of [
      ['', ''],
      ['us', 'user'],
      ['ä', 'ärger'],
      [tuple(), tuple(1)],
      [tuple('a', { x: 1 }), tuple('a', { x: 1 }, 2)],
      [tuple(0, 1), long],
      [[], []],
      [[], [1]],
      [['a'], ['a', 'b']],
      [['a'], ['a']],
      [tuple(atom('a')), tuple(atom('a'))],
    ]) {
      assert.ok(matches(prefix, key), JSON.stringify([prefix, key]));
    }
  });

  it('takes no others', () => {
    for (const [prefix, key] of [
      ['user', 'us'],
      ['a', tuple('a')],
      ['1', 1],
      [tuple(), [1]],
      [tuple(), new Date(0)],
      [tuple('a'), tuple('ab')],
      [tuple(1, 2), tuple(1)],
      [[], tuple()],
      [['a'], ['b', 'a']],
      [['a', 'b'], ['a']],
    ]) {
      assert.ok(!matches(prefix, key), JSON.stringify([prefix, key]));
    }
  });

  it('is a string, an array or a tuple', () => {
    for (const bad of [7, null, { a: 1 }, new Map(), new Date(0), new Set(), atom('a'), undefined]) {
      const refused = createPrefix(bad, 'prefix');
      assert.equal(!refused.ok && refused.path, 'prefix');
    }
  });
});
