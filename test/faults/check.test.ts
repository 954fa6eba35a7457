import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkHistory, type Violation } from './check.ts';
import type { Action, Operation, Result } from './history.ts';
import { makeHistory, type SyntheticOptions } from './synthetic.ts';

const SEEDS = 40;
const SMALL = { clients: 6, operations: 300, unknown: 0.02, fault: 'none' } as const;

for (const kind of ['once', 'bound', 'cas', 'list'] as const) {
  test(`histories of a correct register pass: ${kind}`, () => {
    for (let seed = 1; seed <= SEEDS; seed++) assert.deepEqual(checkHistory(makeHistory(seed, { ...SMALL, kind })), []);
  });
}

test('thousands of operations on one key, many of them without an answer, are checked in seconds', () => {
  const started = performance.now();
  for (const kind of ['once', 'bound', 'cas'] as const) {
    const options: SyntheticOptions = { kind, clients: 20, operations: 8_000, unknown: 0.05, fault: 'none' };
    assert.deepEqual(checkHistory(makeHistory(7, options)), []);
  }
  assert.ok(performance.now() - started < 20_000);
});

/** The kinds of violation that some seed shows. */
function caught(options: SyntheticOptions): ReadonlySet<Violation['what']> {
  const found = new Set<Violation['what']>();
  for (let seed = 1; seed <= SEEDS; seed++)
    for (const { what } of checkHistory(makeHistory(seed, options))) found.add(what);
  return found;
}

for (const [fault, kind, expected] of [
  ['lost', 'list', ['lost', 'not linearizable']],
  ['lost', 'cas', ['lost', 'not linearizable']],
  ['twice', 'list', ['applied twice', 'not linearizable']],
  ['twice', 'cas', ['applied twice', 'not linearizable']],
  ['stale', 'cas', ['not linearizable']],
  ['stale', 'bound', ['not linearizable']],
] as const) {
  test(`a register is caught that does wrong: ${fault}, ${kind}`, () => {
    const found = caught({ ...SMALL, kind, fault });
    for (const what of expected) assert.ok(found.has(what), `${what} is not among ${[...found].join(', ')}`);
  });
}

function operation(
  id: string,
  action: Action,
  calledAt: number,
  answeredAt: number,
  result: Result | null,
  key = 'o0',
): Operation {
  return { id, key, action, calledAt, answeredAt, result };
}

const put = { kind: 'put' } as const;
const putBound = { kind: 'putBound' } as const;
const get = { kind: 'get' } as const;

test('a write-once key that goes back to nothing is not linearizable, a bound one is', () => {
  const history = (action: Action, key: string): Operation[] => [
    operation('a', action, 1, 2, { value: 'a' }, key),
    operation('r', get, 3, 4, { value: null }, key),
  ];
  assert.deepEqual(
    checkHistory(history(put, 'o0')).map(({ what }) => what),
    ['not linearizable'],
  );
  assert.deepEqual(checkHistory(history(putBound, 'b0')), []);
});

test('an erased value that comes back is not linearizable', () => {
  const history = [
    operation('a', putBound, 1, 2, { value: 'a' }, 'b0'),
    operation('r1', get, 3, 4, { value: null }, 'b0'),
    operation('r2', get, 5, 6, { value: 'a' }, 'b0'),
  ];
  assert.deepEqual(
    checkHistory(history).map(({ what }) => what),
    ['not linearizable'],
  );
});

test('a put without an answer may take effect long after its call, but not before', () => {
  const unknown = operation('late', put, 5, Infinity, null);
  const sees = (from: number): Operation => operation('r', get, from, from + 1, { value: 'late' });
  assert.deepEqual(checkHistory([unknown, operation('none', get, 6, 7, { value: null }), sees(100)]), []);
  assert.deepEqual(
    checkHistory([unknown, sees(2)]).map(({ what }) => what),
    ['written by nobody', 'not linearizable'],
  );
});

test('a value that was said to be without effect, and is seen, is caught', () => {
  const [violation] = checkHistory([operation('r', get, 1, 2, { value: 'refused' })]);
  assert.equal(violation?.what, 'written by nobody');
});

test('two keys are two registers', () => {
  const history = [operation('a', put, 1, 2, { value: 'a' }, 'o1'), operation('r', get, 3, 4, { value: null }, 'o2')];
  assert.deepEqual(checkHistory(history), []);
});
