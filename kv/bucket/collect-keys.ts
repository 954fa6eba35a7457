/** The live keys of a bucket, merged from what its connected members hold. */
import { nameAtom } from '../../runtime/term/atom.ts';
import type { Scheduler } from '../../runtime/process/scheduler.ts';
import type { Self } from '../../runtime/process/self.ts';
import { tuple2 } from '../../runtime/term/tuple.ts';
import { runProcess } from '../../runtime/process/run.ts';
import { decodeKey } from '../key.ts';
import { ZERO } from '../paxos/ballot.ts';
import type { Cell, Config, Entry, Holding, Incarnation, Key, NodeName } from '../paxos/messages.ts';
import { choice, quorumSize, sameIncarnation } from '../paxos/quorum.ts';
import { AcceptorServer } from './acceptor-server.ts';
import { partitionOf } from './partitions.ts';
import { ProposerServer } from './proposer-server.ts';
import { isNoAnswer, readiness } from './routes.ts';
import type { Selector } from './selector.ts';
import { acceptorName, proposerName } from './view.ts';
import { readEntry } from './wire-fields.ts';

const ANSWER_MS = 2000;
const NOTHING: Holding = { ab: ZERO, fast: false, cell: null, chosen: false, ae: 0, fl: ZERO };

/** The live keys, decoded; null when fewer than a quorum of the members answer, of any partition. */
export async function collectKeys(at: Scheduler, bucket: string): Promise<unknown[] | null> {
  const cells = await collectCells(at, bucket, null);
  if (cells === null) return null;
  return [...cells].filter(([, cell]) => cell.live).map(([key]) => decodeKey(key));
}

/**
 * The cells of the selected keys (null: of all) as far as a quorum of the members agrees on them now, without values, and of their histories only
 * the newest change. What is not settled yet may turn out otherwise. Null without a quorum.
 */
export async function collectCells(
  at: Scheduler,
  bucket: string,
  selector: Selector | null,
): Promise<Map<Key, Cell> | null> {
  const { partitions } = await readiness(at, bucket);
  const parts = Array.from({ length: partitions }, (_, partition) => collectFrom(at, bucket, partition, selector));
  const found = await Promise.all(parts);
  return found.includes(null) ? null : new Map(found.flatMap((cells) => cells ?? []));
}

/** What each member of a key's partition holds for it: null when it does not answer. Null: the members are not known here. */
export async function collectInstance(
  at: Scheduler,
  bucket: string,
  key: Key,
): Promise<Map<NodeName, Entry | null | undefined> | null> {
  const { partitions } = await readiness(at, bucket);
  const asked = await askMembers(at, bucket, partitionOf(key, partitions), { kind: 'key', key });
  if (asked === null) return null;
  return new Map(asked.tables.map(([name, table]) => [name, table === null ? null : table.get(key)]));
}

async function collectFrom(
  at: Scheduler,
  bucket: string,
  partition: number,
  selector: Selector | null,
): Promise<(readonly [Key, Cell])[] | null> {
  const asked = await askMembers(at, bucket, partition, selector);
  if (asked === null) return null;
  const tables = asked.tables.flatMap(([, table]) => (table === null ? [] : [table]));
  if (tables.length < quorumSize(asked.config.N)) return null;
  const found: (readonly [Key, Cell])[] = [];
  for (const key of new Set(tables.flatMap((table) => [...table.keys()]))) {
    const chosen = choice(tables.map((table): Holding => table.get(key) ?? NOTHING));
    if (chosen !== null) found.push([key, chosen.cell]);
  }
  return found;
}

interface Asked {
  readonly config: Config;
  /** Null: it is not connected, or does not answer. */
  readonly tables: readonly (readonly [NodeName, Map<Key, Entry> | null])[];
}

async function askMembers(
  at: Scheduler,
  bucket: string,
  partition: number,
  selector: Selector | null,
): Promise<Asked | null> {
  // every call from a process of its own: a process waits for one answer at a time
  const call = <T>(ask: (self: Self) => Promise<T>): Promise<T | null> => orNull(runProcess(at, ask));
  const proposer = nameAtom(proposerName(bucket, partition));
  const view = await call((self) => ProposerServer.call(proposer, { kind: 'view' }, { self }));
  const config = view?.configs.at(-1);
  if (!view || config === undefined) return null;
  const askMember = async (member: Incarnation): Promise<readonly [NodeName, Map<Key, Entry> | null]> => {
    const { name } = member;
    if (!view.present.some((p) => sameIncarnation(p, member))) return [name, null];
    const acceptor = tuple2(nameAtom(acceptorName(bucket, partition)), nameAtom(name));
    const answer = await call((self) =>
      AcceptorServer.call(acceptor, { kind: 'keys', selector }, { self, timeoutMs: ANSWER_MS }),
    );
    return [name, answer === null ? null : new Map(answer.map((one) => readEntry(one, Number.MAX_SAFE_INTEGER)))];
  };
  return { config, tables: await Promise.all(config.M.map(askMember)) };
}

async function orNull<T>(call: Promise<T>): Promise<T | null> {
  try {
    return await call;
  } catch (error) {
    if (isNoAnswer(error)) return null;
    throw error;
  }
}
