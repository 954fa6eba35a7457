/**
 * Is there an order of a register's operations, each at one instant between its call and its answer, in which a sequential register gives
 * exactly these answers? Wing and Gong's question with Lowe's two savings: states that were seen are not searched again, and operations are
 * put in order just in time: only when an answer must be explained, and only as many as that takes. So what is kept is a few configurations
 * (state, which of the open operations are done), not the history, and thousands of operations are no effort.
 *
 * Operations without an answer stay open for ever and may be put anywhere after their call, or nowhere.
 */

export interface TimedOperation {
  readonly calledAt: number;
  /** Infinity: no answer. */
  readonly answeredAt: number;
}

export interface RegisterModel<State, O extends TimedOperation> {
  readonly initial: State;
  /**
   * The state after the operation, or undefined when it cannot be here: its answer does not fit, or it has none and changes nothing, or it
   * makes a state that nothing in the history came from. Equal states that are the same object save work.
   */
  apply(operation: O, state: State): State | undefined;
  /** Equal for equal states. */
  keyOf(state: State): string;
  /** Does its answer differ when it changes something? Left out: that of every operation does. */
  tellsEffect?(operation: O): boolean;
}

export interface Unexplained<State, O> {
  /** The first answer that no order explains. */
  readonly operation: O;
  /** What the register may have held just before. */
  readonly states: readonly State[];
}

interface Configuration<State> {
  readonly state: State;
  /** Places, in order of their calls, of the open operations that are done. Sorted. */
  readonly done: readonly number[];
}

/** Null when the history is linearizable. Its operations in any order. */
export function findUnexplained<State, O extends TimedOperation>(
  history: readonly O[],
  model: RegisterModel<State, O>,
): Unexplained<State, O> | null {
  const operations = [...history].sort((a, b) => a.calledAt - b.calledAt);
  const answers = operations
    .map((operation, place) => ({ operation, place }))
    .filter(({ operation }) => operation.answeredAt !== Infinity)
    .sort((a, b) => a.operation.answeredAt - b.operation.answeredAt);
  const search = new Search(operations, model);
  let called = 0;
  for (const { operation, place } of answers) {
    // at the same instant the call comes first: that they overlapped cannot be ruled out
    while (called < operations.length && (operations[called] as O).calledAt <= operation.answeredAt)
      search.call(called++);
    const before = search.states;
    if (!search.answer(place)) return { operation, states: before };
  }
  return null;
}

class Search<State, O extends TimedOperation> {
  readonly #operations: readonly O[];
  readonly #model: RegisterModel<State, O>;
  readonly #open = new Set<number>();
  #configurations: readonly Configuration<State>[];

  constructor(operations: readonly O[], model: RegisterModel<State, O>) {
    this.#operations = operations;
    this.#model = model;
    this.#configurations = [{ state: model.initial, done: [] }];
  }

  get states(): State[] {
    return this.#configurations.map(({ state }) => state);
  }

  call(place: number): void {
    this.#open.add(place);
  }

  /** Keeps the configurations in which the operation is done; false when there are none. */
  answer(place: number): boolean {
    const found = new Map<string, Configuration<State>>();
    const visited = new Set<string>();
    const stack = [...this.#configurations];
    for (let next = stack.pop(); next !== undefined; next = stack.pop()) {
      const key = this.#keyOf(next);
      if (visited.has(key)) continue;
      visited.add(key);
      if (next.done.includes(place)) {
        const kept = { state: next.state, done: next.done.filter((other) => other !== place) };
        found.set(this.#keyOf(kept), kept);
      } else stack.push(...this.#follow(next));
    }
    this.#open.delete(place);
    this.#configurations = this.#withoutCommon([...found.values()]);
    return found.size > 0;
  }

  /** What is done in all configurations and gets no answer need not be looked at any more; it would be kept for ever. */
  #withoutCommon(configurations: Configuration<State>[]): Configuration<State>[] {
    const [first, ...others] = configurations;
    const common = (first?.done ?? []).filter(
      (place) =>
        (this.#operations[place] as O).answeredAt === Infinity && others.every(({ done }) => done.includes(place)),
    );
    if (common.length === 0) return configurations;
    for (const place of common) this.#open.delete(place);
    return configurations.map(({ state, done }) => ({ state, done: done.filter((place) => !common.includes(place)) }));
  }

  /** All configurations that one more operation leads to. */
  #follow({ state, done }: Configuration<State>): Configuration<State>[] {
    const following: Configuration<State>[] = [];
    for (const place of this.#open) {
      if (done.includes(place)) continue;
      const operation = this.#operations[place] as O;
      const after = this.#model.apply(operation, state);
      if (after === undefined) continue;
      const next = { state: after, done: withPlace(done, place) };
      // What is explained and changes nothing may as well come now: no other order does better, unless it could change something elsewhere.
      const isIdle = operation.answeredAt !== Infinity && this.#model.keyOf(after) === this.#model.keyOf(state);
      if (isIdle && this.#model.tellsEffect?.(operation) !== false) return [next];
      following.push(next);
    }
    return following;
  }

  #keyOf({ state, done }: Configuration<State>): string {
    return `${done.join(',')}|${this.#model.keyOf(state)}`;
  }
}

function withPlace(done: readonly number[], place: number): number[] {
  const after = done.findIndex((other) => other > place);
  return after < 0 ? [...done, place] : [...done.slice(0, after), place, ...done.slice(after)];
}
