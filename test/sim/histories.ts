/**
 * What clients called and were answered, and whether that can be: linearizable per key (history.ts), no rumour
 * contradicted, one creator per incarnation.
 *
 * The *rumour* check is Gryadka's: whatever any client has observed, all clients know at once; whoever asks later must
 * observe that version or a newer one. A version is the ballot of the newest change, so tokens that must grow do too.
 */
import { historyOf } from '../../kv/paxos/change.ts';
import { describeBallot, isLower, sameBallot, ZERO } from '../../kv/paxos/ballot.ts';
import { describeCell } from './describe.ts';
import { History } from './history.ts';
import { Violation } from './invariants.ts';
import type { Ballot, Cell, Key } from '../../kv/paxos/messages.ts';
import type { Invariants } from './invariants.ts';
import type { HistoryOperation, Value } from './linearizable.ts';

interface Rumour {
  /** The highest version that was observed, also of what is erased since. */
  readonly version: Ballot;
  /** The incarnation that was there when somebody looked last; null: nothing was. */
  readonly cell: Cell | null;
}

export interface Called {
  readonly key: Key;
  readonly operation: HistoryOperation;
  /** What was known when it began. */
  readonly known: Rumour;
  /** How often all state had been lost by then. */
  readonly losses: number;
}

const NOTHING_KNOWN: Rumour = { version: ZERO, cell: null };

export class Histories {
  readonly #invariants: Invariants;
  readonly #history = new History();
  readonly #known = new Map<Key, Rumour>();
  readonly #creators = new Map<string, number>();
  #losses = 0;

  constructor(invariants: Invariants) {
    this.#invariants = invariants;
  }

  call(key: Key, id: number, kind: HistoryOperation['kind'], more: { target?: number; expected?: Value } = {}): Called {
    const operation = this.#history.call(key, id, kind, more.target, more.expected);
    return { key, operation, known: this.#known.get(key) ?? NOTHING_KNOWN, losses: this.#losses };
  }

  /** `cell` is what the answer is about; undefined when it does not tell. */
  answer(called: Called, result: Value | undefined, cell: Cell | null | undefined): void {
    this.#history.answer(called.operation, result);
    if (cell === undefined || called.losses !== this.#losses) return;
    this.#checkRumour(called, cell);
    this.#spread(called.key, cell);
  }

  /** It answered that it did not take effect: the history must be explained without it. */
  withdraw(called: Called): void {
    this.#history.withdraw(called.key, called.operation);
  }

  /** The newest live cell that anybody has seen. */
  known(key: Key): Cell | null {
    return this.#known.get(key)?.cell ?? null;
  }

  /** All members lose what they hold: between `beginLoss` and `endLoss` every key becomes empty. */
  beginLoss(keys: readonly Key[]): readonly Called[] {
    return keys.map((key) => this.call(key, -1, 'lost'));
  }

  endLoss(lost: readonly Called[]): void {
    this.#losses += 1;
    this.#known.clear();
    for (const called of lost) this.answer(called, null, undefined);
  }

  finish(): void {
    this.#history.finish();
  }

  #checkRumour({ key, known, operation }: Called, cell: Cell | null): void {
    const told = `${operation.kind} ${operation.id} of ${key} observed ${describeCell(cell)}`;
    if (cell === null || !cell.live) {
      const { cell: before } = known;
      if (before === null || this.#invariants.isErasable(key, before.ver)) return;
      throw new Violation(`${told}, but ${describeCell(before)} was observed before it began and never erased`);
    }
    const version = versionOf(cell);
    if (isLower(version, known.version)) {
      throw new Violation(`${told}, but version ${describeBallot(known.version)} was observed before it began`);
    }
    if (known.cell === null && !isLower(known.version, cell.ver)) {
      throw new Violation(`${told}, which was erased before it began`);
    }
    this.#checkCreator(key, cell);
  }

  /** At most one value per incarnation: one operation created it. */
  #checkCreator(key: Key, cell: Cell): void {
    const creator = (cell.value as readonly number[])[0] as number;
    const name = `${key} ${describeBallot(cell.ver)}`;
    const known = this.#creators.get(name);
    if (known !== undefined && known !== creator) {
      throw new Violation(`${known} and ${creator} both created the incarnation ${name}`);
    }
    this.#creators.set(name, creator);
  }

  #spread(key: Key, cell: Cell | null): void {
    const known = this.#known.get(key) ?? NOTHING_KNOWN;
    if (cell === null) {
      // Nobody can tell when an answer without a cell was true; it is news only if what is known may be erased.
      return;
    }
    const version = versionOf(cell);
    if (isLower(version, known.version)) return;
    if (sameBallot(version, known.version) && known.cell === null) return;
    this.#known.set(key, { version, cell: cell.live ? cell : null });
  }
}

function versionOf(cell: Cell): Ballot {
  return historyOf(cell)[0] ?? ZERO;
}
