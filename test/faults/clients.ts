/**
 * The load of one node: clients that work on few keys, which those of all nodes want at once, and write down what they do. Write-once keys are
 * new every while, so that there is always one to fight for, and old ones are read now and then; bound keys go with a process of the client.
 */
import { Cas, CASPaxos, PaxosKV, StoreError, VersionConflictError, type Versioned } from '../../kv/index.ts';
import type { LocalNode } from '../../runtime/index.ts';
import { Random } from '../sim/random.ts';
import { kindOf } from './registers.ts';
import { now, type Action, type Ending, type HistoryWriter, type Result } from './history.ts';

/** How a client lies, to show that lies are found out. Not of the store: of the program that is between it and the history. */
export type Cheat = 'none' | 'stale-reads' | 'lost-writes' | 'double-appends';

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
const CAS_KEYS = 2;
/** Lists begin anew more seldom than write-once keys; they grow meanwhile. */
const LIST_WINDOW_NS = 2_000e6;
/** How many windows back old keys are still read. */
const OLD_WINDOWS = 30;
const CHEAT_CHANCE = 0.2;

export class Load {
  readonly #node: LocalNode;
  readonly #history: HistoryWriter;
  readonly #options: LoadOptions;
  readonly #clients: Promise<void>[] = [];
  readonly #firstSeen = new Map<string, Result>();
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
    for (let attempt = 0; attempt < 20; attempt++) {
      const kind = kindOf(key);
      const { result } = await (kind === 'cas'
        ? this.#casRead(key)
        : kind === 'list'
          ? this.#readList(key)
          : this.#get(key));
      if (result !== null) return;
    }
    throw new Error(`no answer for ${key} although nothing is broken any more`);
  }

  async #work(random: Random): Promise<void> {
    while (!this.#halting) {
      await pause(random.between(0, 2 * this.#options.pauseMs));
      const kind = random.unit();
      if (kind < 0.3) await this.#useOnce(random);
      else if (kind < 0.5) await this.#useBound(random);
      else if (kind < 0.85) await this.#useCas(random);
      else await this.#append(`l${Math.floor(now() / LIST_WINDOW_NS)}`);
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

  async #useCas(random: Random): Promise<void> {
    const key = `c${random.below(CAS_KEYS)}`;
    const { result } = await this.#casRead(key);
    if (result === null || !('ver' in result)) return;
    let { ver } = result;
    // goes on from what it wrote itself, which is the short way in the protocol
    for (let writes = 1 + random.below(3); writes > 0; writes--) {
      const written = await this.#casWrite(key, ver);
      if (written === null) return;
      ver = written;
    }
  }

  #put(key: string, action: Action, options: object = {}): Promise<Recorded> {
    const { timeoutMs } = this.#options;
    const isLost = this.#cheats('lost-writes');
    return this.#record(key, action, async (id) => {
      if (isLost) return { result: { value: id } };
      return endingOf(await PaxosKV.put<string>(key, id, { timeoutMs, ...options }), (value) => ({ value }));
    });
  }

  async #get(key: string): Promise<Recorded> {
    const { timeoutMs } = this.#options;
    const stale = this.#cheats('stale-reads') ? this.#firstSeen.get(key) : undefined;
    const recorded = await this.#record(key, { kind: 'get' }, async () => {
      if (stale !== undefined) return { result: stale };
      return endingOf(await PaxosKV.get<string | null>(key, { timeoutMs, default: null }), (value) => ({ value }));
    });
    if (recorded.result !== null && !this.#firstSeen.has(key)) this.#firstSeen.set(key, recorded.result);
    return recorded;
  }

  #casRead(key: string): Promise<Recorded> {
    const { timeoutMs } = this.#options;
    return this.#record(key, { kind: 'casRead' }, async () =>
      endingOf(await Cas.read<string>(key, { timeoutMs }), (pair) => shown(pair, false)),
    );
  }

  /** The version that it wrote, or null when it did not or that is not known. */
  async #casWrite(key: string, ver: number): Promise<number | null> {
    const { timeoutMs } = this.#options;
    const { result } = await this.#record(key, { kind: 'casWrite', ver }, async (id) => {
      try {
        return endingOf(await Cas.write(key, ver, id, { timeoutMs }), (pair) => shown(pair, true));
      } catch (error) {
        if (error instanceof VersionConflictError) return { result: shown(error.current as Versioned<string>, false) };
        throw error;
      }
    });
    return result !== null && 'ver' in result && result.written ? result.ver : null;
  }

  #append(key: string): Promise<Recorded> {
    const { timeoutMs } = this.#options;
    const isDoubled = this.#cheats('double-appends');
    return this.#record(key, { kind: 'append' }, async (id) => {
      const change = (list: readonly string[] | null): readonly string[] => [...(list ?? []), id];
      const append = () => CASPaxos.changeQuery(key, change, (list) => list ?? [], { timeoutMs });
      if (isDoubled) await append();
      return endingOf(await append(), (list) => ({ list }));
    });
  }

  #readList(key: string): Promise<Recorded> {
    const { timeoutMs } = this.#options;
    return this.#record(key, { kind: 'readList' }, async () => {
      const result = await CASPaxos.changeQuery<readonly string[]>(
        key,
        (list) => list,
        (list) => list ?? [],
        { timeoutMs },
      );
      return endingOf(result, (list) => ({ list: list ?? [] }));
    });
  }

  async #record(key: string, action: Action, operate: (id: string) => Promise<Ending>): Promise<Recorded> {
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

interface Recorded {
  readonly id: string;
  readonly result: Result | null;
}

type StoreResult<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: string };

function endingOf<T>(result: StoreResult<T>, show: (value: T) => Result): Ending {
  return result.ok ? { result: show(result.value) } : { failed: 'not-applied', code: result.error };
}

function shown({ ver, val }: Versioned<string>, written: boolean): Result {
  return { ver, value: val, written };
}

function failure(error: unknown): Ending {
  if (!(error instanceof StoreError)) throw error;
  return { failed: error.outcome, code: error.code };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
