/**
 * The shell around one acceptor of the simulation, which lives as long as its incarnation: its store, the configurations it
 * adopts, the states it serves and merges, and its monitors. What real shells do with processes, sockets and disks
 * happens here on the schedule.
 */
import { isLower, ZERO } from '../../kv/paxos/ballot.ts';
import { placeOf, sameIncarnation } from '../../kv/paxos/quorum.ts';
import { describeMessage, incarnationKey } from './describe.ts';
import { Violation } from './invariants.ts';
import { Joining } from './joining.ts';
import { copySnapshot, decodeRequest, encodeReply } from './wire-copy.ts';
import type { Acceptor, AcceptorEffect, SealedState } from '../../kv/paxos/acceptor.ts';
import type { Ballot, Config, Entry, Incarnation, Key, RegisterRequest, Snapshot } from '../../kv/paxos/messages.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

const PAGE_ENTRIES = 2;
const SYNC_MS = 0.5;
const VOTES: ReadonlySet<string> = new Set(['promise', 'taken', 'accepted']);
type Reply = (term: unknown) => void;

/** What a durable member has synced. */
interface Store {
  readonly entries: Map<Key, Entry>;
  floor: Ballot;
  config: Config | null;
  active: boolean;
  sealed: SealedState | null;
}

export class SimulatedMember {
  readonly #world: World;
  readonly #node: SimulatedNode;
  readonly me: Incarnation;
  readonly isDurable: boolean;
  acceptor: Acceptor;
  joining: Joining | null = null;
  readonly #store: Store = { entries: new Map(), floor: ZERO, config: null, active: false, sealed: null };
  /** Records on their way to the disk, oldest first. */
  #unsynced: (() => void)[] = [];
  #copies = 0;

  constructor(world: World, node: SimulatedNode, me: Incarnation, isDurable: boolean) {
    this.#world = world;
    this.#node = node;
    this.me = me;
    this.isDurable = isDurable;
    this.acceptor = world.cores.createAcceptor(me, isDurable);
  }

  get isActive(): boolean {
    return this.acceptor.active;
  }

  /** A durable member stops and comes back with what it had synced. */
  restart(): void {
    const { cores } = this.#world;
    this.#unsynced = [];
    const acceptor = cores.createAcceptor(this.me, true);
    const { config, entries, floor, active, sealed } = this.#store;
    if (config !== null) cores.setConfig(acceptor, config);
    acceptor.active = active;
    acceptor.sealed = sealed;
    acceptor.floor = floor;
    acceptor.clock = floor.r;
    for (const [key, entry] of entries) {
      acceptor.keys.set(key, { ...entry, chosen: false, seen: [] });
      acceptor.clock = Math.max(acceptor.clock, entry.p.r);
    }
    this.acceptor = acceptor;
    this.joining = null;
    if (config !== null && config.prev !== null && acceptor.place >= 0 && !active) {
      this.#startJoining(config, config.prev, config.prev.r);
    }
    const effects: AcceptorEffect[] = [];
    cores.watchAll(acceptor, effects);
    for (const effect of effects) this.#perform(effect, null);
  }

  onRequest(term: unknown, reply: Reply): void {
    decodeRequest(term, this.acceptor.clock, (message) => this.#step(message, reply));
  }

  /** True when it adopted; false when it knows it already, or lacks those between (`onLag` is told after which). */
  adopt(config: Config, onLag: (after: number) => void): boolean {
    const { acceptor } = this;
    const before = acceptor.e;
    const adoption = this.#world.cores.adopt(acceptor, config);
    if (acceptor.e < before) throw new Violation(`the epoch of ${acceptor.me.name} went down`);
    if (adoption.kind === 'known') return false;
    if (adoption.kind === 'lags') {
      onLag(adoption.after);
      return false;
    }
    this.#world.trace(this.#node.index, 'adopts', config.e, () => `${config.e}: ${adoption.kind}`);
    this.joining = null;
    if (adoption.kind === 'merges') this.#startJoining(config, adoption.from, adoption.need);
    else if (acceptor.active) this.#world.invariants.onActive(this.me, config.e);
    this.#syncAll();
    this.tryMerge();
    return true;
  }

  /** Serves the state at the end of the epoch before `config`, if it may, in pages. */
  serve(config: Config, send: (copy: number, page: Snapshot, standsAt: number) => void): void {
    const { cores } = this.#world;
    const state = cores.serveSnapshot(this.acceptor, config);
    if (state === null) return;
    const copy = ++this.#copies;
    for (let page = 0; ; page++) {
      const made = cores.snapshotPage(this.me, state, page, PAGE_ENTRIES);
      send(copy, copySnapshot({ ...made, e: config.e }, this.acceptor.clock), this.acceptor.e);
      if (made.last) return;
    }
  }

  onPage(copy: number, page: Snapshot, standsAt: number): void {
    this.joining?.takePage(copy, page, standsAt);
    this.tryMerge();
  }

  tryMerge(): void {
    const { joining, acceptor } = this;
    if (joining === null || !joining.isComplete || joining.config.e !== acceptor.e) return;
    const { cores, invariants } = this.#world;
    invariants.onMerge(this.me, joining.config, joining.sources);
    this.joining = null;
    const effects: AcceptorEffect[] = [];
    const states = joining.sources.map((source) => source.state);
    cores.merge(acceptor, states, joining.from, effects);
    this.#world.count('merges');
    this.#world.trace(this.#node.index, 'merged', acceptor.e, () => `for epoch ${acceptor.e}`);
    if (acceptor.active) invariants.onActive(this.me, acceptor.e);
    this.#syncAll();
    for (const effect of effects) this.#perform(effect, null);
  }

  #startJoining(config: Config, from: Config, need: number): void {
    this.joining = new Joining(config, from, need, this.#world.nowMs);
    const { sealed } = this.acceptor;
    if (sealed !== null && placeOf(from, this.me) >= 0) {
      this.joining.sources.push({ from: this.me, e: config.e, state: sealed });
    }
  }

  #step(message: RegisterRequest, reply: Reply): void {
    const { cores, invariants } = this.#world;
    const { acceptor } = this;
    this.#world.trace(this.#node.index, 'gets', message.b.r, () => describeMessage(message));
    const before = invariants.before(acceptor, message.key);
    const effects: AcceptorEffect[] = [];
    cores.stepAcceptor(acceptor, message, effects);
    invariants.after(acceptor, message.key, before);
    const entry = acceptor.keys.get(message.key);
    if (!acceptor.isDurable && entry !== undefined) invariants.onAccepted(message.key, entry, this.me);
    for (const effect of effects) this.#perform(effect, reply);
  }

  #perform(effect: AcceptorEffect, reply: Reply | null): void {
    switch (effect.kind) {
      case 'reply':
        if (VOTES.has(effect.message.kind)) this.#world.invariants.onVote(this.me, effect.message.e);
        reply?.(encodeReply(effect.message));
        break;
      case 'persist':
        this.#persist(effect, reply);
        break;
      case 'watch':
        if (this.#node.isOver(effect.cell.bind)) this.observeSoon(effect.key, effect.cell.ver, 3);
        break;
      case 'eraseSoon':
        this.#node.eraseSoon(effect.key, effect.ver);
        break;
      case 'learned':
      case 'forgotten':
        this.#judgeAll();
        break;
    }
  }

  /** Writes in order, after a while; what is not written when the member stops is lost, replies included. */
  #persist(effect: AcceptorEffect & { kind: 'persist' }, reply: Reply | null): void {
    const { record, then } = effect;
    const entry = record.kind === 'entry' ? { ...record.entry } : null;
    const sync = (): void => {
      if (record.kind === 'forgotten') {
        this.#store.entries.delete(record.key);
        this.#store.floor = record.floor;
      } else if (entry !== null) {
        this.#store.entries.set(record.key, entry);
        this.#world.invariants.onAccepted(record.key, entry, this.me);
      }
      for (const inner of then) this.#perform(inner, reply);
    };
    this.#unsynced.push(sync);
    this.#world.schedule.after(SYNC_MS, () => {
      if (this.#unsynced[0] !== sync) return;
      this.#unsynced.shift();
      sync();
    });
  }

  /** An adopted epoch, a sealed state and a merge are synced before anything follows from them. */
  #syncAll(): void {
    if (!this.isDurable) return;
    for (const sync of this.#unsynced.splice(0)) sync();
    const { acceptor } = this;
    const store = this.#store;
    store.entries.clear();
    for (const [key, entry] of acceptor.keys) store.entries.set(key, { ...entry });
    store.floor = acceptor.floor;
    store.config = acceptor.config;
    store.active = acceptor.active;
    store.sealed = acceptor.sealed;
  }

  /** Looks at everything that it holds: what ended is observed, again if need be. */
  judge(onlyIf: (cell: NonNullable<Entry['cell']>) => boolean): void {
    for (const [key, { cell }] of this.acceptor.keys) {
      if (cell !== null && cell.live && onlyIf(cell)) this.observeSoon(key, cell.ver, 15);
    }
  }

  #judgeAll(): void {
    this.judge((cell) => cell.bind?.key != null && this.#node.isOver(cell.bind));
  }

  observeSoon(key: Key, ver: Ballot, mostMs: number): void {
    const { schedule, cores, invariants } = this.#world;
    schedule.after(this.#node.random.between(0, mostMs), () => {
      if (this.#node.member !== this) return;
      const effects: AcceptorEffect[] = [];
      cores.observe(this.acceptor, key, ver, effects);
      if (effects.length > 0) {
        this.#world.trace(this.#node.index, 'observes', ver.r, () => `the end of ${key}`);
        invariants.onObservation(key, ver, this.me);
      }
      for (const effect of effects) this.#perform(effect, null);
    });
  }

  /** Members of the former epoch that may still hand on their state, as somebody who sees everything would say. */
  countServers(members: readonly SimulatedMember[]): number {
    const { joining } = this;
    if (joining === null) return 0;
    const { config, from } = joining;
    const willServe = (other: SimulatedMember): boolean => {
      if (!from.M.some((m) => sameIncarnation(m, other.me))) return false;
      const { e, active } = other.acceptor;
      if (e === config.e) return this.#world.cores.serveSnapshot(other.acceptor, config) !== null;
      return e < config.e && (active || e < from.e);
    };
    const others = members.filter((m) => m !== this && !joining.has(m.me) && willServe(m));
    return joining.sources.length + others.length;
  }

  toString(): string {
    const { acceptor } = this;
    const state = acceptor.active ? 'active' : this.joining === null ? 'no member' : 'joining';
    return `${incarnationKey(this.me)} at epoch ${acceptor.e} (${state}, floor ${isLower(ZERO, acceptor.floor) ? 'raised' : 'none'})`;
  }
}
