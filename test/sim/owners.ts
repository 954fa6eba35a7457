/** What cells are bound to: processes that end some time, nodes, times, and other keys' incarnations. */
import { streamOf } from './random.ts';
import type { Pid } from '../../runtime/term/pid.ts';
import type { Bind, Cell, Key } from '../../kv/paxos/messages.ts';
import type { Random } from './random.ts';
import type { SimulatedNode } from './node.ts';
import type { World } from './world.ts';

export class Owners {
  readonly #world: World;
  readonly #ended: Set<string> = new Set();
  readonly #alive: Map<string, Pid> = new Map();
  #count = 0;

  constructor(world: World) {
    this.#world = world;
  }

  hasEnded(pid: Pid): boolean {
    return this.#ended.has(pid.key);
  }

  drawBind(random: Random, key: Key): Bind | null {
    const { bound, faultsMs } = this.#world.parameters;
    if (!random.chance(bound)) return null;
    const kind = random.below(8);
    const bind: Bind = { pid: null, node: null, key: null, until: null };
    const node = random.pick(this.#world.nodes);
    if (kind === 0) return { ...bind, node: node.name };
    if (kind === 1) return { ...bind, until: node.systemMs + random.between(5, faultsMs * 0.4) };
    const other = this.#otherKey(random, key);
    if (kind === 2 && other !== null) return { ...bind, key: other };
    const pid = this.#spawn(node, random);
    return kind === 3 && other !== null ? { ...bind, pid, key: other } : { ...bind, pid };
  }

  /** A node went: so did its processes. */
  onCrash(node: SimulatedNode): void {
    for (const pid of this.#alive.values()) if (pid.node.name === node.name) this.#end(pid);
  }

  /** Whether it is settled that the cell must go. A node that came back in time is no reason. */
  isOver(cell: Cell): boolean {
    const { bind } = cell;
    if (bind === null) return false;
    if (bind.pid !== null && this.hasEnded(bind.pid)) return true;
    const systemsMs = this.#world.nodes.map((node) => node.systemMs);
    return bind.until !== null && Math.min(...systemsMs) > bind.until;
  }

  #spawn(node: SimulatedNode, random: Random): Pid {
    const pid = node.pid(++this.#count);
    this.#alive.set(pid.key, pid);
    if (random.chance(0.85)) {
      const untilMs = random.between(0, this.#world.parameters.faultsMs * 0.4);
      this.#world.schedule.after(untilMs, () => this.#end(pid));
    }
    return pid;
  }

  #otherKey(random: Random, key: Key): Bind['key'] {
    const other = `k${random.below(this.#world.parameters.keys)}`;
    const cell = other === key ? null : this.#world.histories.known(other);
    return cell === null ? null : { key: other, ver: cell.ver };
  }

  #end(pid: Pid): void {
    if (this.#ended.has(pid.key)) return;
    this.#ended.add(pid.key);
    this.#alive.delete(pid.key);
    this.#world.trace(this.#world.indexOf(pid.node.name), 'a process ends', pid.id, () => pid.key);
    const random = streamOf(this.#world.seed, 'end', pid.id);
    for (const node of this.#world.nodes) {
      this.#world.schedule.after(random.between(0, 30), () => node.onPidEnded(pid));
    }
  }
}
