/** Who wants to know when a node goes, and how many times: as often as it asked, it is told. */
import type { Atom } from '../term/atom.ts';
import { createNodeDown } from './message.ts';
import type { Process } from './process.ts';

export class NodeWatchers {
  readonly #byNode = new Map<Atom, Map<Process, number>>();

  change(process: Process, node: Atom, by: 1 | -1): void {
    const watchers = this.#byNode.get(node) ?? new Map<Process, number>();
    this.#byNode.set(node, watchers);
    const count = (watchers.get(process) ?? 0) + by;
    if (count > 0) watchers.set(process, count);
    else watchers.delete(process);
  }

  /** The node is lost: tells everybody once for each time, and forgets them. */
  tell(node: Atom): void {
    const watchers = this.#byNode.get(node);
    this.#byNode.delete(node);
    for (const [process, count] of watchers ?? []) {
      for (let i = 0; i < count; i++) process.deliver(createNodeDown(node));
    }
  }

  forget(process: Process): void {
    for (const watchers of this.#byNode.values()) watchers.delete(process);
  }
}
