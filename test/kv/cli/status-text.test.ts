import assert from 'node:assert/strict';
import { test } from 'node:test';
import { describeStatus } from '../../../kv/cli/status-text.ts';
import type { ClusterStatus, MemberStatus } from '../../../kv/index.ts';

function statusOf(members: readonly MemberStatus[]): ClusterStatus {
  const configuration = { epoch: 2, seats: 3, quorum: 2, members };
  const names = members.map(({ name }) => name);
  const counts = { hasQuorum: true, connected: 2, clusterSize: 3, node: 'n1@127.0.0.1', cluster: 'abc' };
  return { ...counts, members: names, waits: [], configuration, clients: [], buckets: [], resets: [] };
}

test('where a member is missing the status does not say that all is well', () => {
  const here: MemberStatus[] = [1, 2].map((n) => ({ name: `n${n}@127.0.0.1`, state: 'active' }));
  assert.equal(describeStatus(statusOf(here)).at(-1), 'all is well');
  const missing = describeStatus(statusOf([...here, { name: 'n3@127.0.0.1', state: 'missing' }]));
  assert.equal(missing.at(-1), 'all is served; missing: n3@127.0.0.1');
});
