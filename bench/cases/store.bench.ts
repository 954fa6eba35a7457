/**
 * Operations on the store in clusters of three and five OS processes, by outstanding requests, next to the floor (bare rounds between three
 * processes, without any logic) and to a single Redis that replicates nothing.
 */
import type { BenchCase, Goal, Samples, Size, Variant } from '../case.ts';
import { CASPaxos, PaxosKV } from '../../kv/index.ts';
import { startCluster, type Cluster, type ClusterShape } from '../load/cluster.ts';
import type { Request } from '../load/drive.ts';
import { createRounds, startFloor } from '../load/floor.ts';
import { driveLevels, LEVEL_FIGURES, OUTSTANDING } from '../load/levels.ts';
import { missingRedis, startRedis, type Redis } from '../load/redis.ts';

const ANCHOR_WARMUP_MS = 300;
const STORE_WARMUP_MS = 1800;
/** Reads go round over so many keys. */
const KEYS = 1000;

type Prepare = (cluster: Cluster) => Promise<Request> | Request;

async function driveStore(size: Size, shape: ClusterShape, prepare: Prepare): Promise<Samples> {
  const cluster = await startCluster(shape);
  const samples = await driveLevels(size, await prepare(cluster), STORE_WARMUP_MS);
  await cluster.stop();
  return samples;
}

async function driveFloor(size: Size, rounds: number): Promise<Samples> {
  const floor = await startFloor();
  const samples = await driveLevels(size, createRounds(floor, rounds), ANCHOR_WARMUP_MS);
  floor.stop();
  return samples;
}

async function driveRedis(size: Size, request: (redis: Redis, i: number) => Promise<unknown>): Promise<Samples> {
  const redis = await startRedis();
  for (let i = 0; i < KEYS; i++) await redis.setNew(`known ${i}`, String(i));
  const samples = await driveLevels(size, (i) => request(redis, i), ANCHOR_WARMUP_MS);
  redis.stop();
  return samples;
}

const putFresh: Prepare = () => async (i) => {
  const put = await PaxosKV.put(`key ${i}`, i);
  if (!put.ok || put.value !== i) throw new Error(`put of key ${i}: ${JSON.stringify(put)}`);
};

/** Another node puts the same key at the same time: either value is right, and both get the same. */
const putContended: Prepare = (cluster) => async (i) => {
  cluster.contend(`key ${i}`);
  const put = await PaxosKV.put(`key ${i}`, 1);
  if (!put.ok || (put.value !== 1 && put.value !== 2)) throw new Error(`put of key ${i}: ${JSON.stringify(put)}`);
};

const read: Prepare = async () => {
  for (let i = 0; i < KEYS; i++) await PaxosKV.put(`known ${i}`, i);
  return async (i) => {
    const found = await PaxosKV.get(`known ${i % KEYS}`);
    if (!found.ok || found.value !== i % KEYS) throw new Error(`get of known ${i % KEYS}: ${JSON.stringify(found)}`);
  };
};

/** Counters, each changed by one caller at a time, again and again: the next ballot was promised with the change before. */
const change: Prepare = () => {
  const free = Array.from({ length: Math.max(...OUTSTANDING) }, (_, i) => ({ key: `counter ${i}`, count: 0 }));
  return async () => {
    const counter = free.pop();
    if (counter === undefined) throw new Error('more callers than counters');
    const result = await CASPaxos.changeQuery(
      counter.key,
      (count: number | null) => (count ?? 0) + 1,
      (count) => count,
    );
    counter.count += 1;
    if (!result.ok || result.value !== counter.count) throw new Error(`${counter.key}: ${JSON.stringify(result)}`);
    free.push(counter);
  };
};

const THREE: ClusterShape = { members: 3, threads: 0 };
const FIVE: ClusterShape = { members: 5, threads: 0 };

function ofClusters(prepare: Prepare): Variant[] {
  return [
    { name: 'quorate, one thread', run: (size) => driveStore(size, THREE, prepare) },
    { name: 'quorate, 5 nodes', run: (size) => driveStore(size, FIVE, prepare) },
  ];
}

const oneRound: Variant = { name: 'one bare round', run: (size) => driveFloor(size, 1) };
const twoRounds: Variant = { name: 'two bare rounds', run: (size) => driveFloor(size, 2) };

function redis(request: (redis: Redis, i: number) => Promise<unknown>): Variant {
  return { name: 'redis', missing: missingRedis, run: (size) => driveRedis(size, request) };
}

/** Ratios of the rate to each anchor, at every level. */
function ratesTo(...anchors: readonly string[]): Goal[] {
  return OUTSTANDING.flatMap((outstanding) =>
    anchors.map((to) => ({ figure: `rate@${outstanding}`, of: 'quorate, one thread', to })),
  );
}

const putGoals: readonly Goal[] = [
  { figure: 'p50@1', of: 'quorate, one thread', to: 'one bare round', atMost: 1.6 },
  { figure: 'p50@1', of: 'quorate', to: 'one bare round' },
  ...[64, 256].flatMap((outstanding): Goal[] => [
    { figure: `rate@${outstanding}`, of: 'quorate, one thread', atLeast: 130_000 },
    { figure: `rate@${outstanding}`, of: 'quorate, one thread', to: 'redis', atLeast: 1 },
  ]),
  ...ratesTo('one bare round', 'two bare rounds'),
];

function storeCase(
  name: string,
  about: string,
  variants: readonly Variant[],
  goals: readonly Goal[],
  passes = 2,
): BenchCase {
  return { name, about, figures: LEVEL_FIGURES, variants, goals, passes };
}

export const storeCases: readonly BenchCase[] = [
  storeCase(
    'kv/put',
    'fresh puts, a new key each: one round of Paxos',
    [
      ...ofClusters(putFresh),
      { name: 'quorate', run: (size) => driveStore(size, { members: 3, threads: 1 }, putFresh) },
      oneRound,
      twoRounds,
      redis((to, i) => to.setNew(`key ${i}`, String(i))),
    ],
    putGoals,
  ),
  storeCase(
    'kv/put-contended',
    'puts of new keys that another node puts at the same time: two rounds of Paxos or more',
    [...ofClusters(putContended), twoRounds],
    ratesTo('two bare rounds'),
    1,
  ),
  storeCase(
    'kv/read',
    'linearizable reads of keys that all members hold: one round of Paxos',
    [...ofClusters(read), oneRound, redis((to, i) => to.get(`known ${i % KEYS}`))],
    ratesTo('one bare round', 'redis'),
    1,
  ),
  storeCase(
    'kv/change',
    'changes of a key by the proposer that changed it last: one round of Paxos',
    [...ofClusters(change), oneRound],
    ratesTo('one bare round'),
    1,
  ),
];
