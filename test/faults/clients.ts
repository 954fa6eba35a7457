/**
 * The load of one node: clients that work on few keys, which those of all nodes want at once, and write down what they do. Write-once keys are
 * new every while, so that there is always one to fight for, and old ones are read now and then; bound keys go with a process of the client.
 */
import { PaxosKV, StoreError, type GetResult, type PutResult } from '../../kv/index.ts';
import type { LocalNode } from '../../runtime/index.ts';
import { Random } from '../sim/random.ts';
import { now, type Action, type Ending, type HistoryWriter, type Result } from './history.ts';

/** How a client lies, to show that lies are found out. Not of the store: of the program that is between it and the history. */
export type Cheat = 'none' | 'stale-reads' | 'lost-writes';

export interface LoadOptions {
  readonly seed: number;
  readonly clients: number;
  /** Unique among all processes of the run: what operations of this one are called. */
  readonly prefix: string;
  readonly pauseMs: number;
  readonly timeoutMs: number;
  readonly cheat: Cheat;
}

/** So long everybody works on the same write-once keys. */
const ONCE_WINDOW_NS = 700e6;
const ONCE_KEYS = 3;
const BOUND_KEYS = 2;
/** How many windows back old keys are still read. */
const OLD_WINDOWS = 30;
const CHEAT_CHANCE = 0.2;

export class Load {
  readonly #node: LocalNode;
  readonly #history: HistoryWriter;
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[] = [];
  readonly #lastSeen = new Map<string, Result>();
  #operations = 0;
  #halting = false;

  constructor(node: LocalNode, history: HistoryWriter, options: LoadOptions) {
    this.#node = node;
    this.#history = history;
    this.#options = options;
  }

  start(): void {
    for (let i = 0; i < this.#options.clients; i++) {
      this.#clients.push(this.#work(new Random(this.#options.seed * 1000 + i)));
    }
  }

  /** Resolves when all clients have finished what they were doing. */
  async halt(): Promise<void> {
    this.#halting = true;
    await Promise.all(this.#clients);
  }

  /** Reads a key until there is an answer. */
  async readFinally(key: string): Promise<void> {
    for (let attempt = 0; attempt < 20; attempt++) if (await this.#get(key)) return;
    throw new Error(`no answer for ${key} although nothing is broken any more`);
  }

  async #work(random: Random): Promise<void> {
    while (!this.#halting) {
      await pause(random.between(0, 2 * this.#options.pauseMs));
      if (random.chance(0.7)) await this.#useOnce(random);
      else await this.#useBound(random);
    }
  }

  async #useOnce(random: Random): Promise<void> {
    const slot = random.below(ONCE_KEYS);
    const window = Math.floor(now() / ONCE_WINDOW_NS);
    if (random.chance(0.1)) await this.#get(`o${slot}-${window - 1 - random.below(OLD_WINDOWS)}`);
    else if (random.chance(0.5)) await this.#get(`o${slot}-${window}`);
    else await this.#put(`o${slot}-${window}`, { kind: 'put' });
  }

  async #useBound(random: Random): Promise<void> {
    const key = `b${random.below(BOUND_KEYS)}`;
    if (random.chance(0.5)) return void (await this.#get(key));
    const owner = this.#node.spawn(async (self) => void (await self.receive()));
    const { id, result } = await this.#put(key, { kind: 'putBound' }, { pid: owner });
    if (result !== null && 'value' in result && result.value === id) await pause(random.between(20, 300));
    this.#node.send(owner, 'end');
  }

  async #put(key: string, action: Action, options: object = {}): Promise<{ id: string; result: Result | null }> {
    const { timeoutMs } = this.#options;
    const isLost = this.#cheats('lost-writes');
    return this.#record(key, action, async (id) => {
      const result = isLost
        ? ({ ok: true, value: id } as const)
        : await PaxosKV.put(key, id, { timeoutMs, ...options });
      return ending(result);
    });
  }

  /** True when there was an answer. */
  async #get(key: string): Promise<boolean> {
    const { timeoutMs } = this.#options;
    const stale = this.#cheats('stale-reads') ? this.#lastSeen.get(key) : undefined;
    const { result } = await this.#record(key, { kind: 'get' }, async () => {
      if (stale !== undefined) return { result: stale };
      return ending(await PaxosKV.get(key, { timeoutMs }));
    });
    if (result !== null && !this.#lastSeen.has(key)) this.#lastSeen.set(key, result);
    return result !== null;
  }

  async #record(
    key: string,
    action: Action,
    operate: (id: string) => Promise<Ending>,
  ): Promise<{ id: string; result: Result | null }> {
    const id = `${this.#options.prefix}.${++this.#operations}`;
    this.#history.call(id, key, action);
    const end = await operate(id).catch(failure);
    this.#history.end(id, end);
    return { id, result: 'result' in end ? end.result : null };
  }

  #cheats(how: Cheat): boolean {
    return this.#options.cheat === how && Math.random() < CHEAT_CHANCE;
  }
}

function ending(result: PutResult | GetResult): Ending {
  if (result.ok) return { result: { value: result.value as string } };
  if (result.error === 'not_found') return { result: { value: null } };
  return { failed: 'not-applied', code: result.error };
}

function failure(error: unknown): Ending {
  if (!(error instanceof StoreError)) throw error;
  return { failed: error.outcome, code: error.code };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
