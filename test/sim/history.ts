/** Calls and answers of clients, per key, in the order in which they happened: judged by whether they can be put in a line. */
import { describeHistory } from './describe.ts';
import { Violation } from './invariants.ts';
import { isLinearizable } from './linearizable.ts';
import type { Key } from '../../kv/paxos/messages.ts';
import type { HistoryOperation, Value } from './linearizable.ts';

export class History {
  readonly #operations = new Map<Key, HistoryOperation[]>();
  #stamp = 0;

  /** `target`: of an erase, the id of what created the incarnation. `expected`: of a cas, what was read. */
  call(key: Key, id: number, kind: HistoryOperation['kind'], target = -1, expected?: Value): HistoryOperation {
    const operation: HistoryOperation = {
      id,
      kind,
      target,
      calledAt: ++this.#stamp,
      answeredAt: Infinity,
      result: undefined,
      ...(expected === undefined ? {} : { expected }),
    };
    this.#of(key).push(operation);
    return operation;
  }

  answer(operation: HistoryOperation, result: Value | undefined): void {
    operation.answeredAt = ++this.#stamp;
    operation.result = result;
  }

  /** It answered that it did not take effect: the history must be explained without it. */
  withdraw(key: Key, operation: HistoryOperation): void {
    const operations = this.#of(key);
    operations.splice(operations.indexOf(operation), 1);
  }

  finish(): void {
    for (const [key, operations] of this.#operations) {
      if (!isLinearizable(operations)) {
        throw new Violation(`the history of ${key} is not linearizable:\n${describeHistory(operations)}`);
      }
    }
  }

  #of(key: Key): HistoryOperation[] {
    let operations = this.#operations.get(key);
    if (operations === undefined) this.#operations.set(key, (operations = []));
    return operations;
  }
}
