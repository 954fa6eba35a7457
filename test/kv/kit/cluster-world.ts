/**
 * Several cluster cores in one thread, with virtual time, a seeded network that delays, loses and reorders, partitions, and crashes that
 * keep the record (or, for negative controls, lose what was not written).
 */
import { createCluster, stepCluster } from '../../../kv/cluster/core.ts';
import { createRecord, newestOf, type BootRecord } from '../../../kv/cluster/record.ts';
import type { ClusterEffect, ClusterInput, ClusterState } from '../../../kv/cluster/state.ts';
import type { SystemMessage } from '../../../kv/cluster/system-messages.ts';
import type { Config, NodeName } from '../../../kv/paxos/messages.ts';

export interface WorldOptions {
  readonly seed: number;
  readonly clusterSize?: number;
  readonly founders?: (name: NodeName) => readonly NodeName[];
  /** What a node remembers after a crash; default: its record. */
  readonly remember?: (record: BootRecord) => BootRecord | null;
  readonly lossRate?: number;
  /** How often every node gets a tick, default 10 ms. */
  readonly tickMs?: number;
  readonly mayFound?: (name: NodeName) => boolean;
}

export interface Node {
  state: ClusterState | null;
  disk: BootRecord | null;
  run: number;
  log: string[];
  buckets: Map<string, number>;
}

interface Letter {
  readonly at: number;
  readonly from: NodeName;
  readonly to: NodeName;
  readonly fromRun: number;
  readonly toRun: number;
  /** Of cluster processes, or whatever a world with more in it sends. */
  readonly message: SystemMessage | { readonly kind: 'other'; readonly body: unknown };
}

/** A small generator with 32 bits of state, the same everywhere. */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class World {
  readonly nodes: Map<NodeName, Node> = new Map();
  readonly random: () => number;
  readonly options: WorldOptions;
  /** Every configuration that any record held as decided, by chain and epoch, with all versions seen. */
  readonly decided: Map<string, Set<string>> = new Map();
  /** Clusters that were founded. */
  readonly clusters: Set<string> = new Set();
  readonly lost: Config[] = [];
  now = 0;
  lossRate: number;
  #letters: Letter[] = [];
  #cut: Set<string> = new Set();
  #ids = 0;

  constructor(options: WorldOptions) {
    this.options = options;
    this.random = seeded(options.seed);
    this.lossRate = options.lossRate ?? 0;
  }

  /** `founders` default to the first three; other nodes look for them. */
  start(name: NodeName, bucket?: string): void {
    const node = this.nodes.get(name) ?? { state: null, disk: null, run: 0, log: [], buckets: new Map() };
    this.nodes.set(name, node);
    this.#ids += 1;
    node.run += 1;
    node.buckets.clear();
    node.disk ??= createRecord(name, `record${this.#ids}`);
    const all = ['n1', 'n2', 'n3'];
    node.state = createCluster({
      record: node.disk,
      settings: { founders: this.options.founders?.(name) ?? all, clusterSize: this.options.clusterSize ?? 3 },
      mayFound: this.options.mayFound?.(name) ?? true,
      join: all,
      proposer: Math.floor(this.random() * 2 ** 53),
    });
    this.input(name, { kind: 'tick' });
    if (bucket !== undefined) this.input(name, { kind: 'bucketUp', bucket, partitions: 1, boot: null });
  }

  crash(name: NodeName): void {
    const node = this.nodes.get(name);
    if (node?.state == null) return;
    node.state = null;
    node.disk = node.disk === null ? null : (this.options.remember ?? ((r) => r))(node.disk);
    node.run += 1;
    for (const other of this.nodes.keys()) if (other !== name) this.input(other, { kind: 'down', name });
  }

  /** Cuts or heals the link between two nodes, both ways. */
  cut(a: NodeName, b: NodeName, isCut: boolean): void {
    const link = [a, b].sort().join();
    if (isCut) this.#cut.add(link);
    else this.#cut.delete(link);
    if (!isCut) return;
    this.input(a, { kind: 'down', name: b });
    this.input(b, { kind: 'down', name: a });
  }

  input(name: NodeName, input: ClusterInput): void {
    const node = this.nodes.get(name);
    if (node?.state == null) return;
    const effects = stepCluster(node.state, input, {
      now: this.now,
      random: this.random,
      newId: () => `cluster${(this.#ids += 1)}`,
    });
    node.disk = node.state.record;
    this.#note(node.state.record);
    for (const effect of effects) this.#carryOut(name, node, effect);
  }

  /** Runs for that many virtual milliseconds. */
  run(durationMs: number): void {
    const end = this.now + durationMs;
    while (this.now < end) {
      this.now += this.options.tickMs ?? 10;
      for (const name of this.nodes.keys()) {
        this.input(name, { kind: 'tick' });
        this.activate(name);
      }
      const due = this.#letters.filter((letter) => letter.at <= this.now);
      this.#letters = this.#letters.filter((letter) => letter.at > this.now);
      for (const letter of due) this.#deliver(letter);
    }
  }

  config(name: NodeName, chain = '$c'): Config | null {
    const record = this.nodes.get(name)?.state?.record;
    if (record === undefined) return null;
    return chain === '$c' ? newestOf(record.system) : (record.buckets[chain]?.configs.at(-1) ?? null);
  }

  /** Chains and epochs for which two different configurations were taken as decided: must be none. */
  conflicts(): string[] {
    return [...this.decided].filter(([, versions]) => versions.size > 1).map(([at]) => at);
  }

  #deliver(letter: Letter): void {
    const { from, to } = letter;
    if (this.#cut.has([from, to].sort().join())) return;
    if (this.nodes.get(from)?.run !== letter.fromRun || this.nodes.get(to)?.run !== letter.toRun) return;
    const { message } = letter;
    if (message.kind === 'other') this.onOther(to, from, message.body);
    else this.input(to, { kind: 'message', from, message: structuredClone(message) });
  }

  protected onOther(_to: NodeName, _from: NodeName, _body: unknown): void {
    // this world has nothing else
  }

  protected onEffect(_name: NodeName, _effect: ClusterEffect): void {
    // for worlds that want to know
  }

  /** Acceptors of this world vote as soon as their boot is listed. */
  protected activate(name: NodeName): void {
    const state = this.nodes.get(name)?.state;
    for (const [bucket, { boot, activeIn }] of state?.running ?? []) {
      const config = this.config(name, bucket);
      if (config === null || activeIn === config.e) continue;
      const isListed = config.M.some((m) => m.name === name && m.id === state?.record.id && m.boot === boot);
      if (isListed) this.input(name, { kind: 'bucketActive', bucket, boot, partition: 0, e: config.e });
    }
  }

  #carryOut(name: NodeName, node: Node, effect: ClusterEffect): void {
    if (effect.kind === 'log') node.log.push(effect.text);
    if (effect.kind === 'dataLost') this.lost.push(effect.config);
    if (effect.kind === 'boot') {
      node.buckets.set(effect.bucket, effect.boot);
    }
    this.onEffect(name, effect);
    if (effect.kind === 'send') this.#post(name, node, effect.to, effect.message);
  }

  protected sendOther(from: NodeName, to: NodeName, body: unknown): void {
    const node = this.nodes.get(from);
    if (node !== undefined) this.#post(from, node, to, { kind: 'other', body });
  }

  #post(from: NodeName, node: Node, to: NodeName, message: Letter['message']): void {
    const toRun = this.nodes.get(to)?.run;
    if (toRun === undefined || this.random() < this.lossRate) return;
    const at = this.now + 1 + this.random() * 40;
    this.#letters.push({ at, from, to, fromRun: node.run, toRun, message });
  }

  #note(record: BootRecord): void {
    const chains = [['$c', record.system] as const, ...Object.entries(record.buckets)];
    for (const [chain, { configs }] of chains) {
      for (const config of configs) {
        const at = `${chain === '$c' ? '' : config.cluster}${chain} e${config.e}`;
        const versions = this.decided.get(at) ?? new Set();
        this.decided.set(at, versions.add(JSON.stringify(config)));
        this.clusters.add(config.cluster);
      }
    }
  }
}
