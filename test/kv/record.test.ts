import assert from 'node:assert/strict';
import { test } from 'node:test';
import { foundConfig, nextConfig } from '../../kv/cluster/config.ts';
import { createCluster, stepCluster } from '../../kv/cluster/core.ts';
import { ownHello, stateHolders } from '../../kv/cluster/evidence.ts';
import { explainCluster } from '../../kv/cluster/explain.ts';
import {
  chainOf,
  CLUSTER_CHAIN,
  completeSince,
  createRecord,
  isRetired,
  mergeSystem,
  newestOf,
  recordChain,
  recordComplete,
  recordDecided,
  takeBoot,
  voteOn,
  type BootRecord,
} from '../../kv/cluster/record.ts';
import type { Ballot, Config, Incarnation } from '../../kv/paxos/messages.ts';

const blank = createRecord('n1', 'id1');
const c1 = foundConfig({ cluster: 'c', clusterSize: 3, members: [member(1), member(2)] });
const other = foundConfig({ cluster: 'd', clusterSize: 3, members: [member(1), member(3)] });
const c2 = nextConfig(c1, { kind: 'fill', member: member(3) });
const b1 = bucketConfig([member(1, 1), member(2, 1)]);

function member(number: number, boot = 0): Incarnation {
  return { name: `n${number}`, id: `id${number}`, boot };
}

function bucketConfig(members: readonly Incarnation[]): Config {
  return foundConfig({ cluster: 'c', clusterSize: 3, members, bucket: 'B', partitions: 1 });
}

function ballot(e: number, r: number, p = 1): Ballot {
  return { e, r, p };
}

function vote(record: BootRecord, b: Ballot, config?: Config, chain = CLUSTER_CHAIN, e = 0): ReturnType<typeof voteOn> {
  return voteOn(record, config === undefined ? { chain, e, b } : { chain, e, b, config }, true);
}

test('a promise is kept: lower ballots are refused, in prepare and in accept', () => {
  const promised = vote(blank, ballot(0, 5));
  assert.equal(promised.reply.kind, 'promise');
  assert.deepEqual(vote(promised.record, ballot(0, 4)).reply, { kind: 'nack', p: ballot(0, 5) });
  assert.deepEqual(vote(promised.record, ballot(0, 4), c1).reply, { kind: 'nack', p: ballot(0, 5) });
  assert.equal(vote(promised.record, ballot(0, 5), c1).reply.kind, 'accepted', 'the same ballot may accept');
});

test('a later promise tells the configuration that was accepted before', () => {
  const accepted = vote(vote(blank, ballot(0, 1)).record, ballot(0, 1), c1);
  const { reply } = vote(accepted.record, ballot(0, 2));
  assert.equal(reply.kind === 'promise' && reply.config?.cluster, 'c');
  assert.deepEqual(reply.kind === 'promise' && reply.ab, ballot(0, 1));
});

test('a configuration that is no step from the decided one is not accepted', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  assert.equal(vote(founded, ballot(1, 1), { ...c2, r: 1 }, CLUSTER_CHAIN, 1).reply.kind, 'inactive');
  assert.equal(vote(founded, ballot(1, 1), c2, CLUSTER_CHAIN, 1).reply.kind, 'accepted');
});

test('a decided register answers that it is, and one that is ahead asks for what is missing', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  assert.equal(vote(founded, ballot(0, 9)).reply.kind, 'decided');
  assert.equal(vote(blank, ballot(1, 9), undefined, CLUSTER_CHAIN, 1).reply.kind, 'behind');
});

test('a record that may not vote does not', () => {
  const { record, reply } = voteOn(blank, { chain: CLUSTER_CHAIN, e: 0, b: ballot(0, 1) }, false);
  assert.equal(reply.kind, 'inactive');
  assert.equal(record, blank);
});

test('votes on a bucket are data under the epoch of the cluster', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  assert.equal(vote(founded, ballot(1, 1), undefined, 'B').reply.kind, 'promise');
  assert.equal(vote(founded, ballot(0, 1), undefined, 'B').reply.kind, 'decided', 'the asker is older');
  assert.equal(vote(founded, ballot(2, 1), undefined, 'B').reply.kind, 'behind', 'the asker is newer');
});

test('configurations are recorded in order, once, and a second one of an epoch changes nothing', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  assert.equal(founded.active, true);
  assert.equal(recordDecided(founded, CLUSTER_CHAIN, other), founded);
  assert.equal(recordDecided(blank, CLUSTER_CHAIN, c2), blank, 'not before its predecessor');
  const filled = recordDecided(founded, CLUSTER_CHAIN, c2);
  assert.equal(newestOf(filled.system)?.e, 2);
  assert.equal(filled.active, true, 'a member goes on without interruption');
});

test('a node that is not listed does not vote, and one that took a seat votes after its merge', () => {
  const third = recordDecided(createRecord('n3', 'id3'), CLUSTER_CHAIN, c1);
  assert.equal(third.active, false);
  const joined = recordDecided(third, CLUSTER_CHAIN, c2);
  assert.equal(joined.active, false);
  const voted = vote(recordDecided(blank, CLUSTER_CHAIN, c1), ballot(1, 4), b1, 'B').record;
  const merged = mergeSystem(joined, [voted.buckets]);
  assert.equal(merged.active, true);
  const promise = vote(merged, ballot(2, 1), undefined, 'B').reply;
  assert.equal(
    promise.kind === 'promise' && promise.config?.bucket,
    'B',
    'what was accepted in the former epoch is inherited',
  );
});

test('a merge takes the newest decided configuration, and of the votes only those that stand at it', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  const stale = vote(founded, ballot(1, 9), b1, 'B').record.buckets;
  const decided = recordDecided(founded, 'B', b1).buckets;
  const joiner = recordDecided(recordDecided(createRecord('n3', 'id3'), CLUSTER_CHAIN, c1), CLUSTER_CHAIN, c2);
  const chain = chainOf(mergeSystem(joiner, [stale, decided]), 'B');
  assert.equal(newestOf(chain)?.e, 1);
  assert.equal(chain.vote.config, null);
});

test('a fresh configuration begins the chain of a bucket anew, and only there may configurations be skipped', () => {
  const founded = recordDecided(recordDecided(blank, CLUSTER_CHAIN, c1), 'B', b1);
  const filled = nextConfig(b1, { kind: 'fill', member: member(3, 1) });
  const fresh = nextConfig(filled, { kind: 'fresh', members: [member(1, 2), member(2, 2), member(3, 2)] });
  const chain = chainOf(recordDecided(founded, 'B', fresh), 'B');
  assert.deepEqual(
    chain.configs.map((c) => c.e),
    [3],
  );
  const laterFill = nextConfig(filled, { kind: 'fresh', members: [member(1, 2), member(2, 2)] });
  const skipped = nextConfig(laterFill, { kind: 'fill', member: member(3, 2) });
  assert.equal(recordDecided(founded, 'B', skipped), founded);
});

test('a boot number is used once', () => {
  assert.equal(takeBoot(takeBoot(blank)).boots, 2);
});

test('a bucket that runs on but was not announced yet is not taken for one that ended', () => {
  let record = recordDecided(blank, CLUSTER_CHAIN, c1);
  record = takeBoot(recordDecided(record, 'B', b1));
  const settings = { founders: ['n1', 'n2', 'n3'], clusterSize: 3 };
  const options = { record, settings, mayFound: true, join: [], proposer: 1 };
  const ended = createCluster(options);
  assert.equal(ownHello(ended).buckets['B']?.boot, 2, 'one that does not run answers with the next number');
  assert.deepEqual(stateHolders(ended, c1, 'B'), ['n2']);
  const state = createCluster({ ...options, unannounced: new Set(['B']) });
  assert.equal(ownHello(state).buckets['B'], undefined);
  assert.deepEqual(stateHolders(state, c1, 'B'), ['n1', 'n2']);
  const context = { now: 0, random: () => 0, newId: () => 'x' };
  stepCluster(state, { kind: 'bucketUp', bucket: 'B', partitions: 1, boot: 1 }, context);
  assert.deepEqual([ownHello(state).buckets['B']?.boot, ownHello(state).buckets['B']?.running], [1, true]);
  assert.deepEqual(stateHolders(state, c1, 'B'), ['n1', 'n2']);
});

/** A node proposes `mine` as what follows c1: with the votes of these two, which are the acceptors that count. Returns what is decided. */
function propose(records: BootRecord[], r: number, mine: Config): Config {
  let chosen = { ab: ballot(0, 0, 0), config: mine };
  records.forEach((record, i) => {
    const voted = vote(record, ballot(1, r), undefined, CLUSTER_CHAIN, 1);
    records[i] = voted.record;
    const { reply } = voted;
    if (reply.kind !== 'promise' || reply.config === null || reply.ab.r < chosen.ab.r) return;
    chosen = { ab: reply.ab, config: reply.config };
  });
  records.forEach((record, i) => {
    const voted = vote(record, ballot(1, r), chosen.config, CLUSTER_CHAIN, 1);
    assert.equal(voted.reply.kind, 'accepted');
    records[i] = voted.record;
  });
  return chosen.config;
}

test('what two of two voted for stays decided after both restarted', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  const instead = nextConfig(c1, { kind: 'fill', member: member(4) });
  const records = [founded, founded];
  assert.equal(propose(records, 1, c2), c2);
  assert.equal(propose(records, 2, instead), c2);
});

test('negative control: records that lose their votes in a restart decide two configurations for one epoch', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  const instead = nextConfig(c1, { kind: 'fill', member: member(4) });
  assert.equal(propose([founded, founded], 1, c2), c2);
  assert.equal(propose([founded, founded], 2, instead), instead);
});

test('a bucket keeps the configurations since the newest complete one, and a few more for members that lag', () => {
  let record = recordDecided(recordDecided(blank, CLUSTER_CHAIN, c1), 'B', b1);
  for (let boot = 2; boot < 30; boot++) {
    const newest = newestOf(chainOf(record, 'B'));
    assert.ok(newest !== null);
    record = recordDecided(record, 'B', nextConfig(newest, { kind: 'replace', member: member(2, boot) }));
  }
  assert.equal(chainOf(record, 'B').configs.length, 29, 'none is known complete but the founding');
  const complete = recordComplete(record, 'B', 20);
  assert.equal(chainOf(complete, 'B').configs[0]?.e, 20);
  assert.equal(recordComplete(complete, 'B', 12), complete, 'an older one says nothing new');
  const kept = chainOf(recordComplete(complete, 'B', 29), 'B');
  assert.equal(kept.configs.length, 8);
  assert.equal(completeSince(kept), 29);
  const behind = recordDecided(recordDecided(blank, CLUSTER_CHAIN, c1), 'B', b1);
  const caughtUp = chainOf(recordChain(behind, 'B', kept), 'B');
  assert.deepEqual([newestOf(caughtUp)?.e, completeSince(caughtUp)], [29, 29], 'those between are kept nowhere');
  assert.equal(recordChain(complete, 'B', chainOf(behind, 'B')), complete, 'what is older teaches nothing');
});

test('after one seat fewer a record does not vote on buckets until it has merged, and serves what it holds meanwhile', () => {
  const three = [c1, c2].reduce((record, config) => recordDecided(record, CLUSTER_CHAIN, config), blank);
  assert.equal(three.active, true);
  const two = recordDecided(three, CLUSTER_CHAIN, nextConfig(c2, { kind: 'shrink', name: 'n3' }));
  assert.deepEqual([two.active, two.sealed], [false, true]);
  const merged = mergeSystem(two, [{}]);
  assert.deepEqual([merged.active, merged.sealed], [true, false]);
});

test('a record that lost its seat is retired, and one that never had one is not', () => {
  const three = [c1, c2].reduce(
    (record, config) => recordDecided(record, CLUSTER_CHAIN, config),
    createRecord('n3', 'id3'),
  );
  assert.equal(isRetired(three), false);
  const replaced = nextConfig(c2, { kind: 'replace', member: member(4), leaving: 'n3' });
  assert.equal(isRetired(recordDecided(three, CLUSTER_CHAIN, replaced)), true);
  assert.equal(isRetired({ ...recordDecided(three, CLUSTER_CHAIN, replaced), id: 'another' }), false);
});

test('a forced configuration is recorded wherever a record stands, and stays in the chain of the cluster', () => {
  const founded = recordDecided(blank, CLUSTER_CHAIN, c1);
  const forced = nextConfig(c2, { kind: 'force', members: [member(2)], salt: 7 });
  const jumped = recordDecided(founded, CLUSTER_CHAIN, forced);
  assert.deepEqual(
    jumped.system.configs.map((c) => c.e),
    [1, forced.e],
  );
  assert.equal(jumped.active, false);
  const foreign = { ...forced, cluster: 'd', prev: null };
  assert.equal(recordDecided(founded, CLUSTER_CHAIN, foreign), founded);
});

test('of what another node says of a bucket only the chain is kept', () => {
  const said = { configs: [b1], complete: 1, boot: 7, running: true, active: false, leaving: false, partitions: 1 };
  const { B } = recordChain(recordDecided(blank, CLUSTER_CHAIN, c1), 'B', {
    ...said,
    configs: [nextConfig(b1, { kind: 'fill', member: member(3, 1) })],
  }).buckets;
  assert.deepEqual(Object.keys(B ?? {}).sort(), ['complete', 'configs', 'vote']);
});

test('a node whose record waits for a bucket that lists it says which, and what would help', () => {
  const c3 = nextConfig(c2, { kind: 'vacate', name: 'n3' });
  const b2 = nextConfig(b1, { kind: 'fill', member: member(3, 1) });
  const created = (number: number) => {
    let record = createRecord(`n${number}`, `id${number}`);
    for (const config of [c1, c2, c3]) record = recordDecided(record, CLUSTER_CHAIN, config);
    for (const config of [b1, b2]) record = recordDecided(record, 'B', config);
    const settings = { founders: ['n1', 'n2', 'n3'], clusterSize: 3 };
    return createCluster({ record, settings, mayFound: true, join: [], proposer: number });
  };
  const state = created(3);
  for (const other of [created(1), created(2)]) {
    const message = { kind: 'hello', hello: ownHello(other), ask: false } as const;
    const context = { now: 0, random: () => 0.5, newId: () => 'new' };
    stepCluster(state, { kind: 'message', from: other.record.name, message }, context);
  }
  assert.equal(state.record.id, 'id3', 'it is not renewed');
  assert.match(explainCluster(state) ?? '', /n3 gave up its seat; .* bucket B has followed, .* \(quorate reset\)/);
});
