/**
 * One run: a cluster under load, faults from a seed for a given time, then everything is mended, must become well again, and what all clients saw is
 * held against the promises. The faults follow from the seed; what the operating system makes of them does not.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../sim/random.ts';
import { checkHistory, type Violation } from './check.ts';
import type { Cheat } from './clients.ts';
import { FaultCluster } from './cluster.ts';
import { drawFault, type Fault, type FaultKind } from './faults.ts';
import { now, readHistory, type History, type Operation } from './history.ts';
import { NamespaceNetwork } from './namespaces.ts';
import type { Network } from './network.ts';
import { ProxyNetwork } from './proxies.ts';

export interface RunOptions {
  readonly seed: number;
  readonly nodes: number;
  readonly durationMs: number;
  readonly faults: readonly FaultKind[];
  readonly clients: number;
  readonly cheat: Cheat;
  /** Ends the faults early; the rest of the run follows. */
  readonly signal: AbortSignal;
  readonly progress: (line: string) => void;
}

export interface RunReport {
  readonly seed: number;
  readonly nodes: number;
  readonly faults: Readonly<Partial<Record<FaultKind, number>>>;
  readonly elapsedMs: number;
  readonly operations: History['counts'] & { readonly keys: number; readonly mostOnOneKey: number };
  readonly failures: History['failures'];
  /** The longest time in which no client anywhere had an answer: in all, and while each kind of fault lasted, sorted. */
  readonly longestGapMs: number;
  readonly gapsMs: Readonly<Partial<Record<FaultKind, readonly number[]>>>;
  readonly violations: readonly Violation[];
  /** What else is wrong: a node that ended by itself, lost data, no progress after everything was mended. */
  readonly troubles: readonly string[];
}

const READY_MS = 30_000;
const SETTLE_MS = 60_000;
const AT_ONCE_MAX = 2;
const GAP_MS: readonly [number, number] = [100, 1_500];
const LOOK_MS = 200;
/** The load goes on for so long after everything was mended. */
const AFTERWARDS_MS = 1_000;

export async function run(options: RunOptions): Promise<RunReport> {
  const random = new Random(options.seed);
  const network = await openNetwork(options, random);
  const cluster = await FaultCluster.create(network, {
    nodes: options.nodes,
    threads: random.pick([0, 1]),
    netTicktimeMs: random.pick([1_500, 4_000, 60_000]),
    seed: options.seed,
    load: { clients: options.clients, pauseMs: 10, timeoutMs: 3_000, cheat: options.cheat },
  });
  try {
    return await new Run(options, random, network, cluster).go();
  } finally {
    await cluster.end();
  }
}

function openNetwork({ nodes, faults }: RunOptions, random: Random): Promise<Network> {
  const numbers = FaultCluster.numbersOf(nodes);
  return faults.includes('netns') ? NamespaceNetwork.open(numbers) : ProxyNetwork.open(numbers, random);
}

interface PastFault {
  readonly kind: FaultKind;
  readonly from: number;
  readonly to: number;
}

class Run {
  readonly #options: RunOptions;
  readonly #random: Random;
  readonly #network: Network;
  readonly #cluster: FaultCluster;
  readonly #active = new Set<Promise<void>>();
  readonly #ending = new AbortController();
  readonly #counts: Partial<Record<FaultKind, number>> = {};
  readonly #troubles: string[] = [];
  readonly #past: PastFault[] = [];
  readonly #startedAt = performance.now();

  constructor(options: RunOptions, random: Random, network: Network, cluster: FaultCluster) {
    this.#options = options;
    this.#random = random;
    this.#network = network;
    this.#cluster = cluster;
  }

  async go(): Promise<RunReport> {
    const cluster = this.#cluster;
    await Promise.all(cluster.numbers.map((number) => cluster.start(number)));
    await cluster.settle(READY_MS);
    await Promise.all(cluster.numbers.map((number) => cluster.load(number)));
    this.#tell(`${this.#options.nodes} nodes are up and under load`);
    const loadedAt = now();
    await this.#breakThings();
    this.#tell('everything is mended');
    await this.#becomeWell();
    const haltedAt = now();
    await this.#readFinally();
    return this.#report(loadedAt, haltedAt);
  }

  async #breakThings(): Promise<void> {
    const { signal, durationMs, faults } = this.#options;
    const deadline = performance.now() + durationMs;
    const looking = this.#keepLooking();
    while (performance.now() < deadline && !signal.aborted && this.#cluster.crashes.length === 0) {
      await this.#pause(this.#random.between(...GAP_MS), [signal]);
      if (this.#active.size >= AT_ONCE_MAX || faults.length === 0) continue;
      const fault = drawFault(this.#random, this.#seldomest(faults), this.#cluster, this.#network);
      if (fault === null) continue;
      const over = this.#carryOut(fault, deadline)
        .catch((error: unknown) => void this.#troubles.push(`${fault.text}: ${String(error)}`))
        .finally(() => this.#active.delete(over));
      this.#active.add(over);
    }
    this.#ending.abort();
    await Promise.all(this.#active);
    await looking;
  }

  /** The kinds that came least often so far; now and then all, for those may be impossible now. */
  #seldomest(kinds: readonly FaultKind[]): readonly FaultKind[] {
    const least = Math.min(...kinds.map((kind) => this.#counts[kind] ?? 0));
    return this.#random.chance(0.3) ? kinds : kinds.filter((kind) => (this.#counts[kind] ?? 0) === least);
  }

  /** Begins it, waits, ends it: also when the run is over meanwhile. */
  async #carryOut(fault: Fault, deadline: number): Promise<void> {
    this.#counts[fault.kind] = (this.#counts[fault.kind] ?? 0) + 1;
    this.#tell(`${fault.text} for ${fault.durationMs.toFixed(0)} ms`);
    const from = now();
    await fault.begin();
    await this.#pause(Math.min(fault.durationMs, Math.max(0, deadline - performance.now())), [this.#ending.signal]);
    await fault.end();
    this.#past.push({ kind: fault.kind, from, to: now() });
    this.#tell(`over: ${fault.text}`);
  }

  /** Which nodes have come back is seen while it goes on, so that others may be killed then. */
  async #keepLooking(): Promise<void> {
    while (!this.#ending.signal.aborted) {
      for (const number of this.#cluster.running) {
        await Promise.race([this.#cluster.look(number).catch(() => null), delay(LOOK_MS)]);
      }
      await this.#pause(LOOK_MS, [this.#ending.signal]);
    }
  }

  async #becomeWell(): Promise<void> {
    try {
      const from = performance.now();
      await this.#cluster.settle(SETTLE_MS);
      this.#tell(`all nodes are well after ${(performance.now() - from).toFixed(0)} ms`);
      await delay(AFTERWARDS_MS);
      await this.#cluster.halt();
    } catch (error) {
      this.#troubles.push(`no progress: ${(error as Error).message}`);
      await this.#cluster.halt().catch(() => undefined);
    }
  }

  async #readFinally(): Promise<void> {
    const { operations } = readHistory(await this.#cluster.histories());
    const keys = [...new Set(operations.map(({ key }) => key))].sort();
    try {
      await this.#cluster.readAll(keys);
    } catch (error) {
      this.#troubles.push(`no progress: ${(error as Error).message}`);
    }
  }

  async #report(loadedAt: number, haltedAt: number): Promise<RunReport> {
    const { seed, nodes } = this.#options;
    const { operations, counts, failures } = readHistory(await this.#cluster.histories());
    this.#tell(`checking ${operations.length} operations`);
    const perKey = new Map<string, number>();
    for (const { key } of operations) perKey.set(key, (perKey.get(key) ?? 0) + 1);
    const violations = checkHistory(operations);
    this.#tell('checked');
    return {
      seed,
      nodes,
      faults: this.#counts,
      elapsedMs: Math.round(performance.now() - this.#startedAt),
      operations: { ...counts, keys: perKey.size, mostOnOneKey: Math.max(0, ...perKey.values()) },
      failures,
      longestGapMs: longestGapMs(operations, loadedAt, haltedAt),
      gapsMs: gapsByKind(operations, this.#past),
      violations,
      troubles: [...this.#troubles, ...this.#cluster.crashes, ...this.#cluster.notes],
    };
  }

  async #pause(ms: number, signals: readonly AbortSignal[]): Promise<void> {
    await delay(ms, undefined, { signal: AbortSignal.any([...signals]) }).catch(() => undefined);
  }

  #tell(line: string): void {
    const seconds = ((performance.now() - this.#startedAt) / 1000).toFixed(1).padStart(6);
    this.#options.progress(`${seconds} s  ${line}`);
  }
}

/** The longest stretch between two times without an answer to any of the operations. */
export function longestGapMs(operations: readonly Operation[], from: number, to: number): number {
  const times = operations.map(({ answeredAt }) => answeredAt).filter((at) => at > from && at < to);
  const marks = [from, ...times.sort((a, b) => a - b), to];
  const gaps = marks.slice(1).map((at, index) => at - (marks[index] as number));
  return Math.round(Math.max(...gaps) / 1e6);
}

function gapsByKind(operations: readonly Operation[], past: readonly PastFault[]): RunReport['gapsMs'] {
  const gaps: Partial<Record<FaultKind, number[]>> = {};
  for (const { kind, from, to } of past) (gaps[kind] ??= []).push(longestGapMs(operations, from, to));
  for (const list of Object.values(gaps)) list.sort((a, b) => a - b);
  return gaps;
}
