/** The aliases of a thread's processes: references that messages can be sent to for a while. */
import { BadArgumentError } from '../errors.ts';
import { Ref, sameRef } from '../term/ref.ts';
import type { Process } from './process.ts';
import type { Scheduler } from './scheduler.ts';
import type { AliasMode } from './self.ts';

export interface Alias {
  readonly process: Process;
  readonly ref: Ref;
  readonly mode: AliasMode;
}

export class Aliases {
  readonly #scheduler: Scheduler;
  readonly #byCount = new Map<number, Alias>();

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  alias(self: Process, mode: 'explicitUnalias' | 'reply'): Ref {
    if (mode !== 'explicitUnalias' && mode !== 'reply') {
      throw new BadArgumentError(`alias: the mode must be explicitUnalias or reply, not ${String(mode)}`);
    }
    const ref = this.#scheduler.makeRef();
    this.add(self, ref, mode);
    return ref;
  }

  unalias(self: Process, ref: Ref): boolean {
    if (!(ref instanceof Ref)) throw new BadArgumentError('unalias: takes a reference that alias or monitor returned');
    const found = this.find(ref);
    if (found === undefined || found.process !== self) return false;
    this.drop(self, this.#scheduler.countOf(ref));
    return true;
  }

  /** Whose alias the reference is, if it still is one. */
  find(ref: Ref): Alias | undefined {
    const found = this.#byCount.get(this.#scheduler.countOf(ref));
    return found === undefined || !sameRef(found.ref, ref) ? undefined : found;
  }

  add(self: Process, ref: Ref, mode: AliasMode): void {
    this.#byCount.set(this.#scheduler.countOf(ref), { process: self, ref, mode });
    // What ends with its monitor is found through the monitor: calls make one each.
    if (mode === 'explicitUnalias' || mode === 'reply') (self.aliases ??= new Set()).add(this.#scheduler.countOf(ref));
  }

  drop(self: Process, count: number): void {
    this.#byCount.delete(count);
    self.aliases?.delete(count);
  }

  /** Of a process that ends. */
  forget(count: number): void {
    this.#byCount.delete(count);
  }
}
