/**
 * The central log of one scenario: events in order, names of processes, and a `down` for each process that was logged as started. Deaths are
 * seen through monitors of a process of the log's own, which handles a DOWN before those that are linked to the dead get to act.
 */
import { isDown } from '../../../runtime/process/message.ts';
import type { Scheduler } from '../../../runtime/process/scheduler.ts';
import type { Self } from '../../../runtime/process/self.ts';
import type { Atom } from '../../../runtime/term/atom.ts';
import type { Pid } from '../../../runtime/term/pid.ts';
import { jsonOf, type Json, type PidNames } from './terms.ts';

export type Event = readonly unknown[];

/** A term in an event, converted when the event is taken. */
export class Shown {
  readonly term: unknown;
  constructor(term: unknown) {
    this.term = term;
  }
}

/** What an operation came to. */
export type Result = { readonly value: unknown } | { readonly exit: unknown } | { readonly error: unknown };

export class Log implements PidNames {
  readonly #names = new Map<string, string>();
  readonly #pids = new Map<string, Pid>();
  readonly #counts = new Map<string, number>();
  readonly #watches = new Map<string, readonly [string, ...unknown[]]>();
  #unknown = 0;
  #events: Event[] = [];
  #self: Self | null = null;
  /** The log can watch processes from now on. */
  readonly ready: Promise<void>;

  readonly #node: Atom;

  constructor(scheduler: Scheduler) {
    this.#node = scheduler.nodeName;
    let isReady = (): void => undefined;
    this.ready = new Promise((resolve) => (isReady = resolve));
    scheduler.spawn(async (self) => {
      this.#self = self;
      isReady();
      for (;;) {
        const down = await self.receive(isDown());
        const watch = this.#watches.get(down.ref.key);
        if (watch !== undefined) this.add(...watch, new Shown(down.reason));
      }
    });
  }

  add(...event: unknown[]): void {
    this.#events.push(event);
  }

  take(): Event[] {
    return this.#events.splice(0);
  }

  /** The number of the next start of that id. */
  next(id: string): number {
    const count = (this.#counts.get(id) ?? 0) + 1;
    this.#counts.set(id, count);
    return count;
  }

  name(pid: Pid, name: string): void {
    this.#names.set(pid.key, name);
    this.#pids.set(name, pid);
  }

  watch(pid: Pid, name: string, ...event: [string, ...unknown[]]): void {
    this.name(pid, name);
    if (this.#self === null) throw new TypeError('the log is not ready');
    this.#watches.set(this.#self.monitor(pid).key, event);
  }

  /** Names a process, watches it and logs that it started. */
  started(id: string, count: number, pid: Pid, ...more: unknown[]): void {
    this.watch(pid, id === 'sup' ? id : `${id}#${count}`, 'down', id, count);
    this.add('started', id, count, ...more);
  }

  /** By name, or the latest of that id that was named. */
  pidOf(name: string): Pid | undefined {
    const exact = this.#pids.get(name);
    if (exact !== undefined) return exact;
    for (let count = this.#counts.get(name) ?? 0; count > 0; count--) {
      const pid = this.#pids.get(`${name}#${count}`);
      if (pid !== undefined) return pid;
    }
    return undefined;
  }

  nameOf(pid: Pid): string {
    let name = this.#names.get(pid.key);
    if (name === undefined) {
      this.#unknown += 1;
      name = `?${this.#unknown}`;
      this.#names.set(pid.key, name);
    }
    return name;
  }

  atomName(shown: Atom): string {
    return shown === this.#node ? '$node' : shown.name;
  }

  known(): ReadonlyMap<string, Pid> {
    return this.#pids;
  }

  eventJson(event: Event): Json {
    return event.map((part) => {
      if (part instanceof Shown) return jsonOf(part.term, this);
      return isResult(part) ? this.resultJson(part) : (part as Json);
    });
  }

  resultJson(result: Result | null): Json {
    if (result === null) return null;
    const [kind, term] = Object.entries(result)[0] as [string, unknown];
    return { [kind]: jsonOf(term, this) };
  }
}

function isResult(value: unknown): value is Result {
  return typeof value === 'object' && value !== null && ('value' in value || 'exit' in value || 'error' in value);
}
