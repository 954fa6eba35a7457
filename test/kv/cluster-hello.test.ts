import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCluster, stepCluster } from '../../kv/cluster/core.ts';
import { createRecord } from '../../kv/cluster/record.ts';
import type { ClusterEffect, ClusterInput, ClusterState } from '../../kv/cluster/state.ts';
import type { Hello } from '../../kv/cluster/hello.ts';

const NAMES = ['n1', 'n2', 'n3'];

function createNode(name: string): (input: ClusterInput) => ClusterEffect[] {
  const state: ClusterState = createCluster({
    record: createRecord(name, `record of ${name}`),
    settings: { founders: NAMES, clusterSize: 3 },
    mayFound: true,
    join: [],
    proposer: 1,
  });
  return (input) => stepCluster(state, input, { now: 0, random: () => 0.5, newId: () => 'id' });
}

function hellosTo(name: string, effects: readonly ClusterEffect[]): { readonly hello: Hello; readonly ask: boolean }[] {
  return effects.flatMap((effect) =>
    effect.kind === 'send' && effect.to === name && effect.message.kind === 'hello' ? [effect.message] : [],
  );
}

test('a Hello that waited for the connection is said again when things have changed meanwhile', () => {
  const [step, other] = [createNode('n1'), createNode('n2')];
  const early = hellosTo('n2', step({ kind: 'tick' }))[0];
  assert.equal(early?.hello.buckets['b'], undefined);
  step({ kind: 'bucketUp', bucket: 'b', partitions: 1, boot: null });
  assert.ok(early);
  const answer = hellosTo('n1', other({ kind: 'message', from: 'n1', message: { kind: 'hello', ...early } }))[0];
  assert.ok(answer);
  const again = hellosTo('n2', step({ kind: 'message', from: 'n2', message: { kind: 'hello', ...answer } }));
  assert.deepEqual(
    again.map(({ hello, ask }) => [hello.buckets['b']?.running, ask]),
    [[true, false]],
  );
});

test('a Hello that is still true is not said twice', () => {
  const [step, other] = [createNode('n1'), createNode('n2')];
  const early = hellosTo('n2', step({ kind: 'tick' }))[0];
  assert.ok(early);
  const answer = hellosTo('n1', other({ kind: 'message', from: 'n1', message: { kind: 'hello', ...early } }))[0];
  assert.ok(answer);
  assert.deepEqual(hellosTo('n2', step({ kind: 'message', from: 'n2', message: { kind: 'hello', ...answer } })), []);
});
