/**
 * The watcher of a run: sees every offer, acceptance, observation and answer, and throws a `Violation` at the
 * first one that breaks the protocol's invariants (register protocol, section 11, within one configuration).
 */
import { historyOf } from '../../kv/paxos/change.ts';
import { compareBallots, describeBallot, isLower, isZero, sameBallot } from '../../kv/paxos/ballot.ts';
import { isLinearizable } from './linearizable.ts';
import type { Acceptor } from '../../kv/paxos/acceptor.ts';
import type { Ballot, Cell, Entry, Key } from '../../kv/paxos/messages.ts';
import type { HistoryOperation, Value } from './linearizable.ts';

export class Violation extends Error {}

/** What an acceptor showed before a step. */
export interface Before {
  readonly p: Ballot | null;
  readonly floor: Ballot;
  readonly clock: number;
}

interface Offered {
  readonly key: Key;
  readonly b: Ballot;
  readonly fast: boolean;
  readonly cell: Cell;
  readonly accepted: Set<number>;
  /** Number of acceptances seen before this cell became chosen; Infinity while it is not. */
  isChosen: boolean;
}

export class Invariants {
  readonly #members: number;
  readonly #quorum: number;
  readonly #offered = new Map<string, Offered>();
  readonly #ballots = new Map<string, unknown>();
  readonly #observers = new Map<string, Set<number>>();
  readonly #forgotten = new Map<Key, Ballot>();
  readonly history: Map<Key, HistoryOperation[]> = new Map();
  #stamp = 0;

  constructor(members: number) {
    this.#members = members;
    this.#quorum = Math.floor(members / 2) + 1;
  }

  /** An attempt begins: its ballot must be its own. */
  onBallot(key: Key, b: Ballot, attempt: unknown): void {
    const name = describeBallot(b);
    const owner = this.#ballots.get(name);
    if (owner !== undefined && owner !== attempt) throw new Violation(`two operations use the ballot ${name} (${key})`);
    this.#ballots.set(name, attempt);
  }

  onOffer(key: Key, b: Ballot, fast: boolean, cell: Cell): void {
    const name = `${key} ${describeBallot(b)} ${fast}`;
    const known = this.#offered.get(name);
    if (known === undefined) {
      this.#offered.set(name, { key, b, fast, cell, accepted: new Set(), isChosen: false });
    } else if (describeCell(known.cell) !== describeCell(cell)) {
      throw new Violation(`two cells for ${name}: ${describeCell(known.cell)} and ${describeCell(cell)}`);
    }
  }

  /** An erase is proposed: a quorum must have observed the end of what the incarnation is bound to. */
  onEraseProposed(key: Key, ver: Ballot): void {
    const observers = this.#observers.get(`${key} ${describeBallot(ver)}`)?.size ?? 0;
    if (observers < this.#quorum) throw new Violation(`erase of ${key} proposed on ${observers} observations`);
  }

  onObservation(key: Key, ver: Ballot, place: number): void {
    const name = `${key} ${describeBallot(ver)}`;
    const observers = this.#observers.get(name) ?? new Set();
    this.#observers.set(name, observers.add(place));
  }

  onForget(key: Key, g: Ballot): void {
    const known = this.#forgotten.get(key);
    if (known === undefined || isLower(known, g)) this.#forgotten.set(key, g);
  }

  before(acceptor: Acceptor, key: Key): Before {
    return { p: acceptor.keys.get(key)?.p ?? null, floor: acceptor.floor, clock: acceptor.clock };
  }

  after(acceptor: Acceptor, key: Key, before: Before): void {
    const entry = acceptor.keys.get(key);
    if (isLower(acceptor.floor, before.floor)) throw new Violation(`the floor of ${acceptor.me.name} went down`);
    if (acceptor.clock < before.clock) throw new Violation(`the clock of ${acceptor.me.name} went down`);
    if (entry === undefined) return;
    if (before.p !== null && isLower(entry.p, before.p)) throw new Violation(`a promise for ${key} went down`);
    if (isLower(entry.p, entry.ab)) throw new Violation(`${key} was accepted above the promise`);
    if (before.p === null && isLower(entry.p, acceptor.floor)) throw new Violation(`${key} was taken below the floor`);
    const g = this.#forgotten.get(key);
    if (before.p === null && g !== undefined && !isZero(entry.ab) && !isLower(g, entry.ab)) {
      throw new Violation(`${key} was accepted at ${describeBallot(entry.ab)}, forgotten at ${describeBallot(g)}`);
    }
  }

  /** The acceptance of a member is in force (stored, when the member is durable). */
  onAccepted(key: Key, entry: Entry, place: number): void {
    if (isZero(entry.ab)) return;
    const offered = this.#offered.get(`${key} ${describeBallot(entry.ab)} ${entry.fast}`);
    if (offered === undefined || describeCell(offered.cell) !== describeCell(entry.cell as Cell)) {
      throw new Violation(`${key} was accepted at ${describeBallot(entry.ab)} without such an offer`);
    }
    offered.accepted.add(place);
    if (offered.accepted.size >= (offered.fast ? this.#members : this.#quorum)) offered.isChosen = true;
  }

  call(key: Key, id: number, kind: HistoryOperation['kind'], target = -1): HistoryOperation {
    const operation: HistoryOperation = {
      id,
      kind,
      target,
      calledAt: ++this.#stamp,
      answeredAt: Infinity,
      result: undefined,
    };
    const operations = this.history.get(key) ?? [];
    this.history.set(key, operations);
    operations.push(operation);
    return operation;
  }

  answer(operation: HistoryOperation, result: Value | undefined): void {
    operation.answeredAt = ++this.#stamp;
    operation.result = result;
  }

  /** It answered that it did not take effect: the history must be explained without it. */
  withdraw(key: Key, operation: HistoryOperation): void {
    this.history.set(
      key,
      (this.history.get(key) ?? []).filter((o) => o !== operation),
    );
  }

  /** At the end of a run. */
  finish(): void {
    this.#checkLineages();
    for (const [key, operations] of this.history) {
      if (!isLinearizable(operations)) {
        throw new Violation(`the history of ${key} is not linearizable:\n${describeHistory(operations)}`);
      }
    }
  }

  /** Chosen cells form one lineage: each one's history reaches back to the one before, or a forgetting lies between. */
  #checkLineages(): void {
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

  #checkExtends(key: Key, earlier: Offered, later: Offered): void {
    const newest = historyOf(earlier.cell)[0];
    if (newest === undefined || historyOf(later.cell).some((h) => sameBallot(h, newest))) return;
    if (!isLower(later.cell.cut, newest)) return;
    const g = this.#forgotten.get(key);
    if (!earlier.cell.live && g !== undefined && !isLower(g, earlier.b)) return;
    const [a, b] = [describeCell(earlier.cell), describeCell(later.cell)];
    throw new Violation(
      `${key}: chosen at ${describeBallot(later.b)} ${b} does not extend ${a}, chosen at ${describeBallot(earlier.b)}`,
    );
  }
}

export function describeCell(cell: Cell | null): string {
  if (cell === null) return 'nothing';
  const hist = historyOf(cell).map(describeBallot).join(' ');
  const value = cell.live ? `[${String(cell.value)}] of ${describeBallot(cell.ver)}` : 'tombstone';
  return `${value} (${hist}${isZero(cell.cut) ? '' : `, cut ${describeBallot(cell.cut)}`})`;
}

function describeHistory(operations: readonly HistoryOperation[]): string {
  return operations
    .map((o) => {
      const result =
        o.answeredAt === Infinity ? 'no answer' : o.result === undefined ? 'applied' : `[${String(o.result)}]`;
      const target = o.kind === 'erase' ? ` of what ${o.target} created` : '';
      return `  ${o.calledAt} to ${o.answeredAt}: ${o.kind} ${o.id}${target} -> ${result}`;
    })
    .join('\n');
}
