import assert from 'node:assert/strict';
import { test } from 'node:test';
import { atom } from '../../runtime/term/atom.ts';
import { Exit } from '../../runtime/term/exit-reason.ts';
import { tuple } from '../../runtime/term/tuple.ts';
import type { AutoShutdown, Restart } from '../../supervisors/child-spec.ts';
import { planOneForAll } from '../../supervisors/plan-one-for-all.ts';
import { planOneForOne } from '../../supervisors/plan-one-for-one.ts';
import { planRestForOne } from '../../supervisors/plan-rest-for-one.ts';
import { planExit, type PlannedChild, type RestartPlan } from '../../supervisors/plan.ts';
import { RestartWindow } from '../../supervisors/restart-intensity.ts';

interface Named extends PlannedChild {
  readonly id: string;
}

/** 'a' permanent, 'a~' temporary, 'a?' transient, 'a-' without a process, 'a!' significant. */
function parse(text: string): Named[] {
  return text.split(' ').map((word) => ({
    id: word.charAt(0),
    restart: word.includes('~') ? 'temporary' : word.includes('?') ? 'transient' : 'permanent',
    significant: word.includes('!'),
    active: !word.includes('-'),
  }));
}

function show(plan: RestartPlan<Named>): string {
  const ids = (list: readonly Named[]): string => list.map((child) => child.id).join('');
  return `${ids(plan.stop)}/${ids(plan.start)}`;
}

const strategies = { planOneForOne, planOneForAll, planRestForOne };

const table: [keyof typeof strategies, string, string, string][] = [
  ['planOneForOne', 'a b c', 'b', '/b'],
  ['planOneForAll', 'a b c', 'b', 'ca/abc'],
  ['planOneForAll', 'a b c', 'a', 'cb/abc'],
  ['planOneForAll', 'a b~ c d', 'c', 'dba/acd'],
  ['planOneForAll', 'a b?- c', 'c', 'a/abc'],
  ['planRestForOne', 'a b c d', 'b', 'dc/bcd'],
  ['planRestForOne', 'a b c', 'c', '/c'],
  ['planRestForOne', 'a b c', 'a', 'cb/abc'],
  ['planRestForOne', 'a b~ c~ d-', 'a', 'cb/ad'],
];

for (const [strategy, before, failed, expected] of table) {
  test(`${strategy} of ${before} when ${failed} ends stops and starts ${expected}`, () => {
    const children = parse(before);
    const child = children.find((one) => one.id === failed);
    assert.ok(child !== undefined);
    assert.equal(show(strategies[strategy](children, child)), expected);
  });
}

const shutdownWith = tuple(atom('shutdown'), 'x');
const exits: [Restart, unknown, string][] = [
  ['permanent', Exit.normal, 'restart'],
  ['permanent', Exit.killed, 'restart'],
  ['transient', Exit.normal, 'keep'],
  ['transient', Exit.shutdown, 'keep'],
  ['transient', shutdownWith, 'keep'],
  ['transient', Exit.killed, 'restart'],
  ['transient', tuple(atom('shutdown'), 'x', 'y'), 'restart'],
  ['temporary', Exit.killed, 'forget'],
  ['temporary', Exit.normal, 'forget'],
];

for (const [restart, reason, fate] of exits) {
  test(`a ${restart} child that ends with ${String(reason)}: ${fate}`, () => {
    const child = { restart, significant: false, active: true };
    assert.deepEqual(planExit([child], child, reason, 'anySignificant'), { child: fate, shutdown: false });
  });
}

const automatic: [AutoShutdown, string, string, unknown, boolean][] = [
  ['never', 'a?! b?!', 'a', Exit.normal, false],
  ['anySignificant', 'a?! b?!', 'a', Exit.normal, true],
  ['anySignificant', 'a?! b?!', 'a', Exit.killed, false],
  ['anySignificant', 'a~! b?!', 'a', Exit.killed, true],
  ['anySignificant', 'a?! b?', 'b', Exit.normal, false],
  ['allSignificant', 'a?! b?!', 'a', Exit.normal, false],
  ['allSignificant', 'a?! b?!- c', 'a', Exit.normal, true],
];

for (const [autoShutdown, before, ended, reason, shutdown] of automatic) {
  test(`autoShutdown ${autoShutdown} of ${before} when ${ended} ends with ${String(reason)}: ${shutdown}`, () => {
    const children = parse(before);
    const child = children.find((one) => one.id === ended);
    assert.ok(child !== undefined);
    assert.equal(planExit(children, child, reason, autoShutdown).shutdown, shutdown);
  });
}

test('restarts up to the intensity are borne, one more within the period is too many', () => {
  const window = new RestartWindow(2, 5000);
  const exceeded = [0, 10, 20, 5000, 5010, 5011].map((nowMs) => window.add(nowMs));
  assert.deepEqual(exceeded, [false, false, true, true, true, true]);
  const second = (nowMs: number): boolean => {
    const one = new RestartWindow(1, 5000);
    one.add(0);
    return one.add(nowMs);
  };
  assert.deepEqual([second(5000), second(5001)], [true, false]);
  assert.equal(new RestartWindow(0, 1).add(0), true);
});

test('the window keeps no more times than it needs', () => {
  const window = new RestartWindow(3, 1000);
  for (let nowMs = 0; nowMs < 100; nowMs++) window.add(nowMs);
  assert.equal(window.size, 4);
  window.add(10_000);
  assert.equal(window.size, 1);
});
