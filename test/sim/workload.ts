/**
 * What the clients do: single operations of all kinds at random times, and clients that loop - read, change, write back
 * over what they read. Values are lists of the ids of the operations that made them, so an answer tells its past.
 */
import { streamOf } from './random.ts';
import type { Change } from '../../kv/paxos/change.ts';
import type { Outcome } from '../../kv/paxos/decide.ts';
import type { Bind, Cell } from '../../kv/paxos/messages.ts';
import type { Operation } from '../../kv/paxos/operation.ts';
import type { Called } from './histories.ts';
import type { Value } from './linearizable.ts';
import type { Random } from './random.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

interface Pending {
  readonly called: Called;
  /** For a client that loops. */
  readonly next: ((outcome: Outcome) => void) | null;
}

/** Ids of looping clients' operations begin here; those of single ones are their numbers. */
const LOOP_IDS = 1000;
const CLOSING_IDS = 100_000;

export class Workload {
  readonly #world: World;
  readonly #open: Map<Operation, Pending> = new Map();
  /** Planned, or between two operations of a loop. */
  #ahead = 0;
  #closing = 0;

  constructor(world: World) {
    this.#world = world;
  }

  plan(): void {
    const { operations, clients, faultsMs } = this.#world.parameters;
    for (let i = 0; i < operations; i++) {
      if (this.#world.isDropped(`op${i}`)) continue;
      const random = streamOf(this.#world.seed, 'operation', i);
      this.#later(random.between(0, faultsMs * 0.9), () => this.#single(i, random));
    }
    for (let i = 0; i < clients; i++) {
      if (this.#world.isDropped(`client${i}`)) continue;
      const random = streamOf(this.#world.seed, 'client', i);
      this.#later(random.between(0, 20), () => this.#loop(i, 0, random));
    }
  }

  get isDone(): boolean {
    return this.#ahead === 0 && this.#open.size === 0;
  }

  /** At the end every node reads every key. */
  readAll(): void {
    for (const node of this.#world.nodes) {
      for (let i = 0; i < this.#world.parameters.keys; i++) {
        const operation = this.#world.cores.createRead(`k${i}`, { tag: CLOSING_IDS + this.#closing++ });
        this.#start(node, operation, 'read', {}, null);
      }
    }
  }

  onLost(operation: Operation): void {
    const pending = this.#open.get(operation);
    if (pending === undefined) return;
    this.#open.delete(operation);
    pending.next?.({ kind: 'unknown' });
  }

  onAnswer(operation: Operation, outcome: Outcome): void {
    const pending = this.#open.get(operation);
    if (pending === undefined) return;
    this.#open.delete(operation);
    const { called } = pending;
    const { histories } = this.#world;
    this.#world.count(outcome.kind === 'unknown' || outcome.kind === 'no_quorum' ? outcome.kind : 'answered');
    if (outcome.kind === 'no_quorum') histories.withdraw(called);
    else if (outcome.kind === 'applied') histories.answer(called, outcome.result as Value, undefined);
    else if (outcome.kind === 'ok') {
      const shown = operation.kind === 'read' ? valueOf(outcome.cell) : (outcome.result as Value);
      histories.answer(called, shown, outcome.cell);
      this.#world.checkResult(operation, outcome);
    }
    pending.next?.(outcome);
  }

  describeOpen(): string {
    return [...this.#open.keys()].map((o) => `${o.kind} ${o.key} (${String(o.tag)}, ${o.phase})`).join(', ');
  }

  #later(delayMs: number, run: () => void): void {
    this.#ahead += 1;
    this.#world.schedule.after(delayMs, () => {
      this.#ahead -= 1;
      run();
    });
  }

  /** A node that is up, among those from which clients propose. */
  #draw(random: Random): SimulatedNode {
    const { nodes, parameters } = this.#world;
    const order = parameters.outside === 1 ? [...nodes.slice(parameters.members), ...nodes] : nodes;
    const usable = parameters.proposers > 0 ? order.slice(0, parameters.proposers) : order;
    const first = random.below(usable.length);
    for (let i = 0; i < usable.length; i++) {
      const node = usable[(first + i) % usable.length] as SimulatedNode;
      if (node.isUp) return node;
    }
    return usable[first] as SimulatedNode;
  }

  #single(id: number, random: Random): void {
    const { keys, puts, changes, reads } = this.#world.parameters;
    const { cores } = this.#world;
    const node = this.#draw(random);
    const key = `k${random.below(keys)}`;
    const roll = random.unit() * (puts + changes + reads);
    const deadlineMs = random.chance(0.2) ? node.nowMs + random.between(5, 100) : Infinity;
    const settings = { deadlineMs, tag: id };
    if (roll >= puts + changes) {
      const operation = cores.createRead(key, { ...settings, startsClassic: random.chance(0.1) });
      return this.#start(node, operation, 'read', {}, null);
    }
    if (roll >= puts) {
      const creates = random.chance(0.6);
      const operation = cores.createChange(key, appending(id, creates), settings);
      return this.#start(node, operation, creates ? 'change' : 'extend', {}, null);
    }
    const bind = this.#world.owners.drawBind(random, key);
    this.#start(node, cores.createPut(key, [id], bind, settings), 'put', {}, null);
  }

  #loop(client: number, round: number, random: Random): void {
    const { rounds, keys } = this.#world.parameters;
    if (round >= rounds || this.#world.isHealed) return;
    const id = LOOP_IDS + client * 100 + round;
    const key = `k${random.below(keys)}`;
    const again = (): void => this.#later(random.between(0, 8), () => this.#loop(client, round + 1, random));
    const read = this.#world.cores.createRead(key, { tag: id });
    this.#start(this.#draw(random), read, 'read', {}, (outcome) => {
      if (outcome.kind !== 'ok') return again();
      this.#later(random.between(0, 3), () => {
        const expected = valueOf(outcome.cell);
        const change = this.#world.cores.createChange(key, replacing(id, expected), { tag: id });
        this.#start(this.#draw(random), change, 'cas', { expected }, again);
      });
    });
  }

  #start(
    node: SimulatedNode,
    operation: Operation,
    kind: 'put' | 'change' | 'extend' | 'cas' | 'read',
    more: { expected?: Value },
    next: Pending['next'],
  ): void {
    const id = operation.tag as number;
    this.#world.trace(node.index, 'starts', id, () => `${kind} ${operation.key} (operation ${id})`);
    this.#open.set(operation, { called: this.#world.histories.call(operation.key, id, kind, more), next });
    if (node.isUp) node.startOperation(operation);
    else this.onAnswer(operation, { kind: 'no_quorum' });
  }
}

export function valueOf(cell: Cell | null): Value {
  return cell !== null && cell.live ? (cell.value as number[]) : null;
}

/** Appends the operation's id to the list; creates the list only if it may. */
function appending(id: number, creates: boolean): Change {
  return (cell) => {
    const before = valueOf(cell);
    if (before === null && !creates) return { draft: null, result: null };
    return written([...(before ?? []), id], before === null ? null : (cell as Cell).bind);
  };
}

/** Appends it if the list is still the one that was read. */
function replacing(id: number, expected: Value): Change {
  return (cell) => {
    const before = valueOf(cell);
    if (String(before) !== String(expected)) return { draft: null, result: before };
    return written([...(before ?? []), id], before === null ? null : (cell as Cell).bind);
  };
}

function written(value: readonly number[], bind: Bind | null): ReturnType<Change> {
  return { draft: { live: true, value, bind }, result: value };
}
