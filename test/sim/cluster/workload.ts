/**
 * Clients: processes on the nodes that put and get, and the processes that keys are bound to. Every answer goes into the history of its key;
 * what the end of a lifetime may erase, and from when on, is written down as it becomes possible.
 */
import { Violation } from '../invariants.ts';
import type { History } from '../history.ts';
import type { HistoryOperation } from '../linearizable.ts';
import type { PlannedOperation } from './plan.ts';
import type { Life } from './life.ts';
import type { Pid, Quorate } from './system.ts';
import type { Site, World } from './world.ts';

/** A put whose key goes when something ends. */
interface Binding {
  readonly id: number;
  readonly key: string;
  readonly place: number;
  readonly life: Life;
  /** The process it is bound to ended, or its node: no more than a quorum of observers is needed now. */
  hasEnded: boolean;
  readonly isToNode: boolean;
  readonly isToPid: boolean;
  readonly until: number | null;
  readonly observers: Set<number>;
  isErasable: boolean;
}

interface Called {
  readonly operation: HistoryOperation;
  readonly key: string;
  readonly life: Life;
}

type Answer =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly error: 'not_found' | 'no_quorum' | 'invalid_value'; readonly message?: string };

export class Workload {
  readonly counts = { answered: 0, unknown: 0, noQuorum: 0, lost: 0, erasable: 0 };
  readonly #world: World;
  readonly #history: History;
  readonly #open: Set<Called> = new Set();
  readonly #bindings: Binding[] = [];
  readonly #owners: { readonly pid: Pid; readonly life: Life; readonly quorate: Quorate }[] = [];
  #planned = 0;
  #ids = 1_000_000;

  constructor(world: World, history: History) {
    this.#world = world;
    this.#history = history;
  }

  plan(operation: PlannedOperation): void {
    this.#planned += 1;
    this.#world.clockwork.after(operation.atMs, () => {
      this.#planned -= 1;
      this.#call(operation);
    });
  }

  /** Operations that are still to come or to be answered. */
  get openCount(): number {
    return this.#planned + this.#open.size;
  }

  describeOpen(): string {
    return [...this.#open]
      .map(({ operation, key, life }) => `${operation.kind} ${operation.id} of ${key} on ${life.machine.name}`)
      .join(', ');
  }

  get owners(): number {
    return this.#owners.filter(({ life }) => !life.isOver).length;
  }

  /** A get of every key on every machine that runs. */
  readEverything(): void {
    for (const site of this.#world.sites) {
      for (let key = 0; key < this.#world.parameters.keys; key++) {
        const read = { place: site.place, kind: 'get', key, id: (this.#ids += 1), bind: [] } as const;
        const rest = { atMs: 0, otherKey: 0, ownerEndsMs: null, untilMs: 0, timeoutMs: 10_000, isPatient: false };
        this.#call({ ...read, ...rest });
      }
    }
  }

  /** The processes that keys are bound to end. */
  endOwners(): void {
    for (const owner of this.#owners) {
      if (owner.life.isOver) continue;
      owner.quorate.node.spawn((self) => self.exit(owner.pid, this.#world.system.Exit.kill));
    }
    for (const binding of this.#bindings) if (binding.isToPid) this.#onOwnerEnded(binding);
  }

  /** The ids of values that must be gone by now, since what they are bound to has ended for good. */
  ended(): ReadonlySet<number> {
    const isOver = (binding: Binding): boolean =>
      binding.hasEnded ||
      (binding.until !== null && this.#sitesPast(binding.until).length === this.#world.sites.length);
    return new Set(this.#bindings.filter(isOver).map(({ id }) => id));
  }

  /** A program ended: what it was asked has no answer, and what lived there has ended. */
  onLifeOver(site: Site, life: Life): void {
    for (const called of [...this.#open]) {
      if (called.life !== life) continue;
      this.#open.delete(called);
      this.counts.lost += 1;
    }
    for (const binding of this.#bindings) {
      if (binding.life === life && binding.isToPid) this.#onOwnerEnded(binding);
      else if (binding.isToNode && binding.place === site.place) this.#allObserve(binding);
    }
  }

  /** A node lost another one, or could not reach it. */
  onLost(site: Site, other: string): void {
    const place = this.#world.sites.findIndex(({ name }) => name === other);
    for (const binding of this.#bindings) {
      if (binding.place === place && (binding.isToNode || binding.isToPid)) this.#observe(binding, site.place);
    }
  }

  onSkewed(site: Site): void {
    for (const binding of this.#bindings) if (binding.until !== null) this.#awaitUntil(binding, site);
  }

  /** All members of the bucket had lost their state: whatever was there is gone. */
  onDataLost(): void {
    for (let key = 0; key < this.#world.parameters.keys; key++)
      this.#history.answer(this.#history.call(`k${key}`, -1, 'lost'), null);
  }

  #call(planned: PlannedOperation): void {
    const site = this.#world.sites[planned.place] as Site;
    const { life, quorate } = site;
    if (life === null || quorate === null || life.isFrozen) return;
    const key = `k${planned.key}`;
    const { id, kind } = planned;
    const called: Called = { operation: this.#history.call(key, id, kind === 'get' ? 'read' : kind), key, life };
    this.#open.add(called);
    this.#world.note(site.place, `${kind} ${id}`, key);
    const { timeoutMs } = planned;
    const options = { timeoutMs, ...(planned.isPatient ? { noQuorum: 'retry' as const } : {}) };
    const { PaxosKV, CASPaxos } = this.#world.system;
    const run = (ask: () => Promise<Answer>): void => void quorate.node.spawn(() => this.#settle(called, ask()));
    switch (kind) {
      case 'get':
        return run(() => PaxosKV.get(key, options));
      case 'put': {
        const bind = this.#bind(planned, site, life, quorate, key);
        return run(() => PaxosKV.put(key, [id], { ...options, ...bind }));
      }
      case 'change':
      case 'extend': {
        const append = (value: number[] | null): number[] | null =>
          kind === 'extend' && value === null ? null : [...(value ?? []), id];
        return run(() => CASPaxos.changeQuery(key, append, (value) => value, options));
      }
    }
  }

  async #settle(called: Called, answer: Promise<Answer>): Promise<void> {
    try {
      this.#onAnswer(called, await answer);
    } catch (error) {
      this.#onError(called, error as { readonly code?: string; readonly outcome?: string });
    }
  }

  #onAnswer(called: Called, answer: Answer): void {
    const { operation, key, life } = called;
    if (life.isOver || !this.#open.delete(called)) return;
    this.#world.note(life.machine.place, `answer ${operation.id}`, JSON.stringify(answer));
    if (answer.ok) {
      this.counts.answered += 1;
      return this.#history.answer(operation, answer.value as number[] | null);
    }
    switch (answer.error) {
      case 'not_found':
        this.counts.answered += 1;
        return this.#history.answer(operation, null);
      case 'no_quorum':
        this.counts.noQuorum += 1;
        return this.#history.withdraw(key, operation);
      case 'invalid_value':
        return this.#world.fail(new Violation(`a valid operation was refused: ${answer.message ?? ''}`));
    }
  }

  #onError(called: Called, error: { readonly code?: string; readonly outcome?: string }): void {
    const { operation, key, life } = called;
    if (life.isOver || !this.#open.delete(called)) return;
    this.#world.note(
      life.machine.place,
      `error ${operation.id}`,
      `${error.code ?? String(error)} ${error.outcome ?? ''}`,
    );
    switch (error.outcome) {
      case 'not-applied':
        this.counts.noQuorum += 1;
        return this.#history.withdraw(key, operation);
      case 'applied':
        this.counts.answered += 1;
        return this.#history.answer(operation, undefined);
      case 'unknown':
        this.counts.unknown += 1;
        return;
      case undefined:
      default:
        this.#world.fail(new Violation(`${operation.kind} ${operation.id} of ${key} threw ${String(error)}`));
    }
  }

  #bind(planned: PlannedOperation, site: Site, life: Life, quorate: Quorate, key: string): object {
    if (planned.bind.length === 0) return {};
    const is = (kind: string): boolean => planned.bind.some((bound) => bound === kind);
    const until = life.env.systemTime() + planned.untilMs;
    const binding: Binding = {
      id: planned.id,
      key,
      place: site.place,
      life,
      hasEnded: false,
      isToNode: is('node'),
      isToPid: is('pid'),
      until: is('until') ? until : null,
      observers: new Set(),
      isErasable: false,
    };
    this.#bindings.push(binding);
    // which incarnation of the other key it will be, and when that one goes, is not known here
    if (is('key')) this.#allObserve(binding);
    if (is('until')) for (const other of this.#world.sites) this.#awaitUntil(binding, other);
    return {
      ...(is('pid') ? { pid: this.#spawnOwner(planned, life, quorate, binding) } : {}),
      ...(is('node') ? { node: site.name } : {}),
      ...(is('key') ? { key: `k${planned.otherKey}` } : {}),
      ...(is('until') ? { until } : {}),
    };
  }

  #spawnOwner(planned: PlannedOperation, life: Life, quorate: Quorate, binding: Binding): Pid {
    const pid = quorate.node.spawn(async (self) => void (await self.receive()));
    this.#owners.push({ pid, life, quorate });
    if (planned.ownerEndsMs === null) return pid;
    life.after(planned.ownerEndsMs, 'owner ends', () => {
      this.#onOwnerEnded(binding);
      quorate.node.spawn((self) => self.exit(pid, this.#world.system.Exit.kill));
    });
    return pid;
  }

  #onOwnerEnded(binding: Binding): void {
    binding.hasEnded = true;
    this.#allObserve(binding);
  }

  #allObserve(binding: Binding): void {
    for (const site of this.#world.sites) this.#observe(binding, site.place);
  }

  #observe(binding: Binding, place: number): void {
    binding.observers.add(place);
    const { clusterSize, sizeVaries } = this.#world.parameters;
    if (binding.isErasable || binding.observers.size <= (sizeVaries ? 0 : clusterSize / 2)) return;
    binding.isErasable = true;
    this.counts.erasable += 1;
    this.#history.call(binding.key, -binding.id, 'erase', binding.id);
  }

  /** Clocks show whole milliseconds: what they show at the end of one may be seen at its beginning. */
  #awaitUntil(binding: Binding, site: Site): void {
    const { until } = binding;
    if (until === null || binding.observers.has(site.place)) return;
    const look = (): void => {
      if (binding.observers.has(site.place)) return;
      const leftMs = until - this.#world.systemTimeOf(site) - 1;
      if (leftMs <= 0) this.#observe(binding, site.place);
      else this.#world.clockwork.after(Math.max(0.2, leftMs * 0.98), look);
    };
    look();
  }

  #sitesPast(until: number): readonly Site[] {
    return this.#world.sites.filter((site) => this.#world.systemTimeOf(site) > until);
  }
}
