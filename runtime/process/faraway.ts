/**
 * Which processes of a thread have a relation to another thread or node: a superset by place, so that a loss is told to those it
 * concerns without looking at all.
 */
import type { Atom } from '../term/atom.ts';
import type { Pid } from '../term/pid.ts';
import { ELSEWHERE } from './place.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';

/** A thread's number, or a node. */
export type Place = number | Atom;

export class Faraway {
  readonly #scheduler: Scheduler;
  readonly #related = new Map<Place, Set<Process>>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** The process has a link or monitor to `pid`, or is linked to or monitored by it. */
  add(self: Process, pid: Pid): void {
    const place = this.#scheduler.locate(pid);
    if (place === ELSEWHERE) this.addPlace(self, pid.node);
    else if (place !== this.#scheduler.thread) this.addPlace(self, place);
  }

  addPlace(self: Process, place: Place): void {
    let related = this.#related.get(place);
    if (related === undefined) {
      related = new Set();
      this.#related.set(place, related);
    }
    related.add(self);
    self.tracked = true;
  }

  at(place: Place): Iterable<Process> {
    return this.#related.get(place) ?? [];
  }

  /** Those of a place that is lost; they are forgotten. */
  take(place: Place): Iterable<Process> {
    const related = this.at(place);
    this.#related.delete(place);
    return related;
  }

  forget(self: Process): void {
    for (const related of this.#related.values()) related.delete(self);
  }

  isAt(pid: Pid, place: Place): boolean {
    const where = this.#scheduler.locate(pid);
    return typeof place === 'number' ? where === place : where === ELSEWHERE && pid.node === place;
  }
}
