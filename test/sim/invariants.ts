/**
 * The watcher of the registers: sees every offer, acceptance, observation, snapshot and merge, and throws a `Violation`
 * at the first one that breaks the protocol's invariants (register protocol, section 11). What clients may see of it is
 * judged in `histories.ts`.
 */
import { historyOf } from '../../kv/paxos/change.ts';
import { compareBallots, describeBallot, isLower, isZero, sameBallot } from '../../kv/paxos/ballot.ts';
import { quorumSize } from '../../kv/paxos/quorum.ts';
import { describeCell, incarnationKey } from './describe.ts';
import type { Acceptor } from '../../kv/paxos/acceptor.ts';
import type { Ballot, Cell, Config, Entry, Incarnation, Key } from '../../kv/paxos/messages.ts';

export class Violation extends Error {}

/** What an acceptor showed before a step. */
export interface Before {
  readonly p: Ballot | null;
  readonly ab: Ballot | null;
  readonly floor: Ballot;
  readonly clock: number;
}

interface Offered {
  readonly key: Key;
  readonly b: Ballot;
  readonly fast: boolean;
  readonly cell: Cell;
  readonly accepted: Set<string>;
  isChosen: boolean;
}

export class Invariants {
  /** Configuration e at index e - 1. */
  readonly configs: Config[] = [];
  readonly #offered = new Map<string, Offered>();
  readonly #ballots = new Map<string, unknown>();
  readonly #observers = new Map<string, Set<string>>();
  readonly #forgotten = new Map<Key, Ballot>();
  /** `epoch incarnation` of those that were active. */
  readonly #active = new Set<string>();
  /** `key ver` of cells that were erased for good: a chosen tombstone lies over them. */
  readonly #erased = new Set<string>();

  /** A configuration was decided. */
  onConfig(config: Config): void {
    this.configs.push(config);
  }

  onActive(who: Incarnation, e: number): void {
    const config = this.configAt(e);
    if (!config.M.some((m) => incarnationKey(m) === incarnationKey(who))) {
      throw new Violation(`${incarnationKey(who)} became active in epoch ${e}, which does not list it`);
    }
    this.#active.add(`${e} ${incarnationKey(who)}`);
  }

  wasActive(who: Incarnation, e: number): boolean {
    return this.#active.has(`${e} ${incarnationKey(who)}`);
  }

  /** Whether a quorum has been active in that epoch. */
  isComplete(e: number): boolean {
    const config = this.configAt(e);
    return config.M.filter((m) => this.wasActive(m, e)).length >= quorumSize(config.N);
  }

  /** Somebody merges for `config` from the states of these; `e`: where each one's owner stood when it was taken. */
  onMerge(
    who: Incarnation,
    config: Config,
    sources: readonly { readonly from: Incarnation; readonly e: number }[],
  ): void {
    const prev = this.configAt(config.e - 1);
    const names = new Set(sources.map(({ from }) => incarnationKey(from)));
    // One that was not active in the former epoch, but has merged into this one, holds all that was chosen in it.
    const holds = (from: Incarnation): boolean => this.wasActive(from, prev.e) || this.wasActive(from, config.e);
    const sealed = sources.filter((s) => s.e >= config.e && holds(s.from));
    if (names.size < prev.r || sealed.length < names.size) {
      throw new Violation(
        `${incarnationKey(who)} merged into epoch ${config.e} from ${[...names].join(' and ')}: ` +
          `${prev.r} sealed members that were active in epoch ${prev.e} are needed`,
      );
    }
  }

  /** A vote leaves an acceptor. */
  onVote(who: Incarnation, e: number): void {
    if (!this.wasActive(who, e))
      throw new Violation(`${incarnationKey(who)} voted in epoch ${e} without being active in it`);
  }

  /** An attempt begins: its ballot must be its own. */
  onBallot(key: Key, b: Ballot, attempt: unknown): void {
    const name = describeBallot(b);
    const owner = this.#ballots.get(name);
    if (owner !== undefined && owner !== attempt) throw new Violation(`two operations use the ballot ${name} (${key})`);
    this.#ballots.set(name, attempt);
  }

  onOffer(key: Key, b: Ballot, fast: boolean, cell: Cell): void {
    const name = offerName(key, b, fast);
    const known = this.#offered.get(name);
    if (known === undefined) {
      this.#offered.set(name, { key, b, fast, cell, accepted: new Set(), isChosen: false });
    } else if (known.cell !== cell && describeCell(known.cell) !== describeCell(cell)) {
      throw new Violation(`two cells for ${name}: ${describeCell(known.cell)} and ${describeCell(cell)}`);
    }
  }

  /** An erase is proposed in epoch `e`: a quorum of its members must have observed the end of what it is bound to. */
  onEraseProposed(key: Key, ver: Ballot, e: number): void {
    const { M, N } = this.configAt(e);
    const observers = this.#observers.get(`${key} ${describeBallot(ver)}`) ?? new Set();
    const count = M.filter((m) => observers.has(incarnationKey(m))).length;
    if (count < quorumSize(N)) throw new Violation(`erase of ${key} proposed on ${count} observations`);
    this.#erased.add(`${key} ${describeBallot(ver)}`);
  }

  /** Whether an erase of that incarnation may take effect, or did. */
  isErasable(key: Key, ver: Ballot): boolean {
    return this.#erased.has(`${key} ${describeBallot(ver)}`);
  }

  onObservation(key: Key, ver: Ballot, who: Incarnation): void {
    const name = `${key} ${describeBallot(ver)}`;
    const observers = this.#observers.get(name) ?? new Set();
    this.#observers.set(name, observers.add(incarnationKey(who)));
  }

  onForget(key: Key, g: Ballot): void {
    const known = this.#forgotten.get(key);
    if (known === undefined || isLower(known, g)) this.#forgotten.set(key, g);
  }

  before(acceptor: Acceptor, key: Key): Before {
    const entry = acceptor.keys.get(key);
    return { p: entry?.p ?? null, ab: entry?.ab ?? null, floor: acceptor.floor, clock: acceptor.clock };
  }

  after(acceptor: Acceptor, key: Key, before: Before): void {
    const entry = acceptor.keys.get(key);
    if (isLower(acceptor.floor, before.floor)) throw new Violation(`the floor of ${acceptor.me.name} went down`);
    if (acceptor.clock < before.clock) throw new Violation(`the clock of ${acceptor.me.name} went down`);
    if (entry === undefined) return;
    if (before.p !== null && isLower(entry.p, before.p)) throw new Violation(`a promise for ${key} went down`);
    if (isLower(entry.p, entry.ab)) throw new Violation(`${key} was accepted above the promise`);
    if (before.p === null && isLower(entry.p, acceptor.floor)) throw new Violation(`${key} was taken below the floor`);
    if (isZero(entry.ab) || (before.ab !== null && sameBallot(before.ab, entry.ab))) return;
    const g = this.#forgotten.get(key);
    // A member of a former epoch that has not heard of the later one may still accept: nobody counts it, nor merges from it.
    if (g !== undefined && acceptor.e >= g.e && !isLower(g, entry.ab)) {
      throw new Violation(`${key} was accepted at ${describeBallot(entry.ab)}, forgotten at ${describeBallot(g)}`);
    }
  }

  /** The acceptance of a member is in force (stored, when the member is durable). */
  onAccepted(key: Key, entry: Entry, who: Incarnation): void {
    if (isZero(entry.ab) || entry.ae === 0) return;
    const offered = this.#offered.get(offerName(key, entry.ab, entry.fast));
    const cell = entry.cell as Cell;
    if (offered === undefined || (offered.cell !== cell && describeCell(offered.cell) !== describeCell(cell))) {
      throw new Violation(`${key} was accepted at ${describeBallot(entry.ab)} without such an offer`);
    }
    // Accepted once more in a later epoch: that is a quorum of another configuration, and not what makes it chosen.
    if (offered.isChosen || entry.ae !== entry.ab.e) return;
    offered.accepted.add(incarnationKey(who));
    const config = this.configAt(entry.ae);
    if (offered.accepted.size >= (offered.fast ? config.M.length : quorumSize(config.N))) offered.isChosen = true;
  }

  /** At the end of a run: chosen cells form one lineage per key. */
  finish(): void {
    const byKey = new Map<Key, Offered[]>();
    for (const offered of this.#offered.values()) {
      if (!offered.isChosen) continue;
      const chosen = byKey.get(offered.key) ?? [];
      byKey.set(offered.key, chosen);
      chosen.push(offered);
    }
    for (const [key, chosen] of byKey) {
      chosen.sort((a, b) => compareBallots(a.b, b.b) || Number(b.fast) - Number(a.fast));
      for (let i = 1; i < chosen.length; i++) {
        this.#checkExtends(key, chosen[i - 1] as Offered, chosen[i] as Offered);
      }
    }
  }

  /** The history of the later reaches back to the earlier, or a forgetting, or the loss of all states, lies between. */
  #checkExtends(key: Key, earlier: Offered, later: Offered): void {
    const newest = historyOf(earlier.cell)[0];
    if (newest === undefined || historyOf(later.cell).some((h) => sameBallot(h, newest))) return;
    if (!isLower(later.cell.cut, newest)) return;
    const g = this.#forgotten.get(key);
    if (!earlier.cell.live && g !== undefined && !isLower(g, earlier.b)) return;
    if (this.configs.some((c) => c.fresh === true && c.e > earlier.b.e && c.e <= later.b.e)) return;
    const [a, b] = [describeCell(earlier.cell), describeCell(later.cell)];
    throw new Violation(
      `${key}: chosen at ${describeBallot(later.b)} ${b} does not extend ${a}, chosen at ${describeBallot(earlier.b)}`,
    );
  }

  configAt(e: number): Config {
    const config = this.configs[e - 1];
    if (config === undefined) throw new Violation(`there is no configuration ${e}`);
    return config;
  }
}

function offerName(key: Key, b: Ballot, fast: boolean): string {
  return `${key} ${describeBallot(b)} ${fast}`;
}
