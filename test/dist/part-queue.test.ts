import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAGMENT_FIRST, PART_BYTES } from '../../runtime/codec/fragments.ts';
import { PartQueue } from '../../runtime/dist/part-queue.ts';
import type { EncodedSignal } from '../../runtime/dist/part-queue.ts';

function signal(sender: string | null, label: string, parts = 0): EncodedSignal {
  return { control: new Uint8Array(Buffer.from(label)), payload: new Uint8Array(parts * PART_BYTES), sender };
}

/** Runs rounds until idle; gives one line per thing that went out. */
function drain(queue: PartQueue): readonly string[] {
  const out: string[] = [];
  const names = new Map<number, string>();
  for (let round = 0; !queue.idle; round++) {
    assert.ok(round < 100, 'does not end');
    queue.round({
      onPart: ({ head }) => {
        const sequence = head[9] as number;
        if (head[1] === FRAGMENT_FIRST) names.set(sequence, Buffer.from(head.subarray(19)).toString());
        out.push(`${names.get(sequence)}/${head[17]}`);
      },
      onSignal: ({ control }) => out.push(Buffer.from(control).toString()),
    });
  }
  assert.equal(queue.bytes, 0);
  return out;
}

test('small signals go out at once while nothing waits', () => {
  const queue = new PartQueue();
  assert.equal(queue.admit(signal('a', 'small')), false);
  assert.equal(queue.admit(signal(null, 'small')), false);
  assert.equal(queue.idle, true);
});

test('a large signal goes out in parts that count down to 1', () => {
  const queue = new PartQueue();
  assert.equal(queue.admit(signal('a', 'big', 3)), true);
  assert.deepEqual(drain(queue), ['big/3', 'big/2', 'big/1']);
});

test('other senders pass a large signal, the same sender waits behind it', () => {
  const queue = new PartQueue();
  queue.admit(signal('a', 'big', 2));
  assert.equal(queue.admit(signal('b', 'other')), false);
  assert.equal(queue.admit(signal('a', 'after')), true);
  assert.deepEqual(drain(queue), ['big/2', 'big/1', 'after']);
});

test('two large signals take turns', () => {
  const queue = new PartQueue();
  queue.admit(signal('a', 'A', 2));
  queue.admit(signal('b', 'B', 3));
  assert.deepEqual(drain(queue), ['A/2', 'B/3', 'A/1', 'B/2', 'B/1']);
});

test('a large signal behind a large one of the same sender starts when that is done', () => {
  const queue = new PartQueue();
  for (const [label, parts] of [
    ['A', 2],
    ['x', 0],
    ['B', 2],
    ['y', 0],
  ] as const)
    queue.admit(signal('a', label, parts));
  assert.deepEqual(drain(queue), ['A/2', 'A/1', 'x', 'B/2', 'B/1', 'y']);
});

test('a signal whose sender cannot be told overtakes nothing, and nothing overtakes it', () => {
  const queue = new PartQueue();
  queue.admit(signal('a', 'A', 2));
  queue.admit(signal('b', 'B', 3));
  queue.admit(signal('a', 'a1'));
  assert.equal(queue.admit(signal(null, 'unknown')), true);
  assert.equal(queue.admit(signal('c', 'c1')), true);
  assert.deepEqual(drain(queue), ['A/2', 'B/3', 'A/1', 'B/2', 'a1', 'B/1', 'unknown', 'c1']);
});

test('a large signal whose sender cannot be told holds up everything behind it', () => {
  const queue = new PartQueue();
  queue.admit(signal(null, 'U', 2));
  assert.equal(queue.admit(signal('c', 'c1')), true);
  assert.deepEqual(drain(queue), ['U/2', 'U/1', 'c1']);
});
