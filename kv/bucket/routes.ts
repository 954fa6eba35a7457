/**
 * From a thread to the proposer that has a key. The number of partitions is asked of the bucket's first proposer, once for its life: it
 * cannot change while the bucket runs.
 */
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import { hasCode } from '../../runtime/errors.ts';
import { runProcess } from '../../runtime/process/run.ts';
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import { CallError } from '../../supervisors/index.ts';
import type { Key } from '../paxos/messages.ts';
import { partitionOf } from './partitions.ts';
import { ProposerServer, type Readiness } from './proposer-server.ts';
import { proposerName } from './view.ts';

export interface Route {
  readonly proposer: Pid;
  readonly partition: number;
}

interface Known {
  readonly first: Pid;
  partitions: number;
  /** Those who wait for the answer. */
  asking: Promise<void> | null;
}

const known: WeakMap<Scheduler, Map<string, Known>> = new WeakMap();

/** Calls `take` with the way to the key's proposer, or null when this node does not run it; at once except for a thread's first time. */
export function withRoute(at: Scheduler, bucket: string, key: Key, take: (route: Route | null) => void): void {
  const first = at.whereis(proposerName(bucket));
  if (first === undefined) return take(null);
  const about = knownOf(at, bucket, first);
  if (about.partitions > 0) return take(routeTo(at, bucket, key, about));
  about.asking ??= ask(at, about);
  void about.asking.then(() => take(about.partitions > 0 ? routeTo(at, bucket, key, about) : null));
}

function routeTo(at: Scheduler, bucket: string, key: Key, { first, partitions }: Known): Route | null {
  const partition = partitionOf(key, partitions);
  const proposer = partition === 0 ? first : at.whereis(proposerName(bucket, partition));
  return proposer === undefined ? null : { proposer, partition };
}

function knownOf(at: Scheduler, bucket: string, first: Pid): Known {
  let buckets = known.get(at);
  if (buckets === undefined) known.set(at, (buckets = new Map()));
  const before = buckets.get(bucket);
  if (before?.first.equals(first) === true) return before;
  const about: Known = { first, partitions: 0, asking: null };
  buckets.set(bucket, about);
  return about;
}

async function ask(at: Scheduler, about: Known): Promise<void> {
  try {
    const answer = await runProcess(at, (self) => ProposerServer.call(about.first, { kind: 'ready' }, { self }));
    about.partitions = answer.partitions;
  } catch (error) {
    about.asking = null;
    if (!isNoAnswer(error)) throw error;
  }
}

/** Nobody there, no answer in time, or the node that asked has stopped. */
export function isNoAnswer(error: unknown): boolean {
  return error instanceof CallError || hasCode(error, 'exited');
}

/** How the bucket stands on this node: ready when all its partitions are. */
export async function readiness(at: Scheduler, bucket: string): Promise<Readiness> {
  const first = await readinessOf(at, bucket, 0);
  for (let partition = 1; partition < first.partitions; partition++) {
    const one = await readinessOf(at, bucket, partition);
    if (!one.isReady) return one;
  }
  return first;
}

async function readinessOf(at: Scheduler, bucket: string, partition: number): Promise<Readiness> {
  const proposer = nameAtom(proposerName(bucket, partition));
  try {
    // not from the caller: it may be a process that waits for something else already
    return await runProcess(at, (self) => ProposerServer.call(proposer, { kind: 'ready' }, { self }));
  } catch (error) {
    if (!isNoAnswer(error)) throw error;
    return { isReady: false, partitions: 1, waits: `this node does not run bucket ${bucket}` };
  }
}

/** For each partition a key in it that no term has. */
export function probeKeys(partitions: number): Key[] {
  const keys: (Key | undefined)[] = Array.from({ length: partitions });
  for (let i = 0, found = 0; found < partitions; i++) {
    const key = i === 0 ? '' : `\0${i}`;
    const partition = partitionOf(key, partitions);
    if (keys[partition] !== undefined) continue;
    keys[partition] = key;
    found += 1;
  }
  return keys as Key[];
}
